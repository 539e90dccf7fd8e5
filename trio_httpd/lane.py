"""The lane: the seam between what HTTP means and how one version travels.

One exchange goes through one lane: content comes up, interim responses, a head and
content go down. HTTP/1 makes a lane for each exchange, one after the other on a
transport; HTTP/2 has many side by side. Whoever stands above knows no version; whoever
stands below knows no meaning.

`SpentLane` takes a lane's place when the exchange is over, so that a task which still
holds the connection object cannot reach into the next exchange.
"""

from __future__ import annotations

from typing import Protocol

import trio

from .addresses import Address
from .response import Fields, ResponseHead


class Lane(Protocol):
    """The events of one exchange, both ways."""

    @property
    def remote_addr(self) -> Address | None:
        """The far end of the transport, None where unknown."""

    @property
    def local_addr(self) -> Address | None:
        """The near end of the transport, None where unknown."""

    @property
    def content_arrived(self) -> bool:
        """Whether some content has come, so that the peer does not wait for 100."""

    async def receive(self) -> bytes:
        """Return the content that comes next, b"" at its end.

        Waits only when nothing is at hand. Raises `PeerError` where the peer breaks
        a rule or is too slow, `PeerGone` where it has left. Cancelled: nothing lost.
        """

    async def send_interim(self, status: int) -> None:
        """Send an interim (1xx) response without fields (RFC 9110 §15.2)."""

    async def send(self, head: ResponseHead | None, data: bytes, *, end: bool) -> None:
        """Send a head, content, the end, or all three in one breath.

        Raises `PeerGone` where the peer has left or takes too little. Cancelled: the
        lane can send no more.
        """

    async def take_over(self, status: int, fields: Fields) -> trio.abc.Stream:
        """Send a head that ends HTTP here, and return what then is a bare stream."""

    def close_after(self) -> None:
        """Let the transport close when this exchange is over."""

    def cut(self) -> None:
        """End a response that is under way so that it never looks whole."""

    def abort(self) -> None:
        """Reset the transport now."""


class SpentLane:
    """The lane of an exchange that is over: it gives nothing and takes nothing."""

    remote_addr: Address | None = None
    local_addr: Address | None = None
    content_arrived = False

    async def receive(self) -> bytes:
        """Raise: what comes now belongs to another exchange."""
        raise trio.ClosedResourceError("the exchange is over")

    async def send_interim(self, status: int) -> None:
        """Raise: the final response has gone."""
        raise trio.ClosedResourceError("the exchange is over")

    async def send(self, head: ResponseHead | None, data: bytes, *, end: bool) -> None:
        """Raise: the response is finished."""
        raise trio.ClosedResourceError("the exchange is over")

    async def take_over(self, status: int, fields: Fields) -> trio.abc.Stream:
        """Raise: the transport serves others now."""
        raise trio.ClosedResourceError("the exchange is over")

    def close_after(self) -> None:
        """Do nothing: the exchange's end has been decided."""

    cut = abort = close_after
