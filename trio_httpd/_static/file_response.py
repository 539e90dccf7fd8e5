"""The file response: a representation becomes a response to one request.

In comes a representation; out go fields and content through a `Responder`, or an
`HTTPError`. Conditions and ranges are answered here (RFC 9110 §13, §14).
"""

from __future__ import annotations

import errno
import logging
import secrets
from collections.abc import Sequence

from .._message.errors import HTTPError
from .._message.request import Request
from .._message.responder import Responder
from .._syntax.conditions import Conditions, failed_status, holds_if_range
from .._syntax.multipart_ranges import frame_parts, multipart_type
from .._syntax.quoting import MOST_QUOTED
from .._syntax.ranges import ByteRange, format_content_range, format_unsatisfied, select_ranges
from .files.reading import (
    SENT_WINDOW,
    WINDOW,
    FileObject,
    Source,
    make_ready,
    read_at_once,
    read_window,
)
from .files.representation import Representation

logger = logging.getLogger("trio_httpd.connection")

_SMALL = 128 * 1024
"""What is copied into the system: to let it send a file from a few pages costs more."""

_LAST = 4096
"""What is held back of a file that the system sends, until it is known to be the same still."""

_OF_CONTENT = frozenset(
    (b"content-type", b"content-encoding", b"content-language", b"content-disposition")
)


async def _send_small(responder: Responder, request: Request, chosen: Representation) -> bool:
    """Send the whole where that is the answer, and small, and in memory; whether it was."""
    reply = responder.reply
    if (
        chosen.size > _SMALL
        or request.method != "GET"
        or (request._is_conditional_or_range and 200 <= reply.status < 300)
        or isinstance(chosen.source, FileObject)
    ):
        return False
    if chosen.content is None:
        chosen.content = _content_at_once(chosen, chosen.source)
    if chosen.content is None:
        return False
    await responder.send_shared(chosen.fields, chosen.content)
    return True


def _content_at_once(chosen: Representation, source: Source) -> bytes | None:
    """Return all of it, None where that is not in memory, or not any more what it was."""
    content = read_at_once(source.fd, chosen.size, chosen.start)
    return None if source.was_rewritten() else content


async def send_representation(
    responder: Responder, request: Request, chosen: Representation
) -> None:
    """Answer GET or HEAD with a representation, or what its conditions and ranges lead to.

    Conditions apply to a response of success only (RFC 9110 §13.2.1), ranges to 200.

    Raises:
        HTTPError: 412, 416; 503 where the source became shorter: a response that is out
            is cut then.
    """
    reply = responder.reply
    if await _send_small(responder, request, chosen):
        return
    reply.declared = None
    parts = None
    if 200 <= reply.status < 300 and request._is_conditional_or_range:
        if _failed_status(request, chosen) is not None:
            await _send_not_modified(responder, chosen)
            return
        if request.method == "GET" and reply.status == 200:
            parts = _asked_parts(request, chosen)
    reply.adopt(chosen.fields)
    if parts is None:
        reply.declared = chosen.size
        await send_part(responder, request, chosen, ByteRange(0, chosen.size))
        await responder.finish()
    elif len(parts) == 1:
        reply.set_status(206, None)
        reply.add_header("Content-Range", format_content_range(parts[0], chosen.size))
        reply.declared = parts[0].size
        await send_part(responder, request, chosen, parts[0])
        await responder.finish()
    else:
        await _send_parts(responder, request, chosen, parts)


def _failed_status(request: Request, chosen: Representation) -> int | None:
    """Return 304 where that is the answer, None where the content is.

    Raises:
        HTTPError: 412.
    """
    headers = request.headers
    conditions = Conditions(
        if_match=headers.combined("if-match"),
        if_none_match=headers.combined("if-none-match"),
        if_modified_since=headers.single("if-modified-since"),
        if_unmodified_since=headers.single("if-unmodified-since"),
    )
    status = failed_status(conditions, chosen.validators, reading=True)
    if status == 412:
        raise HTTPError(412)
    return status


async def _send_not_modified(responder: Responder, chosen: Representation) -> None:
    reply = responder.reply
    reply.adopt(chosen.fields)
    # What the peer has, it knows already; it is told what may have become of that (§15.4.5).
    reply.fields = [field for field in reply.fields if field[0].lower() not in _OF_CONTENT]
    reply.set_status(304, None)
    await responder.send_whole(b"")


