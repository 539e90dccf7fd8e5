"""Multipart ranges: several parts of a representation in one content (RFC 9110 §14.6).

In come the parts; out goes what stands before each of them and behind the last, so that
whoever sends them needs to copy no byte of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .ranges import ByteRange, format_content_range


class Framed(NamedTuple):
    """The frame of some parts.

    Args:
        heads: what is sent before each part, in order.
        end: what is sent after the last.
        length: of the content in all, parts included, in bytes.
    """

    heads: tuple[bytes, ...]
    end: bytes
    length: int


def multipart_type(boundary: str) -> str:
    """Return the Content-Type of parts that ``boundary`` separates."""
    return f"multipart/byteranges; boundary={boundary}"


def frame_parts(
    parts: Sequence[ByteRange], size: int, *, media_type: str | None, boundary: str
) -> Framed:
    """Return the frame of ``parts``, of which there is at least one.

    Args:
        parts: in the order in which they are sent.
        size: of the whole representation, in bytes.
        media_type: what each part says that it is, None for nothing.
        boundary: a token of at most 70 characters that is in no part, which nobody checks:
            let it be random and long (RFC 2046 §5.1.1).
    """
    typed = "" if media_type is None else f"Content-Type: {media_type}\r\n"
    opening = f"\r\n--{boundary}\r\n{typed}Content-Range: "
    heads = [f"{opening}{format_content_range(part, size)}\r\n\r\n" for part in parts]
    heads[0] = heads[0].removeprefix("\r\n")
    encoded = tuple(head.encode("latin-1") for head in heads)
    end = f"\r\n--{boundary}--\r\n".encode("latin-1")
    length = sum(map(len, encoded)) + sum(part.size for part in parts) + len(end)
    return Framed(encoded, end, length)
