"""The lane: the seam between what HTTP means and how one version travels.

One exchange goes through one lane: content comes up, interim responses, a head and
content go down. HTTP/1 makes a lane for each exchange, one after the other on a
transport; HTTP/2 has many side by side. Whoever stands above knows no version; whoever
stands below knows no meaning.

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
from .._net.sending import Unsent, UnsentFile
from .response import Fields, ResponseHead

T = TypeVar("T")


class Lane(Protocol):
    """The events of one exchange, both ways."""

    fairness: CheckpointBudget
    """Whose turn it is, counted for the transport as a whole."""
    prompt: bool
    """Whether `send_nowait` sends at all, or leaves everything to `send_rest`."""
    takes_files: bool
    """Whether `send_file_nowait` may be called, for content of a declared length."""

    @property
    def run_blocking(self) -> RunBlocking:
        """How to run a call that may block: in a thread, where the transport allows it."""

    @property
    def remote_addr(self) -> Address | None:
        """The far end of the transport, None where unknown."""

    @property
    def local_addr(self) -> Address | None:
        """The near end of the transport, None where unknown."""

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

    async def send_interim(self, status: int) -> None:
        """Send an interim (1xx) response without fields (RFC 9110 §15.2)."""

    def send_nowait(self, head: ResponseHead | None, data: bytes, *, end: bool) -> Unsent:
        """Begin to send a head, content, the end, or all three in one breath.

        Returns what did not go out at once: `send_rest` takes it, and has to follow.
        Raises `PeerGone` where the peer has left.
        """

    async def send_rest(self, rest: Unsent) -> None:
        """Send what `send_nowait` has returned.

        Raises `PeerGone` where the peer has left or takes too little. Cancelled: the
        lane can send no more.
        """

    def send_file_nowait(self, head: ResponseHead | None, file: UnsentFile) -> Unsent:
        """Begin to send a part of a file, after a head if there is one; as `send_nowait`.

        Raises, as `send_rest` does then, `EOFError` where the file ends before, and
        `OSError` where it cannot be read. The lane can send no more.
        """

    async def switch_protocols(self, status: int, fields: Fields) -> trio.abc.Stream:
        """Send a head that ends HTTP here, and return what then is a bare stream."""

    def close_after(self) -> None:
        """Let the transport close when this exchange is over."""

    def cut(self) -> None:
        """End a response that is under way so that it never looks whole."""

    def abort(self) -> None:
        """Reset the transport now."""


class ClosedLane:
    """The lane of an exchange that is over: it gives nothing and takes nothing."""

    fairness = CheckpointBudget()
    prompt = takes_files = False
    remote_addr: Address | None = None
    local_addr: Address | None = None
    content_arrived = False

    async def run_blocking(self, call: Callable[..., T], /, *args: Any) -> T:
        """Raise: nothing is worth waiting for."""
        raise trio.ClosedResourceError("the exchange is over")

    def receive_nowait(self) -> bytes | None:
        """Raise: what comes now belongs to another exchange."""
        raise trio.ClosedResourceError("the exchange is over")

    async def receive(self) -> bytes:
        """Raise: what comes now belongs to another exchange."""
        raise trio.ClosedResourceError("the exchange is over")

    async def send_interim(self, status: int) -> None:
        """Raise: the final response has gone."""
        raise trio.ClosedResourceError("the exchange is over")

    def send_nowait(self, head: ResponseHead | None, data: bytes, *, end: bool) -> Unsent:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError("the exchange is over")

    async def send_rest(self, rest: Unsent) -> None:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError("the exchange is over")

    def send_file_nowait(self, head: ResponseHead | None, file: UnsentFile) -> Unsent:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError("the exchange is over")

    async def switch_protocols(self, status: int, fields: Fields) -> trio.abc.Stream:
        """Raise: the transport serves others now."""
        raise trio.ClosedResourceError("the exchange is over")

    def close_after(self) -> None:
        """Do nothing: the exchange's end has been decided."""

    cut = abort = close_after


CLOSED: Final = ClosedLane()
