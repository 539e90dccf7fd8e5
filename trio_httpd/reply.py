"""The reply: one response under way, from its first field to its last byte.

In comes what a handler says, in any order that makes sense; out go a head and content
through a `Lane`. A reply goes through these states, and never back:

    open ---------------> fixed ----------------> out -------------> finished
    status and fields     status and fields       the head is on     nothing more
    can be set            stand, content is       its way: failures
                          held                    can only cut it

Laws:
1. Nothing that a handler passes can forge a field, a response or a length.
2. Held content is not out: until then a failure still becomes a proper answer.
3. State is true before each await: after it the exchange may be cancelled.
"""

from __future__ import annotations

import re

import trio

from ._syntax.fields import encode_field, split_list
from .errors import PeerGone
from .fairness import Fairness
from .lane import Lane
from .response import Fields, ResponseHead, StandingFields, require_status

_REASON = re.compile(r"[\t\x20-\x7e\x80-\xff]*+")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class Reply:
    """The response of one exchange."""

    __slots__ = (
        "_declared",
        "_fairness",
        "_held",
        "_held_size",
        "_is_head",
        "_options",
        "_overrides",
        "_pushing",
        "_reason",
        "_send_chunk",
        "_sent",
        "_standing",
        "aborted",
        "fields",
        "finished",
        "fixed",
        "lane",
        "out",
        "status",
    )

    def __init__(
        self, lane: Lane, standing: StandingFields, *, to_head: bool, send_chunk: int
    ) -> None:
        self.lane = lane
        self._standing = standing
        self._is_head = to_head
        self._send_chunk = send_chunk
        self._fairness = Fairness()
        self.out = self.aborted = self._pushing = False
        self.reset()

    def reset(self) -> None:
        """Forget all that was said; the head must not be out."""
        self.fixed = self.finished = False
        self.status = 200
        self._reason = b""
        self.fields: Fields = []
        self._overrides: set[bytes] = set()
        self._options: tuple[bytes, ...] = ()
        self._declared: int | None = None
        self._sent = 0
        self._held: list[bytes] = []
        self._held_size = 0

    # The head.

    def require_open(self) -> None:
        """Raise `RuntimeError` if status and fields stand already."""
        if self.fixed:
            raise RuntimeError("the head of this response is fixed")

    def set_status(self, code: int, reason: str | None) -> None:
        """See `Connection.set_status`."""
        self.require_open()
        if reason is not None and not _REASON.fullmatch(reason):
            raise ValueError(f"not a reason phrase: {reason!r}")
        self.status = require_status(code)
        self._reason = (reason or "").encode("latin-1")

    def add_header(self, name: str, value: str) -> None:
        """See `Connection.add_header`."""
        self.require_open()
        field = encode_field(name, value)
        self._add(field, field[0].lower())

    def _add(self, field: tuple[bytes, bytes], key: bytes) -> None:
        """Add an encoded field, called ``key`` in lower case."""
        match key:
            case b"content-length":
                self._declare_length(field[1])
                return
            case b"connection":
                self._add_options(field[1])
                return
            case b"transfer-encoding" | b"keep-alive":
                raise ValueError(f"{key.decode()} is the server's to say")
        if key in self._standing.named:
            self._overrides.add(key)
        self.fields.append(field)

    def set_header(self, name: str, value: str) -> None:
        """See `Connection.set_header`."""
        self.require_open()
        field = encode_field(name, value)
        key = field[0].lower()
        match key:
            case b"content-length":
                self._declared = None
            case b"connection":
                self._options = ()
        self.fields = [other for other in self.fields if other[0].lower() != key]
        self._add(field, key)

    def names(self, key: bytes) -> bool:
        """Whether a field called ``key``, in lower case, has been set."""
        return any(name.lower() == key for name, _ in self.fields)

    def standing_fields(self) -> Fields:
        """Return the standing fields that no field of this reply stands in for."""
        fields = self._standing.pairs()
        if self._overrides:
            return [field for field in fields if field[0].lower() not in self._overrides]
        return fields

    def _declare_length(self, value: bytes) -> None:
        if self._declared is not None or not _DIGITS.fullmatch(value):
            raise ValueError(f"not the one Content-Length: {value!r}")
        self._declared = int(value)

    def _add_options(self, value: bytes) -> None:
        options = [option.lower() for option in split_list(value.decode("latin-1"))]
        if "close" in options:
            self.lane.close_after()
        kept = [o.encode("latin-1") for o in options if o not in ("close", "keep-alive")]
        self._options += tuple(kept)

    # The content.

    async def send(self, data: bytes | bytearray | memoryview | str) -> None:
        """See `Connection.send`."""
        if self.finished:
            raise RuntimeError("this response is finished")
        self._require_usable()
        if isinstance(data, str):
            content = data.encode()
        else:
            content = data if type(data) is bytes else bytes(memoryview(data))
        sent = self._sent + len(content)
        if self._declared is not None and sent > self._declared and not self._bodiless:
            raise RuntimeError(f"more content than the declared {self._declared} bytes")
        self.fixed = True
        self._sent = sent
        if content:
            self._held.append(content)
            self._held_size += len(content)
        if self._held_size > self._send_chunk:
            await self._push()
        else:
            await self._fairness.take_turn()

    async def send_whole(self, content: bytes | str) -> None:
        """Send ``content`` as all that there is, in one write."""
        self.require_open()
        self.fixed = True
        data = content.encode() if isinstance(content, str) else content
        self._held, self._held_size, self._sent = [data], len(data), len(data)
        await self.finish()

    async def flush(self) -> None:
        """See `Connection.flush`."""
        self._require_usable()
        if not self.finished and (self._held_size or not self.out):
            await self._push()

    async def finish(self) -> None:
        """See `Connection.finish`."""
        self._require_usable()
        if self.finished:
            return
        if self._declared not in (None, self._sent) and not self._bodiless:
            raise RuntimeError(f"{self._sent} bytes sent of {self._declared} declared")
        await self._push(end=True)

    def _require_usable(self) -> None:
        """Raise if the transport was aborted, or while another task is sending."""
        if self.aborted:
            raise PeerGone
        if self._pushing:
            raise trio.BusyResourceError("another task is sending this response")

    @property
    def _bodiless(self) -> bool:
        return self._is_head or self.status in (204, 205, 304)

    async def _push(self, *, end: bool = False) -> None:
        """Send what is held, after the head if that has not gone yet."""
        if self._bodiless and self.out:
            await self._fairness.take_turn()  # There is nothing left to wait for.
        # Who is cancelled before a byte has left can still be answered for.
        await trio.lowlevel.checkpoint_if_cancelled()
        head = None if self.out else self._head(whole=end)
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held = []
        self._held_size = 0
        self.fixed = self.out = self._pushing = True
        self.finished = end
        try:
            await self.lane.send(head, b"" if self._bodiless else data, end=end)
        finally:
            self._pushing = False

    def _head(self, *, whole: bool) -> ResponseHead:
        return ResponseHead(
            status=self.status,
            reason=self._reason,
            fields=self.standing_fields() + self.fields,
            length=self._announced_length(whole=whole),
            bodiless=self._bodiless,
            options=self._options,
        )

    def _announced_length(self, *, whole: bool) -> int | None:
        # 204 has none (RFC 9110 §8.6) and 205 is empty (§15.3.6). A 304 and the answer
        # to HEAD announce what a GET would have got, or nothing where it is unknown.
        if self.status == 204:
            return None
        if self.status == 205:
            return 0
        if self._declared is not None:
            return self._declared
        if not whole or (self._bodiless and not self._held_size):
            return None
        return None if self.status == 304 else self._held_size
