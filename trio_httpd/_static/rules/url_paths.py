"""URL paths: which file names a raw path spells, if any."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_BROKEN_ENCODING = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_NAMES = 256
_NAME = re.compile(rb"[^\x00/\\]++")


class FilePath(NamedTuple):
    """The names from a root down to a file or folder, as bytes of the file system.

    Args:
        names: none for the root itself. Each is UTF-8; none is empty or a dot segment,
            or holds a slash, a backslash or a null.
        is_folder: whether it ends with a slash, so that a folder is meant.
    """

    names: tuple[bytes, ...]
    is_folder: bool

    def as_folder(self) -> FilePath:
        """Return the same path with a slash at its end."""
        return self._replace(is_folder=True)


def parse_path(raw: str) -> FilePath | None:
    """Return the file path that a raw path spells, None where there can be no such file.

    Each segment is decoded once, after the path was split: an encoded slash is part of
    a name, and no name has one. No file is deeper down than 256 folders.

    Args:
        raw: percent-encoded; the slash in front may be missing.
    """
    if not raw.isascii() or _BROKEN_ENCODING.search(raw):
        return None
    is_folder = raw.endswith("/")
    segments = raw.removeprefix("/").split("/")
    if not segments[-1]:
        segments.pop()
    if len(segments) > _MOST_NAMES:
        return None
    names = tuple(unquote_to_bytes(segment) for segment in segments)
    return FilePath(names, is_folder) if all(map(_may_be_asked, names)) else None


def _may_be_asked(name: bytes) -> bool:
    """Whether there can be a file of that name that a URL names."""
    if name in (b".", b"..") or not _NAME.fullmatch(name):
        return False
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
