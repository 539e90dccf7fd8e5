"""The request: a head as it came, and what can be asked of it.

In comes a `RequestHead`, which a codec makes for each request; a `Request` reads
from it only what is asked for, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from multidict import MultiDict, MultiDictProxy

from .._syntax.cookies import parse_cookies
from .._syntax.fields import split_fields
from .._syntax.quoting import MOST_QUOTED, quoted
from .._syntax.targets import Target, parse_target
from .headers import Headers


@dataclass(slots=True)
class RequestHead:
    """One request's head, whole and well formed.

    Args:
        method: as sent; methods have case (RFC 9110 §9.1).
        target: as sent, in one of the forms that `parse_target` takes.
        http_version: "1.0" or "1.1", for a higher minor number too (§2.5).
        lines: the field lines as HTTP/1 writes them, each with its CRLF.
        length: bytes of content to come, 0 without content, None where only the end
            tells (chunked).
        keep_alive: whether the peer lets the transport serve another request.
        asks_keep_alive: whether it says so in a ``Connection`` field.
        expectations: the ``Expect`` elements in lower case.
    """

    method: str
    target: str
    http_version: str
    lines: bytes
    length: int | None = 0
    keep_alive: bool = True
    asks_keep_alive: bool = False
    expectations: tuple[bytes, ...] = ()

    @property
    def is_conditional_or_range(self) -> bool:
        """Whether it may want something else than the whole of what is there now.

        That is seen in the lines as they came, as to read them would take a request of few
        fields a tenth of its time: no condition, no range.
        """
        lines = b"\n" + self.lines.lower()  # A pattern would take eight times as long.
        return b"\nif-" in lines or b"\nrange:" in lines

    @property
    def is_plain(self) -> bool:
        """Whether it has neither content nor wishes, but for what it asks."""
        return (
            self.length == 0
            and self.keep_alive
            and not (self.asks_keep_alive or self.expectations or self.is_conditional_or_range)
        )


class Request:
    """What the peer asks: an immutable value, read lazily."""

    __slots__ = ("_cookies", "_head", "_headers", "_path", "_query", "_target")
    _cookies: MultiDictProxy[str]
    _headers: Headers
    _path: str
    _query: MultiDictProxy[str]
    _target: Target

    def __init__(self, head: RequestHead) -> None:
        self._head = head

    def __repr__(self) -> str:
        method = self.method
        if len(method) > MOST_QUOTED:
            method = f"{method[:MOST_QUOTED]}..."
        return f"<Request {method} {quoted(self.target)}>"

    @property
    def method(self) -> str:
        """The method as sent; ``get`` is not ``GET``."""
        return self._head.method

    @property
    def target(self) -> str:
        """The request target as sent: origin-form, absolute-form or ``*``."""
        return self._head.target

    @property
    def scheme(self) -> str:
        """``"http"``, whatever the target says: TLS is not told from plain text yet."""
        return "http"

    @property
    def http_version(self) -> str:
        """``"1.0"`` or ``"1.1"``."""
        return self._head.http_version

    @property
    def _parts(self) -> Target:
        try:
            return self._target
        except AttributeError:
            parts = parse_target(self._head.target)
            assert parts is not None  # A head with another target is never made.
            self._target = parts
            return parts

    @property
    def raw_path(self) -> str:
        """The path as sent, percent-encodings kept; ``*`` for the server itself."""
        target = self._head.target
        if target.startswith("/"):  # All of it, but for a query: not worth a parser.
            return target.partition("?")[0]
        return self._parts.path

    @property
    def path(self) -> str:
        """The path decoded once as UTF-8, invalid bytes as U+FFFD.

        What was encoded is data: ``%2F`` and dot segments come out as they are, so a
        decoded path is for matching and showing, never for opening files.
        """
        try:
            return self._path
        except AttributeError:
            self._path = unquote(self._parts.path, errors="replace")
            return self._path

    @property
    def query_string(self) -> str:
        """What follows the first ``?``, undecoded; "" without one."""
        return self._parts.query

    @property
    def query(self) -> MultiDictProxy[str]:
        """The query as a multi-dict, decoded as a form's: ``a=1&a=2&b=``."""
        try:
            return self._query
        except AttributeError:
            pairs = parse_qsl(self._parts.query, keep_blank_values=True, errors="replace")
            self._query = MultiDictProxy(MultiDict(pairs))
            return self._query

    @property
    def _is_conditional_or_range(self) -> bool:
        """See `RequestHead.is_conditional_or_range`."""
        return self._head.is_conditional_or_range

    @property
    def headers(self) -> Headers:
        """The header fields, case-blind; see `Headers` for the four questions."""
        try:
            return self._headers
        except AttributeError:
            self._headers = Headers(
                (name.decode("ascii"), value.decode("latin-1"))
                for name, value in split_fields(self._head.lines)
            )
            return self._headers

    @property
    def cookies(self) -> MultiDictProxy[str]:
        """The cookies as a multi-dict, values as sent (RFC 6265 §5.4)."""
        try:
            return self._cookies
        except AttributeError:
            pairs = parse_cookies("; ".join(self.headers.getall("cookie", ())))
            self._cookies = MultiDictProxy(MultiDict(pairs))
            return self._cookies

    @property
    def host(self) -> str | None:
        """The host that is asked, with its port where one was sent.

        From the target in absolute-form, else from the ``Host`` field (RFC 9112
        §3.2.2); None only for HTTP/1.0 without either.
        """
        return self._parts.authority or self.headers.get("host")

    @property
    def content_type(self) -> str | None:
        """The media type of the content in lower case, without its parameters."""
        value = self.headers.single("content-type")
        return value.partition(";")[0].strip().lower() or None if value else None

    @property
    def content_length(self) -> int | None:
        """Bytes of content to come: 0 without content, None when chunked."""
        return self._head.length
