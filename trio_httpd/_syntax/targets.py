"""Targets: the forms of a request target, an authority, a location.

RFC 9112 §3.2 has four forms; a server that is no tunnel takes three: ``/path?query``,
``http://authority/path?query`` and, for OPTIONS, ``*``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote

from .quoting import quoted

_ABSOLUTE = re.compile(r"https?://([^/?#]*+)([^?#]*+)(?:\?([^#]*+))?", re.IGNORECASE)
_AUTHORITY = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]++)\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5}+)?"
)

_NO_LOCATION = re.compile(r"[\x00-\x1f\x7f]")


class Target(NamedTuple):
    """The parts of a target: ``authority`` is None but in absolute-form."""

    authority: str | None
    path: str
    query: str


def parse_target(target: str) -> Target | None:
    """Return the parts of a target, or None where it has none of the three forms.

    An absolute-form without a path means ``/`` (RFC 9110 §4.2.3).
    """
    if target[:1] == "/":
        path, _, query = target.partition("?")
        return None if "#" in target else Target(None, path, query)
    if target == "*":
        return Target(None, "*", "")
    if not (match := _ABSOLUTE.fullmatch(target)):
        return None
    authority, path, query = match.groups(default="")
    return Target(authority, path or "/", query)


def is_authority(value: bytes) -> bool:
    """Whether ``value`` is a host with an optional port, without user information.

    An empty host is none: a target URI needs one (RFC 9110 §4.2.1, §7.2).
    """
    match = _AUTHORITY.fullmatch(value)
    if match is None:
        return False
    if (literal := match[1]) is None:
        return True
    try:
        ipaddress.IPv6Address(literal.decode("ascii"))
    except ValueError:
        return False
    return True


def encode_location(location: str) -> str:
    """Return a URI reference for ``Location``; characters that a URI lacks are encoded.

    Raises:
        ValueError: control characters.
    """
    if _NO_LOCATION.search(location):
        raise ValueError(f"not a location: {quoted(location)}")
    return "".join(each if "!" <= each <= "~" else quote(each) for each in location)
