"""Tests of a handler: real HTTP bytes, no network, no sleeping. Run it with pytest."""

import trio
from trio.testing import MockClock

from trio_httpd import Connection, Timeouts
from trio_httpd.testing import connect


async def greet(conn: Connection) -> str:
    """Greet by name, after thinking for a second."""
    await trio.sleep(1)
    return f"Hello, {conn.request.query.get('name', 'world')}!"


async def test_it_greets_by_name(autojump_clock: MockClock) -> None:
    async with connect(greet) as client:
        response = await client.get("/?name=trio")
    assert (response.status, response.text()) == (200, "Hello, trio!")
    assert trio.current_time() == 1


async def test_it_gives_up_in_time(autojump_clock: MockClock) -> None:
    async with connect(greet, timeouts=Timeouts(handler=0.5)) as client:
        assert (await client.get("/")).status == 503
    assert trio.current_time() == 0.5


async def test_half_a_request_is_told_408(autojump_clock: MockClock) -> None:
    async with connect(greet) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a")
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
    assert trio.current_time() == 10
