"""The page cache: large listings are kept for a second, for the next request.

To list a folder of 10,000 entries takes a fifth of a second, for a request of forty bytes.
So a large page is kept for a second, and while it is made, others wait for it.

Laws:
1. A page is used for `SECONDS` after it was begun, and by whoever asked before it was done;
   and only while the folder itself is in the state that it was in when the page was begun.
2. For one folder, one page is made at a time.
3. No more than `MOST_BYTES` are kept, and those only while a server serves somebody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import trio

SECONDS = 1.0
"""How long a page is used."""
LEAST_BYTES = 32 * 1024
"""The size of a page, some 200 entries, that is worth keeping."""
MOST_BYTES = 16 * 1024 * 1024
"""How many bytes of pages are kept."""


class Expiring(Protocol):
    """An entry of a cache, which an `ExpiryQueue` expires."""

    def expire(self, _: object) -> None:
        """Leave the cache."""


class ExpiryQueue(Protocol):
    """Expires what was entered a second ago; see `DeadlineQueue`."""

    def enter(self, item: Expiring) -> None:
        """Expire ``item`` in a second."""

    def leave(self, item: Expiring) -> None:
        """Forget ``item``."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as far as it is made.

    Args:
        pieces: its beginning, or all of it.
        rest: what follows, made as it is taken; None for a page that is whole, and so may
            be sent to several.
    """

    pieces: Sequence[bytes]
    rest: Iterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which page it is.

    Args:
        folder: which folder.
        variant: which of its pages.
        state: in which state the folder is; None if that is not told from the next one.
    """

    folder: Hashable
    variant: Hashable
    state: Hashable


@dataclass(slots=True, eq=False)
class CachedPage:
    """An entry of the cache."""

    page: Page
    key: PageKey
    began: float
    done: float
    cache: PageCache
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.page.pieces))

    def expire(self, _: object) -> None:
        """Leave the cache."""
        self.cache.drop(self)


class PageCache:
    """The pages that one server keeps."""

    def __init__(self) -> None:
        self._size = 0
        self._entries: dict[PageKey, CachedPage] = {}
        self._turns: dict[Hashable, trio.Lock] = {}
        self._queue: ExpiryQueue | None = None

    @contextmanager
    def opened(self, queue: ExpiryQueue) -> Iterator[None]:
        """Keep pages while the block runs, each until ``queue`` expires it."""
        self._queue = queue
        try:
            yield
        finally:
            for entry in tuple(self._entries.values()):
                self.drop(entry)
            self._queue = None

    async def find_or_make(self, key: PageKey, make: Callable[[], Awaitable[Page]]) -> Page:
        """Return a page: the one kept here, the one being made now, or what ``make`` returns.

        Cancelled: the next task that waits for it makes it.
        """
        came = trio.current_time()
        if (page := self._find(key, came)) is not None:
            return page
        turn = self._turns.setdefault(key.folder, trio.Lock())
        try:
            async with turn:
                if (page := self._find(key, came)) is None:
                    began = trio.current_time()
                    page = await make()
                    self._keep(CachedPage(page, key, began, trio.current_time(), self))
                return page
        finally:
            if not turn.locked():
                self._turns.pop(key.folder, None)

    def _find(self, key: PageKey, came: float) -> Page | None:
        """Return the page that is here, if a request that came then may have it."""
        entry = self._entries.get(key)
        if entry is None or (trio.current_time() >= entry.began + SECONDS and came > entry.done):
            return None
        return entry.page

    def _keep(self, entry: CachedPage) -> None:
        """Keep a page, if it is worth it and there is room."""
        if self._queue is None or entry.key.state is None or entry.page.rest is not None:
            return
        if not LEAST_BYTES <= entry.size <= MOST_BYTES:
            return
        if (old := self._entries.get(entry.key)) is not None:
            self.drop(old)
        while self._size + entry.size > MOST_BYTES:
            self.drop(next(iter(self._entries.values())))
        self._entries[entry.key] = entry
        self._size += entry.size
        self._queue.enter(entry)

    def drop(self, entry: CachedPage) -> None:
        """Remove an entry."""
        del self._entries[entry.key]
        self._size -= entry.size
        assert self._queue is not None  # There are entries only while this is open.
        self._queue.leave(entry)
