"""Requests to send, and handlers to send them to."""

from __future__ import annotations

import trio

from trio_httpd import Connection

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def get(target: str, *fields: str, version: str = "1.1") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {target} HTTP/{version}\r\nHost: a\r\n{lines}\r\n".encode()


async def path(conn: Connection) -> str:
    return conn.request.target


async def echo(conn: Connection) -> bytes:
    return await conn.read_body()


async def sleepy(conn: Connection) -> None:
    await trio.sleep_forever()
