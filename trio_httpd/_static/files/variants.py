"""File variants: a file of a docroot and its compressed versions (RFC 9110 §12).

In comes what `lookup` found; out comes the variant that a client prefers, with its fields,
which are rendered once for all requests.
"""

from __future__ import annotations

from typing import Self

from ..._message.response import Fields, RenderedFields
from ..._syntax.conditions import EntityTag, Validators
from ..._syntax.preferences import choose_coding
from ..docroot import Docroot
from .lookup import FoundFile
from .open_file import OpenFile
from .representation import Representation, validator_fields


class FileVariants:
    """A file of a docroot and its compressed variants, all open.

    It counts references, as `OpenFile` does.
    """

    __slots__ = ("_codings", "_files", "_variants", "identity", "is_negotiated")

    def __init__(self, docroot: Docroot, found: FoundFile) -> None:
        self._files = [found.file, *(file for _, file in found.sidecars)]
        rules = docroot._rules
        media_type = rules.media_type(found.file.name)
        common: Fields = [(b"Accept-Ranges", b"bytes"), *rules.fields_for(found.names)]
        common += rules.fields
        self.is_negotiated: bool = bool(rules.codings)
        """Whether the variant depends on the request, so that `choose` decides."""
        if self.is_negotiated:
            common.append((b"Vary", b"Accept-Encoding"))
        self.identity: Representation = _variant(found.file, media_type, common, "identity")
        """The file itself, not compressed."""
        self._variants = {
            coding: _variant(file, media_type, common, coding) for coding, file in found.sidecars
        }
        self._codings = tuple(self._variants)

    @property
    def descriptors(self) -> int:
        """How many descriptors it has open."""
        return len(self._files)

    @property
    def changed_ns(self) -> int:
        """When any of the files last changed, in nanoseconds since the epoch."""
        return max(file.changed_ns for file in self._files)

    def choose(self, accept_encoding: str | None) -> Representation | None:
        """Return the variant for that ``Accept-Encoding``, None if none is acceptable."""
        coding = choose_coding(accept_encoding, self._codings)
        return None if coding is None else self._variants.get(coding, self.identity)

    def is_as_opened(self) -> bool:
        """Whether none of the files has changed."""
        return all(map(OpenFile.is_as_opened, self._files))

    def retain(self) -> Self:
        """Add a reference to each file."""
        for file in self._files:
            file.retain()
        return self

    def release(self) -> None:
        """Drop a reference to each file."""
        for file in self._files:
            file.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _variant(file: OpenFile, media_type: str, common: Fields, coding: str) -> Representation:
    validators = file.validators()
    fields: Fields = [(b"Content-Type", media_type.encode("latin-1"))]
    if coding != "identity":
        fields.append((b"Content-Encoding", coding.encode("ascii")))
        validators = _of_coding(validators, coding)
    fields += [*validator_fields(validators), *common]
    return Representation(file, 0, file.size, validators, media_type, RenderedFields(fields))


def _of_coding(validators: Validators, coding: str) -> Validators:
    """Return validators that no other variant has, even of one file (RFC 9110 §8.8.3)."""
    etag = validators.etag
    assert etag is not None  # Each open file has one.
    return validators._replace(etag=EntityTag(f'{etag.opaque[:-1]}-{coding}"', etag.weak))
