"""The reply: one response under way, from its first field to its last byte.

In comes what a handler says, in any order that makes sense; out go a head and content
through a `Lane`. A value machine: nothing here waits, and nothing here knows trio.

    OPEN ---------------> FIXED ----------------> OUT -------------> FINISHED
    status and fields     status and fields       the head has       nothing more
    can be set            stand, content is       left: failures
      |                   held                    can only cut it
      |                     |                       |
      +---------------------+-------- abort --------+--------------> ABORTED

Laws:
1. Nothing that a handler passes can forge a field, a response or a length.
2. Held content is not out: until then a failure still becomes a proper answer.
3. A state is taken before the lane is given anything, and never goes back; only `reset`
   begins anew, while nothing is out.
4. What is refused leaves nothing behind that could be sent later.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from .._net.errors import PeerGone
from .._net.sending import FilePart
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


class ReplyState(IntEnum):
    """How far a response has come."""

    OPEN = 0
    FIXED = 1
    OUT = 2
    FINISHED = 3
    ABORTED = 4


_OPEN, _FIXED = ReplyState.OPEN, ReplyState.FIXED
_OUT, _FINISHED = ReplyState.OUT, ReplyState.FINISHED
_ABORTED = ReplyState.ABORTED


class Reply:
    """The response of one exchange; also the `ResponseHead` that a lane is given.

    For the lane's eyes, ``rendered``, ``length`` and ``bodiless`` are set as it goes out:
    a value of their own for that would cost a fortieth of a whole request.

    Args:
        lane: takes the response.
        defaults: the fields of every response.
        chunk: see `Limits.send_chunk`.
        to_head: whether the request's method is HEAD.
        may_wait: whether its end may wait a moment for the responses of other exchanges.
    """

    __slots__ = (
        "_chunk",
        "_defaults",
        "_held",
        "_held_size",
        "_is_head",
        "_overrides",
        "_sent",
        "_shared",
        "bodiless",
        "content_out",
        "declared",
        "fields",
        "lane",
        "length",
        "may_wait",
        "options",
        "reason",
        "rendered",
        "state",
        "status",
    )

    bodiless: bool
    length: int | None
    rendered: RenderedFields

    def __init__(
        self, lane: Lane, defaults: DefaultHeaders, chunk: int, to_head: bool, may_wait: bool
    ) -> None:
        self.lane: Lane = lane
        self._defaults = defaults
        self._chunk = chunk
        self._is_head = to_head
        self.may_wait: bool = may_wait
        self.state: ReplyState = _OPEN
        self.status: int = 200
        self.reason: bytes = b""
        self.fields: Fields = []
        self._overrides: frozenset[bytes] = frozenset()
        self._shared: RenderedFields | None = None  # Adopted as the whole response goes out.
        self.options: tuple[bytes, ...] = ()
        self.declared: int | None = None  # The length of the content, where it was said.
        self._sent = 0
        self._held: list[bytes] = []
        self._held_size = 0
        self.content_out: int = 0  # Bytes that went to the lane.

    def reset(self) -> None:
        """Forget all that was said.

        Raises:
            RuntimeError: the head is out.
        """
        if self.state >= _OUT:
            self._require_connected()
            raise RuntimeError("the head of this response is out")
        Reply.__init__(self, self.lane, self._defaults, self._chunk, self._is_head, self.may_wait)

    # The state.

    @property
    def is_fixed(self) -> bool:
        """Whether status and fields stand."""
        return self.state is not _OPEN

    @property
    def is_out(self) -> bool:
        """Whether the head has left."""
        return self.state >= _OUT

    @property
    def is_finished(self) -> bool:
        """Whether the response has its end."""
        return self.state is _FINISHED

    def require_open(self) -> None:
        """Raise `RuntimeError` if status and fields stand already."""
        if self.state is not _OPEN:
            self._require_connected()
            raise RuntimeError("the head of this response is fixed")

    def _require_connected(self) -> None:
        if self.state is _ABORTED:
            raise PeerGone

    def abort(self) -> None:
        """Send nothing more; what is finished stays so."""
        if self.state < _OUT:
            self.status = 0  # None was sent.
        if self.state is not _FINISHED:
            self.state = _ABORTED

    def switch(self) -> None:
        """Be finished by a 101, which the lane sends itself."""
        self.require_open()
        self.status = 101
        self.state = _FINISHED

    # The head.

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
        if key in self._defaults.names:
            self._overrides |= {key}
        self.fields.append(field)

    def set_header(self, name: str, value: str) -> None:
        """See `Connection.set_header`."""
        self.require_open()
        field = encode_field(name, value)
        key = field[0].lower()
        match key:
            case b"content-length":
                self.declared = parse_length(field[1])
                return
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
        """Return the default fields that no field of this reply replaces."""
        return self._defaults.now().without(self._overrides).pairs

    def adopt(self, shared: RenderedFields) -> None:
        """Add fields that many replies share, but for those that have been set.

        A tag or a date that was set is replaced. None of the fields frames a message.
        """
        self.require_open()
        self._overrides |= self._defaults.names & shared.names
        if not self.fields:
            self.fields = shared.pairs.copy()
            return
        replaced = _VALIDATORS & shared.names
        self.fields = [each for each in self.fields if each[0].lower() not in replaced]
        own = {name.lower() for name, _ in self.fields} - {b"vary"}
        self.fields += [field for field in shared.pairs if field[0].lower() not in own]

    def value_of(self, key: bytes) -> str | None:
        """Return the value of a field called ``key`` that was set, None where none was."""
        return next((v.decode("latin-1") for n, v in self.fields if n.lower() == key), None)

    def names(self, key: bytes) -> bool:
        """Whether a field called ``key``, in lower case, has been set."""
        return any(name.lower() == key for name, _ in self.fields)

    # The content.

    # Each returns whether not all of it is out; see `Lane.write`.

    def hold(self, data: bytes | bytearray | memoryview | str) -> bool:
        """Take content; whether there is now so much of it that `flush` should follow.

        Raises:
            RuntimeError: the response is finished, or this is more than it declared.
        """
        if self.state >= _FINISHED:
            self._require_connected()
            raise RuntimeError("this response is finished")
        if type(data) is bytes:
            content = data
        else:
            content = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        sent = self._sent + len(content)
        if self.declared is not None and sent > self.declared and not self._is_bodiless():
            raise RuntimeError(f"more content than the declared {self.declared} bytes")
        if self.state is _OPEN:
            self.state = _FIXED
        self._sent = sent
        if content:
            self._held.append(content)
            self._held_size += len(content)
        return self._held_size > self._chunk

    def write_whole(self, content: bytes | str) -> bool:
        """Send ``content`` as all that there is, in one write."""
        self.require_open()
        data = content.encode() if isinstance(content, str) else content
        size = len(data)
        if self.declared is None:
            if self.status not in _BODILESS:
                self.declared = size  # Sent to HEAD too, where it is 0 as well.
        elif self.declared != size and not self._is_bodiless():
            raise RuntimeError(f"{size} bytes to send, {self.declared} declared")
        if data is not content:  # It was text.
            self.default_type(_TEXT)
        self._held, self._held_size, self._sent = [data], size, size
        return self._write_held(_FINISHED)

    def write_shared(self, shared: RenderedFields, content: bytes) -> bool:
        """Send ``content`` with ``shared`` adopted, which are not rendered anew."""
        if self.fields or not self._defaults.names.isdisjoint(shared.names):
            self.adopt(shared)
        else:
            self._shared = shared
        self.declared = len(content)
        return self.write_whole(content)

    @property
    def takes_files(self) -> bool:
        """Whether `write_file` may be called."""
        return self.lane.takes_files and self.declared is not None and not self._is_bodiless()

    def write_file(self, fd: int, part: ByteRange) -> bool:
        """Send a part of a file that nobody has to read, where `takes_files`.

        Raises as `hold`, and as `Lane.write_file`.
        """
        if self.state >= _FINISHED:
            self._require_connected()
            raise RuntimeError("this response is finished")
        if self.declared is None or self._is_bodiless():
            raise RuntimeError("another task changed what this response is")
        if self._sent + part.size > self.declared:
            raise RuntimeError(f"more content than the declared {self.declared} bytes")
        if self._held:
            self._write_held(_OUT)
        head = self._fixed_head(whole=False) if self.state < _OUT else None
        self.state = _OUT
        self._sent += part.size
        self.content_out += part.size
        return self.lane.write_file(head, FilePart(fd, part.start, part.size))

    def flush(self) -> bool:
        """See `Connection.flush`."""
        if self.state is _FINISHED or (self.state is _OUT and not self._held_size):
            return False
        self._require_connected()
        return self._write_held(_OUT)

    def finish(self) -> bool:
        """See `Connection.finish`."""
        if self.state >= _FINISHED:
            self._require_connected()
            return False
        if self.declared is not None and self.declared != self._sent and not self._is_bodiless():
            raise RuntimeError(f"{self._sent} bytes sent of {self.declared} declared")
        return self._write_held(_FINISHED)

    def _is_bodiless(self) -> bool:
        return self._is_head or self.status in _BODILESS

    def _write_held(self, state: ReplyState) -> bool:
        """Go to ``state``, OUT or FINISHED: send what is held, after the head."""
        end = state is _FINISHED
        head = self._fixed_head(whole=end) if self.state < _OUT else None
        data = b"" if self.bodiless else b"".join(self._held)
        self.state = state
        self._held = []
        self._held_size = 0
        self.content_out += len(data)
        return self.lane.write(head, data, end, end and self.may_wait)

    def _fixed_head(self, *, whole: bool) -> ResponseHead:
        """Return the head as it goes out now; ``whole``: with all the content there is."""
        self.bodiless = self._is_head or self.status in _BODILESS
        self.rendered = self._defaults.now()
        if self._shared is not None:
            self.rendered = self._shared.after(self.rendered)
        if self._overrides:
            self.rendered = self.rendered.without(self._overrides)
        if self.bodiless or self.declared is not None:
            self.length = self._announced_length(whole=whole)
        else:
            self.length = self._held_size if whole else None
        return self

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
