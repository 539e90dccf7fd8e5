"""Fields: what a header field's name and value may be, and how lists split.

The grammar is RFC 9110 §5. Values are kept as ISO-8859-1 text, which maps every byte
to one character and back, so that nothing a peer sends is lost or fails to decode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .quoting import quoted

TCHAR = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""The characters of a token, for use inside a bytes character class (§5.6.2)."""

_TOKEN = re.compile(rf"[{TCHAR.decode()}]++")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*+")
_FRAMING = frozenset((b"connection", b"content-length", b"keep-alive", b"transfer-encoding"))
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


def is_token(text: str) -> bool:
    """Whether ``text`` is a token: a method, a field name, an upgrade protocol."""
    return _TOKEN.fullmatch(text) is not None


def encode_field(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a field as it may stand on the wire.

    Raises:
        ValueError: the name is no token, or the value holds CR, LF, NUL, another
            control character, or a character that ISO-8859-1 lacks (§5.5). Such a
            value could forge other fields or whole responses.
    """
    if not is_token(name):
        raise ValueError(f"not a field name: {quoted(name)}")
    value = value.strip(" \t")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"not a value for the field {name}: {quoted(value)}")
    return name.encode("ascii"), value.encode("latin-1")


def encode_unframed(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a field for a head whose framing is not the caller's to say.

    Raises:
        ValueError: as `encode_field`; or it says how a message is framed or kept.
    """
    field = encode_field(name, value)
    if field[0].lower() in _FRAMING:
        raise ValueError(f"{name} cannot be set here")
    return field


def format_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return fields as the lines of an HTTP/1 head (RFC 9112 §5)."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def split_fields(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Return the (name in lower case, value) pairs of well-formed field lines."""
    pairs = []
    for line in lines.splitlines():
        name, _, value = line.partition(b":")
        pairs.append((name.lower(), value.strip(b" \t")))
    return pairs


def split_list(value: str) -> list[str]:
    """Return the elements of a comma-separated list, without the empty ones (§5.6.1).

    Commas inside quoted strings do not separate.
    """
    return [element for part in _ELEMENT.findall(value) if (element := part.strip(" \t"))]
