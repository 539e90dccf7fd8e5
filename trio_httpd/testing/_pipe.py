"""One direction of a connection in memory: a window, a buffer before it, an end.

Bytes go in at the sender and come out at the receiver; whoever waits at either end is
woken up.

Laws, which are those of TCP on Linux:
1. What is sent goes to the receiver's window, and from there on to the sender's buffer.
   Only what is in the buffer counts as send_queue_size, and only that is lost in a reset.
2. The end comes after all bytes. A reset that overtakes it takes its place.
3. Waking up a task wakes up the loop too, as an event on a socket does.
"""

from __future__ import annotations

import trio
from trio.lowlevel import ParkingLot


class Pipe:
    """The bytes on their way, and the tasks that wait for a change.

    Args:
        window: bytes that fit into the receiver's window.
        send_buffer: bytes that fit into the sender's buffer.
        reset_erases: whether a reset takes away what is in the window, too.
    """

    def __init__(self, window: float, send_buffer: float, *, reset_erases: bool) -> None:
        self.window = window
        self.send_buffer = send_buffer
        self.data: bytearray = bytearray()
        """First what is in the window, then what is in the buffer."""
        self.ended: bool = False
        """Whether the sender has ended its side, or has gone."""
        self.unheard: bool = False
        """Whether the receiver has gone."""
        self.was_reset: bool = False
        """Whether a reset stands where the end would."""
        self._reset_erases = reset_erases
        self._changed = ParkingLot()

    @property
    def has_room(self) -> bool:
        """Whether sending would not wait: there is room, or nobody to send to."""
        return self.unheard or self._room > 0

    @property
    def has_something(self) -> bool:
        """Whether receiving would not wait: there are bytes, or the end."""
        return bool(self.data) or self.ended

    @property
    def send_queue_size(self) -> int:
        """How many bytes are in the sender's buffer."""
        return max(0, len(self.data) - _at_most(len(self.data), self.window))

    @property
    def _room(self) -> float:
        return self.window + self.send_buffer - len(self.data)

    def room_for(self, size: int) -> int:
        """Return how many of ``size`` bytes there is room for."""
        return max(0, _at_most(size, self._room))

    def put(self, data: bytes | memoryview) -> int:
        """Take as much of ``data`` as there is room for; return how much."""
        taken = self.room_for(len(data))
        self.data += data[:taken]
        self.tell()
        return taken

    def take(self, max_bytes: int | None) -> bytes:
        """Return what is in the window, b"" at the end.

        Raises:
            trio.BrokenResourceError: the sender has reset the connection.
        """
        if self.was_reset and not self.data:
            raise trio.BrokenResourceError("the other end was reset")
        in_window = _at_most(len(self.data), self.window)
        count = in_window if max_bytes is None else min(in_window, max_bytes)
        taken = bytes(self.data[:count])
        del self.data[:count]
        self.tell()
        return taken

    def end(self) -> None:
        """End the sender's side; what was sent before still arrives."""
        self.ended = True
        self.tell()

    def reset(self) -> None:
        """End the sender's side as a reset does."""
        has_arrived = self.ended and not self.send_queue_size
        if self._reset_erases:
            self.data.clear()
        if self._reset_erases or not has_arrived:
            del self.data[len(self.data) - self.send_queue_size :]
            self.was_reset = True
        self.end()

    def leave(self) -> None:
        """Receive no more; what was sent is dropped."""
        self.unheard = True
        self.data.clear()
        self.tell()

    async def change(self) -> None:
        """Wait until something happens at the other end."""
        await self._changed.park()

    def tell(self) -> None:
        """Wake up the tasks that wait."""
        if self._changed.unpark_all() and not trio.lowlevel.in_trio_task():
            # An instrument sends, as the loop goes to sleep.
            trio.lowlevel.current_trio_token().run_sync_soon(_wake_up)


def _wake_up() -> None:
    """Do nothing, but in a loop that is awake."""


def _at_most(size: int, limit: float) -> int:
    return size if size <= limit else int(limit)
