"""The HTTP/1 writer: a response's events as bytes, framed one way (RFC 9112 §6)."""

from __future__ import annotations

from enum import Enum, auto

from ..response import PHRASES, Fields, ResponseHead

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


def format_head(
    head: ResponseHead, fields: Fields, framing: Framing, options: tuple[bytes, ...]
) -> bytes:
    """Return a head as bytes; ``options`` are those of the ``Connection`` field."""
    lines = [_status_line(head.status, head.reason), _format_fields(fields)]
    if head.length is not None:
        lines.append(b"Content-Length: %d\r\n" % head.length)
    elif framing is Framing.CHUNKED:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if options:
        lines.append(b"Connection: %b\r\n" % b", ".join(options))
    lines.append(b"\r\n")
    return b"".join(lines)


def format_interim(status: int, fields: Fields) -> bytes:
    """Return the head of an interim response, or of a switch to another protocol."""
    return b"%b%b\r\n" % (_status_line(status, b""), _format_fields(fields))


def format_content(data: bytes, framing: Framing, *, end: bool) -> bytes:
    """Return content as it travels, with what ends it."""
    if framing is not Framing.CHUNKED:
        return data
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if end else chunk


def _status_line(status: int, reason: bytes) -> bytes:
    known = _STATUS_LINES.get(status)
    if known is not None and not reason:
        return known
    return b"HTTP/1.1 %d %b\r\n" % (status, reason)


def _format_fields(fields: Fields) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])
