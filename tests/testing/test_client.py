from __future__ import annotations

from collections.abc import AsyncIterator

import h11
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_httpd import Connection, Limits, Timeouts
from trio_httpd.testing import connect


async def show(conn: Connection) -> None:
    content = (await conn.read_body()).decode()
    await conn.send_json([conn.request.method, content, conn.request.headers.get("x-a")])


async def test_requests_are_sent_and_answered_on_one_connection() -> None:
    async with connect(show) as client:
        raw = client.raw
        response = await client.get("/", headers={"X-A": "1"})
        assert response.json() == ["GET", "", "1"]
        assert (response.status, response.reason) == (200, "OK")
        assert response.headers["content-type"] == "application/json"
        assert repr(response) == "<ClientResponse 200 OK>"
        assert (await client.get("/", headers={"Host": "b", "X-A": "2"})).json()[2] == "2"
        assert (await client.post("/", "é")).json() == ["POST", "é", None]
        assert (await client.request("PUT", "/", body=b"x")).json() == ["PUT", "x", None]
        assert client.raw is raw


async def test_content_can_be_streamed_both_ways() -> None:
    async def handler(conn: Connection) -> None:
        async for chunk in conn.body:
            await conn.send(chunk.upper())
            await conn.flush()

    async def content() -> AsyncIterator[bytes]:
        yield b"abc"
        await wait_all_tasks_blocked()
        yield b"def"

    async with (
        connect(handler) as client,
        client.stream("POST", "/", body=content()) as response,
    ):
        assert [chunk async for chunk in response] == [b"ABC", b"DEF"]


async def test_an_endless_response_can_be_left(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        while True:
            await conn.send("tick\n")
            await conn.flush()
            await trio.sleep(1)

    async with connect(handler) as client:
        async with client.stream("GET", "/") as response:
            async for chunk in response:
                assert chunk == b"tick\n"
                if trio.current_time() == 3:
                    break
        first = client.raw
        async with client.stream("GET", "/") as response:
            assert response.status == 200
        assert client.raw is not first


async def test_an_early_answer_ends_the_upload() -> None:
    async with connect(show, window=1000, limits=Limits(body=10)) as client:
        response = await client.post("/", b"x" * 100_000)
        assert response.status == 413
        assert (await client.get("/")).status == 200


async def test_interim_responses_are_noted() -> None:
    async with connect(show) as client:
        response = await client.post("/", b"", headers=[("Expect", "100-continue")])
        assert response.interim == []
        response = await client.post("/", slow_content(), headers=[("Expect", "100-continue")])
        assert response.interim == [100]


async def slow_content() -> AsyncIterator[bytes]:
    await wait_all_tasks_blocked()
    yield b"x"


async def test_a_connection_that_was_closed_is_replaced(autojump_clock: MockClock) -> None:
    async with connect(show, timeouts=Timeouts(keep_alive=5)) as client:
        await client.get("/")
        first = client.raw
        await trio.sleep(10)
        assert (await client.get("/")).status == 200
        assert client.raw is not first


async def test_several_connections_can_be_opened() -> None:
    async with connect(show) as client:
        one, two = client.open(), client.open()
        for raw in (one, two):
            await raw.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await raw.hear()).startswith(b"HTTP/1.1 200 ")
        assert client.server.connections == 2
        client.leave()
        client.leave()


async def test_no_response_is_an_error() -> None:
    async def handler(conn: Connection) -> None:
        conn.abort()

    async with connect(handler) as client:
        with pytest.raises(h11.RemoteProtocolError):
            await client.get("/")


async def test_a_switch_of_protocols_is_for_the_raw_end() -> None:
    async def handler(conn: Connection) -> None:
        await conn.upgrade()

    async with connect(handler) as client:
        with pytest.raises(h11.RemoteProtocolError, match="use `raw`"):
            await client.get("/", headers={"Connection": "upgrade", "Upgrade": "x"})


async def test_a_response_that_is_cut_is_an_error() -> None:
    async def handler(conn: Connection) -> None:
        await conn.flush()
        conn.abort()

    async with connect(handler) as client:
        with pytest.raises(h11.RemoteProtocolError):
            await client.get("/")


async def test_a_stream_that_breaks_under_the_client_is_the_end() -> None:
    async def handler(conn: Connection) -> None:
        await conn.read_body(1)
        conn.abort()

    async with connect(handler, window=10) as client:
        with pytest.raises(h11.RemoteProtocolError):
            await client.post("/", b"x" * 1000)


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with connect(show):
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        async with connect(show) as client, client.stream("GET", "/"):
            raise ZeroDivisionError


async def test_a_request_that_was_given_up_harms_no_other(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> str:
        await trio.sleep(float(conn.request.query_string))
        return "done"

    async with connect(handler) as client:
        with trio.move_on_after(1):
            await client.get("/?5")
        assert (await client.get("/?0")).text() == "done"
