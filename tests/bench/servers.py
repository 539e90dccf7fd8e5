"""The servers: programs that do the same work for every request, whatever it asks.

``python -m tests.bench.servers NAME PORT`` runs one on the loopback interface until it
is killed. The two floors know no HTTP; they show what trio itself costs. All answers
carry about the same fields, so that all write about as many bytes.
"""

from __future__ import annotations

import argparse
import socket
from functools import partial

import trio

import trio_httpd

from .leash import die_with_parent
from .peers import PATIENCE, run_aiohttp, run_granian, run_hypercorn, run_uvicorn
from .programs import Program
from .work import HELLO, HOST, WORKS, Work

CONTENT = HELLO.answer
_LARGEST_READ = 64 * 1024


# Ours.


async def hello(conn: trio_httpd.Connection) -> None:
    """Answer as the first example of the documentation does."""
    await conn.send(CONTENT)


def run_ours(port: int, work: Work) -> None:
    """Serve as a user would, with every option left alone but the patience."""
    timeouts = trio_httpd.Timeouts(keep_alive=PATIENCE)
    trio.run(partial(trio_httpd.serve, _handler(work), port, timeouts=timeouts))


def _handler(work: Work) -> trio_httpd.Handler:
    if work == HELLO:
        return hello

    async def answer(conn: trio_httpd.Connection) -> bytes:
        if work.reads:
            assert len(await conn.read_body()) == work.reads
        return work.answer

    return answer


# Bare trio.


def _canned(content: bytes) -> bytes:
    """Return a whole response."""
    return (
        b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: floor\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
    )


def run_sockets(port: int, work: Work) -> None:
    """Serve non-blocking sockets, with nothing of trio but its waiting for them."""
    trio.run(_serve_sockets, port, work)


async def _serve_sockets(port: int, work: Work) -> None:
    answer = _canned(work.answer)
    with socket.create_server((HOST, port), backlog=1024) as listener:
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listener)
                accepted, _ = listener.accept()
                nursery.start_soon(_answer_socket, accepted, answer, work.whole)


async def _answer_socket(sock: socket.socket, answer: bytes, whole: int) -> None:
    with sock:
        sock.setblocking(False)
        missing = whole
        try:
            while True:
                await trio.lowlevel.wait_readable(sock)
                if not (data := sock.recv(_LARGEST_READ)):
                    return
                missing -= len(data)
                if missing <= 0:
                    missing = whole
                    if (sent := sock.send(answer)) < len(answer):
                        await _send_rest(sock, memoryview(answer)[sent:])
        except ConnectionError:
            pass  # The peer has left.


async def _send_rest(sock: socket.socket, rest: memoryview) -> None:
    while rest:
        await trio.lowlevel.wait_writable(sock)
        rest = rest[sock.send(rest) :]


def run_streams(port: int, work: Work) -> None:
    """Serve the streams of `trio.serve_tcp`."""
    handler = partial(_answer_stream, answer=_canned(work.answer), whole=work.whole)
    trio.run(partial(trio.serve_tcp, handler, port, host=HOST))


async def _answer_stream(stream: trio.SocketStream, *, answer: bytes, whole: int) -> None:
    missing = whole
    try:
        while data := await stream.receive_some(_LARGEST_READ):
            missing -= len(data)
            if missing <= 0:
                missing = whole
                await stream.send_all(answer)
    except trio.BrokenResourceError:
        pass  # The peer has left.


OURS = "trio_httpd"
FLOOR = "trio-sockets"
PEER = "uvicorn-httptools"

PROGRAMS: dict[str, Program[Work]] = {
    OURS: Program(run_ours),
    FLOOR: Program(run_sockets),
    "trio-streams": Program(run_streams),
    PEER: Program(
        partial(run_uvicorn, loop="uvloop", http="httptools"),
        needs=("uvicorn", "uvloop", "httptools"),
    ),
    "granian": Program(run_granian, needs=("granian", "uvloop")),
    "aiohttp": Program(run_aiohttp, needs=("aiohttp", "uvloop")),
    "uvicorn-h11": Program(
        partial(run_uvicorn, loop="asyncio", http="h11"),
        needs=("uvicorn", "h11"),
    ),
    "hypercorn-trio": Program(run_hypercorn, needs=("hypercorn",)),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.servers")
    parser.add_argument("name", choices=list(PROGRAMS))
    parser.add_argument("port", type=int)
    parser.add_argument("scenario", nargs="?", choices=list(WORKS), default="hello")
    parser.add_argument("--leash", action="store_true", help="end with the parent process")
    return parser


def main() -> None:
    """Run the server that the arguments name, until it is killed."""
    arguments = _parser().parse_args()
    if arguments.leash:
        die_with_parent()
    PROGRAMS[arguments.name].run(arguments.port, WORKS[arguments.scenario])


if __name__ == "__main__":
    main()
