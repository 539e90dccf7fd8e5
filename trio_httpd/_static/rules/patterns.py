"""Patterns: which paths a pattern of a shell stands for, as a regular expression.

In comes a pattern, and the names of a path as text with slashes between; out goes whether
it fits. Whoever asks chooses the path, so the time has to be linear in it, whatever the
pattern is. Two laws make it so:

1. A star that no other follows in its name is the only one there that may have to try
   again; each one before it takes the first that fits, once and for all (``(?>...)``):
   whatever a later place makes possible, an earlier one does as well.
2. The same goes for folders: ``**`` takes as few as will do. It begins at the start of a
   name only, since "anything" is some whole folders and then a star.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

_STAR = "*"
_FOLDERS = "**"
_ANY_FOLDERS = "(?:[^/]*+/)*?"

_ITEM = re.compile(r"\*+|\?|\[[!^]?\]?[^\]]*+\]|[^*?\[{}]", re.DOTALL)
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
# None of them is in a name that can be asked for.
_FOREIGN = re.compile(r"[\\\x00]")

# Where names differ that a file system takes for the same, what is hidden would not be.
_FLAGS = re.DOTALL | (re.IGNORECASE if sys.platform == "darwin" else re.NOFLAG)


def compile_patterns(patterns: Iterable[str], *, below: bool = False) -> re.Pattern[str]:
    """Return what matches the paths that one of ``patterns`` stands for.

    ``*`` and ``?`` stand for what is no slash, ``**`` for anything, ``[a-c]`` for one of a
    set, ``[!a-c]`` for one of the others; ``[*]`` is a star itself. ``**/`` may be no folder
    at all. Braces are for a shell to expand: give several patterns.

    A pattern without a slash is about a last name, wherever it lies; one with a slash is
    about the whole path, and may begin with one. One that ends with a slash is about all
    that is below a folder.

    Args:
        patterns: at least one.
        below: whether all that is below what fits, fits as well.

    Raises:
        ValueError: a pattern that is malformed, or can fit nothing.
    """
    return re.compile("|".join(_translate(each, below=below) for each in patterns), _FLAGS)


def path_text(names: Iterable[bytes]) -> str:
    """Return the names of a path as the text that patterns are matched with."""
    return b"/".join(names).decode("utf-8", "surrogateescape")


def _translate(pattern: str, *, below: bool) -> str:
    bare = pattern.removesuffix("/")
    segments = bare.removeprefix("/").split("/")
    if _FOREIGN.search(pattern):
        raise ValueError(f"not a pattern, for it has a backslash or NUL: {pattern!r}")
    if not {"", ".", ".."}.isdisjoint(segments):
        raise ValueError(f"not a pattern that a path can fit: {pattern!r}")
    items = list(_items_of(segments, pattern))
    if "/" not in bare:
        items.insert(0, _FOLDERS)
    end = "(?:/|\\Z)" if below else "/" if pattern != bare else "\\Z"
    first, *others = _split(items, _FOLDERS)
    if not others:
        return _match_names(first, end)
    *inner, last = others
    middle = "".join(f"(?>{_ANY_FOLDERS}{_match_names(piece)})" for piece in inner)
    return _match_names(first) + middle + _ANY_FOLDERS + _match_names(last, end)


def _items_of(segments: list[str], pattern: str) -> Iterator[str]:
    """Yield a pattern's marks, and an expression for each character that it stands for."""
    for number, segment in enumerate(segments, 1):
        parts = _ITEM.findall(segment)
        if "".join(parts) != segment:
            raise ValueError(f"not a pattern, for an open bracket or a brace: {pattern!r}")
        is_last = number == len(segments)
        if set(segment) == {"*"} and segment != "*" and not is_last:
            yield _FOLDERS  # With the slash behind it.
            continue
        for part in parts:
            yield from _read_part(part, pattern)
        if not is_last:
            yield "/"


def _read_part(part: str, pattern: str) -> Iterator[str]:
    match part[0]:
        case "*":
            if part != "*":
                yield _FOLDERS
            yield _STAR
        case "?":
            yield "[^/]"
        case "[":
            yield _read_set(part, pattern)
        case _:
            yield re.escape(part)


def _read_set(part: str, pattern: str) -> str:
    negated = part[1] in "!^"
    ranges = _RANGE.findall(part[2 if negated else 1 : -1])
    if not ranges or any(low > high for low, high, _ in ranges):
        raise ValueError(f"not a pattern, for a set is empty: {pattern!r}")
    members = "".join(
        re.escape(single) or f"{re.escape(low)}-{re.escape(high)}" for low, high, single in ranges
    )
    return f"(?!/)[{'^' if negated else ''}{members}]"


def _match_names(items: list[str], end: str = "") -> str:
    """Return the expression for what has no ``**`` in it.

    Args:
        items: expressions for a character each, slashes and stars.
        end: what has to follow.
    """
    first, *runs = _split(items, _STAR)
    expression = "".join(first)
    for number, run in enumerate(runs, 1):
        if "/" in run:  # The star's name ends there, and only there.
            slash = run.index("/") + 1
            expression += f"(?>[^/]*{''.join(run[:slash])}){''.join(run[slash:])}"
        elif number == len(runs) and end:
            expression += f"[^/]*{''.join(run)}"
        else:
            expression += f"(?>[^/]*?{''.join(run)})"
    return expression + end


def _split(items: list[str], mark: str) -> list[list[str]]:
    """Return what stands between the marks, as `str.split` does."""
    pieces: list[list[str]] = [[]]
    for item in items:
        if item == mark:
            pieces.append([])
        else:
            pieces[-1].append(item)
    return pieces
