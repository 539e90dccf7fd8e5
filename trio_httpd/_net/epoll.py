"""SharedEpoll: which sockets have something to receive, or room, told by one epoll for all.

`trio.lowlevel.wait_readable` arms a socket anew for each wait: a system call, and a walk
through trio. Here a socket is registered once, and the system tells of each change
(edge-triggered, epoll(7)). One task waits for the epoll, which is readable itself, and
wakes up whoever waits for one of the sockets.

Laws:
1. No change is lost: one that nobody waits for is kept until somebody does, and the
   peer's end is kept for good, as no change follows it.
2. Nothing that is there is waited for. A short read has drained a TCP socket, unless an
   urgent mark cut it short. Such a mark raises EPOLLPRI until it has been read past: the
   epoll has told of it, or is about to tell. Once it has, and on all other sockets, the
   epoll looks again after each short read.
3. Waiting is a checkpoint, and being cancelled in it loses nothing.
4. Nobody is woken up twice by one change: an error that stays in the error queue of a
   socket keeps no task busy.
5. When nobody tells any more, `trio.lowlevel` takes over.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol, runtime_checkable

import trio
from trio.lowlevel import (
    Abort,
    Task,
    checkpoint,
    current_task,
    reschedule,
    wait_readable,
    wait_task_rescheduled,
    wait_writable,
)


class SharedEpoll:
    """The sockets of one server, on Linux.

    Args:
        on_turn: called with how many sockets something has happened to, before their tasks run.
    """

    def __init__(self, on_turn: Callable[[int], object] = lambda size: None) -> None:
        self._on_turn = on_turn
        self._watched: dict[int, WatchedSocket] = {}
        self._epoll: select.epoll | None = None
        self._begun = trio.Event()

    def watch(self, sock: socket.socket) -> WatchedSocket:
        """Return a way to wait for ``sock``."""
        watched = WatchedSocket(sock, self)
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
                self._begun.set()
            self._epoll.register(sock.fileno(), _incoming())
        except (OSError, AttributeError):  # No descriptor or memory left; not on Linux.
            watched.fall_back()
        else:
            self._watched[sock.fileno()] = watched
        return watched

    def look_again(self, fd: int, *, for_room: bool) -> None:
        """Tell the socket ``fd`` again if something is there, or ``for_room`` if there is some."""
        assert self._epoll is not None
        # The system looks at a socket when it is modified, edge-triggered or not. That
        # costs a third of a recv that finds nothing.
        self._epoll.modify(fd, _incoming() | (select.EPOLLOUT if for_room else 0))

    def forget(self, fd: int) -> None:
        """Watch the socket ``fd`` no more, as it is about to be closed."""
        if self._epoll is not None and self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let sockets rely on `tell`, inside; afterwards each is on its own."""
        try:
            yield
        finally:
            while self._watched:
                self._watched.popitem()[1].fall_back()
            if self._epoll is not None:
                self._epoll.close()
            self._epoll, self._begun = None, trio.Event()

    async def tell(self) -> NoReturn:
        """Tell sockets of what happens to them, until cancelled."""
        await self._begun.wait()
        epoll = self._epoll
        assert epoll is not None
        while True:
            await wait_readable(epoll)
            self.tell_now()

    def tell_now(self) -> None:
        """Tell sockets of what has happened to them."""
        if self._epoll is None:
            return
        ordinary, happened = select.EPOLLIN, self._epoll.poll(0)
        self._on_turn(len(happened))
        for fd, events in happened:
            if (watched := self._watched.get(fd)) is not None:
                if events == ordinary:
                    watched.wake_up()
                else:
                    watched.tell(events)


def _incoming() -> int:
    """Return what an epoll is to tell of to who receives."""
    return select.EPOLLIN | select.EPOLLPRI | select.EPOLLRDHUP | select.EPOLLET


def _is_tcp(sock: socket.socket) -> bool:
    """Whether only an urgent mark cuts a read from ``sock`` short; not with SCTP."""
    is_internet = sock.family in (socket.AF_INET, socket.AF_INET6)
    return is_internet and sock.proto in (0, socket.IPPROTO_TCP)


