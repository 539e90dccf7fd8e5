"""The HTTP/1 loop: turns, deadlines, and how a transport ends. Exact times."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from trio_httpd import (
    Connection,
    HTTPError,
    Limits,
    Options,
    PeerError,
    Server,
    Timeouts,
    serve_stream,
)
from trio_httpd._wire.deadlines import DeadlineWatcher
from trio_httpd._wire.http1_codec import Http1Codec
from trio_httpd._wire.http1_lane import Http1Lane
from trio_httpd._wire.progress import Progress
from trio_httpd._wire.transport import Transport
from trio_httpd.service import Service
from trio_httpd.testing import MisbehavingStream, Raw, connect, memory_streams

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


async def path(conn: Connection) -> str:
    return conn.request.target


async def echo(conn: Connection) -> bytes:
    return await conn.read_body()


async def sleepy(conn: Connection) -> None:
    await trio.sleep_forever()


def get(target: str, *fields: str, version: str = "1.1") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {target} HTTP/{version}\r\nHost: a\r\n{lines}\r\n".encode()


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
        assert b"\r\nKeep-Alive: timeout=75\r\nContent-Length: 2\r\nConnection: keep-alive\r\n" in (
            await client.raw.hear()
        )
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


# Deadlines.


async def test_a_connection_that_says_nothing_is_closed(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(connection_setup=4)) as client:
        await client.raw.hear_end()
        assert trio.current_time() == 4


async def test_empty_lines_do_not_prolong_anything(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        for _ in range(9):
            await client.raw.say(b"\r\n")
            await trio.sleep(1)
        await client.raw.hear_end()
        assert trio.current_time() == 10


async def test_a_head_that_drips_is_told_408_in_time(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(connection_setup=5, header=7)) as client:
        await trio.sleep(3)
        for byte in b"GET / HTTP/1.1\r\nHost"[:7]:
            await client.raw.say(bytes([byte]))
            await trio.sleep(0.9)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 10
    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in heard


async def test_the_head_of_a_later_request_has_its_own_time(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(header=7)) as client:
        await client.raw.say(GET + b"G")
        await client.raw.hear()
        await client.raw.hear(b"/")
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == 7


async def test_an_idle_connection_ends_without_a_word(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(keep_alive=20)) as client:
        await trio.sleep(5)
        await client.get("/")
        await trio.sleep(19)
        await client.get("/")
        await client.raw.hear_end()
        assert trio.current_time() == 44


async def test_a_handler_that_takes_too_long_is_503(autojump_clock: MockClock) -> None:
    async with connect(sleepy, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 8
    assert heard.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nConnection: close\r\n" in heard


async def test_a_handler_in_time_is_not_watched_any_more(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(handler=8)) as client:
        await client.get("/")
        await trio.sleep(20)
        assert (await client.get("/")).status == 200


async def test_a_response_that_takes_too_long_is_cut(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("some")
        await conn.flush()
        await trio.sleep_forever()

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n4\r\nsome\r\n")
        assert trio.current_time() == 8


async def test_what_a_handler_does_while_it_must_die_harms_nobody(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise HTTPError(404)

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 503 ")
        assert trio.current_time() == 8


async def flood(conn: Connection) -> None:
    while True:
        await conn.send(b"x" * 10_000)


async def test_a_reader_that_stops_is_reset(autojump_clock: MockClock) -> None:
    async with connect(flood, window=65536, timeouts=Timeouts(send=60)) as client:
        await client.raw.say(GET)
        await trio.sleep(59.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty
        await client.raw.hear_exactly(65536)
        await client.raw.hear_reset()


async def test_a_reader_that_stops_raises_in_the_handler(autojump_clock: MockClock) -> None:
    raised_at: list[float] = []

    async def handler(conn: Connection) -> None:
        try:
            await flood(conn)
        except trio.BrokenResourceError:
            raised_at.append(trio.current_time())
            raise

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await trio.sleep(100)
    assert raised_at == [60]


async def test_a_slow_reader_that_makes_progress_is_served(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        return b"x" * 100_000

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        for _ in range(20):
            await trio.sleep(50)
            await client.raw.hear_exactly(5_000)


async def test_a_slow_reader_without_progress_is_reset(autojump_clock: MockClock) -> None:
    async with connect(flood, window=65536) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        for _ in range(5):
            await trio.sleep(10)
            await client.raw.hear_exactly(100)
        await trio.sleep(10)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_stalled_stream_ends_on_time_even_with_a_last_word(
    autojump_clock: MockClock,
) -> None:
    def stall(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream, stall_after=10)

    async with connect(path, wrap=stall) as client:
        await client.raw.say(b"nonsense\r\n\r\n")
        await trio.sleep(60)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_broken_stream_ends_the_exchange_in_silence() -> None:
    def broken(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream, break_after=10)

    for request, start in ((GET, b"HTTP/1.1 2"), (b"nonsense\r\n\r\n", b"HTTP/1.1 4")):
        async with connect(path, wrap=broken) as client:
            await client.raw.say(request)
            assert await client.raw.hear_rest() == start
            await wait_all_tasks_blocked()
            assert client.server.empty


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
        await wait_all_tasks_blocked(0.01)
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


# What a hostile reader once found.


async def test_content_after_a_fault_is_never_read_as_a_request() -> None:
    asked: list[str] = []

    async def handler(conn: Connection) -> None:
        asked.append(conn.request.target)
        try:
            await conn.read_body()
        except HTTPError:
            raise HTTPError(422) from None

    smuggled = b"\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connect(handler) as client:
        await client.raw.say(
            b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await client.raw.say(b"%x\r\na" % (len(smuggled) + 1))
        await wait_all_tasks_blocked()
        await client.raw.say(smuggled + b"\r\n0\r\n" + b"A: b\r\n" * 101 + b"\r\n")
        heard = await client.raw.hear_rest()
    assert asked == ["/first"]
    assert heard.startswith(b"HTTP/1.1 422 ")
    assert heard.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("finished", [False, True])
async def test_no_interim_response_follows_the_final_head(
    finished: bool, autojump_clock: MockClock
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("hello")
        await conn.flush()
        if finished:
            await conn.finish()
        await conn.read_body()

    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler) as client:
        await client.raw.say(request)
        heard = await client.raw.hear(b"hello\r\n")
        await client.raw.say(b"12345")
        assert b"100 Continue" not in heard + await client.raw.hear(b"0\r\n\r\n")


async def test_an_interim_response_and_the_final_one_do_not_mix() -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.read_body)
            await wait_all_tasks_blocked(0.01)
            await conn.send("x" * 20_000)

    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler, window=4) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.raw.say, request)
        await wait_all_tasks_blocked(0.05)
        nursery.start_soon(client.raw.say, b"12345")
        assert await client.raw.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await client.raw.hear(b"0\r\n\r\n")).count(b"x") == 20_000


async def http_1_0(client_raw: Raw) -> None:
    await client_raw.say(b"GET / HTTP/1.0\r\n\r\n")


async def test_a_cancelled_send_of_http_1_0_ends_in_a_reset(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        with trio.move_on_after(1):
            await conn.send(b"x" * 1_000_000)

    async with connect(handler, window=65536) as client:
        await http_1_0(client.raw)
        await client.raw.hear()
        await trio.sleep(2)
        await client.raw.hear_exactly(65536)
        await client.raw.hear_reset()


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_a_server_that_ends_cuts_http_1_0_by_a_reset(how: str) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"some")
        await conn.flush()
        await trio.sleep_forever()

    near, far = memory_streams()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(handler).serve, ())
        server.add_stream(near)
        raw = Raw(far)
        await http_1_0(raw)
        await raw.hear(b"\r\n\r\nsome")
        if how == "close":
            server.close()
        else:
            nursery.cancel_scope.cancel()
    await raw.hear_reset()


async def test_a_response_that_went_out_whole_is_not_cut_after_all() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"x" * 100_000)
        await conn.finish()
        raise ValueError

    async with connect(handler, on_error=None) as client:
        await http_1_0(client.raw)
        await client.raw.hear()
        await client.raw.hear_exactly(100_000)
        await client.raw.hear_end()
    async with connect(handler, on_error=None) as client:
        raw = client.raw
        assert len((await client.get("/")).body) == 100_000
        assert len((await client.get("/")).body) == 100_000
        assert client.raw is raw


async def test_what_a_second_task_could_not_send_is_not_held(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "200010")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.send, b"x" * 200_000)
            await trio.sleep(1)
            with pytest.raises(trio.BusyResourceError):
                await conn.send(b"y" * 10)
        await conn.send(b"z" * 10)

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await trio.sleep(2)
        await client.raw.hear()
        assert (await client.raw.hear_exactly(200_010)).endswith(b"x" + b"z" * 10)


# Handlers that must die, and what is said for them.


async def test_a_handler_that_outlives_its_time_is_503_all_the_same(
    autojump_clock: MockClock,
) -> None:
    async def shielded(conn: Connection) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)
        return "late"

    async def cleaning_up(conn: Connection) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    async def just_in_time(conn: Connection) -> str:
        await trio.sleep(8)
        return "just"

    for handler, seconds in ((shielded, 20), (cleaning_up, 8)):
        began = trio.current_time()
        async with connect(handler, timeouts=Timeouts(handler=8), on_error=None) as client:
            assert (await client.get("/")).status == 503
        assert trio.current_time() == began + seconds
    for _ in range(10):  # Which of the two is first is for the scheduler to say.
        async with connect(just_in_time, timeouts=Timeouts(handler=8)) as client:
            response = await client.get("/")
        assert (response.status, response.text()) in ((200, "just"), (503, "Service Unavailable\n"))


async def test_what_a_handler_returned_is_sent_in_its_own_time(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        return b"x" * 100_000

    async with connect(handler, window=65536, timeouts=Timeouts(handler=5)) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        await trio.sleep(50)
        await client.raw.hear_exactly(100_000)


@pytest.mark.parametrize("use", ["read", "upgrade"])
async def test_who_is_cancelled_before_a_byte_has_left_can_still_be_answered(use: str) -> None:
    async def handler(conn: Connection) -> None:
        with trio.move_on_after(0):
            if use == "read":
                await conn.read_body()
            else:
                await conn.upgrade()
        await conn.send_error(503)

    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    more = {
        "read": b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "upgrade": b"Connection: upgrade\r\nUpgrade: x\r\n\r\n",
    }
    async with connect(handler) as client:
        await client.raw.say(head + more[use])
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 503 ")


async def test_a_send_that_is_cancelled_behind_an_interim_response_is_the_last(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, conn)
            await trio.sleep(1)
            with trio.move_on_after(1):
                await conn.send("x" * 20_000)
            with pytest.raises(trio.BrokenResourceError):
                await conn.send("y" * 20_000)

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await conn.read_body()

    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler, window=100) as client:
        client.raw.stream._incoming.data += b"x" * 99  # Nearly full: the 100 has to wait.
        await client.raw.say(request)
        await trio.sleep(5)
        client.leave()


async def test_a_caught_fault_of_content_still_closes() -> None:
    async def handler(conn: Connection) -> str:
        with pytest.raises(PeerError):
            await conn.read_body()
        return "caught"

    async with connect(handler) as client:
        await client.raw.say(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
        )
        assert b"\r\nConnection: close\r\n" in await client.raw.hear()


async def test_a_time_below_a_second_is_not_announced_as_none() -> None:
    async with connect(path, timeouts=Timeouts(keep_alive=0.5)) as client:
        headers = (await client.get("/", headers={"Connection": "keep-alive"})).headers
    assert "keep-alive" not in headers


async def test_a_whole_response_stays_whole_though_its_handler_takes_too_long(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("whole")
        await conn.finish()
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET + GET)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 20
    assert heard.endswith(b"\r\n\r\nwhole")
    assert heard.count(b"HTTP/1.1") == 1


async def test_a_task_that_outlives_a_cut_cannot_mend_it(autojump_clock: MockClock) -> None:
    async def late(conn: Connection) -> None:
        await trio.sleep(10)
        await conn.send("late")
        with pytest.raises(trio.ClosedResourceError):
            await conn.finish()

    async def handler(conn: Connection) -> None:
        await conn.send("partial")
        await conn.flush()
        nursery.start_soon(late, conn)
        await trio.sleep_forever()

    def no_half_close(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream)

    async with trio.open_nursery() as nursery:
        timeouts = Timeouts(handler=8, linger=5)
        async with connect(handler, timeouts=timeouts, wrap=no_half_close) as client:
            await client.raw.say(GET)
            assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n7\r\npartial\r\n")
            await trio.sleep(10)


async def test_failures_beside_a_cancellation_are_reported_and_not_let_out(
    autojump_clock: MockClock,
) -> None:
    told: list[Exception] = []

    async def failing() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("beside")

    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing)
            nursery.start_soon(trio.sleep_forever)

    def tell(problem: Exception, conn: object, doing: str) -> None:
        told.append(problem)

    async with connect(handler, timeouts=Timeouts(handler=8), on_error=tell) as client:
        assert (await client.get("/")).status == 503
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
    assert [problem.split(ValueError)[1] for problem in told if isinstance(problem, ExceptionGroup)]
    assert len(told) == 2


async def test_what_is_neither_failure_nor_cancellation_is_not_held_back() -> None:
    async def handler(conn: Connection) -> None:
        raise BaseExceptionGroup("", [KeyboardInterrupt(), ValueError()])

    with pytest.RaisesGroup(KeyboardInterrupt, ValueError, flatten_subgroups=True):
        async with connect(handler, on_error=None) as client:
            await client.get("/")


# Deadlines that cannot be talked out of.


async def test_a_line_that_is_begun_and_ended_does_not_prolong_anything(
    autojump_clock: MockClock,
) -> None:
    async with connect(path) as client:
        for byte in b"\r\n\r\n":
            await client.raw.say(bytes([byte]))
            await trio.sleep(2.4)
        await client.raw.hear_end()
        assert trio.current_time() == 10


async def test_a_head_that_was_refused_late_is_lingered_on_in_full(
    autojump_clock: MockClock,
) -> None:
    async with connect(path) as client:
        await client.raw.say(b"GET ")
        await trio.sleep(9.5)
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        await trio.sleep(1.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_lingering_after_a_drain_has_its_full_time(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        await client.post("/", b"unread")
        await trio.sleep(5)
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        await trio.sleep(1.9)
        assert client.server.connections == 1


async def test_a_late_loop_does_not_fail_a_slow_upload() -> None:
    progress = Progress(1, 10)
    progress.waited(5)
    near, far = memory_streams()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            lane = lane_on(near, nursery)
            lane._progress = progress
            with pytest.raises(PeerError, match="408"):
                await lane.receive()
    far.close()


def lane_on(stream: trio.abc.Stream, nursery: trio.Nursery) -> Http1Lane:
    service = Service.of(path, Options())
    codec = Http1Codec(service.limits)
    codec.feed(POST % 5)
    head = codec.next_head()
    assert head is not None
    transport = Transport(stream, DeadlineWatcher(service.timeouts), nursery.start_soon)
    return Http1Lane(transport, codec, service, head, closing=False)


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


async def test_a_task_that_still_reads_ends_the_turns() -> None:
    async def handler(conn: Connection) -> str:
        nursery.start_soon(swallow, conn)
        await wait_all_tasks_blocked()
        return "hello"

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await conn.read_body()

    async with trio.open_nursery() as nursery, connect(handler) as client:
        await client.raw.say(POST % 5)
        assert (await client.raw.hear_rest()).endswith(b"hello")


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
