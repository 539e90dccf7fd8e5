"""Chosen files: what a handler sends, of the file system or of its own making.

In comes a path or a file object; out goes a response with everything that HTTP has for it,
or, where the handler has said how the response shall be, just the bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, cast

from ._syntax.conditions import EntityTag, Validators, parse_tags
from ._syntax.dates import parse_date
from ._syntax.disposition import format_disposition
from ._syntax.ranges import ByteRange
from .file_content import FileObject, descriptor_of
from .file_reply import send_part, send_representation
from .files import OpenFile, open_file
from .media_types import media_type
from .reply import Reply
from .representation import Representation, validator_fields
from .request import Request
from .response import Fields, Standing

ChosenFile = str | os.PathLike[str] | BinaryIO
"""A path, or a seekable file object that is open for reading bytes; trio's wrapped ones too."""


async def send_file(
    reply: Reply,
    request: Request,
    file: ChosenFile,
    part: tuple[int, int | None],
    filename: str | None,
) -> None:
    """See `Connection.send_file`; ``part`` is its offset and count."""
    offset, count = part
    if offset < 0 or (count is not None and count < 0):
        raise ValueError(f"not a part of a file: {count} bytes from {offset}")
    with _opened(file) as source:
        stop = source.size if count is None else min(offset + count, source.size)
        size = max(0, stop - offset)
        if reply.fixed:
            validators = Validators(None, None)
        else:
            whole = (offset, size) == (0, source.size)
            validators = _validators(reply, source, None if whole else (offset, size))
        chosen = Representation(source, offset, size, validators, "", Standing([]))
        if reply.fixed or reply.is_described or request.method not in ("GET", "HEAD"):
            if not (reply.fixed or reply.is_described):
                reply.declare_length(size)
            await send_part(reply, request, chosen, ByteRange(0, size))
            return
        await send_representation(reply, request, _described(reply, chosen, filename))


def _described(reply: Reply, chosen: Representation, filename: str | None) -> Representation:
    """Say what is sent, where the handler has not."""
    name = os.path.basename(chosen.source.name) if filename is None else filename  # noqa: PTH119
    typed = reply.value_of(b"content-type") or media_type(name)
    fields: Fields = [
        (b"Content-Type", typed.encode("latin-1")),
        *validator_fields(chosen.validators),
        (b"Accept-Ranges", b"bytes"),
    ]
    if filename is not None:
        fields.append((b"Content-Disposition", format_disposition(filename).encode("latin-1")))
    unsaid = [field for field in fields if not reply.names(field[0].lower())]
    return replace(chosen, media_type=typed, fields=Standing(unsaid))


def _validators(
    reply: Reply, source: OpenFile | FileObject, part: tuple[int, int] | None
) -> Validators:
    """Return what the handler says that tells this state from others, else what the file does."""
    tag, date = reply.value_of(b"etag"), reply.value_of(b"last-modified")
    if tag is not None or date is not None:
        tags = parse_tags(tag or "")
        return Validators(
            tags[0] if tags and tags != "*" else None, None if date is None else parse_date(date)
        )
    if isinstance(source, FileObject):
        return Validators(None, None)
    current = source.validators()
    if part is None or current.etag is None:
        return current
    opaque = f'{current.etag.opaque[:-1]}-{part[0]:x}-{part[1]:x}"'
    return current._replace(etag=EntityTag(opaque, current.etag.weak))


@contextmanager
def _opened(file: ChosenFile) -> Iterator[OpenFile | FileObject]:
    """Give what there is to read; what was open before stays open."""
    if isinstance(file, str | os.PathLike):
        with open_file(file) as opened:
            yield opened
        return
    inner = getattr(file, "wrapped", file)  # Of trio's asynchronous files.
    if isinstance(inner, io.TextIOBase):
        raise TypeError(f"a file open for text has no bytes to send: {file!r}")
    inner.flush()  # What was written to a temporary file, say.
    fd = descriptor_of(inner)
    if fd is None:
        yield FileObject(cast("BinaryIO", inner))
    else:
        yield OpenFile(fd, str(getattr(inner, "name", "")), os.fstat(fd))
