"""The open file cache: files stay open for a second, for the next request.

To find and open a file costs as much as half a request. So what a path has led to is kept
for a second, with all that is known of it.

Laws:
1. A change of the file itself, of its content, name or permissions, is seen at once: it is
   asked for each time. (But for what is written through a mapping: mmap(2) leaves it open
   when the system notes that.) What else can change, a folder on the way to it or a file that goes
   before it, is seen after `SECONDS` at the latest.
2. No more descriptors than agreed are kept, and those only while a server serves somebody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..._message.errors import HTTPError
from ..docroot import Docroot
from .os_errors import is_exhaustion
from .page_cache import ExpiryQueue, PageCache
from .variants import FileVariants

T = TypeVar("T")

SECONDS = 1.0
"""How long a file stays open."""
FRESH_NS = 50_000_000
"""Nanoseconds after a change, in which another one might fall into the same tick of the file
system's clock: a file as fresh as that is not kept."""


def is_fresh(changed_ns: int) -> bool:
    """Whether what changed then may change again without another time."""
    return time.time_ns() - changed_ns < FRESH_NS


class CachedFile:
    """An entry of the cache: the variants of a file, and what they are found by."""

    __slots__ = ("_cache", "_docroot", "_path", "variants")

    def __init__(
        self, variants: FileVariants, cache: OpenFileCache, docroot: Docroot, path: str
    ) -> None:
        self.variants: FileVariants = variants
        self._cache = cache
        self._docroot = docroot  # Kept, so that no other gets its identity.
        self._path = path

    @property
    def key(self) -> tuple[int, str]:
        """What it is found by."""
        return id(self._docroot), self._path

    def expire(self, _: object) -> None:
        """Leave the cache."""
        self._cache.drop(self)


class OpenFileCache:
    """The files that one server keeps open.

    Args:
        most: how many descriptors it may keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._entries: dict[tuple[int, str], CachedFile] = {}
        self._queue: ExpiryQueue | None = None
        self.pages: PageCache = PageCache()
        """Listings."""

    @contextmanager
    def opened(self, queue: ExpiryQueue) -> Iterator[None]:
        """Keep files while the block runs, each until ``queue`` expires it."""
        self._queue = queue
        try:
            with self.pages.opened(queue):
                yield
        finally:
            self.clear()
            self._queue = None

    def find(
        self, docroot: Docroot, path: str, *, with_content: bool = False
    ) -> FileVariants | None:
        """Return the file that ``path`` led to, None if it is not here, or has changed.

        It may be closed at the next checkpoint: whoever needs it longer retains it.

        Args:
            docroot: where ``path`` leads from, the same object as when it was kept.
            path: as it was kept.
            with_content: None as well where its content is not in memory, so that the
                system is not asked about a file that is then looked up the long way.
        """
        entry = self._entries.get((id(docroot), path))
        if entry is None:
            return None
        variants = entry.variants
        if with_content and variants.identity.content is None:
            return None
        if not variants.is_as_opened():
            self.drop(entry)
            return None
        return variants

    def keep(self, docroot: Docroot, path: str, variants: FileVariants) -> None:
        """Keep the file that ``path`` led to, if there is room for it, and it is not fresh."""
        if self._queue is None or variants.descriptors > self._most:
            return
        if is_fresh(variants.changed_ns):
            return
        entry = CachedFile(variants.retain(), self, docroot, path)
        if (old := self._entries.get(entry.key)) is not None:
            self.drop(old)
        while self._count + variants.descriptors > self._most:
            self.drop(next(iter(self._entries.values())))
        self._entries[entry.key] = entry
        self._count += variants.descriptors
        self._queue.enter(entry)

    def drop(self, entry: CachedFile) -> None:
        """Remove an entry."""
        del self._entries[entry.key]
        self._count -= entry.variants.descriptors
        entry.variants.release()
        assert self._queue is not None  # There are entries only while this is open.
        self._queue.leave(entry)

    def making_room(self, open_: Callable[[], T]) -> T:
        """Return what ``open_`` returns; if descriptors run out, empty the cache and try again."""
        try:
            return open_()
        except HTTPError as problem:
            if not self.makes_room_for(problem):
                raise
        return open_()

    def makes_room_for(self, problem: HTTPError) -> bool:
        """Empty the cache if ``problem`` is a lack of descriptors; whether that gave some back."""
        if not (self._entries and is_exhaustion(problem.__cause__)):
            return False
        self.clear()
        return True

    def clear(self) -> None:
        """Remove all entries."""
        for entry in tuple(self._entries.values()):
            self.drop(entry)
