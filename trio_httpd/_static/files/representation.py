"""Representations: bytes of a source, with what is said of them (RFC 9110 §3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from ..._message.response import Fields, RenderedFields
from ..._syntax.conditions import Validators
from ..._syntax.dates import format_date
from .reading import FileObject, Source


@dataclass(slots=True)
class Representation:
    """What is sent for a file, or for a part of one that is taken for a whole.

    Args:
        source: what the bytes are taken from.
        start: where in it they begin.
        size: how many there are.
        validators: what tells this state from others.
        media_type: the value of ``Content-Type``.
        fields: all that is said of it.
    """

    source: Source | FileObject
    start: int
    size: int
    validators: Validators
    media_type: str
    fields: RenderedFields
    content: bytes | None = None
    """All the bytes, once they were read, where they are few."""
    written: object = None
    """The whole response as it was written last, in the form of whoever writes it."""


def validator_fields(validators: Validators) -> Fields:
    """Return the fields that carry ``validators`` (RFC 9110 §8.8)."""
    fields: Fields = []
    if validators.etag is not None:
        fields.append((b"ETag", str(validators.etag).encode("latin-1")))
    if validators.modified is not None:
        fields.append((b"Last-Modified", format_date(validators.modified).encode("ascii")))
    return fields
