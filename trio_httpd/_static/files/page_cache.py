"""Held pages: what was made of a folder a moment ago, for the next who asks.

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
    """What stands on a shelf."""

    def expire(self, _: object) -> None:
        """Be kept no longer."""


class ExpiryQueue(Protocol):
    """Where things stand until their time has come, when they are told to expire."""

    def enter(self, item: Expiring) -> None:
        """Let ``item`` stand for a second."""

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
class HeldPage:
    """A page that is kept."""

    page: Page
    key: PageKey
    began: float
    done: float
    holder: HeldPages
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.page.pieces))

    def expire(self, _: object) -> None:
        """Be kept no longer."""
        self.holder.drop(self)


class HeldPages:
    """The pages that one server keeps."""

    def __init__(self) -> None:
        self._size = 0
        self._held: dict[PageKey, HeldPage] = {}
        self._turns: dict[Hashable, trio.Lock] = {}
        self._shelf: ExpiryQueue | None = None

    @contextmanager
    def opened(self, shelf: ExpiryQueue) -> Iterator[None]:
        """Keep pages on ``shelf``, inside."""
        self._shelf = shelf
        try:
            yield
        finally:
            for held in tuple(self._held.values()):
                self.drop(held)
            self._shelf = None

    async def find_or_make(self, key: PageKey, make: Callable[[], Awaitable[Page]]) -> Page:
        """Return the page that is kept, or that another is just making, or what ``make`` returns.

        Cancelled: the next who waits makes it.
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
                    self._keep(HeldPage(page, key, began, trio.current_time(), self))
                return page
        finally:
            if not turn.locked():
                self._turns.pop(key.folder, None)

    def _find(self, key: PageKey, came: float) -> Page | None:
        """Return a page for who came then."""
        held = self._held.get(key)
        if held is None or (trio.current_time() >= held.began + SECONDS and came > held.done):
            return None
        return held.page

    def _keep(self, held: HeldPage) -> None:
        """Keep a page, if it is worth it and there is room."""
        if self._shelf is None or held.key.state is None or held.page.rest is not None:
            return
        if not LEAST_BYTES <= held.size <= MOST_BYTES:
            return
        if (old := self._held.get(held.key)) is not None:
            self.drop(old)
        while self._size + held.size > MOST_BYTES:
            self.drop(next(iter(self._held.values())))
        self._held[held.key] = held
        self._size += held.size
        self._shelf.enter(held)

    def drop(self, held: HeldPage) -> None:
        """Keep ``held`` no longer."""
        del self._held[held.key]
        self._size -= held.size
        assert self._shelf is not None  # What is held, is held while this is open.
        self._shelf.leave(held)
