"""Folder rules: what a docroot's options say of a path, a request or an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Names = tuple[bytes, ...]
Fields = list[tuple[bytes, bytes]]

_WELL_KNOWN = b".well-known"


class FolderRules:
    """The options of one docroot, checked and made ready for use."""

    def __init__(self, options: Any) -> None:
        if not isinstance(options.index, tuple):
            raise TypeError(f"index is a tuple of names, not {options.index!r}")
        for name in options.index:
            if name in ("", ".", "..") or "/" in name or "\0" in name:
                raise ValueError(f"not the name of a file: {name!r}")
        self.hidden = options.hidden
        self.error_pages: Mapping[int, Names] = {}

    def publishes(self, names: Names) -> bool:
        """Whether the path of ``names`` from the docroot may be asked for."""
        visible = names[1:] if names[:1] == (_WELL_KNOWN,) else names
        return self.hidden or not any(name.startswith(b".") for name in visible)

    def fields_for(self, names: Names) -> Fields:
        """Return the fields that go with the file at ``names``, whole or not (304, 206)."""
        return []

    def admits(self, authorization: str | None) -> bool:
        """Whether a request with that ``Authorization`` may see anything here."""
        return True
