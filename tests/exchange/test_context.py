"""Context variables: each exchange begins with those of `serve`, whatever happened before."""

from __future__ import annotations

from contextvars import ContextVar

import pytest
import trio

from trio_httpd import Connection
from trio_httpd.testing import Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")

USER: ContextVar[object] = ContextVar("user", default="nobody")
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def log_in(conn: Connection) -> str:
    """Say who is logged in, and log somebody in."""
    before = USER.get()
    USER.set(conn.request.path)
    await trio.lowlevel.checkpoint()
    assert USER.get() == conn.request.path
    return f"it was {before}"


async def test_a_request_does_not_see_what_the_one_before_it_has_set() -> None:
    async with connect(log_in) as client:
        raw = client.raw
        assert [(await client.get("/alice")).text() for _ in range(3)] == ["it was nobody"] * 3
        assert client.raw is raw


async def test_a_pipelined_request_does_not_see_it_either() -> None:
    async with connect(log_in) as client:
        await client.raw.say(GET * 3)
        await client.raw.say_eof()
        assert (await client.raw.hear_rest()).count(b"it was nobody") == 3


async def test_what_was_set_where_it_is_served_is_seen_by_all() -> None:
    token = USER.set("the operator")
    async with connect(log_in) as client:
        USER.reset(token)
        for _ in range(2):
            assert (await client.get("/alice")).text() == "it was the operator"


async def test_what_was_set_where_a_stream_is_added_is_not_seen() -> None:
    async with connect(log_in) as client:
        near, far = memory_streams()
        token = USER.set("whoever adds it")
        client.server.add_stream(near)
        USER.reset(token)
        raw = Raw(far)
        await raw.say(GET + GET)
        await raw.say_eof()
        assert (await raw.hear_rest()).count(b"it was nobody") == 2


async def test_what_a_handler_sets_does_not_leave_it() -> None:
    async with connect(log_in) as client:
        await client.get("/alice")
        assert USER.get() == "nobody"


class Odd:
    """A value that cannot be compared."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("apples and pears")


async def test_values_need_not_be_comparable() -> None:
    async def handler(conn: Connection) -> str:
        before = USER.get()
        USER.set(Odd())
        return type(before).__name__

    token = USER.set(Odd())
    async with connect(handler) as client:
        USER.reset(token)
        for _ in range(2):
            assert (await client.get("/")).text() == "Odd"


async def test_a_handlers_tasks_share_what_it_has_set() -> None:
    async def handler(conn: Connection) -> str:
        seen: list[object] = []

        async def look() -> None:
            seen.append(USER.get())

        USER.set(conn.request.path)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
        return str(seen)

    async with connect(handler) as client:
        for path in ("/alice", "/bob"):
            assert (await client.get(path)).text() == f"['{path}']"
