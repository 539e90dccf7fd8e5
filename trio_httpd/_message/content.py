"""A request's content: limits, 100-continue, and reads that lose nothing.

In comes what a `Lane` receives, out go bytes in the pieces that a handler asks for.

Laws:
1. What was received and not yet returned is in the stash, whatever was cancelled.
2. No byte beyond the limit is ever returned, and no read succeeds after one failed.
3. 100 Continue is sent at the first read that would have to wait, if no content has
   come by then, and at no other time (RFC 9110 §10.1.1).
"""

from __future__ import annotations

from collections import deque
from io import BytesIO
from typing import Final

import trio

from .._net.errors import PeerGone
from .errors import HTTPError, PeerError
from .request import RequestHead
from .responder import Responder


def require_known_expectations(head: RequestHead) -> None:
    """Raise `HTTPError` 417 unless 100-continue is all that the peer expects (RFC 9110 §10.1.1)."""
    if head.expectations and set(head.expectations) != {b"100-continue"}:
        raise HTTPError(417)


_SMALL = 4 * 1024
_GATHERED = 64 * 1024


class RequestContent(trio.abc.ReceiveStream):
    """The content of one request, as a stream; ``async for`` gives it as it arrives.

    Unlike other streams of trio it executes a checkpoint only where it waits, and at
    every sixteenth call where it does not.
    """

    __slots__ = (
        "_begun",
        "_closed",
        "_ended",
        "_expects_continue",
        "_fault",
        "_length",
        "_limit",
        "_received",
        "_responder",
        "_stash",
        "_stashed",
    )

    def __init__(self, head: RequestHead, responder: Responder, limit: float) -> None:
        self._responder = responder
        self._length: Final = head.length
        self._limit = limit
        self._expects_continue = bool(head.expectations)
        self._ended = head.length == 0
        self._begun = self._closed = False
        self._received = 0
        self._stash: deque[bytes | bytearray] = deque()
        self._stashed = 0  # Bytes in it.
        self._fault: PeerError | PeerGone | None = None

    @property
    def limit(self) -> float:
        """The most bytes that are taken; it can be moved before the first read."""
        return self._limit

    @limit.setter
    def limit(self, limit: float) -> None:
        if self._begun:
            raise RuntimeError("the limit of content cannot move after the first read")
        self._limit = limit

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return some content, b"" at its end.

        Args:
            max_bytes: the most that is returned; None for what is at hand.

        Raises:
            PeerError: 413 over the limit, 408 where the peer is too slow, 400 where
                it breaks the framing or ends early.
            PeerGone: the peer has left.
            trio.BusyResourceError: another task is reading.

        Cancelled: nothing is lost; the time that was waited counts.
        """
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if not await self._have(1):
            return b""
        return self._take(self._stashed if max_bytes is None else max_bytes)

    async def read(self, count: int | None = None) -> bytes:
        """Return exactly ``count`` bytes, or what is left; b"" at the end.

        Raises and when cancelled: as `receive_some`.
        """
        if count is None:
            while await self._have(self._stashed + 1):
                pass
            return self._take(self._stashed)
        if count < 0:
            raise ValueError(f"cannot read {count} bytes")
        await self._have(count)
        return self._take(count)

    async def discard(self) -> None:
        """Read and drop what is left, within the limit."""
        while await self._have(1):
            self._stash.clear()
            self._stashed = 0

    async def aclose(self) -> None:
        """Refuse further reads; what is left is the server's to drain."""
        self._closed = True
        await trio.lowlevel.checkpoint()

    def _break_off(self) -> None:
        """Let every read raise `PeerGone`, of what has arrived already too."""
        self._fault = PeerGone()

    def _keep(self, data: bytes) -> None:
        """Put ``data`` into the stash; small pieces into one, as each has a cost of its own."""
        stash, size = self._stash, len(data)
        self._stashed += size
        if size < _SMALL and stash and len(stash[-1]) < _GATHERED:
            last = stash[-1]
            if not isinstance(last, bytearray):
                stash[-1] = last = bytearray(last)
            last += data
        else:
            stash.append(data)

    def _take(self, count: int) -> bytes:
        """Return ``count`` bytes of the stash, or all that there is; in memory once."""
        stash = self._stash
        if len(stash) == 1 and len(stash[0]) <= count:
            self._stashed = 0
            return bytes(stash.popleft())
        taken = BytesIO()  # Gives its bytes away without a copy of them.
        while stash and count:
            chunk = stash.popleft()
            if len(chunk) > count:
                stash.appendleft(chunk[count:])
                chunk = chunk[:count]
            count -= taken.write(chunk)
        self._stashed -= taken.tell()
        return taken.getvalue()

    async def _have(self, count: int) -> bool:
        """Receive until the stash has ``count`` bytes; False if it never will."""
        if self._closed:
            raise trio.ClosedResourceError("this content was closed")
        if self._fault is not None:
            raise self._fault
        while True:
            # What is at hand may be much, in tiny chunks.
            budget = self._responder.lane.budget
            budget.spend()
            if budget.left <= 0:
                await budget.take_turn()
            if self._stashed >= count or self._ended:
                return self._stashed >= count
            await self._receive()

    async def _receive(self) -> None:
        """Receive some more into the stash, or the end."""
        if not self._begun:
            self._begun = True
            self._require_within_limit(self._length or 0)
        try:
            lane = self._responder.lane
            if (data := lane.receive_nowait()) is None:
                if self._expects_continue and not lane.content_arrived:
                    await self._ask_for_content()
                data = await self._responder.lane.receive()  # It may be over by now.
        except PeerError as fault:
            self._fail(fault)
            raise
        self._expects_continue = False
        self._received += len(data)
        self._require_within_limit(self._received)
        self._ended = not data or self._received == self._length
        if data:
            self._keep(data)

    async def _ask_for_content(self) -> None:
        if self._responder.lane.must_wait:
            await self._responder.lane.take_turn()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        self._expects_continue = False
        self._responder.lane.write_interim(100)  # Not the lane of before: it may be over.

    def _require_within_limit(self, size: int) -> None:
        if size > self._limit:
            fault = PeerError(413, f"the content is larger than {self._limit} bytes")
            self._fail(fault)
            raise fault

    def _fail(self, fault: PeerError) -> None:
        """Let every read raise ``fault``, which says of itself whose it is."""
        self._fault = fault
        fault._origin = self
