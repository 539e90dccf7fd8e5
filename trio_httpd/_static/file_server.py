"""The file server: a request becomes a file of a docroot, a listing, a redirection or an error.

    cross-origin --> password? --> GET, HEAD --> which file? --> file response
                     401           405             | 404, 403
                                                   +--> a slash is missing: 301
                                                   +--> a listing
                                                   +--> the index (`Docroot.spa`)

Errors are answered with the docroot's own page for them, or raised as an `HTTPError`.

Law: a request looks once in the cache, and once on the disk if the file is not there.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

from .._message.errors import HTTPError
from .._message.reply import Reply
from .._message.request import Request
from .._message.responder import Responder
from .._message.response import RenderedFields
from .docroot import Docroot
from .file_response import send_representation
from .files.cache import OpenFileCache, is_fresh
from .files.lookup import FoundFile, OpenFolder, open_path
from .files.open_file import OpenFile
from .files.os_errors import exhaustion_is_503
from .files.page_cache import Page, PageKey
from .files.representation import Representation
from .files.variants import FileVariants
from .listing.entries import parse_order, read_entries
from .listing.response import make_page, send_listing, variant_of
from .rules.url_paths import FilePath, parse_path

logger = logging.getLogger("trio_httpd.connection")

_READING = ("GET", "HEAD")


class FileServer:
    """Serves files of docroots, through one cache of open files.

    Args:
        cache: the files that are open.
    """

    def __init__(self, cache: OpenFileCache) -> None:
        self.cache = cache
        """The files that are open."""

    async def serve(
        self, responder: Responder, request: Request, docroot: Docroot, path: str | None
    ) -> None:
        """See `Connection.serve_file`."""
        reply = responder.reply
        with responder.claimed():
            reply.require_open()
            reply.declared = None  # It is the file's length that counts.
            try:
                await self._serve(
                    responder, request, docroot, request.raw_path if path is None else path
                )
            except HTTPError as problem:
                if reply.is_out:
                    raise
                await self._answer_problem(responder, request, docroot, problem)

    async def _serve(
        self, responder: Responder, request: Request, docroot: Docroot, path: str
    ) -> None:
        if docroot.cors and _is_preflight(request):
            await _answer_preflight(responder, request, docroot)
            return
        _admit(responder.reply, request, docroot)
        variants = self.cache.find(docroot, path)
        if variants is not None:
            variants.retain()
        else:
            found = self._look_up(request, docroot, path)
            if not isinstance(found, FoundFile):
                responder.reply.adopt(RenderedFields(docroot._rules.fields))
                if found is None:
                    await _add_slash(responder, request)
                else:
                    await self._send_listing(responder, request, found, path)
                return
            variants = FileVariants(docroot, found)
            if path.endswith("/") or not request.raw_path.endswith("/"):  # Else see `_look_up`.
                self.cache.keep(docroot, path, variants)
        await _send_variant(responder, request, variants)

    def _look_up(
        self, request: Request, docroot: Docroot, path: str
    ) -> FoundFile | OpenFolder | None:
        """Open what ``path`` leads to; None: the peer's URL lacks a slash."""
        named = parse_path(path)
        if named is None:
            raise HTTPError(404)
        try:
            found = self._open(docroot, named)
            if found is None and request.raw_path.endswith("/"):
                # The caller has taken a slash off, or knows better: what counts for relative
                # links is the slash that the peer has.
                found = self._open(docroot, named.as_folder())
        except HTTPError as problem:
            rules, names = docroot._rules, named.names
            if problem.status == 404 and rules.spa_asked(names) and rules.publishes(names):
                return self._open(docroot, FilePath((), True))
            raise
        return found

    def _open(self, docroot: Docroot, path: FilePath) -> FoundFile | OpenFolder | None:
        return self.cache.making_room(lambda: open_path(docroot, path))

    async def _send_listing(
        self, responder: Responder, request: Request, folder: OpenFolder, path: str
    ) -> None:
        mount = unquote(request.raw_path.removesuffix(path.removeprefix("/")), errors="replace")
        with folder:
            try:
                page = await self._page_of(request, folder, mount or "/")
            except HTTPError as problem:
                if not self.cache.makes_room_for(problem):
                    raise
                page = await self._page_of(request, folder, mount or "/")
        await send_listing(responder, request, page)

    async def _page_of(self, request: Request, folder: OpenFolder, root: str) -> Page | None:
        """Return the listing of a folder, None for a HEAD."""

        async def make() -> Page:
            contents = await read_entries(fd, folder.facts_of, parse_order(request.query))
            return await make_page(request, contents, names=folder.names, root=root)

        with exhaustion_is_503():
            fd = folder.open_to_list()
            try:
                if request.method == "HEAD":
                    return None
                variant = (root, variant_of(request))
                key = PageKey((folder.docroot, folder.names), variant, _state_of(fd))
                return await self.cache.pages.find_or_make(key, make)
            finally:
                os.close(fd)

    # Errors.

    async def _answer_problem(
        self, responder: Responder, request: Request, docroot: Docroot, problem: HTTPError
    ) -> None:
        """Send the page that the docroot has for a problem, or raise it with its fields."""
        page = self._open_error_page(docroot, problem.status)
        cors = _cors_fields(request, docroot)
        if page is None:
            fields = [*problem.headers, *docroot._rules.pairs, *cors]
            raise HTTPError(problem.status, problem.detail, fields) from problem
        with page:
            chosen, reply = page.identity, responder.reply
            reply.reset()  # The attempt that failed may have set some fields.
            reply.set_status(problem.status, None)
            for name, value in (*problem.headers, *cors):
                reply.add_header(name, value)
            typed = (b"Content-Type", chosen.media_type.encode("latin-1"))
            rendered = RenderedFields([typed, *docroot._rules.fields])
            await send_representation(responder, request, replace(chosen, fields=rendered))

    def _open_error_page(self, docroot: Docroot, status: int) -> FileVariants | None:
        """Open the page that a docroot has for a status, None if it has none."""
        page = docroot._rules.error_pages.get(status)
        if page is None:
            return None
        path = FilePath(page, is_folder=False)
        try:
            found = self.cache.making_room(lambda: open_path(docroot, path, hidden_too=True))
        except HTTPError as problem:
            if problem.status == 503:  # It may be there, but cannot be opened now.
                return None
            found = None
        if isinstance(found, FoundFile):
            return FileVariants(docroot, found)
        _note_missing(str(docroot.path), page)
        return None


