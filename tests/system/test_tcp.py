"""Real sockets: what memory cannot show."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

import trio_httpd
from trio_httpd import (
    Address,
    Connection,
    Handler,
    Limits,
    Server,
    Timeouts,
    serve,
    serve_listeners,
)
from trio_httpd._net.sockets import SocketStream

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EXAMPLES = Path(__file__).parents[2] / "examples"


async def addresses(conn: Connection) -> str:
    return f"{conn.remote_addr} {conn.local_addr}"


async def echo(conn: Connection) -> bytes:
    return await conn.read_body()


@asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, handler, 0, **options))
        yield server
        nursery.cancel_scope.cancel()


async def connected(server: Server) -> trio.SocketStream:
    [address] = server.addresses
    assert address.host is not None
    assert address.port is not None
    return await trio.open_tcp_stream(address.host, address.port)


async def hear_rest(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([bytes(chunk) async for chunk in stream])


async def until_empty(server: Server) -> None:
    """Wait until one transport at least was served and none is any more."""
    await trio.testing.wait_all_tasks_blocked(0.01)
    while not server.empty:
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_server_knows_where_it_is() -> None:
    async with serving(addresses) as server, await connected(server) as client:
        [address] = server.addresses
        assert server.url == f"http://127.0.0.1:{address.port}"
        await client.send_all(b"GET / HTTP/1.0\r\n\r\n")
        heard = await hear_rest(client)
        host, port = client.socket.getsockname()
    assert heard.endswith(f"{Address(host, port)} {address}".encode())


async def test_a_socket_is_served_wherever_it_comes_from() -> None:
    near, far = socket.socketpair()
    async with trio.open_nursery() as nursery:
        server: Server = Server(addresses)
        with pytest.raises(RuntimeError, match="not serving"):
            server.add_socket(near)
        await nursery.start(server.serve, ())
        server.add_socket(near)
        async with SocketStream(far) as client:
            await client.send_all(b"GET / HTTP/1.0\r\n\r\n")
            assert (await hear_rest(client)).endswith(b"Address(host=None, port=None, path='')")
        server.close()
    assert near.fileno() < 0


async def test_ipv6_is_served_too() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with serving(addresses, host="::1") as server, await connected(server) as client:
        assert server.url is not None
        assert server.url.startswith("http://[::1]:")
        await client.send_all(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Address(host='::1'" in await hear_rest(client)


async def test_a_unix_socket_is_served_too(tmp_path: Path) -> None:
    listening = trio.socket.socket(socket.AF_UNIX)
    await listening.bind(str(tmp_path / "socket"))
    listening.listen()
    async with trio.open_nursery() as nursery:
        listeners = [trio.SocketListener(listening)]
        server = await nursery.start(serve_listeners, addresses, listeners)
        assert server.addresses == (Address(path=str(tmp_path / "socket")),)
        async with await trio.open_unix_socket(tmp_path / "socket") as client:
            await client.send_all(b"GET / HTTP/1.0\r\n\r\n")
            assert b"Address(host=None, port=None, path=" in await hear_rest(client)
        nursery.cancel_scope.cancel()


async def test_tls_of_trios_own_is_served_too() -> None:
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    listeners = await trio.open_ssl_over_tcp_listeners(0, server_context, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_listeners, addresses, listeners)
        [address] = server.addresses
        assert address.port is not None
        client = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", address.port), client_context,
            server_hostname="localhost",
        )  # fmt: skip
        async with client:  # A close without an alert would be an error here.
            await client.send_all(b"GET / HTTP/1.0\r\n\r\n")
            assert b"Address(host='127.0.0.1'" in await hear_rest(client)
        nursery.cancel_scope.cancel()


async def test_an_early_refusal_can_be_read_during_a_large_upload() -> None:
    async with serving(echo, limits=Limits(body=1000)) as server:
        for _ in range(5):
            async with await connected(server) as client:
                size = 3_000_000
                opening = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
                await client.send_all(opening + b"x" * size)
                assert (await hear_rest(client)).startswith(b"HTTP/1.1 413 ")


async def test_abort_resets() -> None:
    async def handler(conn: Connection) -> None:
        conn.abort()

    async with serving(handler) as server, await connected(server) as client:
        await client.send_all(GET)
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_abort_resets_streams_of_trios_own_too() -> None:
    async def handler(conn: Connection) -> None:
        conn.abort()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_listeners, handler, listeners)
        async with await connected(server) as client:
            await client.send_all(GET)
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()
        nursery.cancel_scope.cancel()


async def test_a_reader_that_stops_is_reset() -> None:
    async def flood(conn: Connection) -> None:
        while True:
            await conn.send(b"x" * 60_000)

    async with (
        serving(flood, timeouts=Timeouts(send=0.05)) as server,
        await connected(server) as client,
    ):
        await client.send_all(GET)
        await until_empty(server)
        with pytest.raises(trio.BrokenResourceError):
            await hear_rest(client)


async def test_peers_that_come_and_go_leave_nothing() -> None:
    async with serving(echo) as server:
        for piece in (
            b"",
            b"GET",
            GET,
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
        ):
            for _ in range(20):
                client = await connected(server)
                if piece:
                    await client.send_all(piece)
                await client.aclose()
        await until_empty(server)


async def test_curl_is_answered(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    upload = tmp_path / "upload"
    upload.write_bytes(os.urandom(3_000_000))
    async with serving(echo) as server:
        assert server.url is not None
        command = [curl, "-sS", "--max-time", "20", "-T", str(upload), "-H", "Expect: 100-continue"]
        result = await trio.run_process([*command, server.url], capture_stdout=True)
    assert result.stdout == upload.read_bytes()


def test_hello_ends_cleanly_when_interrupted() -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-u", "hello.py", "0"],
        cwd=EXAMPLES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving on http://127.0.0.1:")
        port = int(line.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(GET)
            heard = client.recv(1000)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
    assert heard.endswith(b"Hello, world!\n")
    assert (process.returncode, errors) == (0, "")


async def test_a_response_that_overflows_goes_on_by_itself() -> None:
    async def handler(conn: Connection) -> bytes:
        return b"~" * 16_000

    def ask(address: tuple[str, int]) -> None:
        """Ask twice, from a thread: nothing but the response itself wakes the server."""
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(address)
            for _ in range(2):
                client.sendall(GET)
                heard = b""
                while heard.count(b"~") < 16_000:
                    heard += client.recv(1000)

    [listener] = await trio_httpd.open_listeners(0)
    listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_listeners, handler, [listener])
        await trio.to_thread.run_sync(ask, listener.socket.getsockname())
        nursery.cancel_scope.cancel()
