"""The servers: programs that answer every request with the same 13 bytes.

``python -m tests.bench.servers NAME PORT`` runs one on the loopback interface until it
is killed. The two floors know no HTTP; they show what trio itself costs. All answers
carry the same fields, so that all write about as many bytes.
"""

from __future__ import annotations

import importlib
import importlib.util
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

import trio_httpd

HOST = "127.0.0.1"
CONTENT = b"Hello, world!"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: floor\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(CONTENT), CONTENT)
)
_LARGEST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """A server that can be run: by which function, and what must be installed for it."""

    run: Callable[[int], None]
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return what it needs and is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


# Ours.


async def hello(conn: trio_httpd.Connection) -> None:
    """Answer as the first example of the documentation does."""
    await conn.send(CONTENT)


def run_ours(port: int) -> None:
    """Serve as a user would, with every option left alone."""
    trio.run(trio_httpd.serve, hello, port)


# Bare trio.


def run_sockets(port: int) -> None:
    """Serve non-blocking sockets, with nothing of trio but `wait_readable`."""
    trio.run(_serve_sockets, port)


async def _serve_sockets(port: int) -> None:
    with socket.create_server((HOST, port)) as listener:
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listener)
                accepted, _ = listener.accept()
                nursery.start_soon(_answer_socket, accepted)


async def _answer_socket(sock: socket.socket) -> None:
    with sock:
        sock.setblocking(False)
        try:
            while True:
                await trio.lowlevel.wait_readable(sock)
                if not sock.recv(_LARGEST_READ):
                    return
                sock.send(_ANSWER)
        except ConnectionError:
            pass  # The peer has left.


def run_streams(port: int) -> None:
    """Serve the streams of `trio.serve_tcp`."""
    trio.run(partial(trio.serve_tcp, _answer_stream, port, host=HOST))


async def _answer_stream(stream: trio.SocketStream) -> None:
    try:
        while await stream.receive_some(_LARGEST_READ):
            await stream.send_all(_ANSWER)
    except trio.BrokenResourceError:
        pass  # The peer has left.


# Peers.


def run_uvicorn(port: int, *, loop: str, http: str) -> None:
    """Serve an ASGI application, with nothing logged for a request."""
    uvicorn: Any = importlib.import_module("uvicorn")  # It may be absent.
    options = {"lifespan": "off", "ws": "none", "access_log": False, "log_level": "warning"}
    uvicorn.run(_asgi_hello, host=HOST, port=port, loop=loop, http=http, **options)


async def _asgi_hello(
    scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    assert scope["type"] == "http"
    headers = [(b"content-length", b"%d" % len(CONTENT))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": CONTENT})


OURS = "trio_httpd"
FLOOR = "trio-streams"
PEER = "uvicorn-httptools"

PROGRAMS = {
    OURS: Program(run_ours),
    "trio-sockets": Program(run_sockets),
    FLOOR: Program(run_streams),
    PEER: Program(
        partial(run_uvicorn, loop="uvloop", http="httptools"),
        needs=("uvicorn", "uvloop", "httptools"),
    ),
    "uvicorn-h11": Program(
        partial(run_uvicorn, loop="asyncio", http="h11"),
        needs=("uvicorn", "h11"),
    ),
}


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]].run(int(sys.argv[2]))