async def _send_variant(responder: Responder, request: Request, variants: FileVariants) -> None:
    """Send a file in the best of its variants, and release it."""
    with variants:
        chosen = _chosen(request, variants)
        if chosen is None:
            raise HTTPError(406, headers=[("Vary", "Accept-Encoding")])
        assert isinstance(chosen.source, OpenFile)
        file = chosen.source.retain()
    with file:  # A slow client needs no descriptors of the other variants.
        await send_representation(responder, request, chosen)


def _cors_fields(request: Request, docroot: Docroot) -> list[tuple[str, str]]:
    return docroot._rules.cors_fields(request.headers.single("origin")) if docroot.cors else []


def _is_preflight(request: Request) -> bool:
    """Whether a browser asks what a script may ask (Fetch standard, "CORS-preflight request")."""
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


async def _answer_preflight(responder: Responder, request: Request, docroot: Docroot) -> None:
    rules, reply = docroot._rules, responder.reply
    reply.set_status(204, None)
    reply.adopt(RenderedFields(rules.fields))
    for name, value in rules.preflight_fields(request.headers.single("origin")):
        reply.add_header(name, value)
    await responder.send_whole(b"")


def _admit(reply: Reply, request: Request, docroot: Docroot) -> None:
    """Add the fields of CORS; refuse who may not come in, or who wants to do more than read.

    Raises:
        HTTPError: 401, 405.
    """
    rules = docroot._rules
    if rules.looks_at_requests:
        for name, value in _cors_fields(request, docroot):
            reply.add_header(name, value)
        if not rules.admits(request.headers.single("authorization")):
            raise HTTPError(401, headers=[("WWW-Authenticate", rules.challenge)])
    if request.method not in _READING:
        allowed = (*_READING, "OPTIONS") if docroot.cors else _READING
        raise HTTPError(405, headers=[("Allow", ", ".join(allowed))])


def _chosen(request: Request, variants: FileVariants) -> Representation | None:
    """Return the variant that the client prefers, None if none is acceptable."""
    if not variants.is_negotiated:
        return variants.identity
    return variants.choose(request.headers.combined("accept-encoding"))


def _state_of(fd: int) -> tuple[int, ...] | None:
    """Return what tells a state of a folder, what is in it and who may read it, from others.

    None where a change right now would not be seen in it.
    """
    facts = os.fstat(fd)
    state = (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
    return None if is_fresh(max(state[2:])) else state


async def _add_slash(responder: Responder, request: Request) -> None:
    """Send the peer to the same folder, where the links in its index lead right.

    The location is relative to the request's own URL and begins with a dot: whatever the
    path is like, it is read neither as a host (``//evil.test``) nor as a scheme (``a:b``).
    """
    reply = responder.reply
    name = request.raw_path.rpartition("/")[2]
    query = f"?{request.query_string}" if request.query_string else ""
    reply.set_status(301, None)
    reply.set_header("Location", f"./{name}/{query}")
    await responder.send_whole(b"")


@lru_cache(maxsize=64)
def _note_missing(folder: str, page: tuple[bytes, ...]) -> None:
    """Log, once, that an error has no page."""
    logger.warning("no page for an error in %a: %a", folder, os.fsdecode(b"/".join(page)))
