"""Upgrades: which protocol both sides agree to switch to (RFC 9110 §7.8)."""

from __future__ import annotations

from .._message.errors import HeaderItems, HTTPError, pairs_of
from .._message.request import Request
from .._message.response import Fields
from .._syntax.fields import encode_unframed


def agree_on_upgrade(request: Request, headers: HeaderItems) -> tuple[Fields, Fields]:
    """Return the fields that switch protocols, and the others of the 101.

    Args:
        request: what the peer asks.
        headers: fields of the 101. ``Upgrade`` names the protocol; without it, the
            first that the peer offers is taken. ``Connection`` is left out.

    Raises:
        HTTPError: 426 where the peer does not offer the protocol, 400 where it offers
            none and none is named.
        ValueError: a field that could forge, or says how a message is framed.
    """
    fields = [
        encode_unframed(name, value)
        for name, value in pairs_of(headers)
        if name.lower() != "connection"
    ]
    named = [value for name, value in fields if name.lower() == b"upgrade"]
    protocol = _agreed_protocol(request, named[0] if named else None)
    switch = [(b"Connection", b"Upgrade"), (b"Upgrade", protocol)]
    return switch, [field for field in fields if field[0].lower() != b"upgrade"]


def _agreed_protocol(request: Request, named: bytes | None) -> bytes:
    headers = request.headers
    # A field of HTTP/1.0 is ignored (§7.8).
    asked = request.http_version == "1.1" and "upgrade" in headers.flags("connection")
    offered = [o.encode("latin-1") for o in headers.elements("upgrade") if asked]
    if named is None:
        if not offered:
            raise HTTPError(400, "no upgrade was asked for")
        return offered[0]
    if named.lower() not in (protocol.lower() for protocol in offered):
        wanted = [("Connection", "Upgrade"), ("Upgrade", named.decode("latin-1"))]
        raise HTTPError(426, headers=wanted)
    return named
