"""The lane: the seam between what HTTP means and how one version travels.

One exchange goes through one lane: content comes up, interim responses, a head and
content go down. HTTP/1 makes a lane for each exchange, one after the other on a
transport; HTTP/2 has many side by side. Whoever stands above knows no version; whoever
stands below knows no meaning.

Writing never waits. Where not all found room, it returns True, and whoever wrote it waits in
`Lane.flush`. Before the first byte of anything leaves, `Lane.take_turn` waits where
``must_wait`` says so: whoever is cancelled there has written nothing.

`ClosedLane` takes a lane's place when the exchange is over, so that a task which still
holds the connection object cannot reach into the next exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import trio

from .._net.addresses import Address
from .._net.blocking import RunBlocking
from .._net.checkpoints import CheckpointBudget
from .._net.sending import FilePart
from .response import Fields, ResponseHead

T = TypeVar("T")


class Lane(Protocol):
    """The events of one exchange, both ways."""

    budget: CheckpointBudget
    """What may be done without a checkpoint, counted for the transport as a whole."""
    takes_files: bool
    """Whether `write_file` may be called, for content of a declared length."""

    @property
    def run_blocking(self) -> RunBlocking:
        """How to run a call that may block: in a thread, where the transport allows it."""

    @property
    def remote_addr(self) -> Address | None:
        """The far end of the transport, None where unknown."""

    @property
    def local_addr(self) -> Address | None:
        """The near end of the transport, None where unknown."""

    # Receiving.

    @property
    def content_arrived(self) -> bool:
        """Whether some content has come, so that the peer does not wait for 100."""

    def receive_nowait(self) -> bytes | None:
        """Return the content that is at hand, b"" at its end, None where nothing is.

        Raises `PeerError` where the peer breaks a rule.
        """

    async def receive(self) -> bytes:
        """Return the content that comes next, b"" at its end.

        Waits only when nothing is at hand. Raises `PeerError` where the peer breaks
        a rule or is too slow, `PeerGone` where it has left. Cancelled: nothing lost.
        """

    # Sending.

    @property
    def must_wait(self) -> bool:
        """Whether `take_turn` has to be awaited before anything is written."""

    async def take_turn(self) -> None:
        """Wait until something may be written. Cancelled: nothing has happened."""

    def write_interim(self, status: int) -> None:
        """Send an interim (1xx) response without fields (RFC 9110 §15.2).

        What finds no room is sent by itself. Raises `PeerGone` where the peer has left.
        """

    def write(self, head: ResponseHead | None, data: bytes, end: bool, may_wait: bool) -> bool:
        """Send a head, content, the end, or all three in one breath.

        Returns whether not all of it is out, so that `flush` has to be awaited.
        ``may_wait``: it may wait a moment for the responses of other exchanges. Raises
        `PeerGone` where the peer has left.
        """

    def write_file(self, head: ResponseHead | None, part: FilePart) -> bool:
        """Send a part of a file, after a head if there is one; as `write`.

        Raises, as `flush` does then, `EOFError` where the file ends before, and
        `OSError` where it cannot be read. The lane can send no more.
        """

    async def flush(self) -> None:
        """Wait until all that was written is out.

        Raises `PeerGone` where the peer has left or takes too little. Cancelled: the
        lane can send no more.
        """

    async def switch_protocols(self, fields: Fields) -> trio.abc.Stream:
        """Send 101, which ends HTTP here, and return what then is a bare stream."""

    # The end.

    @property
    def is_gone(self) -> bool:
        """Whether nothing more can be sent on the transport of this very lane."""

    def close_after(self) -> None:
        """Let the transport close when this exchange is over."""

    def cut(self) -> None:
        """End a response that is under way so that it never looks whole."""

    def abort(self) -> None:
        """Reset the transport now."""


_OVER = "the exchange is over"


class ClosedLane:
    """The lane of an exchange that is over: it gives nothing and takes nothing."""

    budget = CheckpointBudget()
    takes_files = content_arrived = must_wait = is_gone = False
    remote_addr: Address | None = None
    local_addr: Address | None = None

    async def run_blocking(self, call: Callable[..., T], /, *args: Any) -> T:
        """Raise: nothing is worth waiting for."""
        raise trio.ClosedResourceError(_OVER)

    def receive_nowait(self) -> bytes | None:
        """Raise: what comes now belongs to another exchange."""
        raise trio.ClosedResourceError(_OVER)

    async def receive(self) -> bytes:
        """Raise: what comes now belongs to another exchange."""
        raise trio.ClosedResourceError(_OVER)

    async def take_turn(self) -> None:
        """Raise: there is nothing to wait for."""
        raise trio.ClosedResourceError(_OVER)

    flush = take_turn

    def write_interim(self, status: int) -> None:
        """Raise: the final response has gone."""
        raise trio.ClosedResourceError(_OVER)

    def write(self, head: ResponseHead | None, data: bytes, end: bool, may_wait: bool) -> bool:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError(_OVER)

    def write_file(self, head: ResponseHead | None, part: FilePart) -> bool:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError(_OVER)

    async def switch_protocols(self, fields: Fields) -> trio.abc.Stream:
        """Raise: the transport serves others now."""
        raise trio.ClosedResourceError(_OVER)

    def close_after(self) -> None:
        """Do nothing: the exchange's end has been decided."""

    cut = abort = close_after


CLOSED: Final = ClosedLane()
