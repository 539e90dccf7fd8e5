"""Access rules: who may see a folder, and whose scripts may read what they see.

Passwords are those of Basic authentication (RFC 7617), origins those of the CORS protocol
(Fetch standard). In come an option of a docroot and a field of a request; out go a
decision and fields.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..._syntax.credentials import BASIC_CHALLENGE, parse_basic
from .checks import mapping_in, naming, require_texts

FieldTexts = list[tuple[str, str]]

_SCHEMES: dict[str, Callable[..., Any]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_DIGEST = re.compile(r"(sha256|sha512):(.*)", re.DOTALL)
_UNTYPABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.\-]*+://(?:\[[0-9a-f:.]++\]|[a-z0-9.\-_]++)(?::[0-9]{1,5}+)?", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Beyond what scripts may read without asking, as Content-Length and Last-Modified.
_EXPOSED = "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Range, ETag"
_SENDABLE = (
    "Cache-Control, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, "
    "Pragma, Range, X-Requested-With"
)
_MAX_AGE = "7200"  # Seconds; no browser but one remembers for longer.


class Passwords:
    """Who is let in: passwords by user, None for everybody.

    Only digests are kept and compared, so that neither the time it takes nor this object
    tells of a password; to ask for a user who is not there takes as long. What a request
    pays is one digest, two where both kinds are in use.
    """

    __slots__ = ("_digests", "_expected", "_nobody", "challenge")

    def __init__(self, auth: Mapping[str, str] | None) -> None:
        self._expected: dict[bytes, tuple[str, bytes]] | None = None
        self.challenge = ""
        """What who is not let in is told in ``WWW-Authenticate``."""
        if auth is not None:
            self._expected = dict(_read_passwords(auth))
            self._digests = {kind: _SCHEMES[kind] for kind, _ in self._expected.values()}
            self._nobody = (next(iter(self._digests)), secrets.token_bytes(32))
            self.challenge = BASIC_CHALLENGE

    def admits(self, authorization: str | None) -> bool:
        """Whether a request with that ``Authorization`` field is let in."""
        if self._expected is None:
            return True
        credentials = parse_basic(authorization or "")
        if credentials is None:
            return False
        user, password = credentials
        given = {kind: digest(password).digest() for kind, digest in self._digests.items()}
        kind, expected = self._expected.get(user, self._nobody)
        return hmac.compare_digest(given[kind], expected)


def _read_passwords(auth: Mapping[str, str]) -> Iterator[tuple[bytes, tuple[str, bytes]]]:
    """Yield each user with the digest of the password; no error message shows a password."""
    mapping_in("auth", auth, str, "users to passwords")
    with naming("auth"):
        if not auth:
            raise ValueError("there is no user who could be let in")
        for user, password in auth.items():
            if ":" in user or _UNTYPABLE.search(user):
                raise ValueError(f"not a user, for a colon or what cannot be typed: {user!r}")
            yield user.encode(), _read_password(user, password)


def _read_password(user: str, password: str) -> tuple[str, bytes]:
    if not (match := _DIGEST.fullmatch(password)):
        if not password or _UNTYPABLE.search(password):
            raise ValueError(f"the password of {user!r} is empty or cannot be typed")
        return "sha256", hashlib.sha256(password.encode()).digest()
    kind, digits = match.groups()
    size = _SCHEMES[kind]().digest_size
    if not re.fullmatch(f"[0-9A-Fa-f]{{{size * 2}}}", digits):
        raise ValueError(f"the {kind} of {user!r} is not {size * 2} hexadecimal digits")
    return kind, bytes.fromhex(digits)


class CrossOrigin:
    """Whose scripts may read what is here: everybody's, those of some origins, or none.

    Args:
        cors: True, origins, or False.
        authenticated: whether there are passwords. Scripts may send them then; those that
            the browser keeps go along only to origins that are named, never to all.
    """

    __slots__ = ("_anybody", "_origins", "_preflight", "_shared", "_varying")

    def __init__(self, cors: bool | tuple[str, ...], *, authenticated: bool) -> None:
        self._anybody = cors is True
        self._origins = frozenset() if isinstance(cors, bool) else frozenset(_read_origins(cors))
        self._varying: FieldTexts = [("Vary", "Origin")] if self._origins else []
        kept = self._origins and authenticated
        credentials = [("Access-Control-Allow-Credentials", "true")] if kept else []
        self._shared: FieldTexts = [*credentials, ("Access-Control-Expose-Headers", _EXPOSED)]
        self._preflight: FieldTexts = [
            *credentials,
            ("Access-Control-Allow-Methods", "GET, HEAD"),
            ("Access-Control-Allow-Headers", "Authorization, " * authenticated + _SENDABLE),
            ("Access-Control-Max-Age", _MAX_AGE),
        ]

    def answer_fields(self, origin: str | None) -> FieldTexts:
        """Return what an answer carries, to a request with that ``Origin`` field."""
        return self._fields(origin, self._shared)

    def preflight_fields(self, origin: str | None) -> FieldTexts:
        """Return what the answer to a browser carries that asks before a script may."""
        return self._fields(origin, self._preflight)

    def _fields(self, origin: str | None, more: FieldTexts) -> FieldTexts:
        if self._anybody:
            return [("Access-Control-Allow-Origin", "*"), *more]
        if origin is None or origin not in self._origins:
            return self._varying.copy()
        return [("Access-Control-Allow-Origin", origin), *self._varying, *more]


def _read_origins(cors: tuple[str, ...]) -> Iterator[str]:
    """Yield origins as browsers write them (RFC 6454 §6.1)."""
    require_texts("cors", cors, "origins")
    for origin in cors:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"cors: not an origin like 'https://example.com': {origin!r}")
        scheme, _, authority = origin.lower().partition("://")
        yield f"{scheme}://{authority.removesuffix(_DEFAULT_PORTS.get(scheme, ''))}"
