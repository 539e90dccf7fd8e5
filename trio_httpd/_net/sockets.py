"""Sockets: TCP and Unix sockets as trio streams that need not wait to send.

`trio.SocketStream` executes a checkpoint for each call, though most of what a server
sends is taken by the system at once. Here `send_nowait` gives the system what it has
room for, and nobody waits who need not. All else keeps trio's rules for streams.

Laws:
1. Only public calls of `trio.lowlevel` and of a non-blocking socket are made.
2. Whoever waits here when the stream is closed is told by `trio.ClosedResourceError`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import operator
import os
import socket
import struct
import sys
import termios
from collections.abc import Awaitable

import trio
from trio.lowlevel import checkpoint, notify_closing, wait_readable, wait_writable

from .epoll import SharedEpoll, WatchedSocket

_LARGEST_READ = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TELLS_UNTAKEN = sys.platform == "linux"
_MORE: int = getattr(socket, "MSG_MORE", 0)
_NOT_SENT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


def reset_on_close(sock: socket.socket | trio.socket.SocketType) -> None:
    """Let closing ``sock`` drop what was not sent, and show the peer a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


class SocketStream(trio.abc.HalfCloseableStream):
    """A connected stream socket.

    Args:
        sock: a stream socket of the standard library; owned from now on.
    """

    __slots__ = ("_ended", "_sending", "_tcp", "_watched", "socket")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
        if self._tcp:
            with contextlib.suppress(OSError):  # Some systems refuse it after a reset.
                # A response's last bytes wait for no acknowledgement.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket: socket.socket = sock
        """The socket itself, for its address and options."""
        self._watched: WatchedSocket | None = None
        self._sending = False
        self._ended = False

    def _wait_with(self, readiness: SharedEpoll) -> None:
        """Let ``readiness`` tell when there is something to receive, or room."""
        self._watched = readiness.watch(self.socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what arrives next, b"" at the end."""
        if max_bytes is None:
            max_bytes = _LARGEST_READ
        elif operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        while True:
            # Waiting is a checkpoint, and it costs no more than one: so first of all.
            if self.socket.fileno() < 0:
                await checkpoint()
                self._require_open()
            await self.wait_receive_might_not_block()
            if (data := self.receive_nowait(max_bytes)) is not None:
                return data

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        """Return what is there, b"" at the end, None where there is nothing yet.

        Raises:
            trio.BrokenResourceError: the peer has reset the connection.
            trio.ClosedResourceError: this stream was closed.
        """
        try:
            data = self.socket.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as problem:
            raise _told(problem) from problem
        if (watched := self._watched) is not None:
            if len(data) == max_bytes:
                watched.more_is_there()
            elif watched.may_be_cut_short and data:
                watched.look_again()
        return data

    def wait_receive_might_not_block(self) -> Awaitable[None]:
        """Wait until something is there, or the end; a checkpoint in any case.

        Raises:
            trio.ClosedResourceError: this stream was closed.
        """
        if self._watched is not None:
            return self._watched.wait()
        self._require_open()
        return wait_readable(self.socket)  # noqa: ASYNC105 -- awaited by whoever calls: 0.2 us

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        """Send as much of ``data`` as the system takes now; return how much it took.

        Raises:
            trio.BrokenResourceError: the peer has reset the connection.
            trio.ClosedResourceError: this stream was closed.
        """
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as problem:
            raise _told(problem) from problem

    def send_more_nowait(self, data: bytes | memoryview) -> int:
        """Send as `send_nowait` does, where more follows at once: they leave together."""
        try:
            return self.socket.send(data, _MORE)
        except BlockingIOError:
            return 0
        except OSError as problem:
            raise _told(problem) from problem

    def send_file_nowait(self, fd: int, offset: int, count: int) -> int:
        """Send as much of a part of a file as the system takes now; return how much.

        Raises:
            EOFError: the file ends at ``offset`` or before.
            io.UnsupportedOperation: the system sends no file of this kind.
            trio.BrokenResourceError: the peer has reset the connection.
            trio.ClosedResourceError: this stream was closed.
            OSError: the file cannot be read.
        """
        try:
            sent = os.sendfile(self.socket.fileno(), fd, offset, count)
        except BlockingIOError:
            return 0
        except OSError as problem:
            if problem.errno == errno.EIO:  # Of a disk; no socket says that.
                raise
            if problem.errno in _NOT_SENT:
                raise io.UnsupportedOperation("no sendfile for this file") from problem
            raise _told(problem) from problem
        if not sent:
            raise EOFError(f"which became shorter: it ends before byte {offset}")
        return sent

    def send_queue_size(self) -> int:
        """Return how many bytes were sent that the peer has not taken yet.

        0 where that is not known: anywhere but on TCP on Linux.
        """
        if not (_TELLS_UNTAKEN and self._tcp and self.socket.fileno() >= 0):
            return 0
        answer = fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4)  # SIOCOUTQ, tcp(7).
        return int.from_bytes(answer, sys.byteorder)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``."""
        self._begin_sending()
        try:
            await checkpoint()
            self._require_open()
            if self._ended:
                raise trio.ClosedResourceError("this side was ended")
            with memoryview(data).cast("B") as view:
                sent = self.send_nowait(view) if view else 0
                while sent < len(view):
                    await self._wait_for_room()
                    with view[sent:] as rest:
                        sent += self.send_nowait(rest)
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the system takes something."""
        self._begin_sending()
        try:
            if self.socket.fileno() >= 0:
                await self._wait_for_room()
            else:
                await checkpoint()
            self._require_open()
        finally:
            self._sending = False

    def _wait_for_room(self) -> Awaitable[None]:
        if self._watched is not None:
            return self._watched.wait_writable()
        return wait_writable(self.socket)  # noqa: ASYNC105 -- awaited by whoever calls

    async def send_eof(self) -> None:
        """End our side; the peer's stays open."""
        self._begin_sending()
        try:
            await checkpoint()
            self._require_open()
            if not self._ended:
                self._ended = True
                self.socket.shutdown(socket.SHUT_WR)
        except OSError as problem:
            raise _told(problem) from problem
        finally:
            self._sending = False

    def abort(self) -> None:
        """Close at once; the peer is shown a reset, and what was not sent is dropped."""
        if self.socket.fileno() >= 0:
            if self._tcp:
                reset_on_close(self.socket)
            self._close()

    async def aclose(self) -> None:
        """Close."""
        if self.socket.fileno() >= 0:
            self._close()
        await checkpoint()

    def _close(self) -> None:
        if self._watched is not None:
            self._watched.close()
        notify_closing(self.socket)
        self.socket.close()

    def _begin_sending(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True

    def _require_open(self) -> None:
        if self.socket.fileno() < 0:
            raise trio.ClosedResourceError("this stream was closed")


def _told(problem: OSError) -> trio.BrokenResourceError | trio.ClosedResourceError:
    """Return ``problem`` as streams of trio tell it."""
    if problem.errno == errno.EBADF:
        return trio.ClosedResourceError("this stream was closed")
    return trio.BrokenResourceError(f"socket connection broken: {problem.strerror}")
