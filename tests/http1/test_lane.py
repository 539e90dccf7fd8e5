"""The lane of an exchange: what may follow what on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.http1.exchanges import GET, get
from trio_httpd import (
    Connection,
    HTTPError,
    Server,
)
from trio_httpd.testing import Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")


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
            await wait_all_tasks_blocked()
            await conn.send("x" * 20_000)

    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler, window=4) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.raw.say, request)
        await wait_all_tasks_blocked()
        nursery.start_soon(client.raw.say, b"12345")
        assert await client.raw.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await client.raw.hear(b"0\r\n\r\n")).count(b"x") == 20_000


async def test_an_interim_response_and_a_file_do_not_mix(tmp_path: Path) -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.read_body)
            await wait_all_tasks_blocked()
            await conn.send_file(tmp_path / "file")

    (tmp_path / "file").write_bytes(b"x" * 200_000)
    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler, window=4) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.raw.say, request)
        await wait_all_tasks_blocked()
        nursery.start_soon(client.raw.say, b"12345")
        assert await client.raw.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.raw.stream._incoming.window = 65536
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.raw.hear_exactly(200_000) == b"x" * 200_000


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


async def test_two_tasks_cannot_read_at_once() -> None:
    async def handler(conn: Connection) -> bytes:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, conn)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await conn.read_body()
        return read_by_one[0]

    async def read(conn: Connection) -> None:
        read_by_one.append(await conn.read_body())

    read_by_one: list[bytes] = []
    async with connect(handler) as client:
        await client.raw.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        await client.raw.say(b"hello")
        assert await client.raw.hear(b"\r\n\r\nhello")


async def test_an_abort_takes_nothing_from_the_response_before_it() -> None:
    async def handler(conn: Connection) -> str:
        if conn.request.target == "/abort":
            conn.abort()
        else:
            await wait_all_tasks_blocked()  # The next request arrives meanwhile.
        return "whole"

    async with connect(handler) as client:
        await client.raw.say(GET)
        await client.raw.say(get("/abort"))
        assert await client.raw.hear(b"\r\n\r\nwhole")
        await client.raw.hear_reset()
