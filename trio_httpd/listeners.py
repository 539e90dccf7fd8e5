"""Listeners: sockets that listen, and everybody who is waiting to be let in.

A checkpoint for each connection accepted would let in one for each turn of the loop.
On a busy server a turn answers a request of every connection there is, so newcomers
would wait for seconds; here sixteen come in at a turn.
"""

from __future__ import annotations

import errno
import socket

import trio

from .fairness import A_CALL, A_TURN, Fairness
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

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class SocketListener(trio.abc.Listener[SocketStream]):
    """Accepts connections on a socket, TCP or Unix.

    Args:
        sock: a socket of the standard library that listens; owned from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        """The socket itself, for its address and options."""
        self._fairness = Fairness()

    async def accept(self) -> SocketStream:
        """Return the next connection.

        Executes a checkpoint where it waits, and at every sixteenth call.

        Raises:
            OSError: there are no more descriptors or memory for one.
            trio.ClosedResourceError: the listener is closed.

        Cancelled: no connection is lost.
        """
        self._fairness.left -= A_CALL
        if self._fairness.left <= 0:
            await self._fairness.take_turn()
        while True:
            try:
                sock, _ = self.socket.accept()
                return SocketStream(sock)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self.socket)
                self._fairness.left = A_TURN
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
        host: an address or a name; None is all interfaces, IPv4 and, where there is
            any, IPv6.

    Raises:
        OSError: that cannot be done, for one of them.
        ValueError: there is no such port.
    """
    if not 0 <= port <= 65535:  # The system would take what 16 bits leave of it.
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    if host is None and port == 0:
        opened = await _open_on_one_port()
    else:
        opened = await trio.open_tcp_listeners(port, host=host)
    return [SocketListener(socket.socket(fileno=listener.socket.detach())) for listener in opened]


async def _open_on_one_port(attempts: int = 8) -> list[trio.SocketListener]:
    """Listen on all interfaces, at a port that is free for IPv4 and for IPv6."""
    opened = await trio.open_tcp_listeners(0, host="0.0.0.0")  # noqa: S104 -- asked for
    port = opened[0].socket.getsockname()[1]
    try:
        return opened + await trio.open_tcp_listeners(port, host="::")
    except OSError as problem:
        if problem.errno in _NO_IPV6:
            return opened
        await opened[0].aclose()
        if problem.errno != errno.EADDRINUSE or attempts == 1:
            raise
    return await _open_on_one_port(attempts - 1)  # Somebody else has that port there.
