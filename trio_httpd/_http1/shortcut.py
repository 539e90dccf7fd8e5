"""The HTTP/1 shortcut: a small file in the cache is sent without an exchange.

Where a docroot itself is the handler, and a request asks for nothing but the whole of what
is there now, all that could be decided was decided when another asked, a moment ago. A
connection object, a lane and a reply would only say it again: they are two fifths of the
time that such a request takes.

Law: what goes out here is, byte for byte, what the long way sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .._exchange.context import ServerContext
from .._message.request import RequestHead
from .._message.response import DefaultHeaders, Fields, RenderedFields
from .._static.docroot import Docroot
from .._static.files.cache import OpenFileCache
from .._static.files.representation import Representation
from .writer import Framing, format_head


@dataclass(frozen=True, slots=True)
class WrittenResponse:
    """A whole response as HTTP/1 has it.

    Args:
        defaults: the fields of every response that are in it.
        data: head and content.
        size: of the content.
    """

    defaults: RenderedFields
    data: bytes
    size: int


class Shortcut:
    """The answers that a docroot gives at once, to whoever asks plainly.

    Args:
        docroot: one whose answer depends on nothing but the path.
        cache: its files that are open.
        defaults: the fields of every response.
    """

    __slots__ = ("_cache", "_defaults", "_docroot")

    def __init__(self, docroot: Docroot, cache: OpenFileCache, defaults: DefaultHeaders) -> None:
        self._docroot = docroot
        self._cache = cache
        self._defaults = defaults

    @classmethod
    def of(cls, context: ServerContext) -> Shortcut | None:
        """Return the shortcut of a context that can have one."""
        handler = context.handler
        if type(handler) is not Docroot:  # A subclass may do anything when it is called.
            return None
        if handler._rules.looks_at_requests or handler._rules.codings:
            return None
        return cls(handler, context.files.cache, context.default_headers)

    def answer_to(self, head: RequestHead) -> WrittenResponse | None:
        """Return a whole response, None where the long way has to be gone."""
        if head.method != "GET" or not head.is_plain:
            return None
        path = head.target.partition("?")[0]
        variants = self._cache.find(self._docroot, path, with_content=True)
        if variants is None:
            return None
        chosen, defaults = variants.identity, self._defaults.now()
        written = chosen.written
        if isinstance(written, WrittenResponse) and written.defaults is defaults:
            return written
        chosen.written = written = self._write(chosen, defaults)
        return written

    def _write(self, chosen: Representation, defaults: RenderedFields) -> WrittenResponse | None:
        """Write the response, once a second; None where a field replaces a default one."""
        content, fields = chosen.content, chosen.fields
        assert content is not None  # Else `OpenFileCache.find` does not return it.
        if not self._defaults.names.isdisjoint(fields.names):
            return None
        head = format_head(_WholeHead(fields.after(defaults), len(content)), Framing.LENGTH)
        return WrittenResponse(defaults, head + content, len(content))


@dataclass(slots=True)
class _WholeHead:
    """The head of a whole file; see `ResponseHead`."""

    rendered: RenderedFields
    length: int | None
    status: int = 200
    reason: bytes = b""
    fields: Fields = field(default_factory=list)
    bodiless: bool = False
    options: tuple[bytes, ...] = ()
