from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd import Connection, Docroot, Timeouts
from trio_httpd.testing import (
    MisbehavingNowaitStream,
    MisbehavingStream,
    Raw,
    connect,
    memory_streams,
)


async def test_a_stream_may_give_little_at_a_time() -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, receive_at_most=2)
    await far.send_all(b"abcd")
    assert await stream.receive_some() == b"ab"
    assert await stream.receive_some(1) == b"c"
    assert await stream.receive_some(9) == b"d"


async def test_a_stream_may_stall(autojump_clock: MockClock) -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, stall_after=3)
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"ab")
    with trio.move_on_after(1000) as patience:
        await stream.send_all(b"cd")
    assert patience.cancelled_caught
    assert await far.receive_some() == b"abc"


async def test_who_waits_on_a_stalled_stream_is_told_when_it_closes(
    nursery: trio.Nursery,
) -> None:
    stream = MisbehavingStream(memory_streams()[0], stall_after=0)

    async def send() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"a")

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_send_all_might_not_block()

    nursery.start_soon(send)
    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    await stream.aclose()


async def test_a_stream_may_break() -> None:
    near, far = memory_streams()
    stream = MisbehavingStream(near, break_after=3)
    await stream.send_all(b"ab")
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"cd")
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    assert await far.receive_some() == b"abc"


# Without waiting.


async def test_a_short_read_may_have_more_behind_it() -> None:
    near, far = memory_streams()
    stream = MisbehavingNowaitStream(near, receive_at_most=2)
    assert stream.receive_nowait(9) is None
    await far.send_all(b"abcd")
    await stream.wait_receive_might_not_block()
    assert [stream.receive_nowait(count) for count in (9, 1, 9, 9)] == [b"ab", b"c", b"d", None]


async def test_a_stream_that_stalls_takes_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    near, far = memory_streams(window=4, send_buffer=9)
    stream = MisbehavingNowaitStream(near, stall_after=8)
    assert stream.send_more_nowait(b"abc") == 3
    with (tmp_path / "file").open("rb") as file:
        assert stream.send_file_nowait(file.fileno(), 0, 2) == 2
        assert (stream.send_nowait(b"defghi"), stream.send_queue_size()) == (3, 4)
        assert stream.send_file_nowait(file.fileno(), 0, 2) == 0
    assert stream.send_nowait(b"x") == 0
    await stream.send_eof()
    assert await Raw(far).hear_rest() == b"abc01def"


async def test_a_stream_that_breaks_does_so_without_waiting() -> None:
    near, far = memory_streams()
    stream = MisbehavingNowaitStream(near, break_after=2)
    assert stream.send_nowait(b"abc") == 2
    for call in (
        partial(stream.send_nowait, b"c"),
        partial(stream.send_more_nowait, b"c"),
        partial(stream.send_file_nowait, 0, 0, 1),
        partial(stream.receive_nowait, 1),
        stream.wait_receive_might_not_block,
    ):
        with pytest.raises(trio.BrokenResourceError):
            call()
    stream.abort()
    await Raw(far).hear_exactly(2)
    await Raw(far).hear_reset()


async def test_a_server_copes_with_little_at_a_time() -> None:
    async def length(conn: Connection) -> str:
        return str(len(await conn.read_body()))

    async with connect(length, wrap=partial(MisbehavingNowaitStream, receive_at_most=1)) as client:
        assert (await client.post("/", b"x" * 300)).text() == "300"


async def test_a_server_resets_who_stalls_in_the_middle_of_a_file(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 500_000)
    async with connect(
        Docroot(tmp_path),
        wrap=partial(MisbehavingNowaitStream, stall_after=300_000),
        timeouts=Timeouts(send=5),
    ) as client:
        await client.raw.say("GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.hear_exactly(300_000)
        await client.raw.hear_reset()
    assert trio.current_time() == 5
