"""Over TCP a server knows which requests have arrived together, and how long each took."""

from __future__ import annotations

import functools
import select
import socket
import sys

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trio_httpd
from tests.http1.exchanges import GET
from tests.net.test_coalescing import Clock
from trio_httpd import Connection
from trio_httpd._net.coalescing import WriteBatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")


def count_answered(clients: list[socket.socket]) -> int:
    """Return to how many of ``clients`` something has been sent."""
    polling = select.poll()
    for client in clients:
        polling.register(client, select.POLLIN)
    return len(polling.poll(0))


@pytest.mark.parametrize(
    ("seconds", "answered"),
    [
        (0.03, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (0.00001, [0] * 10),
    ],
)
async def test_handlers_that_begin_together_wait_for_each_other_only_if_they_are_quick(
    seconds: float, answered: list[int], monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    async def handler(conn: Connection) -> str:
        clock.now += seconds
        seen.append(count_answered(clients))
        return "done"

    clock = Clock()
    monkeypatch.setattr(
        "trio_httpd._server.runtime.WriteBatch", functools.partial(WriteBatch, clock)
    )
    server = await nursery.start(trio_httpd.serve, handler, 0)
    [address] = server.addresses
    clients = [socket.create_connection((address.host, address.port)) for _ in range(10)]
    try:
        for _ in range(2):  # First all of them come in.
            seen: list[int] = []
            for client in clients:
                client.sendall(GET)
            await wait_all_tasks_blocked(0.01)
            for client in clients:
                assert client.recv(9999).endswith(b"\r\n\r\ndone")
        assert seen == answered
    finally:
        for client in clients:
            client.close()
    nursery.cancel_scope.cancel()