class WatchedSocket:
    """A socket for which one task at a time may wait to receive, and one to send."""

    __slots__ = (
        "_is_over",
        "_is_ready",
        "_readiness",
        "_sender",
        "_task",
        "may_be_cut_short",
        "socket",
    )

    def __init__(self, sock: socket.socket, readiness: SharedEpoll) -> None:
        self.socket: socket.socket = sock
        self._readiness: SharedEpoll | None = readiness
        self._task: Task | None = None
        self._sender: Task | None = None
        self._is_ready = False
        self._is_over = False  # Nothing is to come but the end.
        # A read from a Unix socket ends where a descriptor was passed, where the sender's
        # credentials change, before a byte out of band.
        self.may_be_cut_short: bool = not _is_tcp(sock)
        """Whether a short read may have left something."""

    def wait(self) -> Awaitable[None]:
        """Wait until there is something to receive, or the end; maybe for nothing.

        To be awaited at once. Whoever has waited receives before waiting again, and calls
        `more_is_there` after a full read, `look_again` after a short one that
        `may_be_cut_short`.

        Raises:
            trio.BusyResourceError: another task is waiting.
        """
        if self._task is not None:
            raise trio.BusyResourceError("another task is waiting for this socket")
        if self._is_ready or self._is_over:
            return self._find_ready()
        if self._readiness is None:
            return wait_readable(self.socket)  # noqa: ASYNC105 -- awaited by whoever calls
        self._task = current_task()
        return wait_task_rescheduled(self._give_up)  # noqa: ASYNC105 -- the same

    async def _find_ready(self) -> None:
        await checkpoint()
        self._is_ready = False

    def _give_up(self, _: object) -> Abort:
        self._task = None
        return Abort.SUCCEEDED

    def wait_writable(self) -> Awaitable[None]:
        """Wait until there is room, or the connection is gone; maybe for nothing.

        To be awaited at once, by one task at a time.
        """
        if self._readiness is None:
            return wait_writable(self.socket)  # noqa: ASYNC105 -- awaited by whoever calls
        self._readiness.look_again(self.socket.fileno(), for_room=True)
        self._sender = current_task()
        return wait_task_rescheduled(self._give_up_sending)  # noqa: ASYNC105 -- the same

    def _give_up_sending(self, _: object) -> Abort:
        self._sender = None
        return Abort.SUCCEEDED

    def more_is_there(self) -> None:
        """Let the next wait be over at once."""
        self._is_ready = True

    def look_again(self) -> None:
        """Let the next wait be over soon if something is there now."""
        if self._readiness is not None:
            for_room = self._sender is not None
            self._readiness.look_again(self.socket.fileno(), for_room=for_room)

    def tell(self, events: int) -> None:
        """Wake up whom ``events`` of an epoll concern; remember what lasts of them."""
        if events & select.EPOLLPRI:
            self.may_be_cut_short = True
        # An error is no end: what stands in an error queue (of SO_TIMESTAMPING) raises
        # EPOLLERR with every change. Whoever receives next learns of any other.
        if events & (select.EPOLLRDHUP | select.EPOLLHUP):
            self._is_over = True
        if events & (select.EPOLLOUT | select.EPOLLHUP):
            self._wake_sender()
        if events != select.EPOLLOUT:
            self.wake_up()

    def _wake_sender(self) -> None:
        if self._sender is not None:
            task, self._sender = self._sender, None
            reschedule(task)

    def wake_up(self) -> None:
        """Wake up who waits to receive, or who will wait next."""
        if self._task is None:
            self._is_ready = True
        else:
            task, self._task = self._task, None
            reschedule(task)

    def fall_back(self) -> None:
        """Be told no more."""
        self._readiness = None
        self.wake_up()
        self._wake_sender()

    def close(self) -> None:
        """Wake up who waits, as the socket is about to be closed."""
        if self._readiness is not None:
            self._readiness.forget(self.socket.fileno())
        self._is_over = True
        self.wake_up()
        self._wake_sender()


@runtime_checkable
class PollableStream(Protocol):
    """A stream that can be told when there is something to receive."""

    def _wait_with(self, readiness: SharedEpoll) -> None:
        """Wait by ``readiness`` from now on."""
