"""The HTTP/1 loop: turns, and how a transport ends."""

from __future__ import annotations

import contextvars
import math
from collections.abc import AsyncIterator, Callable

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from tests.http1.exchanges import GET, POST, echo, get, path, sleepy
from tests.net.turns import counted_turns
from trio_httpd import (
    Connection,
    Limits,
    Options,
    Timeouts,
    serve_stream,
)
from trio_httpd._http1.loop import Http1Loop
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.transport import Transport
from trio_httpd._server.options import context_of
from trio_httpd.testing import MemoryStream, MisbehavingStream, Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")

# Turns.


async def test_pipelined_requests_are_answered_in_order(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> str:
        await trio.sleep(0 if conn.request.target == "/2" else 1)
        return conn.request.target

    async with connect(handler) as client:
        await client.raw.say(get("/1") + POST % 3 + b"xyz" + get("/2") + get("/3"))
        await client.raw.say_eof()
        heard = await client.raw.hear_rest()
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in heard.split(b"HTTP/1.1 200")[1:]]
    assert bodies == [b"/1", b"/", b"/2", b"/3"]


async def test_a_request_opens_no_scope_and_starts_no_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[object] = []
    enter = trio.CancelScope.__enter__

    def counting(scope: trio.CancelScope) -> trio.CancelScope:
        opened.append(scope)
        return enter(scope)

    async with connect(echo) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        tasks = trio.lowlevel.current_statistics().tasks_living
        with monkeypatch.context() as patch:
            patch.setattr(trio.CancelScope, "__enter__", counting)
            for request in (GET, POST % 5 + b"hello"):
                await client.raw.say(request)
                await client.raw.hear()
                await client.raw.hear_exactly(request.count(b"hello") * 5)
        assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert opened == []


async def test_a_handler_that_reads_nothing_leaves_nothing_to_the_next() -> None:
    async with connect(path) as client:
        for _ in range(3):
            raw = client.raw
            assert (await client.post("/x", b"GET /smuggled HTTP/1.1\r\n\r\n")).text() == "/x"
            assert client.raw is raw


async def test_content_that_comes_after_the_answer_is_drained() -> None:
    async with connect(path) as client:
        await client.raw.say(POST % 100_000)
        await client.raw.hear()
        await client.raw.say(b"x" * 100_000 + get("/next"))
        assert await client.raw.hear(b"/next")


async def test_too_much_content_to_drain_closes_and_says_so() -> None:
    async with connect(path) as client:
        await client.raw.say(POST % 300_000)
        assert b"\r\nConnection: close\r\n" in await client.raw.hear_rest()


