"""The HTTP/1 codec: bytes in, heads and content out. Knows no stream and no trio.

h11 reads every head, after the gate. Its place is `_read_head`: whatever else reads
heads one day returns the same value from the same bytes, and nothing around it knows.
Content is cut out of the buffer by the readers of `framing`.

    feed -> buffer -> next_head -> next_content ... -> (content_ended) -> next_head
"""

from __future__ import annotations

import re

import h11

from ..config import Limits
from ..errors import PeerError
from ..request import RequestHead
from .framing import ChunkedReader, ContentReader, LengthReader
from .gate import check_beginning, check_head

_NO_CONTENT = LengthReader(0)
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


class Http1Codec:
    """What a peer has sent on one transport, request by request."""

    __slots__ = ("_at", "_buffer", "_checked", "_content", "_fault", "_limits", "fed_all")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._at = 0  # What stands before it in the buffer has been read.
        self._checked = 0  # What stands before it is no end of the next head.
        self._content: ContentReader = _NO_CONTENT
        self._fault: PeerError | None = None  # In content: nothing after it has meaning.
        self.fed_all = False
        """Whether the peer's side has ended."""

    def feed(self, data: bytes) -> None:
        """Add what has arrived; b"" is the end of the peer's side."""
        if not data:
            self.fed_all = True
        elif not self._buffer:
            self._buffer = data
        else:
            self._checked = max(0, self._checked - self._at)
            self._buffer = self._buffer[self._at :] + data
            self._at = 0

    @property
    def has_unread(self) -> bool:
        """Whether bytes are here that nobody has read."""
        return self._at < len(self._buffer)

    @property
    def head_begun(self) -> bool:
        """Whether a head has begun; empty lines before it are none of it."""
        return self._buffer[self._at : self._at + 2] not in (b"", b"\r")

    @property
    def content_ended(self) -> bool:
        """Whether the content of the last head has been read to its end."""
        return self._content.ended

    @property
    def content_left(self) -> float:
        """How much content is still to be read at least."""
        return self._content.left if isinstance(self._content, LengthReader) else 1

    def next_head(self) -> RequestHead | None:
        """Return the next head, None until it is here whole.

        Empty lines before it are skipped (RFC 9112 §2.2).

        Raises:
            PeerError: it breaks a rule, or the peer's side ended within it.
        """
        empty = _EMPTY_LINES.match(self._buffer, self._at)
        self._at = empty.end() if empty else self._at
        end = self._buffer.find(b"\r\n\r\n", max(self._at, self._checked - 3))
        if end < 0:
            self._check_beginning()
            return None
        raw = self._buffer[self._at : end + 4]
        self._at = end + 4
        check_head(raw, self._limits)
        head = _read_head(raw)
        self._content = self._reader_for(head)
        self._let_go()
        return head

    def _check_beginning(self) -> None:
        self._let_go()
        rest = self._buffer[self._at :]
        if self.head_begun:
            check_beginning(rest, max(0, self._checked - self._at), self._limits)
        self._checked = len(self._buffer)
        if rest and self.fed_all:
            raise PeerError(400, "the request ended within its head")

    def next_content(self) -> bytes | None:
        """Return the content that is here, b"" after its end, None for need of more.

        Raises:
            PeerError: it breaks a rule, or the peer's side ended within it.
        """
        if self._content.ended:
            return b""
        if self._fault is not None:
            raise self._fault
        try:
            piece, self._at = self._content.read(self._buffer, self._at)
            if not (piece or self._content.ended) and self.fed_all:
                raise PeerError(400, "the request ended within its content")
        except PeerError as fault:
            self._fault = fault
            raise
        self._let_go()
        return piece if piece or self._content.ended else None

    def take_rest(self) -> bytes:
        """Return what nobody has read, and have it no more."""
        rest = self._buffer[self._at :]
        self._buffer, self._at = b"", 0
        return rest

    def _let_go(self) -> None:
        """Keep no memory of what has all been read."""
        if self._at == len(self._buffer):
            self._buffer, self._at, self._checked = b"", 0, 0

    def _reader_for(self, head: RequestHead) -> ContentReader:
        if head.length is None:
            return ChunkedReader(self._limits)
        return LengthReader(head.length) if head.length else _NO_CONTENT


def _read_head(raw: bytes) -> RequestHead:
    """Return the head that h11 reads in ``raw``.

    Raises:
        PeerError: h11 refuses it.
    """
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=len(raw))
    reader.receive_data(raw)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError as problem:
        raise PeerError(problem.error_status_hint, "malformed request head") from problem
    assert isinstance(event, h11.Request)
    fields = list(event.headers)
    facts: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in _FACTS:
            facts[name] = facts[name] + b"," + value if name in facts else value
    return _head(event, fields, facts)


def _head(
    event: h11.Request, fields: list[tuple[bytes, bytes]], facts: dict[bytes, bytes]
) -> RequestHead:
    options = _tokens(facts.get(b"connection", b""))
    http_1_0 = event.http_version == b"1.0"
    keeps = b"keep-alive" in options if http_1_0 else True
    chunked = b"transfer-encoding" in facts
    return RequestHead(
        method=event.method.decode("ascii"),
        target=event.target.decode("ascii"),
        http_version="1.0" if http_1_0 else "1.1",
        fields=fields,
        length=None if chunked else int(facts.get(b"content-length", 0)),
        keep_alive=keeps and b"close" not in options,
        asks_keep_alive=b"keep-alive" in options,
        # An HTTP/1.0 expectation is ignored (RFC 9110 §10.1.1).
        expectations=() if http_1_0 else _tokens(facts.get(b"expect", b"")),
    )


_FACTS = {b"connection", b"content-length", b"expect", b"transfer-encoding"}


def _tokens(value: bytes) -> tuple[bytes, ...]:
    """Return the elements of a list of tokens in lower case."""
    if not value:
        return ()
    return tuple(token for part in value.lower().split(b",") if (token := part.strip(b" \t")))
