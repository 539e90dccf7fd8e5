"""Folder entries: what a listing shows of a folder, and in which order.

In comes the descriptor of a folder, and a function that tells what would be served under
a name; out come values. A folder may be huge, and nothing here is so long at work on it
that others would notice: each `_TURN` entries, everybody else has a turn. Nor does it take
more memory than twice `MOST_ENTRIES` need.
"""

from __future__ import annotations

import heapq
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, get_args
from urllib.parse import quote

import trio

Facts = Callable[[bytes], os.stat_result | None]
"""Tells what would be served under a name in a folder; None where nothing would."""

Key = Literal["name", "size", "modified"]
"""What entries are sorted by."""

MOST_ENTRIES = 10_000
"""How many entries of a folder are shown: two megabytes of a page, and as much memory."""

_TURN = 256
_DIGITS = re.compile("[0-9]+")
_LATEST = 253_402_300_799  # The end of the year 9999: HTTP can tell no later date.


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder.

    Args:
        name: without a slash. Anything else may be in it.
        is_folder: whether it is a folder; else it is a regular file.
        size: of a file, in bytes; None for a folder.
        modified: when it last changed, in seconds since the epoch, and never before it.
    """

    name: str
    is_folder: bool
    size: int | None
    modified: int

    @property
    def link(self) -> str:
        """Where it is, relative to its folder, which ends with a slash.

        The dot in front keeps a name with a colon from being read as a scheme (RFC 3986
        §4.2).
        """
        return f"./{quote(self.name, safe='')}{'/' if self.is_folder else ''}"


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a folder, as far as it is shown, and how much there is in all.

    Args:
        entries: the first `MOST_ENTRIES` in the order that was asked for.
        folders: how many there are.
        files: how many there are.
        size: of all files together, in bytes.
    """

    entries: Sequence[Entry]
    folders: int
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Order:
    """How entries are sorted: folders first, whatever else is asked for.

    Args:
        key: by what; what is equal in it, and folders where it is the size, are in the
            order of their names.
        descending: whether the last comes first.
    """

    key: Key = "name"
    descending: bool = False


def parse_order(query: Mapping[str, str]) -> Order:
    """Return the order that ``?sort=size&order=desc`` asks for; unknown values ask nothing."""
    for key in get_args(Key):
        if query.get("sort") == key:
            return Order(key, query.get("order") == "desc")
    return Order("name", query.get("order") == "desc")


async def read_entries(fd: int, facts_of: Facts, order: Order) -> Contents:
    """Return the files and folders in the folder that ``fd`` is a descriptor of.

    Left out is what is neither, what is not served, what vanishes meanwhile, and each
    name that no path can spell: with a backslash, or not in UTF-8.

    Args:
        fd: open for reading. It stays open.
        facts_of: tells what would be served under a name.
        order: which entries are the first, and so are kept.

    Raises:
        OSError: the folder cannot be read.
    """
    first: list[Entry] = []
    folders = number = size = 0
    with os.scandir(fd) as names:
        while batch := [os.fsencode(each.name) for each in islice(names, _TURN)]:
            entries = list(_served(batch, facts_of))
            number += len(entries)
            folders += sum(entry.is_folder for entry in entries)
            size += sum(entry.size or 0 for entry in entries)
            first += entries
            if len(first) >= 2 * MOST_ENTRIES:
                first = await _first(first, order)
            await trio.lowlevel.checkpoint()
    return Contents(await _first(first, order), folders, number - folders, size)


async def _first(entries: Sequence[Entry], order: Order) -> list[Entry]:
    return (await sort_entries(entries, order))[:MOST_ENTRIES]


def _served(names: Iterable[bytes], facts_of: Facts) -> Iterator[Entry]:
    for name in names:
        facts = None if b"\\" in name else facts_of(name)
        entry = facts and _entry_of(name, facts)
        if entry:
            yield entry


def _entry_of(name: bytes, facts: os.stat_result) -> Entry | None:
    is_folder = stat.S_ISDIR(facts.st_mode)
    if not is_folder and not stat.S_ISREG(facts.st_mode):
        return None
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return None
    modified = min(max(0, int(facts.st_mtime)), _LATEST)
    return Entry(text, is_folder, None if is_folder else facts.st_size, modified)


async def sort_entries(entries: Sequence[Entry], order: Order) -> list[Entry]:
    """Return ``entries`` in that order, folders first."""
    by_name = order.key == "name"
    result = []
    for are_folders in (True, False):
        some = [each for each in entries if each.is_folder is are_folders]
        some = await _sorted(some, _natural, descending=by_name and order.descending)
        if not by_name and not (are_folders and order.key == "size"):
            some = await _sorted(some, attrgetter(order.key), descending=order.descending)
        result += some
    return result


async def _sorted(
    entries: Sequence[Entry], key: Callable[[Entry], Any], *, descending: bool
) -> list[Entry]:
    """Sort as `sorted` does, by runs that are merged, so that others have their turns."""
    # Numbers are moved, not pairs: each pair is one more thing for the garbage collector,
    # which held everybody up for 110 ms where there were 100,000.
    keys: list[Any] = []
    runs = []
    for start in range(0, len(entries), _TURN):
        keys += map(key, entries[start : start + _TURN])
        runs.append(sorted(range(start, len(keys)), key=keys.__getitem__, reverse=descending))
        await trio.lowlevel.checkpoint()
    merged = heapq.merge(*runs, key=keys.__getitem__, reverse=descending)
    result: list[Entry] = []
    while batch := [entries[number] for number in islice(merged, _TURN)]:
        result += batch
        await trio.lowlevel.checkpoint()
    return result


def _natural(entry: Entry) -> str:
    """Return a key by which "a2" is before "A10", and "é" between "e" and "f"."""
    plain = entry.name if entry.name.isascii() else unicodedata.normalize("NFKD", entry.name)
    return f"{_DIGITS.sub(_number, plain.casefold())}\0{entry.name}"


def _number(digits: re.Match[str]) -> str:
    """Return digits so that numbers compare as text: first by length, then by digits."""
    number = digits[0].lstrip("0")
    return f"0{chr(len(number))}{number}"
