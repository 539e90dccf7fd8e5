"""Framing: where the content of a request ends, and the bytes of it so far.

A reader is given the receive buffer and a place in it; it returns the content that is
there, and the place up to which it has read. It reads no further than the content's
end: what follows belongs to the next request. Sections are those of RFC 9112.
"""

from __future__ import annotations

import re
from typing import Protocol

from .._message.errors import PeerError
from .._message.limits import Limits
from .._syntax.fields import TCHAR
from .strictness import check_trailers

_MAX_CHUNK_LINE = 4096
_MOST_PIECES = 64  # Of content at once, so that tiny chunks keep nobody waiting.
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"(?:;[ \t]*+[" + TCHAR + rb"]++"
    rb"(?:[ \t]*+=[ \t]*+(?:[" + TCHAR + rb"]++|"
    rb'"(?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*'
)


class ContentReader(Protocol):
    """Reads the content of one request out of a buffer."""

    ended: bool

    def read(self, buffer: bytes, at: int) -> tuple[bytes, int]:
        """Return the content from ``at`` on, and where the reading stopped.

        b"" means that more bytes are needed, or that `ended` is true now.
        """


class LengthReader:
    """Content of a declared length (§6.2)."""

    __slots__ = ("ended", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.ended = not length

    def read(self, buffer: bytes, at: int) -> tuple[bytes, int]:
        """See `ContentReader.read`."""
        piece = buffer[at : at + self.left]
        self.left -= len(piece)
        self.ended = not self.left
        return piece, at + len(piece)


class ChunkedReader:
    """Content in chunks (§7.1). Extensions and trailers are checked and dropped.

    Trailers may be as large as a head's fields. So may all extensions together, plus
    the content that has come: an honest sender annotates, it does not only annotate.
    """

    __slots__ = ("_allowance", "_left", "_limits", "_needs_crlf", "_trailers", "ended")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._allowance = limits.header_bytes
        self._left = 0  # Of the current chunk.
        self._needs_crlf = False
        self._trailers = False
        self.ended = False

    def read(self, buffer: bytes, at: int) -> tuple[bytes, int]:
        """See `ContentReader.read`.

        Raises:
            PeerError: 400 for a broken chunk, 431 for too much beside the content.
        """
        pieces: list[bytes] = []
        while not self.ended and len(pieces) < _MOST_PIECES:
            before = at
            if self._left:
                at = self._read_data(buffer, at, pieces)
            elif self._needs_crlf:
                at = self._read_crlf(buffer, at)
            elif self._trailers:
                at = self._read_trailers(buffer, at)
            else:
                at = self._read_size(buffer, at)
            if at == before:
                break
        return b"".join(pieces), at

    def _read_data(self, buffer: bytes, at: int, pieces: list[bytes]) -> int:
        piece = buffer[at : at + self._left]
        if piece:
            pieces.append(piece)
        self._left -= len(piece)
        self._allowance += len(piece)
        self._needs_crlf = not self._left
        return at + len(piece)

    def _read_crlf(self, buffer: bytes, at: int) -> int:
        found = buffer[at : at + 2]
        if found == b"\r\n":
            self._needs_crlf = False
            return at + 2
        if found not in (b"", b"\r"):
            raise PeerError(400, "a chunk is longer than its size")
        return at

    def _read_size(self, buffer: bytes, at: int) -> int:
        end = buffer.find(b"\r\n", at, at + _MAX_CHUNK_LINE)
        line = buffer[at : end if end >= 0 else at + _MAX_CHUNK_LINE]
        if end < 0:
            self._check_unfinished(line)
            return at
        if not (match := _CHUNK_LINE.fullmatch(line)):
            raise PeerError(400, "malformed chunk size or extension")
        self._allowance -= len(line) - len(match[1])
        if self._allowance < 0:
            raise PeerError(431)
        self._left = int(match[1], 16)
        self._trailers = not self._left
        return end + 2

    def _check_unfinished(self, line: bytes) -> None:
        size, _, _ = line.removesuffix(b"\r").partition(b";")
        malformed = b"\n" in line or len(line) == _MAX_CHUNK_LINE
        if malformed or len(size) > 16 or size.strip(b"0123456789abcdefABCDEF"):
            raise PeerError(400, "malformed chunk size or extension")

    def _read_trailers(self, buffer: bytes, at: int) -> int:
        if buffer.startswith(b"\r\n", at):
            self.ended = True
            return at + 2
        end = buffer.find(b"\r\n\r\n", at)
        if (end + 2 if end >= 0 else len(buffer)) - at > self._limits.header_bytes:
            raise PeerError(431)
        if end < 0:
            return at
        check_trailers(buffer[at : end + 2], self._limits)
        self.ended = True
        return end + 4
