"""Cookies: what a ``Cookie`` field says, and what a ``Set-Cookie`` field asks for.

RFC 6265 §4, with the attributes that came later: SameSite and Partitioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypedDict

from .dates import format_date
from .fields import is_token
from .quoting import quoted

_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*+")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*+")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieAttributes:
    """Where, when and by whom a cookie is sent back (RFC 6265 §4.1.2).

    Args:
        max_age: seconds until it is forgotten; 0 or less forgets it now.
        expires: the same as seconds since the epoch, for clients that know no other.
            Without either, it lives as long as the client's session.
        domain: hosts below it get the cookie too; None is the one host.
        path: paths below it get the cookie.
        secure: it is sent over TLS only.
        httponly: scripts cannot read it.
        samesite: whether requests begun by other sites carry it; ``None`` says
            nothing, which clients read in different ways.
        partitioned: it is kept apart for each site that embeds this one.
    """

    max_age: int | None = None
    expires: float | None = None
    domain: str | None = None
    path: str | None = "/"
    secure: bool = False
    httponly: bool = False
    samesite: Literal["Strict", "Lax", "None"] | None = "Lax"
    partitioned: bool = False


class CookieArguments(TypedDict, total=False):
    """The keyword arguments of `Connection.set_cookie`, for signatures that pass them on."""

    max_age: int | None
    expires: float | None
    domain: str | None
    path: str | None
    secure: bool
    httponly: bool
    samesite: Literal["Strict", "Lax", "None"] | None
    partitioned: bool


def format_cookie(name: str, value: str, attributes: CookieAttributes) -> str:
    """Return the value of a ``Set-Cookie`` field.

    Raises:
        ValueError: the name is no token; the value holds white space, quotes, commas,
            semicolons, backslashes or what is not ASCII (encode it first); an
            attribute is malformed, or needs ``secure`` and lacks it.
    """
    if not is_token(name):
        raise ValueError(f"not a cookie name: {quoted(name)}")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"not a cookie value: {quoted(value)}")
    parts = [f"{name}={value}", *_format_attributes(attributes)]
    for part in parts:
        if not _ATTRIBUTE.fullmatch(part):
            raise ValueError(f"not an attribute of a cookie: {quoted(part)}")
    return "; ".join(parts)


def _format_attributes(attributes: CookieAttributes) -> Iterator[str]:
    if attributes.samesite not in ("Strict", "Lax", "None", None):
        raise ValueError(f"samesite is Strict, Lax or None, not {attributes.samesite!r}")
    if (attributes.samesite == "None" or attributes.partitioned) and not attributes.secure:
        raise ValueError("such a cookie has to be secure, or clients drop it")
    if attributes.max_age is not None:
        yield f"Max-Age={attributes.max_age:d}"
    if attributes.expires is not None:
        yield f"Expires={format_date(attributes.expires)}"
    for key, value in (
        ("Domain", attributes.domain),
        ("Path", attributes.path),
        ("SameSite", attributes.samesite),
    ):
        if value is not None:
            yield f"{key}={value}"
    for key, wanted in (
        ("Secure", attributes.secure),
        ("HttpOnly", attributes.httponly),
        ("Partitioned", attributes.partitioned),
    ):
        if wanted:
            yield key