def _asked_parts(request: Request, chosen: Representation) -> list[ByteRange] | None:
    """Return the parts that are asked for, None where it is the whole.

    Raises:
        HTTPError: 416.
    """
    headers = request.headers
    value = headers.single("range")
    if value is None:
        return None
    if "if-range" in headers:
        known = headers.single("if-range")
        if known is None or not holds_if_range(known, chosen.validators):
            return None
    parts = select_ranges(value, chosen.size)
    if parts == []:
        raise HTTPError(416, headers=[("Content-Range", format_unsatisfied(chosen.size))])
    return parts


async def _send_parts(
    responder: Responder, request: Request, chosen: Representation, parts: Sequence[ByteRange]
) -> None:
    """Send several parts in one content (RFC 9110 §14.6)."""
    reply = responder.reply
    boundary = secrets.token_hex(16)
    framed = frame_parts(parts, chosen.size, media_type=chosen.media_type, boundary=boundary)
    reply.set_status(206, None)
    reply.set_header("Content-Type", multipart_type(boundary))
    reply.declared = framed.length
    for head, part in zip(framed.heads, parts, strict=True):
        await responder.send(head)
        await send_part(responder, request, chosen, part)
    await responder.send(framed.end)
    await responder.finish()


async def send_part(
    responder: Responder, request: Request, chosen: Representation, part: ByteRange
) -> None:
    """Send the bytes of a part; nothing is read for who asks HEAD.

    Raises:
        HTTPError: 503 where the source ends before, or was changed meanwhile. Once the head
            is out, that cuts the response, and is not reported as a fault of the handler.
    """
    reply = responder.reply
    start, stop = chosen.start + part.start, chosen.start + part.stop
    if request.method == "HEAD":
        # Nothing is read but what says whether GET would tell a length.
        stop = start if reply.declared is not None else min(stop, start + WINDOW)
    if start == stop:
        await responder.send(b"")
        return
    try:
        if (
            reply.takes_files
            and stop - start > _SMALL
            and not isinstance(chosen.source, FileObject)
        ):
            await _send_unread(responder, chosen.source, ByteRange(start, stop))
        else:
            await _send_read(responder, chosen.source, ByteRange(start, stop))
    except EOFError as problem:
        raise _cut(request, chosen, problem) from problem
    except OSError as problem:
        if problem.errno != errno.ESTALE:
            raise
        raise _cut(request, chosen, "which was replaced on another machine") from problem


def _cut(request: Request, chosen: Representation, problem: EOFError | str) -> HTTPError:
    """Return what answers, or cuts, a response whose source ends before, or was changed.

    Nobody's bug: somebody wrote the file meanwhile, or replaced it on another machine, or
    it is one of those that claim a size they do not have (/sys).
    """
    logger.warning("%a not sent whole: %a, %s", request, chosen.source.name[:MOST_QUOTED], problem)
    return HTTPError(503)


async def _send_read(responder: Responder, source: Source | FileObject, part: ByteRange) -> None:
    start = part.start
    while start < part.stop:
        window = await read_window(
            source, start, part.stop - start, run=responder.lane.run_blocking
        )
        if start + len(window) == part.stop:
            _require_unchanged(source)
        await responder.send(window)
        start += len(window)


async def _send_unread(responder: Responder, source: Source, part: ByteRange) -> None:
    """Let the system send it; its last bytes only when all others were taken."""
    last = part.stop - _LAST
    for start in range(part.start, last, SENT_WINDOW):
        window = ByteRange(start, min(start + SENT_WINDOW, last))
        size = min(window.size + _LAST, part.stop - start)
        await make_ready(source.fd, start, size, run=responder.lane.run_blocking)
        await responder.send_file(source.fd, window)
    _require_unchanged(source)
    await responder.send_file(source.fd, ByteRange(last, part.stop))


def _require_unchanged(source: Source | FileObject) -> None:
    """Raise `EOFError` if a response that mixes two states is about to look whole."""
    if not isinstance(source, FileObject) and source.was_rewritten():
        raise EOFError("which was changed meanwhile")