async def test_too_many_chunks_to_drain_close() -> None:
    async with connect(path) as client:
        await client.raw.say(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.raw.hear()
        await client.raw.say(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await client.raw.say((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 4)
        await client.raw.hear(b"/")
        await client.raw.hear_end()


async def test_a_fault_in_content_that_is_drained_closes() -> None:
    async with connect(path) as client:
        await client.raw.say(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.raw.say(b"nonsense\r\n" + GET)
        assert (await client.raw.hear_rest()).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("reads", [False, True])
async def test_others_have_turns_while_tiny_chunks_are_read(
    reads: bool, count: int, autojump_clock: MockClock
) -> None:
    seen: dict[str, list[int]] = {}

    async def handler(conn: Connection) -> None:
        seen.setdefault(conn.request.target, []).append(turns.count)
        if conn.request.method == "POST" and reads:
            await conn.discard_body()

    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
    async with connect(handler) as client, counted_turns() as turns:
        raws = [client.open() for _ in range(count)]
        for number, raw in enumerate(raws):
            post = f"POST /{number} HTTP/1.1\r\nHost: a\r\n".encode()
            await raw.say(post + chunks + get(f"/{number}"))
        for raw in raws:
            await raw.hear()
            await raw.hear()
    assert len(seen) == count
    for before, after in seen.values():
        assert after - before >= 8  # No task takes in more than 1024 chunks at a time.


async def test_a_streaming_echo_keeps_the_transport() -> None:
    async def handler(conn: Connection) -> None:
        async for chunk in conn.body:
            await conn.send(chunk)

    async def content() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 50_000

    async with connect(handler) as client:
        raw = client.raw
        assert len((await client.post("/", content())).body) == 1_000_000
        assert len((await client.post("/", b"y" * 1_000_000)).body) == 1_000_000
        assert client.raw is raw


async def test_the_last_request_of_a_connection_is_told() -> None:
    async with connect(path, limits=Limits(requests_per_connection=2)) as client:
        await client.raw.say(get("/1") + get("/2") + get("/3"))
        heard = await client.raw.hear_rest()
    assert heard.count(b"HTTP/1.1 200") == 2
    assert heard.count(b"Connection: close") == 1
    assert heard.endswith(b"/2")


async def test_http_1_0_closes_unless_it_asks() -> None:
    async with connect(path) as client:
        await client.raw.say(get("/1", "Connection: keep-alive", version="1.0"))
        heard = await client.raw.hear()
        assert b"\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n" in heard
        await client.raw.say(get("/2", version="1.0"))
        heard = await client.raw.hear_rest()
    assert heard.startswith(b"/1HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in heard


async def test_no_time_is_announced_where_there_is_none() -> None:
    async with connect(path, timeouts=Timeouts(keep_alive=math.inf)) as client:
        headers = (await client.get("/", headers={"Connection": "keep-alive"})).headers
    assert "keep-alive" not in headers
    assert headers["connection"] == "keep-alive"


async def test_http_1_0_gets_no_chunks() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("a")
        await conn.flush()
        await conn.send("b")

    async with connect(handler) as client:
        await client.raw.say(get("/", "Connection: keep-alive", version="1.0"))
        heard = await client.raw.hear_rest()
    assert b"Transfer-Encoding" not in heard
    assert b"\r\nConnection: close\r\n" in heard
    assert heard.endswith(b"\r\n\r\nab")


async def test_a_client_that_says_it_is_done_is_not_lingered_for(
    autojump_clock: MockClock,
) -> None:
    near, far = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, path, near)
        await far.send_all(get("/", "Connection: close"))
    assert trio.current_time() == 0


async def test_one_byte_at_a_time_makes_no_difference() -> None:
    def drip(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream, receive_at_most=1)

    async with connect(echo, wrap=drip) as client:
        assert (await client.post("/", b"hello")).text() == "hello"
        assert (await client.post("/", b"world")).text() == "world"


# The end.


async def test_our_last_word_can_be_read_during_an_upload(autojump_clock: MockClock) -> None:
    async with connect(echo, window=65536, limits=Limits(body=1000)) as client:
        raw = client.raw
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raw.say, POST % 1_000_000 + b"x" * 1_000_000)
            assert (await raw.hear_rest()).startswith(b"HTTP/1.1 413 ")


async def test_lingering_ends(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(linger=3)) as client:
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        assert trio.current_time() == 0
        await trio.sleep(2.5)
        await client.raw.say(b"more nonsense")
        assert client.server.connections == 1
        await trio.sleep(0.5)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_peer_that_leaves_is_not_lingered_for(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        client.leave()
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_without_time_to_linger_a_transport_is_closed_at_once(
    autojump_clock: MockClock,
) -> None:
    async with connect(path, timeouts=Timeouts(linger=0)) as client:
        await client.raw.say(b"nonsense\r\n\r\n")
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 400 ")
        await wait_all_tasks_blocked()
        assert client.server.empty
        assert trio.current_time() == 0


async def test_draining_and_lingering_share_their_time(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(linger=3)) as client:
        await client.raw.say(POST % 100)
        await client.raw.hear()
        await client.raw.hear(b"/")
        await client.raw.hear_end()
        assert trio.current_time() == 3
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_stream_that_cannot_be_half_closed_is_lingered_on_too(
    autojump_clock: MockClock,
) -> None:
    near, far = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, path, MisbehavingStream(near))
        await far.send_all(b"nonsense\r\n\r\n")
        assert (await far.receive_some()).startswith(b"HTTP/1.1 400 ")
    assert trio.current_time() == 2


async def test_half_a_head_and_an_end_is_400(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        await client.raw.say(b"GET / HT")
        await client.raw.say_eof()
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 400 ")
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_half_close_after_a_request_does_not_lose_the_answer() -> None:
    async with connect(path) as client:
        await client.raw.say(GET)
        await client.raw.say_eof()
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n/")


async def test_a_peer_that_leaves_while_content_is_drained_is_gone(
    autojump_clock: MockClock,
) -> None:
    async with connect(path) as client:
        await client.raw.say(POST % 100)
        await client.raw.hear(b"\r\n\r\n/")
        client.leave()
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_two_tasks_cannot_send_at_once() -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.send, b"x" * 200_000)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await conn.send(b"y" * 200_000)
            conn.abort()

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
        heard = await client.raw.hear_rest()
    assert b"y" not in heard.partition(b"\r\n\r\n")[2]


async def test_a_cancelled_send_leaves_nothing_to_be_sent(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        with trio.move_on_after(5):
            await conn.send(b"x" * 200_000)
        with pytest.raises(trio.BrokenResourceError):
            await conn.send(b"y" * 200_000)

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await trio.sleep(5)
        await wait_all_tasks_blocked()
        assert client.server.empty


# Transports.


async def test_no_request_is_served_that_cannot_be_answered(autojump_clock: MockClock) -> None:
    asked: list[str] = []

    async def handler(conn: Connection) -> None:
        asked.append(conn.request.target)
        with trio.move_on_after(1):
            await conn.send(b"x" * 200_000)

    async with connect(handler, window=65536) as client:
        await client.raw.say(get("/1") + get("/2"))
        await trio.sleep(5)
    assert asked == ["/1"]


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
async def test_a_task_that_still_reads_is_told_and_the_transport_goes_on(framing: str) -> None:
    told: list[str] = []

    async def handler(conn: Connection) -> str:
        if conn.request.method == "POST":
            nursery.start_soon(swallow, conn)
            await wait_all_tasks_blocked()
        return "hello"

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await conn.read_body()
        with pytest.raises(RuntimeError, match="this response is finished"):
            await conn.send("late")
        told.append(conn.request.target)

    content = {"C": b"12345", "T": b"5\r\n12345\r\n0\r\n\r\n"}[framing[0]]
    async with trio.open_nursery() as nursery, connect(handler) as client:
        await client.raw.say(f"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
        await client.raw.hear(b"\r\n\r\nhello")
        await wait_all_tasks_blocked()
        assert told == ["/"]
        for half in (content[:3], content[3:] + GET):
            await client.raw.say(half)
            await wait_all_tasks_blocked()
        assert await client.raw.hear(b"\r\n\r\nhello")


async def test_a_task_that_still_reads_what_does_not_come_is_no_reason_to_wait(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> str:
        nursery.start_soon(swallow, conn)
        await wait_all_tasks_blocked()
        conn.close_after_finish()
        return "hello"

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await conn.read_body()
        assert trio.current_time() == 0

    async with trio.open_nursery() as nursery, connect(handler) as client:
        await client.raw.say(POST % 5)
        assert (await client.raw.hear_rest()).endswith(b"hello")
        await trio.sleep(1.9)
        assert client.server.connections == 1  # It lingers.
        await trio.sleep(0.2)
        assert client.server.empty
        assert not client.raw.stream._incoming.was_reset


async def test_a_task_that_still_reads_an_upgraded_stream_is_told(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        stream = await conn.upgrade()
        await stream.send_all(b"last")
        nursery.start_soon(swallow, stream)
        await wait_all_tasks_blocked()

    async def swallow(stream: trio.abc.Stream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()
        told.append(trio.current_time())

    told: list[float] = []
    async with trio.open_nursery() as nursery, connect(handler) as client:
        for _ in range(2):  # The client says nothing more, or something late.
            raw = client.open()
            await raw.say(get("/", "Connection: upgrade", "Upgrade: x"))
            assert (await raw.hear_rest()).endswith(b"last")
            await trio.sleep(1)
            if told:
                await raw.say("late")
                await wait_all_tasks_blocked()
            assert client.server.connections == 1
            await trio.sleep(1)
            await wait_all_tasks_blocked()
            assert client.server.empty
            assert not raw.stream._incoming.was_reset
    assert told == [2, 3]


async def test_a_task_that_still_sends_on_an_upgraded_stream_is_cut(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        stream = await conn.upgrade()
        nursery.start_soon(flood, stream)
        await trio.sleep(1)

    async def flood(stream: trio.abc.Stream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(bytes(100_000))

    async with trio.open_nursery() as nursery, connect(handler, window=65536) as client:
        await client.raw.say(get("/", "Connection: upgrade", "Upgrade: x"))
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert client.server.empty
        await client.raw.hear()
        await client.raw.hear_exactly(60_000)
        await client.raw.hear_rest()
        await client.raw.hear_reset()


async def test_an_upgraded_stream_that_was_cut_ends_in_a_reset(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        stream = await conn.upgrade()
        with trio.move_on_after(1):
            await stream.send_all(bytes(100_000))

    async with connect(handler, window=65536) as client:
        await client.raw.say(get("/", "Connection: upgrade", "Upgrade: x"))
        await trio.sleep(2)
        assert client.server.empty
        await client.raw.hear()
        await client.raw.hear_rest()
        await client.raw.hear_reset()


async def test_an_upgraded_stream_is_lingered_on_unless_it_was_closed(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        stream = await conn.upgrade()
        await stream.send_all(b"last")
        if conn.request.target == "/close":
            await stream.aclose()

    for target, seconds in (("/", 2), ("/close", 0)):
        began = trio.current_time()
        async with connect(handler) as client:
            await client.raw.say(get(target, "Connection: upgrade", "Upgrade: x"))
            assert (await client.raw.hear_rest()).endswith(b"last")
            await wait_all_tasks_blocked()
            assert client.server.connections == (1 if seconds else 0)
            await trio.sleep(seconds)
            await wait_all_tasks_blocked()
            assert client.server.empty
            assert trio.current_time() == began + seconds


async def test_each_exchange_is_logged_where_that_is_asked_for(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def handler(conn: Connection) -> str:
        await trio.sleep(3)
        return "hello"

    caplog.set_level("INFO", "trio_httpd.access")
    async with connect(handler, timeouts=Timeouts(handler=5)) as client:
        await client.get("/x?y")
        await client.request("HEAD", "/")
        await client.raw.say(b"rubbish\r\n\r\n")
        await client.raw.hear_rest()
    facts = [
        tuple(vars(record)[name] for name in ("method", "path", "status", "bytes", "duration"))
        for record in caplog.records
    ]
    assert facts == [
        ("GET", "/x", 200, 5, 3),
        ("HEAD", "/", 200, 0, 3),
        (None, None, 400, 23, 0),
    ]


async def test_an_exchange_is_logged_as_it_went(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level("INFO", "trio_httpd.access")
    async with connect(sleepy, timeouts=Timeouts(handler=5)) as client:
        await client.get("/late")
        await client.raw.say(GET)
        await trio.sleep(1)
    lines = [record for record in caplog.records if record.name == "trio_httpd.access"]
    facts = [(vars(record)["status"], vars(record)["duration"]) for record in lines]
    assert facts == [(503, 5), (None, 1)]


async def test_nothing_is_logged_unless_that_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connect(path) as client:
        await client.get("/")
    assert caplog.records == []


# Context variables.


class Incomparable:
    """Has no say in whether it is equal to anything."""

    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("make", [object, Incomparable])
async def test_no_exchange_sees_what_another_has_set(make: Callable[[], object]) -> None:
    who = contextvars.ContextVar[object]("who")
    before = make()
    who.set(before)
    seen: list[bool] = []

    async def handler(conn: Connection) -> None:
        seen.append(who.get() is before)
        who.set(make())

    async with connect(handler) as client:
        await client.raw.say(GET * 3)
        await client.raw.say_eof()
        assert (await client.raw.hear_rest()).count(b"HTTP/1.1 200") == 3
    assert seen == [True] * 3


# What should not happen.


async def test_a_wake_up_for_nothing_is_waited_out() -> None:
    class Reluctant(MemoryStream):
        reluctant = True

        def receive_nowait(self, max_bytes: int) -> bytes | None:
            self.reluctant = not self.reluctant
            return None if not self.reluctant else super().receive_nowait(max_bytes)

    near, far = memory_streams()
    async with connect(path) as client:
        client.server.add_stream(Reluctant(near._outgoing, near._incoming))
        await Raw(far).say(GET)
        assert await Raw(far).hear(b"\r\n\r\n/")


async def test_a_transport_that_goes_on_is_not_closed(nursery: trio.Nursery) -> None:
    context = context_of(path, Options())
    deadlines = DeadlineWatcher(context.timeouts)
    transport = Transport(memory_streams()[0], deadlines, WriteBatch(), nursery.start_soon)
    with pytest.raises(AssertionError, match="this transport goes on"):
        await Http1Loop(transport, context).close_gracefully()
