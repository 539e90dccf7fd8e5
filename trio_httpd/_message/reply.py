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

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import NoReturn

import trio

from .._net.checkpoints import CALL
from .._net.errors import PeerGone
from .._net.sending import Unsent, UnsentFile
from .._syntax.fields import encode_field
from .._syntax.ranges import ByteRange
from .lane import Lane
from .response import (
    DefaultHeaders,
    Fields,
    RenderedFields,
    ResponseHead,
    encode_reason,
    parse_length,
    require_status,
    split_options,
)

_TEXT = (b"Content-Type", b"text/plain; charset=utf-8")
JSON = (b"Content-Type", b"application/json")

_BODILESS = frozenset((204, 205, 304))
_VALIDATORS = frozenset((b"etag", b"last-modified"))


class Reply:
    """The response of one exchange; also the `ResponseHead` that a lane is given."""

    __slots__ = (
        "_defaults",
        "_held",
        "_held_size",
        "_is_head",
        "_overrides",
        "_pushing",
        "_send_chunk",
        "_sent",
        "_shared",
        "aborted",
        "bodiless",
        "content_out",
        "declared",
        "fields",
        "finished",
        "fixed",
        "lane",
        "length",
        "options",
        "out",
        "reason",
        "standing",
        "status",
    )

    bodiless: bool
    length: int | None
    standing: RenderedFields

    def __init__(self, lane: Lane, defaults: DefaultHeaders, chunk: int, to_head: bool) -> None:
        self.lane = lane
        self._defaults = defaults
        self._send_chunk = chunk
        self._is_head = to_head
        self.aborted = self._pushing = self.fixed = self.out = self.finished = False
        self.status = 200
        self.reason = b""
        self.fields: Fields = []
        self._overrides: frozenset[bytes] = frozenset()
        self._shared: RenderedFields | None = None  # Adopted as the whole response goes out.
        self.options: tuple[bytes, ...] = ()
        self.declared: int | None = None  # The length of the content, where it was said.
        self._sent = 0
        self._held: list[bytes] = []
        self._held_size = 0
        self.content_out = 0  # Bytes that went to the lane.

    def reset(self) -> None:
        """Forget all that was said; the head must not be out."""
        aborted = self.aborted
        Reply.__init__(self, self.lane, self._defaults, self._send_chunk, self._is_head)
        self.aborted = aborted

    # The head.

    def require_open(self) -> None:
        """Raise `RuntimeError` if status and fields stand already."""
        if self.fixed:
            raise RuntimeError("the head of this response is fixed")

    def set_status(self, code: int, reason: str | None) -> None:
        """See `Connection.set_status`."""
        self.require_open()
        phrase = encode_reason(reason)
        self.status = require_status(code)
        self.reason = phrase

    def add_header(self, name: str, value: str) -> None:
        """See `Connection.add_header`."""
        self.require_open()
        field = encode_field(name, value)
        self._add(field, field[0].lower())

    def _add(self, field: tuple[bytes, bytes], key: bytes) -> None:
        """Add an encoded field, called ``key`` in lower case."""
        match key:
            case b"content-length":
                if self.declared is not None:
                    raise ValueError("not the one Content-Length")
                self.declared = parse_length(field[1])
                return
            case b"connection":
                closes, options = split_options(field[1])
                if closes:
                    self.lane.close_after()
                self.options += options
                return
            case b"transfer-encoding" | b"keep-alive":
                raise ValueError(f"{key.decode()} is the server's to say")
        if key in self._defaults.named:
            self._overrides |= {key}
        self.fields.append(field)

    def set_header(self, name: str, value: str) -> None:
        """See `Connection.set_header`."""
        self.require_open()
        field = encode_field(name, value)
        key = field[0].lower()
        match key:
            case b"content-length":
                self.declared = None
            case b"connection":
                self.options = ()
        self.fields = [other for other in self.fields if other[0].lower() != key]
        self._add(field, key)

    def replace_headers(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Set ``pairs`` instead of all fields that are called like one of them."""
        seen: set[str] = set()
        for name, value in pairs:
            (self.add_header if name.lower() in seen else self.set_header)(name, value)
            seen.add(name.lower())

    def default_type(self, field: tuple[bytes, bytes]) -> None:
        """Add ``field``, a type of content, unless one has been set."""
        if not self.names(b"content-type"):
            self._add(field, b"content-type")

    def default_pairs(self) -> Fields:
        """Return the standing fields that no field of this reply stands in for."""
        return self._defaults.now().without(self._overrides).pairs

    def adopt(self, shared: RenderedFields) -> None:
        """Add fields that many replies share, but for those that have been set.

        A tag or a date that was set is replaced. None of the fields frames a message.
        """
        self.require_open()
        self._overrides |= self._defaults.named & shared.names
        if not self.fields:
            self.fields = shared.pairs.copy()
            return
        replaced = _VALIDATORS & shared.names
        self.fields = [each for each in self.fields if each[0].lower() not in replaced]
        own = {name.lower() for name, _ in self.fields} - {b"vary"}
        self.fields += [field for field in shared.pairs if field[0].lower() not in own]

    def send_shared_nowait(self, shared: RenderedFields, content: bytes) -> Awaitable[None] | None:
        """`send_whole_nowait` with ``shared`` adopted, which are not rendered anew."""
        if self.fields or not self._defaults.named.isdisjoint(shared.names):
            self.adopt(shared)
        else:
            self._shared = shared
        self.declared = len(content)
        return self.send_whole_nowait(content)

    def value_of(self, key: bytes) -> str | None:
        """Return the value of a field called ``key`` that was set, None where none was."""
        return next((v.decode("latin-1") for n, v in self.fields if n.lower() == key), None)

    def names(self, key: bytes) -> bool:
        """Whether a field called ``key``, in lower case, has been set."""
        return any(name.lower() == key for name, _ in self.fields)

    # The content.

    async def send(self, data: bytes | bytearray | memoryview | str) -> None:
        """See `Connection.send`."""
        if (rest := self.send_nowait(data)) is not None:
            await rest

    def send_nowait(self, data: bytes | bytearray | memoryview | str) -> Awaitable[None] | None:
        """Send without waiting; what is returned is still to be awaited, at once."""
        if self.finished:
            raise RuntimeError("this response is finished")
        if self.aborted or self._pushing:
            self._refuse()
        if type(data) is bytes:
            content = data
        else:
            content = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        sent = self._sent + len(content)
        if self.declared is not None and sent > self.declared and not self._is_bodiless():
            raise RuntimeError(f"more content than the declared {self.declared} bytes")
        self.fixed = True
        self._sent = sent
        if content:
            self._held.append(content)
            self._held_size += len(content)
        if self._held_size > self._send_chunk:
            return self._push(end=False)
        fairness = self.lane.fairness
        fairness.left -= CALL
        return fairness.take_turn() if fairness.left <= 0 else None

    async def send_whole(self, content: bytes | str) -> None:
        """Send ``content`` as all that there is, in one write."""
        if (rest := self.send_whole_nowait(content)) is not None:
            await rest

    def send_whole_nowait(self, content: bytes | str) -> Awaitable[None] | None:
        """`send_whole` without waiting; what is returned is still to be awaited, at once."""
        self.require_open()
        if isinstance(content, str):
            data = content.encode()
            self.default_type(_TEXT)
        else:
            data = content
        if self.aborted or self._pushing:
            self._refuse()
        if self.declared not in (None, len(data)) and not self._is_bodiless():
            raise RuntimeError(f"{len(data)} bytes to send, {self.declared} declared")
        self.fixed = True
        self._held, self._held_size, self._sent = [data], len(data), len(data)
        if self.declared is None and self.status not in _BODILESS:
            self.declared = self._sent  # Told to HEAD too, where it is nought as well.
        return self.finish_nowait()

    @property
    def takes_files(self) -> bool:
        """Whether `send_file_nowait` may be called."""
        return self.lane.takes_files and self.declared is not None and not self._is_bodiless()

    def send_file_nowait(self, fd: int, part: ByteRange) -> Awaitable[None] | None:
        """Send a part of a file that nobody has to read, where `takes_files`.

        What is returned is still to be awaited, at once. Raises as `Connection.send`, and as
        `Lane.send_file_nowait`.
        """
        if self.aborted or self._pushing:
            self._refuse()
        assert self.declared is not None
        if self._sent + part.size > self.declared:
            raise RuntimeError(f"more content than the declared {self.declared} bytes")
        # The system moves it: that takes a sixteenth of the time that we would need.
        self.lane.fairness.left -= CALL + part.size // 16
        if self.lane.fairness.left <= 0 or self._held:
            return self._send_in_turn(
                *([partial(self._begin_push, end=False)] if self._held else []),
                partial(self._begin_file, fd, part),
            )
        rest = self._begin_file(fd, part)
        return self._send_rest(rest) if rest else None

    def _begin_file(self, fd: int, part: ByteRange) -> Unsent:
        head = self._opened(whole=False)
        self._sent += part.size
        self.content_out += part.size
        return self.lane.send_file_nowait(head, UnsentFile(b"", fd, part.start, part.size))

    async def flush(self) -> None:
        """See `Connection.flush`."""
        if self.aborted or self._pushing:
            self._refuse()
        held = not self.finished and (self._held_size or not self.out)
        if held and (rest := self._push(end=False)) is not None:
            await rest

    async def finish(self) -> None:
        """See `Connection.finish`."""
        if (rest := self.finish_nowait()) is not None:
            await rest

    def finish_nowait(self) -> Awaitable[None] | None:
        """Finish without waiting; what is returned is still to be awaited, at once."""
        if self.aborted or self._pushing:
            self._refuse()
        if self.finished:
            return None
        if self.declared is not None and self.declared != self._sent and not self._is_bodiless():
            raise RuntimeError(f"{self._sent} bytes sent of {self.declared} declared")
        return self._push(end=True)

    def _refuse(self) -> NoReturn:
        """Raise: the transport was aborted, or another task is sending."""
        if self.aborted:
            raise PeerGone
        raise trio.BusyResourceError("another task is sending this response")

    def _is_bodiless(self) -> bool:
        return self._is_head or self.status in _BODILESS

    def _push(self, *, end: bool) -> Awaitable[None] | None:
        """Send what is held, after the head; what is returned is still to be awaited."""
        fairness = self.lane.fairness
        fairness.left -= CALL + self._held_size
        if fairness.left <= 0 or not self.lane.prompt:
            return self._send_in_turn(partial(self._begin_push, end=end))
        rest = self._begin_push(end=end)
        return self._send_rest(rest) if rest else None

    def _send_in_turn(self, *steps: Callable[[], Unsent]) -> Awaitable[None]:
        self._pushing = True  # Before the first await: nobody else gets in between.
        return self._take_steps(steps)

    async def _take_steps(self, steps: Iterable[Callable[[], Unsent]]) -> None:
        try:
            # Who is cancelled before a byte has left can still be answered for.
            if self.lane.fairness.left > 0:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                await self.lane.fairness.take_turn()
            for begin in steps:
                if rest := begin():
                    await self.lane.send_rest(rest)
        finally:
            self._pushing = False

    def _begin_push(self, *, end: bool) -> Unsent:
        """Send what goes out without waiting; return the rest, for `_send_rest`."""
        head = self._opened(whole=end)
        data = b"" if self.bodiless else b"".join(self._held)
        self._held, self._held_size = [], 0
        self.finished = end
        self.content_out += len(data)
        return self.lane.send_nowait(head, data, end=end)

    def _send_rest(self, rest: Unsent) -> Awaitable[None]:
        self._pushing = True
        return self._finish_sending(rest)

    async def _finish_sending(self, rest: Unsent) -> None:
        try:
            await self.lane.send_rest(rest)
        finally:
            self._pushing = False

    def _opened(self, *, whole: bool) -> ResponseHead | None:
        """Return the head where it goes out now; ``whole``: with all the content there is."""
        if self.out:
            return None
        self._fix_head(whole=whole)
        self.fixed = self.out = True
        return self

    def _fix_head(self, *, whole: bool) -> None:
        self.bodiless = self._is_head or self.status in _BODILESS
        self.standing = self._defaults.now()
        if self._shared is not None:
            self.standing = self._shared.after(self.standing)
        if self._overrides:
            self.standing = self.standing.without(self._overrides)
        if self.bodiless or self.declared is not None:
            self.length = self._announced_length(whole=whole)
        else:
            self.length = self._held_size if whole else None

    def _announced_length(self, *, whole: bool) -> int | None:
        # 204 has none (RFC 9110 §8.6) and 205 is empty (§15.3.6). A 304 and the answer
        # to HEAD announce what a GET would have got, or nothing where it is unknown.
        if self.status == 204:
            return None
        if self.status == 205:
            return 0
        if self.declared is not None:
            return self.declared
        return self._held_size or None if whole and self.status != 304 else None
