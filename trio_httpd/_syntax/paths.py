"""Paths: which names of files a raw path spells, if it may spell any."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_BROKEN_ENCODING = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(rb"[^\x00-\x1f\x7f/\\]++")
_WELL_KNOWN = b".well-known"


class FilePath(NamedTuple):
    """The names from a root down to a file or folder, as bytes of the file system.

    Args:
        names: none for the root itself. None of them is empty, a dot segment or
            hidden, or holds a slash, a backslash or a control character.
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
    a name, and no name has one. Hidden are names with a dot in front, but for
    ``.well-known`` at the top (RFC 8615).

    Args:
        raw: percent-encoded; the slash in front may be missing.
    """
    if not raw.isascii() or _BROKEN_ENCODING.search(raw):
        return None
    is_folder = raw.endswith("/")
    segments = raw.removeprefix("/").split("/")
    if not segments[-1]:
        segments.pop()
    names = tuple(unquote_to_bytes(segment) for segment in segments)
    visible = names[1:] if names[:1] == (_WELL_KNOWN,) else names
    if not all(_is_visible(name) for name in visible):
        return None
    return FilePath(names, is_folder)


def _is_visible(name: bytes) -> bool:
    """Whether a name may be asked for: clean, UTF-8, without a dot in front."""
    if name.startswith(b".") or not _NAME.fullmatch(name):
        return False
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
