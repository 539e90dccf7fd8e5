"""Responses that wait for the end of a turn: nobody but the clock can tell."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.http1.exchanges import GET, get, path
from trio_httpd import Connection, Server, Timeouts
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.sending import UnsentFile
from trio_httpd._net.transport import Transport
from trio_httpd.testing import MemoryStream, Raw, connect, memory_streams

WINDOW = 64  # Less than any response.


async def test_a_response_for_which_there_is_no_room_goes_out_by_and_by() -> None:
    async with connect(path, window=WINDOW) as client:
        await client.raw.say(get("/1"))
        await wait_all_tasks_blocked()
        assert await client.raw.hear(b"\r\n\r\n/1")


async def test_the_next_response_waits_for_its_turn() -> None:
    async with connect(path, window=WINDOW) as client:
        for number in range(3):
            await client.raw.say(get(f"/{number}"))
            await wait_all_tasks_blocked()
        heard = [await client.raw.hear(b"\r\n\r\n/%d" % number) for number in range(3)]
        assert [part.count(b"HTTP/1.1 200") for part in heard] == [1, 1, 1]


async def test_a_peer_that_only_listens_any_more_gets_it_whole() -> None:
    async with connect(path, window=WINDOW) as client:
        await client.raw.say(get("/last"))
        await client.raw.say_eof()
        await wait_all_tasks_blocked()
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n/last")


async def test_a_peer_that_takes_nothing_of_it_is_reset(autojump_clock: MockClock) -> None:
    async with connect(path, window=WINDOW, timeouts=Timeouts(send=5)) as client:
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
        await client.raw.say(GET)  # Its answer waits for the other, and falls with it.
        await trio.sleep(4.9)
        assert client.server.connections == 1
        await trio.sleep(0.2)
        assert client.server.connections == 0
        await client.raw.hear_exactly(WINDOW)
        await client.raw.hear_reset()


@pytest.mark.parametrize("large", [False, True])
async def test_a_response_given_up_while_it_waits_for_its_turn_is_answered_by_no_other(
    large: bool, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def handler(conn: Connection) -> str | None:
        if conn.request.target != "/1":
            return conn.request.target
        with trio.move_on_after(1):
            await conn.send_file(file)
            await conn.finish()
        return None

    file = tmp_path / "file"
    file.write_bytes(b"1" * (1_000_000 if large else 1))

    def ignore(*_: object) -> None:
        """It is told that less was sent than was declared."""

    async with connect(handler, window=WINDOW, on_error=ignore) as client:
        for number in range(3):
            await client.raw.say(get(f"/{number}"))
            await wait_all_tasks_blocked()
        await trio.sleep(2)
        assert await client.raw.hear(b"\r\n\r\n/0")
        await client.raw.hear_end()


async def test_a_file_waits_for_the_response_before(tmp_path: Path) -> None:
    async def handler(conn: Connection) -> str | None:
        if conn.request.target == "/first":
            return "first"
        await conn.send_file(tmp_path / "file")
        return None

    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    async with connect(handler, window=WINDOW) as client:
        for target in ("/first", "/file"):
            await client.raw.say(get(target))
            await wait_all_tasks_blocked()
        assert (await client.raw.hear(b"\r\n\r\nfirst")).startswith(b"HTTP/1.1 200 ")
        client.raw.stream._incoming.window = 65536
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 ")
        assert await client.raw.hear_exactly(1_000_000) == b"x" * 1_000_000


async def test_a_peer_that_has_left_by_then_is_no_error() -> None:
    async def handler(conn: Connection) -> str:
        client.leave()
        return "too late"

    async with connect(handler) as client:
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_server_that_closes_has_sent_what_was_answered() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("whole")
        await conn.finish()
        server.close()

    near, far = memory_streams()
    async with trio.open_nursery() as nursery:
        server: Server = Server(handler)
        await nursery.start(server.serve, ())
        server.add_stream(near)
        raw = Raw(far)
        await raw.say(GET)
        assert (await raw.hear_rest()).endswith(b"\r\n\r\nwhole")


class Odd(MemoryStream):
    """Raises what no stream should, as it sends."""

    def send_nowait(self, data: bytes | memoryview) -> int:
        raise ZeroDivisionError


async def test_a_stream_that_raises_oddly_harms_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connect(path) as client:
        near, far = memory_streams()
        client.server.add_stream(Odd(near._outgoing, near._incoming))
        await far.send_all(GET)
        await wait_all_tasks_blocked()
        assert client.server.empty
        assert (await client.get("/other")).text() == "/other"
    assert caplog.messages == ["a stream cannot send"]


class NeverWaiting(MemoryStream):
    """Finds nothing at first, and then does not wait at all."""

    found = False

    async def wait_receive_might_not_block(self) -> None:
        if not self._incoming.data:
            await super().wait_receive_might_not_block()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        if not self.found:
            self.found = True
            return None
        return super().receive_nowait(len(get("/a")))


async def test_responses_of_one_turn_keep_their_order() -> None:
    async with connect(path) as client:
        await client.get("/")  # From now on ends of turns are heard of.
        near, far = memory_streams()
        await far.send_all(get("/a") + get("/b"))
        client.server.add_stream(NeverWaiting(near._outgoing, near._incoming))
        heard = await Raw(far).hear(b"/b")
        assert heard.index(b"/a") < heard.index(b"/b")


async def test_a_crowd_is_answered_within_a_turn() -> None:
    async with connect(path) as client:
        crowd = [client.open() for _ in range(40)]
        await wait_all_tasks_blocked()
        for raw in crowd:
            raw.stream.send_nowait(get("/all"))
        for raw in crowd:
            assert (await raw.hear(b"/all")).startswith(b"HTTP/1.1 200 ")


async def test_what_was_posted_leaves_before_a_file_of_the_same_turn(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    (tmp_path / "file").write_bytes(b"file")
    near, far = memory_streams(WINDOW)
    outbox = WriteBatch()
    transport = Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon, outbox=outbox)
    outbox.open(nursery)
    await wait_all_tasks_blocked()
    with (tmp_path / "file").open("rb") as file:
        assert transport.post(b"first,") == b""
        assert near.send_queue_size() == 0
        assert transport.send_file_nowait(UnsentFile(b"", file.fileno(), 0, 4)) is None
    assert await far.receive_some() == b"first,file"
    nursery.cancel_scope.cancel()


async def test_without_anybody_who_ends_turns_it_goes_at_once(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    transport = Transport(near, DeadlineWatcher(Timeouts()), nursery.start_soon)
    assert transport.post(b"x") == b""
    assert await far.receive_some() == b"x"
