"""Listeners: sockets that listen, and everybody who is waiting to be let in.

A checkpoint for each connection accepted would let in one for each turn of the loop.
On a busy server a turn answers a request of every connection there is, so newcomers
would wait for seconds; here sixteen come in at a turn.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import trio

from .checkpoints import CALL, TURN, CheckpointBudget
from .sockets import SocketStream

# Of a connection that ended before it was accepted, not of the listener: accept(2)
# passes on what the network has to say of it.
_GONE_BEFORE = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "EPERM", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET",
        "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH",
    )
    if hasattr(errno, name)
)  # fmt: skip

_MOST_TRIES = 8
_LONGEST_QUEUE = 65535  # The system has a limit of its own, `net.core.somaxconn`.

_Address = tuple[int, tuple[Any, ...]]


class SocketListener(trio.abc.Listener[SocketStream]):
    """Accepts connections on a socket, TCP or Unix.

    Args:
        sock: a socket of the standard library that listens; owned from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket: socket.socket = sock
        """The socket itself, for its address and options."""
        self._fairness = CheckpointBudget()

    async def accept(self) -> SocketStream:
        """Return the next connection.

        Executes a checkpoint where it waits, and at every sixteenth call.

        Raises:
            OSError: there are no more descriptors or memory for one.
            trio.ClosedResourceError: the listener is closed.

        Cancelled: no connection is lost.
        """
        self._fairness.left -= CALL
        if self._fairness.left <= 0:
            await self._fairness.take_turn()
        while True:
            try:
                sock, _ = self.socket.accept()
                return SocketStream(sock)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self.socket)
                self._fairness.left = TURN
            except OSError as problem:
                if problem.errno == errno.EBADF:
                    raise trio.ClosedResourceError("this listener was closed") from problem
                if problem.errno not in _GONE_BEFORE:
                    raise

    async def aclose(self) -> None:
        """Stop listening; who waits in `accept` is told."""
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()
        await trio.lowlevel.checkpoint()


async def open_listeners(port: int, *, host: str | None = "127.0.0.1") -> list[SocketListener]:
    """Listen for TCP connections on ``port`` at each address of ``host``.

    Args:
        port: 0 lets the system choose, one port for all addresses.
        host: an address or a name; None is all interfaces, IPv4 and IPv6. Without IPv6
            on this machine, the others of several addresses will do.

    Raises:
        OSError: that cannot be done, for one of them; none stays open.
        ValueError: there is no such port.
    """
    if not 0 <= port <= 65535:  # The system would take what 16 bits leave of it.
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    found = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # Some resolvers name an address twice.
    addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    # From here on nothing is awaited: whoever is cancelled leaves nothing open.
    return [SocketListener(sock) for sock in _listen_at_one_port(addresses, port)]


def _listen_at_one_port(addresses: Sequence[_Address], port: int) -> list[socket.socket]:
    """Listen at all of ``addresses``, at a port that is free at each where ``port`` is 0."""
    for _ in range(_MOST_TRIES - 1):
        try:
            return _listen_at_all(addresses, port)
        except OSError as problem:
            if port or problem.errno != errno.EADDRINUSE:
                raise
    return _listen_at_all(addresses, port)


def _listen_at_all(addresses: Sequence[_Address], port: int) -> list[socket.socket]:
    """Listen at each of ``addresses``, at the port that the first gets where it is 0."""
    opened: list[socket.socket] = []
    lacking: OSError | None = None
    with ExitStack() as closing:
        for family, (name, _, *scope) in addresses:
            try:
                sock = _listen_at(family, (name, port, *scope))
            except OSError as problem:
                if not _says_no_ipv6(problem, name):
                    raise
                lacking = problem
            else:
                opened.append(closing.enter_context(sock))
                port = port or sock.getsockname()[1]
        if lacking is not None and not opened:
            raise lacking
        closing.pop_all()
    return opened


def _listen_at(family: int, address: tuple[Any, ...]) -> socket.socket:
    with ExitStack() as closing:
        sock = closing.enter_context(socket.socket(family, socket.SOCK_STREAM))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_LONGEST_QUEUE)
        closing.pop_all()
    return sock


def _says_no_ipv6(problem: OSError, name: object) -> bool:
    """Whether ``problem`` means that this host has no addresses of such a kind at all."""
    if problem.errno == errno.EADDRNOTAVAIL:
        return name in ("::", "::1")  # Each host with IPv6 has those.
    return problem.errno == errno.EAFNOSUPPORT
