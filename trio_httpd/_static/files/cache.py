"""Held files: what was opened a moment ago, kept open for the next who asks.

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
from .page_cache import ExpiryQueue, HeldPages
from .variants import FileVariants

T = TypeVar("T")

SECONDS = 1.0
"""How long a file is kept."""
FRESH_NS = 50_000_000
"""Nanoseconds after a change, in which another one might fall into the same tick of the file
system's clock: a file as fresh as that is not kept."""


def is_fresh(changed_ns: int) -> bool:
    """Whether what changed then may change again without another time."""
    return time.time_ns() - changed_ns < FRESH_NS


class CachedFile:
    """A published file, and for whom it is kept."""

    __slots__ = ("_docroot", "_holder", "_path", "published")

    def __init__(
        self, published: FileVariants, holder: OpenFileCache, docroot: Docroot, path: str
    ) -> None:
        self.published = published
        self._holder = holder
        self._docroot = docroot  # Kept, so that no other gets its identity.
        self._path = path

    @property
    def key(self) -> tuple[int, str]:
        """What it is found by."""
        return id(self._docroot), self._path

    def expire(self, _: object) -> None:
        """Be kept no longer."""
        self._holder.drop(self)


class OpenFileCache:
    """The files that one server keeps open.

    Args:
        most: descriptors.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._held: dict[tuple[int, str], CachedFile] = {}
        self._shelf: ExpiryQueue | None = None
        self.pages = HeldPages()
        """What was made of folders."""

    @contextmanager
    def opened(self, shelf: ExpiryQueue) -> Iterator[None]:
        """Keep files on ``shelf``, inside."""
        self._shelf = shelf
        try:
            with self.pages.opened(shelf):
                yield
        finally:
            self.clear()
            self._shelf = None

    def find(self, docroot: Docroot, path: str) -> FileVariants | None:
        """Return what ``path`` has led to; None if that is not known.

        Whoever waits for anything before he is done with it holds it meanwhile.
        """
        held = self._held.get((id(docroot), path))
        if held is None:
            return None
        published = held.published
        if not published.is_as_opened():
            self.drop(held)
            return None
        return published

    def keep(self, docroot: Docroot, path: str, published: FileVariants) -> None:
        """Keep what ``path`` has led to, if there is room for it, and it is not fresh."""
        if self._shelf is None or published.descriptors > self._most:
            return
        if is_fresh(published.changed_ns):
            return
        held = CachedFile(published.hold(), self, docroot, path)
        if (old := self._held.get(held.key)) is not None:
            self.drop(old)
        while self._count + published.descriptors > self._most:
            self.drop(next(iter(self._held.values())))
        self._held[held.key] = held
        self._count += published.descriptors
        self._shelf.enter(held)

    def drop(self, held: CachedFile) -> None:
        """Keep ``held`` no longer."""
        del self._held[held.key]
        self._count -= held.published.descriptors
        held.published.close()
        assert self._shelf is not None  # What is held, is held while this is open.
        self._shelf.leave(held)

    def making_room(self, open_: Callable[[], T]) -> T:
        """Return what ``open_`` returns; for want of descriptors, try again with ours."""
        try:
            return open_()
        except HTTPError as problem:
            if not is_exhaustion(problem.__cause__):
                raise
            self.clear()
            return open_()

    def clear(self) -> None:
        """Keep nothing."""
        for held in tuple(self._held.values()):
            self.drop(held)
