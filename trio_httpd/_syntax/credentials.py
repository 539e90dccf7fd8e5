"""Credentials: who a peer says that it is, by Basic authentication (RFC 7617)."""

from __future__ import annotations

import binascii

BASIC_CHALLENGE = 'Basic realm="files", charset="UTF-8"'
"""What a peer without credentials is told in ``WWW-Authenticate`` (RFC 7617 §2.1)."""


def parse_basic(authorization: str) -> tuple[bytes, bytes] | None:
    """Return the user and the password that an ``Authorization`` field gives.

    The first colon ends the user's name. Nothing is decoded but the Base64: peers that
    keep to our challenge send UTF-8.

    Returns:
        None where the scheme is another one, or what follows is malformed.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = binascii.a2b_base64(token.strip(" "), strict_mode=True)
    except ValueError:  # Characters that are not even ASCII, too.
        return None
    user, colon, password = pair.partition(b":")
    return (user, password) if colon else None
