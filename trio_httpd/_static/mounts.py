"""Mounts: several folders at once, each below a path of its own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from urllib.parse import quote, unquote_to_bytes

from .._message.errors import HTTPError
from .docroot import Docroot, DocrootLike, ServesFiles, docroot_of
from .rules.url_paths import parse_path

Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Mounts:
    """Folders to publish, each below a prefix; also the handler that does so.

    A request belongs to the longest prefix that its path begins with, name by name:
    ``/files/`` has ``/files/a`` and ``/files``, which is redirected, but not ``/filesystem``.
    What a longer prefix has is never looked for below a shorter one. Names are compared as
    they are after decoding. Without a folder at ``/``, what belongs to no prefix is 404.

    Args:
        folders: a `Docroot`, or a path, which stands for one with everything as usual,
            for each prefix. That begins with a slash; one at its end changes nothing.

    Raises:
        TypeError: a prefix, or a folder, of another type.
        ValueError: no folder; a prefix that is none, or the same as another one.
    """

    folders: InitVar[Mapping[str, DocrootLike]]
    docroots: Mapping[str, Docroot] = field(init=False)
    """The folders, by prefixes with a slash at their ends, in the order given."""
    _found: Mapping[Names, Docroot] = field(init=False, repr=False, compare=False)
    _depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self, folders: Mapping[str, DocrootLike]) -> None:
        found = _read_folders(folders)
        docroots = {_prefix_of(names): docroot for names, docroot in found.items()}
        object.__setattr__(self, "docroots", MappingProxyType(docroots))
        object.__setattr__(self, "_found", found)
        object.__setattr__(self, "_depth", max(map(len, found)))

    def __hash__(self) -> int:
        return hash(frozenset(self.docroots.items()))

    def __call__(self, conn: ServesFiles) -> Awaitable[None]:
        """Serve the file that the request names."""
        docroot, rest = self._find(conn.request.raw_path)
        return conn.serve_file(rest, docroot=docroot)

    def _find(self, raw: str) -> tuple[Docroot, str]:
        """Return whose path it is, and what is left of it below that prefix.

        Raises:
            HTTPError: 404 where it is nobody's.
        """
        segments = raw.split("/", self._depth + 1)
        names = tuple(map(unquote_to_bytes, segments[1 : self._depth + 1]))
        for count in range(len(names), -1, -1):
            if docroot := self._found.get(names[:count]):
                return docroot, "/".join(["", *segments[count + 1 :]])
        raise HTTPError(404)


def _read_folders(folders: Mapping[str, DocrootLike]) -> dict[Names, Docroot]:
    if not isinstance(folders, Mapping):
        raise TypeError(f"mounts are a mapping from prefixes to folders, not {folders!r}")
    found: dict[Names, Docroot] = {}
    for prefix, folder in folders.items():
        names = _names_of(prefix)
        if names in found:
            raise ValueError(f"two folders for one prefix: {prefix!r}")
        if not isinstance(folder, Docroot | str | os.PathLike):
            raise TypeError(f"a folder is a Docroot or a path, not {folder!r}")
        found[names] = docroot_of(folder)
    if not found:
        raise ValueError("mounts without a folder")
    return found


def _names_of(prefix: object) -> Names:
    if not isinstance(prefix, str):
        raise TypeError(f"a prefix is a path like '/files/', not {prefix!r}")
    path = parse_path(quote(prefix, "/%", errors="surrogateescape"))
    if path is None or not prefix.startswith("/"):
        raise ValueError(f"not a prefix like '/files/': {prefix!r}")
    return path.names


def _prefix_of(names: Names) -> str:
    return "".join(f"/{quote(name)}" for name in names) + "/"
