"""Listing as JSON: what is in a folder, for programs.

The names and values of nginx's ``autoindex_format json``, and a link. One entry a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..._syntax.dates import format_date
from .entries import Entry

_ENTRIES = 200


def format_json(entries: Sequence[Entry]) -> Iterator[str]:
    """Return the pieces of a JSON text, a list with an object for each entry."""
    before = "[\n"
    for start in range(0, len(entries), _ENTRIES):
        yield before + ",\n".join(map(_object, entries[start : start + _ENTRIES]))
        before = ",\n"
    yield "\n]\n" if entries else "[]\n"


def _object(entry: Entry) -> str:
    return json.dumps(
        {
            "name": entry.name,
            "type": "directory" if entry.is_folder else "file",
            "mtime": format_date(entry.modified),
            **({} if entry.size is None else {"size": entry.size}),
            "url": entry.link,
        },
        ensure_ascii=False,
    )
