"""A server as a program: real signals, a real port."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_httpd import Connection, Server, run
from trio_httpd._cli.main import main
from trio_httpd._server.run import run_and_tell

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def hello(conn: Connection) -> str:
    return "hello"


def end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


@contextmanager
def peer(port: int, after: Callable[[], object] = end) -> Iterator[list[bytes]]:
    """Ask for something in a thread, as soon as somebody listens; then end all."""
    heard: list[bytes] = []

    def ask() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                sock = socket.create_connection(("127.0.0.1", port), timeout=20)
            except ConnectionRefusedError:
                continue
            with sock, sock.makefile("rb") as reading:
                sock.sendall(GET)
                heard.append(reading.read())
            break
        after()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield heard
    finally:
        thread.join()


def signalling(*signals: signal.Signals) -> Callable[[Server], None]:
    def tell(server: Server) -> None:
        assert server.addresses
        for each in signals:
            os.kill(os.getpid(), each)

    return tell


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT, signal.SIGTERM],
    ],
)
def test_a_signal_ends_it(signals: list[signal.Signals]) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run_and_tell(signalling(*signals), hello, 0, host="127.0.0.1")
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_it_serves_until_then() -> None:
    with taken_port() as port:
        pass
    with peer(port) as heard:
        run(hello, port)
    assert heard[0].startswith(b"HTTP/1.1 200 ")
    assert heard[0].endswith(b"hello")


def test_a_signal_ends_what_is_served_too() -> None:
    async def endless(conn: Connection) -> None:
        end()
        await trio.sleep_forever()

    with taken_port() as port:
        pass
    with peer(port, after=bool) as heard:
        run(endless, port)
    assert heard == [b""]


def test_a_server_that_is_closed_ends_it() -> None:
    run_and_tell(Server.close, hello, 0, host="127.0.0.1")


def test_an_interruption_before_it_listens_is_no_error() -> None:
    def interrupted(server: Server) -> None:
        raise KeyboardInterrupt

    run_and_tell(interrupted, hello, 0, host="127.0.0.1")


def test_an_error_leaves_as_itself() -> None:
    with taken_port() as port, pytest.raises(OSError, match="in use") as caught:
        run(hello, port)
    assert caught.value.__context__ is None


def test_an_unknown_option_is_a_type_error() -> None:
    options: dict[str, Any] = {"colour": "red"}
    with pytest.raises(TypeError, match="colour"):
        run(hello, 0, **options)


def test_what_on_error_lets_out_leaves_as_itself() -> None:
    async def failing(conn: Connection) -> None:
        raise LookupError("mine")

    with taken_port() as port:
        pass
    with pytest.raises(LookupError, match="mine"), peer(port, after=bool):
        run(failing, port, on_error="raise")


@pytest.mark.usefixtures("logs_as_before", "descriptors_as_before")
def test_the_command_says_where_it_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with taken_port() as port:
        pass
    with peer(port) as heard:
        assert main([str(tmp_path), "-p", str(port), "--no-access-log"]) == 0
    assert heard[0].startswith(b"HTTP/1.1 404 ")
    line = f"Serving {tmp_path} on http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
    assert capsys.readouterr() == (line, "")


@pytest.mark.usefixtures("logs_as_before", "descriptors_as_before")
def test_the_command_says_that_a_port_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with taken_port() as port:
        assert main([str(tmp_path), "-p", str(port)]) == 2
    said = f"trio-httpd: port {port} of 127.0.0.1 is taken by another program\n"
    assert capsys.readouterr() == ("", said)
