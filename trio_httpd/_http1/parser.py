"""The HTTP/1 parser: bytes in, heads and content out. Knows no stream and no trio.

Here a head ends, and content begins; what a head says is read by `heads`, and
content is cut out of the buffer by the readers of `framing`.

    receive_data -> buffer -> next_head -> next_content ... -> (content.ended) -> next_head
"""

from __future__ import annotations

from .._message.errors import PeerError
from .._message.limits import Limits
from .._message.request import RequestHead
from .framing import ChunkedReader, ContentReader, LengthReader
from .heads import parse_fast, parse_strict
from .strictness import check_beginning

_NO_CONTENT = LengthReader(0)


class Http1Parser:
    """What a peer has sent on one transport, request by request."""

    __slots__ = ("_at", "_checked", "_fault", "_limits", "content", "received_all", "unread")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.unread = b""
        """What was received and is not all read; empty if nothing is left to read."""
        self._at = 0  # What stands before it there has been read.
        self._checked = 0  # What stands before it is no end of the next head.
        self.content: ContentReader = _NO_CONTENT
        """What reads the content of the last head."""
        self._fault: PeerError | None = None  # In content: nothing after it has meaning.
        self.received_all = False
        """Whether the peer's side has ended."""

    def receive_data(self, data: bytes) -> None:
        """Add what was received; b"" is the end of the peer's side."""
        if not data:
            self.received_all = True
        elif not self.unread:
            self.unread = data
        else:
            self._checked = max(0, self._checked - self._at)
            self.unread = self.unread[self._at :] + data
            self._at = 0

    @property
    def head_begun(self) -> bool:
        """Whether a head has begun; empty lines before it are none of it."""
        return self.unread[self._at : self._at + 2] not in (b"", b"\r")

    @property
    def content_left(self) -> float:
        """How much content is still to be read at least."""
        return self.content.left if isinstance(self.content, LengthReader) else 1

    def next_head(self) -> RequestHead | None:
        """Return the next head, None until it is here whole.

        Empty lines before it are skipped (RFC 9112 §2.2).

        Raises:
            PeerError: it breaks a rule, or the peer's side ended within it.
        """
        buffer, at = self.unread, self._at
        while buffer.startswith(b"\r\n", at):
            self._at = at = at + 2
        end = buffer.find(b"\r\n\r\n", max(at, self._checked - 3) if self._checked else at) + 4
        if end < 4:
            self._check_beginning()
            return None
        self._at = end
        head = parse_fast(buffer, at, end, self._limits) or parse_strict(
            buffer[at:end], self._limits
        )
        self.content = self._reader_for(head) if head.length != 0 else _NO_CONTENT
        if end == len(buffer):
            self.unread, self._at, self._checked = b"", 0, 0
        return head

    def _reader_for(self, head: RequestHead) -> ContentReader:
        return ChunkedReader(self._limits) if head.length is None else LengthReader(head.length)

    def _check_beginning(self) -> None:
        self._let_go()
        rest = self.unread[self._at :]
        if self.head_begun:
            check_beginning(rest, max(0, self._checked - self._at), self._limits)
        self._checked = len(self.unread)
        if rest and self.received_all:
            raise PeerError(400, "the request ended within its head")

    def next_content(self) -> bytes | None:
        """Return the content that is here, b"" after its end, None for need of more.

        Raises:
            PeerError: it breaks a rule, or the peer's side ended within it.
        """
        if self.content.ended:
            return b""
        if self._fault is not None:
            raise self._fault
        try:
            piece, self._at = self.content.read(self.unread, self._at)
            if not (piece or self.content.ended) and self.received_all:
                raise PeerError(400, "the request ended within its content")
        except PeerError as fault:
            self._fault = fault
            raise
        self._let_go()
        return piece if piece or self.content.ended else None

    def take_rest(self) -> bytes:
        """Return what nobody has read, and have it no more."""
        rest = self.unread[self._at :]
        self.unread, self._at = b"", 0
        return rest

    def _let_go(self) -> None:
        """Keep no memory of what has all been read."""
        if self._at == len(self.unread):
            self.unread, self._at, self._checked = b"", 0, 0
