"""A request's content, as a handler reads it: over memory, in exact time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import MockClock

from tests.net.turns import counted_turns
from trio_httpd import Connection, Limits, PeerError, RequestContent, Timeouts
from trio_httpd.testing import connect

pytestmark = pytest.mark.usefixtures("any_stream")

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def post(length: int, *fields: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n" % (
        length,
        b"".join(fields),
    )


async def test_reads_give_exactly_what_was_asked_and_then_what_is_left() -> None:
    async def handler(conn: Connection) -> str:
        pieces = [await conn.read_body(count) for count in (0, 1, 3, 100, 5)]
        return repr([*pieces, await conn.read_body()])

    async with connect(handler) as client:
        response = await client.post("/", b"abcdefgh")
    assert response.text() == repr([b"", b"a", b"bcd", b"efgh", b"", b""])


async def test_a_request_without_content_has_an_empty_one() -> None:
    async def handler(conn: Connection) -> str:
        return repr([await conn.read_body(), await conn.read_body(5), [c async for c in conn.body]])

    async with connect(handler) as client:
        assert (await client.get("/")).text() == repr([b"", b"", []])


async def test_chunks_come_as_they_arrive() -> None:
    seen: list[bytes] = []

    async def handler(conn: Connection) -> None:
        async for chunk in conn.body:
            seen.append(bytes(chunk))  # noqa: PERF401 -- as they arrive

    async with connect(handler) as client:
        await client.raw.say(CHUNKED + b"5\r\nhel")
        await trio.testing.wait_all_tasks_blocked()
        assert seen == [b"hel"]
        await client.raw.say(b"lo\r\n0\r\n\r\n")
        await client.raw.hear()
    assert seen == [b"hel", b"lo"]


async def test_a_read_takes_no_more_than_it_is_allowed() -> None:
    async def handler(conn: Connection) -> str:
        return repr([await conn.body.receive_some(2), await conn.body.receive_some(2)])

    async with connect(handler) as client:
        assert (await client.post("/", b"abc")).text() == repr([b"ab", b"c"])


async def test_counts_that_make_no_sense_are_refused() -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match="cannot read -1"):
            await conn.read_body(-1)
        with pytest.raises(ValueError, match="at least 1"):
            await conn.body.receive_some(0)

    async with connect(handler) as client:
        assert (await client.get("/")).status == 200


async def test_a_cancelled_read_loses_nothing(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        with trio.move_on_after(1):
            await conn.read_body(10)
        return await conn.read_body()

    async with connect(handler) as client:
        await client.raw.say(post(10) + b"hello")
        await trio.sleep(2)
        await client.raw.say(b"world")
        assert (await client.raw.hear(b"world")).endswith(b"\r\n\r\nhelloworld")


async def test_reading_buffered_content_lets_others_run() -> None:
    async def handler(conn: Connection) -> None:
        await conn.read_body(1)
        async with counted_turns() as turns:
            for _ in range(160):
                await conn.read_body(1)
            assert turns.count >= 9

    async with connect(handler) as client:
        assert (await client.post("/", b"x" * 200)).status == 200


# Memory.

MIB = 1024 * 1024


@contextmanager
def measured_peak() -> Iterator[list[int]]:
    """Give a list that has one element in the end: the most memory that was taken inside."""
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


async def test_much_content_is_in_memory_once() -> None:
    async def handler(conn: Connection) -> str:
        with measured_peak() as peak:
            size = len(await conn.read_body())
        peaks.append(peak[0])
        return f"{size}"

    peaks: list[int] = []
    piece = b"x" * 65536
    async with connect(handler, window=65536) as client:
        await client.raw.say(post(16 * MIB))
        for _ in range(256):
            await client.raw.say(piece)
        assert await client.raw.hear(b"16777216")
    assert peaks[0] < 20 * MIB


async def test_tiny_chunks_take_no_more_memory_than_what_is_in_them() -> None:
    async def handler(conn: Connection) -> str:
        with measured_peak() as peak:
            size = len(await conn.read_body())
        peaks.append(peak[0])
        return f"{size}"

    peaks: list[int] = []
    async with connect(handler, window=6000) as client:
        await client.raw.say(CHUNKED)
        for _ in range(20):
            await client.raw.say(b"1\r\nx\r\n" * 1000)
        await client.raw.say(b"0\r\n\r\n")
        assert await client.raw.hear(b"20000")
    assert peaks[0] < 200_000  # A list of them would take 1 MB.


@pytest.mark.parametrize("chunked", [False, True])
async def test_content_over_the_limit_is_413(chunked: bool) -> None:
    async def handler(conn: Connection) -> None:
        await conn.read_body()

    async with connect(handler, limits=Limits(body=10)) as client:
        opening = CHUNKED + b"b\r\n" if chunked else post(11)
        await client.raw.say(opening + b"hello world")
        heard = await client.raw.hear_rest()
    assert heard.startswith(b"HTTP/1.1 413 Content Too Large\r\n")
    assert b"Connection: close\r\n" in heard
    assert heard.endswith(b"the content is larger than 10 bytes\n")


async def test_content_at_the_limit_is_taken() -> None:
    async def handler(conn: Connection) -> bytes:
        return await conn.read_body()

    async with connect(handler, limits=Limits(body=11)) as client:
        assert (await client.post("/", b"hello world")).body == b"hello world"


async def test_no_read_succeeds_after_one_failed() -> None:
    async def handler(conn: Connection) -> str:
        statuses = []
        for _ in range(2):
            with pytest.raises(PeerError) as caught:
                await conn.read_body()
            statuses.append(caught.value.status)
        return repr(statuses)

    async with connect(handler, limits=Limits(body=1)) as client:
        assert (await client.post("/", b"ab")).text() == "[413, 413]"


async def test_nothing_is_returned_of_content_that_failed() -> None:
    async def handler(conn: Connection) -> str:
        for read in (conn.read_body, conn.body.receive_some):
            with pytest.raises(PeerError, match="413"):
                await read()
        return "fine"

    chunks = b"8\r\n12345678\r\n"
    async with connect(handler, limits=Limits(body=10)) as client:
        await client.raw.say(CHUNKED + chunks)
        await trio.testing.wait_all_tasks_blocked()
        await client.raw.say(chunks)
        assert await client.raw.hear(b"fine")


async def test_broken_framing_fails_every_read() -> None:
    async def handler(conn: Connection) -> str:
        problems = []
        for _ in range(2):
            with pytest.raises(PeerError) as caught:
                await conn.read_body()
            problems.append(str(caught.value))
        assert problems[0] == problems[1]
        return problems[0]

    async with connect(handler) as client:
        await client.raw.say(CHUNKED + b"nonsense\r\n")
        assert b"400 malformed chunk size" in await client.raw.hear_rest()


async def test_a_handler_may_move_its_limit_before_the_first_read() -> None:
    async def handler(conn: Connection) -> str:
        assert conn.body_limit == 1
        conn.body_limit = 5
        text = (await conn.read_body()).decode()
        with pytest.raises(RuntimeError, match="after the first read"):
            conn.body_limit = 10
        return text

    async with connect(handler, limits=Limits(body=1)) as client:
        assert (await client.post("/", b"abcde")).text() == "abcde"


async def test_closed_content_cannot_be_read() -> None:
    async def handler(conn: Connection) -> str:
        async with conn.body:
            await conn.body.receive_some(1)
        with pytest.raises(trio.ClosedResourceError):
            await conn.read_body()
        return "fine"

    async with connect(handler) as client:
        assert (await client.post("/", b"abc")).text() == "fine"
        assert (await client.get("/")).status == 200


async def test_discarded_content_is_gone() -> None:
    async def handler(conn: Connection) -> bytes:
        await conn.discard_body()
        return await conn.read_body()

    async with connect(handler) as client:
        assert (await client.post("/", b"abc")).body == b""


async def test_content_of_an_exchange_that_is_over_gives_nothing() -> None:
    kept: list[RequestContent | Connection] = []

    async def handler(conn: Connection) -> None:
        kept[:] = [conn, conn.body]

    async with connect(handler) as client:
        await client.post("/", b"abc")
        await client.post("/", b"second")
        conn, content = kept
        assert isinstance(conn, Connection)
        assert isinstance(content, RequestContent)
        for read in (content.receive_some, conn.read_body):
            with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
                await read()


# 100-continue (RFC 9110 §10.1.1).

EXPECT = b"Expect: 100-continue\r\n"


async def read_all(conn: Connection) -> bytes:
    return await conn.read_body()


async def test_100_is_sent_when_the_content_is_first_awaited(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        await trio.sleep(3)
        return await conn.read_body()

    async with connect(handler) as client:
        await client.raw.say(post(5, EXPECT))
        assert await client.raw.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert trio.current_time() == 3
        await client.raw.say(b"hello")
        assert (await client.raw.hear(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_100_is_left_out_where_content_is_here(autojump_clock: MockClock) -> None:
    async with connect(read_all) as client:
        await client.raw.say(post(5, EXPECT) + b"hello")
        assert (await client.raw.hear(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_answer_without_reading_closes_and_sends_no_100() -> None:
    async def handler(conn: Connection) -> str:
        return "no thanks"

    async with connect(handler) as client:
        await client.raw.say(post(5, EXPECT))
        heard = await client.raw.hear_rest()
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in heard


async def test_content_that_came_unasked_does_not_close(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> str:
        return "no thanks"

    async with connect(handler) as client:
        await client.raw.say(post(5, EXPECT) + b"hello")
        assert b"Connection: close" not in await client.raw.hear(b"no thanks")
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.raw.hear(b"no thanks")


@pytest.mark.parametrize("fields", [b"Expect: 200-ok\r\n", EXPECT + b"Expect: more\r\n"])
async def test_any_other_expectation_is_417(fields: bytes) -> None:
    async with connect(read_all) as client:
        await client.raw.say(post(5, fields))
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 417 Expectation Failed\r\n")


async def test_whoever_waits_to_ask_for_content_asks_no_more_when_the_exchange_is_over() -> None:
    seen: list[object] = []

    async def read(conn: Connection) -> None:
        try:
            seen.append(await conn.read_body())
        except (trio.ClosedResourceError, trio.BusyResourceError) as problem:
            seen.append(str(problem))

    async def handler(conn: Connection) -> str:
        nursery.start_soon(read, conn)  # It begins while we wait for room.
        return "x" * 100

    async with trio.open_nursery() as nursery, connect(handler, window=10) as client:
        await client.raw.say(post(5, EXPECT))
        heard = await client.raw.hear(b"x" * 100)
        await trio.testing.wait_all_tasks_blocked()
        await client.raw.say(b"hello")
        assert await client.raw.hear_rest() == b""
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert seen == ["the exchange is over"]


async def test_a_read_that_is_given_up_while_100_is_on_its_way_loses_nothing(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> bytes:
        with trio.move_on_after(1):
            await conn.read_body()
        return await conn.read_body()

    async with connect(handler, window=10) as client:
        await client.raw.say(post(5, EXPECT))
        await trio.sleep(2)
        assert await client.raw.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.raw.say(b"hello")
        assert (await client.raw.hear(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_413_comes_instead_of_100() -> None:
    async with connect(read_all, limits=Limits(body=4)) as client:
        await client.raw.say(post(5, EXPECT))
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 413 ")


# Timeouts.body and Limits.progress.


async def test_content_that_does_not_come_is_408_in_time(autojump_clock: MockClock) -> None:
    async with connect(read_all, timeouts=Timeouts(body=30)) as client:
        await client.raw.say(post(5))
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 30
    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"Connection: close\r\n" in heard


async def test_content_that_drips_is_408_in_time(autojump_clock: MockClock) -> None:
    async with connect(read_all, timeouts=Timeouts(body=30)) as client:
        await client.raw.say(post(100_000))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip, client.raw.stream, b"x" * 1000, 10.0)
            assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
            nursery.cancel_scope.cancel()
        assert trio.current_time() == 30


async def test_content_that_makes_progress_is_waited_for(autojump_clock: MockClock) -> None:
    async with connect(read_all, timeouts=Timeouts(body=30)) as client:
        await client.raw.say(post(10_000))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip, client.raw.stream, b"x" * 2000, 14.0)
            assert await client.raw.hear()
            nursery.cancel_scope.cancel()
        assert trio.current_time() == 4 * 14


async def test_time_that_the_handler_takes_is_not_the_peers(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> str:
        for _ in range(3):
            await conn.read_body(1)
            await trio.sleep(100)
        return "fine"

    async with connect(handler, timeouts=Timeouts(body=30)) as client:
        await client.raw.say(post(3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip, client.raw.stream, b"x", 9.0)
            assert await client.raw.hear(b"fine")
            nursery.cancel_scope.cancel()


async def test_time_that_the_handler_gives_up_is_the_peers_too(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        while True:
            with trio.move_on_after(10):
                await conn.read_body()

    async with connect(handler, timeouts=Timeouts(body=30)) as client:
        await client.raw.say(post(3))
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == 30


async def drip(stream: trio.abc.SendStream, data: bytes, pause: float) -> None:
    try:
        while True:
            await stream.send_all(data)
            await trio.sleep(pause)
    except trio.BrokenResourceError:
        pass


async def test_who_has_begun_to_send_is_not_told_to_go_on(autojump_clock: MockClock) -> None:
    async with connect(read_all) as client:
        await client.raw.say(post(6, EXPECT) + b"one")
        await trio.sleep(1)
        await client.raw.say(b"two")
        assert (await client.raw.hear(b"onetwo")).startswith(b"HTTP/1.1 200 OK\r\n")
