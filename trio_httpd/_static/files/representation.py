"""Representations: bytes of a source, with their fields (RFC 9110 §3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from ..._message.response import Fields, RenderedFields
from ..._syntax.conditions import Validators
from ..._syntax.dates import format_date
from .reading import FileObject, Source


@dataclass(slots=True)
class Representation:
    """What is sent for a file, or for a part of one that is sent as a whole.

    Args:
        source: where the bytes come from.
        start: the offset of the first byte there.
        size: how many bytes.
        validators: the entity tag and the date of this state.
        media_type: the value of ``Content-Type``.
        fields: all of its fields.
    """

    source: Source | FileObject
    start: int
    size: int
    validators: Validators
    media_type: str
    fields: RenderedFields
    content: bytes | None = None
    """All the bytes of a small file, once they were read."""
    written: object = None
    """The whole response as it was written last, kept by whoever wrote it."""


def validator_fields(validators: Validators) -> Fields:
    """Return the fields that carry ``validators`` (RFC 9110 §8.8)."""
    fields: Fields = []
    if validators.etag is not None:
        fields.append((b"ETag", str(validators.etag).encode("latin-1")))
    if validators.modified is not None:
        fields.append((b"Last-Modified", format_date(validators.modified).encode("ascii")))
    return fields
