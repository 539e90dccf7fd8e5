"""File reply: a file becomes a response, with everything that HTTP has for it.

In comes a file, or a path below a docroot; out go fields and content through a `Reply`,
or an `HTTPError`. Whoever calls has a connection object, which stands above.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress

from ._syntax.conditions import Conditions, Validators, failed_status
from ._syntax.dates import format_date
from ._syntax.paths import parse_path
from .docroot import Docroot
from .errors import HTTPError
from .file_content import read_window
from .files import OpenFile, find_file, open_file
from .media_types import media_type
from .reply import Reply
from .request import Request

logger = logging.getLogger("trio_httpd.connection")

_READING = ("GET", "HEAD")
_OF_CONTENT = frozenset(
    (b"content-type", b"content-encoding", b"content-language", b"content-range")
)


async def send_file(
    reply: Reply,
    request: Request,
    path: str | os.PathLike[str],
    *,
    offset: int,
    count: int | None,
) -> None:
    """See `Connection.send_file`."""
    if offset < 0 or (count is not None and count < 0):
        raise ValueError(f"not a part of a file: {count} bytes from {offset}")
    with open_file(path) as file:
        stop = file.size if count is None else min(offset + count, file.size)
        stop = max(offset, stop)
        if not reply.fixed:
            with suppress(ValueError):  # It has a length already.
                reply.add_header("Content-Length", str(stop - offset))
        await _send_part(reply, request, file, offset, stop)


async def serve_file(reply: Reply, request: Request, docroot: Docroot, path: str | None) -> None:
    """See `Connection.serve_file`."""
    if request.method not in _READING:
        raise HTTPError(405, headers=[("Allow", ", ".join(_READING))])
    reply.require_open()
    named = parse_path(request.raw_path if path is None else path)
    if named is None:
        raise HTTPError(404)
    file = find_file(docroot, named)
    if file is None and request.raw_path.endswith("/"):
        # The caller has taken a slash off, or knows better: what counts for relative
        # links is the slash that the peer has.
        file = find_file(docroot, named.as_folder())
    if file is None:
        await _add_slash(reply, request)
        return
    with file:
        await _respond(reply, request, file)


async def _add_slash(reply: Reply, request: Request) -> None:
    """Send the peer to the same folder, where the links in its index lead right.

    The location is relative to the request's own URL and begins with a dot: whatever the
    path is like, it is read neither as a host (``//evil.test``) nor as a scheme (``a:b``).
    """
    name = request.raw_path.rpartition("/")[2]
    query = f"?{request.query_string}" if request.query_string else ""
    reply.set_status(301, None)
    reply.set_header("Location", f"./{name}/{query}")
    await reply.send_whole(b"")


async def _respond(reply: Reply, request: Request, file: OpenFile) -> None:
    current = file.validators()
    reply.set_header("ETag", str(current.etag))
    reply.set_header("Last-Modified", format_date(current.modified))
    status = _failed_status(reply, request, current)
    if status is not None:
        reply.fields = [each for each in reply.fields if each[0].lower() not in _OF_CONTENT]
        reply.set_status(status, None)
        await reply.send_whole(b"")
        return
    if not reply.names(b"content-type"):
        reply.add_header("Content-Type", media_type(file.name))
    reply.set_header("Content-Length", str(file.size))
    await _send_part(reply, request, file, 0, file.size)
    await reply.finish()


def _failed_status(reply: Reply, request: Request, current: Validators) -> int | None:
    """Return the status that the request's conditions lead to, None for the content."""
    if not 200 <= reply.status < 300:
        return None  # An error page, say: conditions do not apply (RFC 9110 §13.2.1).
    headers = request.headers
    conditions = Conditions(
        if_none_match=headers.combined("if-none-match"),
        if_modified_since=headers.single("if-modified-since"),
    )
    return failed_status(conditions, current, reading=True)


async def _send_part(reply: Reply, request: Request, file: OpenFile, start: int, stop: int) -> None:
    """Send the bytes from ``start`` to ``stop``; nothing is read for who asks HEAD.

    Raises:
        HTTPError: 503 where the file ends before ``stop``. Once the head is out, that
            cuts the response, and is not reported as a fault of the handler.
    """
    if request.method == "HEAD" or start == stop:
        await reply.send(b"")
        return
    while start < stop:
        try:
            window = await read_window(file.fd, stop - start, start)
        except EOFError as problem:
            # Nobody's bug: somebody wrote the file meanwhile, or it is one of those that
            # claim a size they do not have (/sys). An answer, or a cut if it is too late.
            logger.warning("%a not sent whole: %a, %s", request, file.name, problem)
            raise HTTPError(503) from problem
        await reply.send(window)
        start += len(window)
