"""The HTTP/1 writer: a response's events as bytes, framed one way (RFC 9112 §6)."""

from __future__ import annotations

import math
from enum import Enum, auto
from functools import lru_cache

from .._message.response import PHRASES, Fields, ResponseHead
from .._syntax.fields import format_fields

_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {phrase}\r\n".encode("ascii") for status, phrase in PHRASES.items()
}


class Framing(Enum):
    """How the peer will know where a response ends."""

    LENGTH = auto()  # By a length that was sent, or by having no content.
    CHUNKED = auto()
    CLOSE = auto()  # By the end of the transport: all that HTTP/1.0 offers.


def framing_for(head: ResponseHead, http_version: str) -> Framing:
    """Return how to frame the response that ``head`` begins."""
    if head.bodiless or head.length is not None:
        return Framing.LENGTH
    return Framing.CHUNKED if http_version == "1.1" else Framing.CLOSE


def format_head(head: ResponseHead, framing: Framing, persistence: bytes = b"") -> bytes:
    """Return a head as bytes; ``persistence`` are lines of `format_persistence`."""
    lines = _STATUS_LINES.get(head.status, b"")
    if head.reason or not lines:
        lines = b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)
    lines += head.rendered.lines
    if persistence:
        lines += persistence
    if head.fields:
        lines += format_fields(head.fields)
    if head.length is not None:
        return b"%bContent-Length: %d\r\n\r\n" % (lines, head.length)
    if framing is Framing.CHUNKED:
        return lines + b"Transfer-Encoding: chunked\r\n\r\n"
    return lines + b"\r\n"


@lru_cache(maxsize=64)  # Bounded: options may be a handler's own.
def format_persistence(options: tuple[bytes, ...], keep_alive: float) -> bytes:
    """Return the lines that say what becomes of the transport.

    Args:
        options: those of the ``Connection`` field (RFC 9110 §7.6.1).
        keep_alive: seconds for which an idle transport is kept, told beside the option
            ``keep-alive``.
    """
    fields = [(b"Connection", b", ".join(options))] if options else []
    if b"keep-alive" in options and 1 <= keep_alive < math.inf:
        fields.append((b"Keep-Alive", b"timeout=%d" % keep_alive))
    return format_fields(fields)


def format_interim(status: int, fields: Fields) -> bytes:
    """Return the head of an interim response, or of a switch to another protocol."""
    return b"%b%b\r\n" % (_STATUS_LINES[status], format_fields(fields))


def format_chunk(data: bytes, *, end: bool) -> bytes:
    """Return content as a chunk, with what ends all chunks (RFC 9112 §7.1)."""
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if end else chunk
