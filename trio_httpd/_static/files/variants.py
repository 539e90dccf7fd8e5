"""Published files: what a path of a docroot leads to, in each form that there is.

In comes what was found there; out comes the form that a peer likes best, with all that is
said of it, made ready once for all who ask.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ..._message.response import Fields, RenderedFields
from ..._syntax.conditions import EntityTag, Validators
from ..._syntax.preferences import choose_coding
from ..docroot import Docroot
from .lookup import FoundFile
from .open_file import OpenFile
from .representation import Representation, validator_fields


class FileVariants:
    """A file of a docroot, open, with its compressed forms.

    Several may hold it; each closes it once, as a context manager does.
    """

    __slots__ = ("_codings", "_files", "_forms", "is_negotiated", "plain")

    def __init__(self, docroot: Docroot, found: FoundFile) -> None:
        self._files = [found.file, *(file for _, file in found.sidecars)]
        rules = docroot.rules
        media_type = rules.media_type(found.file.name)
        common: Fields = [(b"Accept-Ranges", b"bytes"), *rules.fields_for(found.names)]
        common += rules.fields
        self.is_negotiated = bool(rules.codings)
        """Whether `choose` is to be asked for the form: its answers vary."""
        if self.is_negotiated:
            common.append((b"Vary", b"Accept-Encoding"))
        self.plain = _form(found.file, media_type, common, "identity")
        """The file as it is."""
        self._forms = {
            coding: _form(file, media_type, common, coding) for coding, file in found.sidecars
        }
        self._codings = tuple(self._forms)

    @property
    def descriptors(self) -> int:
        """How many are open for it."""
        return len(self._files)

    @property
    def changed_ns(self) -> int:
        """When anything of it last changed, in nanoseconds since the epoch."""
        return max(file.changed_ns for file in self._files)

    def choose(self, accept_encoding: str | None) -> Representation | None:
        """Return the form for a peer with that ``Accept-Encoding``, None if he takes none."""
        coding = choose_coding(accept_encoding, self._codings)
        return None if coding is None else self._forms.get(coding, self.plain)

    def is_as_opened(self) -> bool:
        """Whether nothing of it has changed."""
        return all(map(OpenFile.is_as_opened, self._files))

    def hold(self) -> Self:
        """Let one more hold it."""
        for file in self._files:
            file.hold()
        return self

    def close(self) -> None:
        """Let one less hold it."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _form(file: OpenFile, media_type: str, common: Fields, coding: str) -> Representation:
    validators = file.validators()
    fields: Fields = [(b"Content-Type", media_type.encode("latin-1"))]
    if coding != "identity":
        fields.append((b"Content-Encoding", coding.encode("ascii")))
        validators = _of_coding(validators, coding)
    fields += [*validator_fields(validators), *common]
    return Representation(file, 0, file.size, validators, media_type, RenderedFields(fields))


def _of_coding(validators: Validators, coding: str) -> Validators:
    """Return validators that no other form has, even if it is the same file (RFC 9110 §8.8.3)."""
    etag = validators.etag
    assert etag is not None  # Each open file has one.
    return validators._replace(etag=EntityTag(f'{etag.opaque[:-1]}-{coding}"', etag.weak))
