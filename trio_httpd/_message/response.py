"""The response: a whole small one as a value, a head for a lane, the default fields."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from .._syntax.dates import format_date
from .._syntax.fields import encode_unframed, format_fields, split_list
from .._syntax.quoting import quoted
from .._syntax.targets import encode_location
from .errors import HeaderItems, pairs_of

_REASON = re.compile(r"[\t\x20-\x7e\x80-\xff]*+")
_DIGITS = re.compile(rb"[0-9]{1,18}")

Fields = list[tuple[bytes, bytes]]

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",  # RFC 9110 names; the standard library has older ones.
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response.

    Args:
        content: what is sent; text is sent as UTF-8 and called ``text/plain`` unless
            ``headers`` say otherwise.
        status: 200 to 599.
        headers: a mapping or (name, value) pairs.
    """

    content: bytes | str = b""
    status: int = 200
    headers: HeaderItems = ()

    @classmethod
    def text(
        cls, status: int, detail: str | None = None, headers: Iterable[tuple[str, str]] = ()
    ) -> Response:
        """Return a bare answer: one line of plain text, the phrase unless told."""
        line = (detail or PHRASES.get(status, str(status))) + "\n"
        return cls(line, status, tuple(headers))


def require_status(status: int) -> int:
    """Return ``status`` if it may be a final response's, else raise `ValueError`."""
    if not 200 <= status <= 599:
        raise ValueError(f"the status of a response is 200 to 599, not {status!r}")
    return status


def encode_reason(reason: str | None) -> bytes:
    """Return a reason phrase as bytes, empty for the standard one (RFC 9112 §4).

    Raises:
        ValueError: it holds control characters, or others that ISO-8859-1 lacks.
    """
    if reason is None:
        return b""
    if not _REASON.fullmatch(reason):
        raise ValueError(f"not a reason phrase: {quoted(reason)}")
    return reason.encode("latin-1")


def parse_length(value: bytes) -> int:
    """Return the number of a Content-Length.

    Raises:
        ValueError: it is none.
    """
    if not _DIGITS.fullmatch(value):
        raise ValueError(f"not the one Content-Length: {quoted(value)}")
    return int(value)


def split_options(value: bytes) -> tuple[bool, tuple[bytes, ...]]:
    """Return whether Connection options close, and those that are not about persistence."""
    options = [option.lower() for option in split_list(value.decode("latin-1"))]
    kept = [option for option in options if option not in ("close", "keep-alive")]
    return "close" in options, tuple(option.encode("latin-1") for option in kept)


def redirection(location: str, status: int) -> Response:
    """Return the response that sends a peer to ``location`` (RFC 9110 §15.4).

    Raises:
        ValueError: another status than 301, 302, 303, 307, 308; control characters.
    """
    if status not in (301, 302, 303, 307, 308):
        raise ValueError(f"not the status of a redirection: {status!r}")
    return Response(status=status, headers=[("Location", encode_location(location))])


class RenderedFields:
    """Fields that many responses share: as pairs, and as the lines that HTTP/1 sends."""

    __slots__ = ("_joined", "lines", "names", "pairs")

    def __init__(self, pairs: Fields) -> None:
        self.pairs: Fields = pairs
        self.lines: bytes = format_fields(pairs)
        self.names: frozenset[bytes] = frozenset(name.lower() for name, _ in pairs)
        """What they are called, in lower case."""
        self._joined: tuple[RenderedFields, RenderedFields] | None = None

    def after(self, others: RenderedFields) -> RenderedFields:
        """Return ``others`` and these fields; the last answer is kept for who asks again."""
        if self._joined is None or self._joined[0] is not others:
            self._joined = others, RenderedFields([*others.pairs, *self.pairs])
        return self._joined[1]

    def without(self, names: AbstractSet[bytes]) -> RenderedFields:
        """Return these fields but for those called so, in lower case."""
        return RenderedFields([field for field in self.pairs if field[0].lower() not in names])


class ResponseHead(Protocol):
    """What a lane needs to know to begin a response, as it stands at that moment."""

    status: int
    """200 to 599."""
    reason: bytes
    """The phrase, empty for the standard one."""
    rendered: RenderedFields
    """The default fields, without those that `fields` replace."""
    fields: Fields
    """Pairs of name and value, without those that a version of HTTP frames with."""
    length: int | None
    """Bytes of content to announce, None where they are not known."""
    bodiless: bool
    """Whether the response ends with its head whatever it announces, as for HEAD, 204 and
    304 (RFC 9112 §6.3)."""
    options: tuple[bytes, ...]
    """The handler's own ``Connection`` options (``upgrade``, mostly)."""


class DefaultHeaders:
    """The fields of every response: the static ones, Date and Server unless among them.

    Rendered once a second, as Date has no finer grain (RFC 9110 §6.6.1).

    Args:
        static_headers: fields to send with every response.
        server_header: whether to add a ``Server`` field.

    Raises:
        ValueError: a field that could forge, or says how a message is framed.
    """

    __slots__ = ("_current", "_dated", "_fixed", "_second", "names")

    def __init__(self, static_headers: HeaderItems = (), *, server_header: bool = True) -> None:
        fixed = [encode_unframed(name, value) for name, value in pairs_of(static_headers)]
        given = {name.lower() for name, _ in fixed}
        if server_header and b"server" not in given:
            fixed.append((b"Server", b"trio-httpd"))
        self._dated = b"date" not in given
        self._fixed: Fields = fixed
        self._second = -1
        self._current = RenderedFields([])
        self.names: frozenset[bytes] = frozenset(name.lower() for name, _ in fixed) | {b"date"}
        """The names of all default fields in lower case."""

    def now(self) -> RenderedFields:
        """Return the fields as they stand now."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            date = [(b"Date", format_date(second).encode("ascii"))] if self._dated else []
            self._current = RenderedFields(date + self._fixed)
        return self._current
