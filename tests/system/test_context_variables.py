"""Context variables over TCP: sockets are accepted, and read, in tasks of the server's own."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial

import trio

from trio_httpd import Connection, Server, serve

USER: ContextVar[str] = ContextVar("user", default="nobody")


async def log_in(conn: Connection) -> str:
    before = USER.get()
    USER.set(conn.request.path)
    return f"it was {before}"


async def test_each_exchange_over_tcp_begins_with_the_variables_of_serve() -> None:
    async with trio.open_nursery() as nursery:
        token = USER.set("the operator")
        server: Server = await nursery.start(partial(serve, log_in, 0))
        USER.reset(token)
        [address] = server.addresses
        for _ in range(2):
            stream = await trio.open_tcp_stream("127.0.0.1", address.port or 0)
            async with stream:
                for end in (b"", b"Connection: close\r\n"):
                    await stream.send_all(b"GET /alice HTTP/1.1\r\nHost: a\r\n%b\r\n" % end)
                heard = b""
                while data := await stream.receive_some():
                    heard += data
            assert heard.count(b"it was the operator") == 2
        server.close()
