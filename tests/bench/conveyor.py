"""The conveyor: whole requests for our server without a network, and without waiting."""

from __future__ import annotations

import trio

from trio_httpd import Handler, Server

from .servers import hello

TINY = b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
"""What a load generator sends."""

BROWSER = b"\r\n".join(
    [
        b"GET /articles/2024/a-quiet-server?page=2&sort=newest HTTP/1.1",
        b"Host: www.example.com",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        b"Accept-Language: en-GB,en;q=0.7,de;q=0.3",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Referer: https://www.example.com/articles/",
        b"Connection: keep-alive",
        b"Cookie: session=6f1e0c9ab2d84c1f9d3c7a55e0b1f2aa; theme=dark; seen=1,2,3,5,8,13,21",
        b"Upgrade-Insecure-Requests: 1",
        b"Sec-Fetch-Dest: document",
        b"Sec-Fetch-Mode: navigate",
        b"Sec-Fetch-Site: same-origin",
        b"Sec-Fetch-User: ?1",
        b"Priority: u=0, i",
        b"",
        b"",
    ]
)
"""What a browser sends."""


class Conveyor(trio.abc.Stream):
    """Brings one request again and again, and drops every answer but the last.

    It never waits and never executes a checkpoint: what it measures is ours alone.
    """

    def __init__(self, request: bytes, times: int) -> None:
        self._request = request
        self._left = times
        self.answers = 0
        self.last: bytes | bytearray | memoryview = b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next request, whole; b"" after the last."""
        self._left -= 1
        return self._request if self._left >= 0 else b""

    async def wait_receive_might_not_block(self) -> None:
        """Return: there is always a request."""

    def receive_nowait(self, max_bytes: int) -> bytes:
        """Return the next request, whole; b"" after the last."""
        self._left -= 1
        return self._request if self._left >= 0 else b""

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Take an answer at once."""
        self.answers += 1
        self.last = data
        return len(data)

    def send_queue_size(self) -> int:
        """Return 0: nothing waits here."""
        return 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Take an answer."""
        self.answers += 1
        self.last = data

    async def wait_send_all_might_not_block(self) -> None:
        """Return: there is always room."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


async def serve_requests(request: bytes, times: int, handler: Handler = hello) -> None:
    """Serve ``request`` so many times on one transport, with a server's defaults."""
    conveyor = Conveyor(request, times)
    await Server(handler).serve_one(conveyor)
    assert conveyor.answers == times
    assert bytes(conveyor.last).startswith(b"HTTP/1.1 200 ")
