"""Cookies: what a ``Cookie`` field says (RFC 6265 §4.2, §5.4)."""

from __future__ import annotations

from collections.abc import Iterator


def parse_cookies(value: str) -> Iterator[tuple[str, str]]:
    """Yield the (name, value) pairs of a ``Cookie`` field in the order sent.

    Pieces without ``=`` are skipped, as a name alone says nothing. A value wholly in
    quotes loses them; nothing else is decoded, since cookies have no escapes.
    """
    for piece in value.split(";"):
        name, equals, content = piece.strip(" \t").partition("=")
        if equals and name:
            if len(content) >= 2 and content[0] == content[-1] == '"':
                content = content[1:-1]
            yield name, content
