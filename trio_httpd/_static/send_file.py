"""Send file: a path or a file object of a handler's choice becomes a response.

Conditions and ranges are answered as for a file of a docroot. Where the handler has set a
status or a length, only the bytes are sent.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, cast

from .._message.reply import Reply
from .._message.request import Request
from .._message.responder import Responder
from .._message.response import Fields, RenderedFields
from .._net.blocking import RunBlocking
from .._syntax.conditions import EntityTag, Validators, parse_tags
from .._syntax.dates import parse_date
from .._syntax.disposition import format_disposition
from .._syntax.ranges import ByteRange
from .file_response import send_part, send_representation
from .files.cache import OpenFileCache
from .files.open_file import OpenFile, as_opened, open_file
from .files.reading import FileObject, descriptor_of
from .files.representation import Representation, validator_fields
from .media_types import media_type

_UNKNOWN = Validators(None, None)

ChosenFile = str | os.PathLike[str] | BinaryIO
"""A path, or a seekable file object that is open for reading bytes; trio's wrapped ones too."""


async def send_file(  # noqa: PLR0913 -- a connection's parts, and what its method takes
    responder: Responder,
    request: Request,
    cache: OpenFileCache,
    file: ChosenFile,
    *,
    part: tuple[int, int | None],
    filename: str | None,
) -> None:
    """See `Connection.send_file`; ``part`` is its offset and count."""
    offset, count = part
    if offset < 0 or (count is not None and count < 0):
        raise ValueError(f"not a part of a file: {count} bytes from {offset}")
    with responder.claimed():
        async with _opened(file, cache, responder.lane.run_blocking) as source:
            start = min(offset, source.size)
            stop = source.size if count is None else min(start + count, source.size)
            await _send_part(responder, request, source, ByteRange(start, stop), filename)


async def _send_part(
    responder: Responder,
    request: Request,
    source: OpenFile | FileObject,
    part: ByteRange,
    filename: str | None,
) -> None:
    reply = responder.reply
    chosen = _described(reply, source, part, filename)
    if reply.is_fixed or _is_said(reply) or request.method not in ("GET", "HEAD"):
        await _send_bytes(responder, request, chosen)
    else:
        chosen.fields = _unsaid(reply, [*chosen.fields.pairs, *_of_whole(chosen)])
        await send_representation(responder, request, chosen)


def _is_said(reply: Reply) -> bool:
    """Whether the handler has said how the response shall be: it may be a part, say."""
    has_length = reply.declared is not None
    return reply.status != 200 or has_length or reply.names(b"content-range")


async def _send_bytes(responder: Responder, request: Request, chosen: Representation) -> None:
    reply = responder.reply
    if not reply.is_fixed:
        reply.adopt(chosen.fields)
        if reply.declared is None:
            reply.declared = chosen.size
    await send_part(responder, request, chosen, ByteRange(0, chosen.size))


def _described(
    reply: Reply, source: OpenFile | FileObject, part: ByteRange, filename: str | None
) -> Representation:
    """Return a part with the type and the disposition that follow from its name."""
    name = source.name if filename is None else filename
    typed = reply.value_of(b"content-type") or media_type(name)
    fields: Fields = [(b"Content-Type", typed.encode("latin-1"))]
    if filename is not None:
        fields.append((b"Content-Disposition", format_disposition(filename).encode("latin-1")))
    validators = _validators(reply, source, part)
    unsaid = _unsaid(reply, fields)
    return Representation(source, part.start, part.size, validators, typed, unsaid)


def _of_whole(chosen: Representation) -> Fields:
    """Return the fields of what may be asked for in part, or if it has changed."""
    return [*validator_fields(chosen.validators), (b"Accept-Ranges", b"bytes")]


def _unsaid(reply: Reply, fields: Fields) -> RenderedFields:
    """Return those of ``fields`` that the handler has not set."""
    return RenderedFields([field for field in fields if not reply.names(field[0].lower())])


def _validators(reply: Reply, source: OpenFile | FileObject, part: ByteRange) -> Validators:
    """Return what the handler says that tells this state from others, else what the file does."""
    tag, date = reply.value_of(b"etag"), reply.value_of(b"last-modified")
    if tag is not None or date is not None:
        tags = parse_tags(tag or "")
        modified = None if date is None else parse_date(date)
        return Validators(tags[0] if tags else None, modified)
    if isinstance(source, FileObject):
        return _UNKNOWN
    current = source.validators()
    if part == (0, source.size) or current.etag is None:
        return current
    opaque = f'{current.etag.opaque[:-1]}-{part.start:x}-{part.size:x}"'
    return current._replace(etag=EntityTag(opaque, current.etag.weak))


@asynccontextmanager
async def _opened(
    file: ChosenFile, cache: OpenFileCache, run: RunBlocking
) -> AsyncIterator[OpenFile | FileObject]:
    """Give what there is to read; what was open before stays open."""
    if isinstance(file, str | os.PathLike):
        with cache.making_room(lambda: open_file(file)) as opened:
            yield opened
        return
    inner = getattr(file, "wrapped", file)  # Of trio's asynchronous files.
    if isinstance(inner.read(0), str):
        raise TypeError(f"a file open for text has no bytes to send: {file!r}")
    inner.flush()  # What was written to a temporary file, say.
    fd = descriptor_of(inner)
    if fd is None:
        source = FileObject(cast("BinaryIO", inner))
        await source.measure(run)
        yield source
    else:
        name = getattr(inner, "name", b"")
        yield as_opened(fd, os.fsencode(name) if isinstance(name, str | bytes) else b"")
