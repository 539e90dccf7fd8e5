"""Pages kept for the next request: for how long, how many, and made once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.files.manual_queue import ManualQueue
from trio_httpd._static.files.page_cache import (
    LEAST_BYTES,
    MOST_BYTES,
    SECONDS,
    Page,
    PageCache,
    PageKey,
)

KEY = PageKey("folder", "by name", "as it is")
HALF = SECONDS / 2


class Maker:
    """Makes pages, each of which is another."""

    def __init__(self, size: int = LEAST_BYTES, seconds: float = 0) -> None:
        self.size = size
        self.seconds = seconds
        self.made = 0
        self.most = self.now = 0

    async def __call__(self) -> Page:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.now -= 1
        self.made += 1
        return Page([b"x" * self.size])


@pytest.fixture
def queue() -> ManualQueue:
    return ManualQueue()


@pytest.fixture
def pages(queue: ManualQueue) -> Iterator[PageCache]:
    cache = PageCache()
    with cache.opened(queue):
        yield cache
    assert queue.items == []


async def test_a_page_is_made_once_in_a_second(pages: PageCache, autojump_clock: MockClock) -> None:
    maker = Maker()
    for count in (1, 1, 2, 2, 3):
        await pages.find_or_make(KEY, maker)
        assert maker.made == count
        await trio.sleep(HALF)


async def test_its_second_begins_when_it_is_begun(
    pages: PageCache, autojump_clock: MockClock
) -> None:
    maker = Maker(seconds=0.75)
    await pages.find_or_make(KEY, maker)
    await trio.sleep(0.2)
    await pages.find_or_make(KEY, maker)
    assert maker.made == 1
    await trio.sleep(0.05)
    await pages.find_or_make(KEY, maker)
    assert maker.made == 2


@pytest.mark.parametrize(
    "other",
    [
        PageKey("another", "by name", "as it is"),
        PageKey("folder", "by size", "as it is"),
        PageKey("folder", "by name", "changed"),
    ],
)
async def test_another_page_is_made(pages: PageCache, other: PageKey) -> None:
    maker = Maker()
    for key in (KEY, other, KEY, other):
        await pages.find_or_make(key, maker)
    assert maker.made == 2


async def several(
    pages: PageCache, keys: list[PageKey], make: Callable[[], Awaitable[Page]]
) -> None:
    async with trio.open_nursery() as nursery:
        for key in keys:
            nursery.start_soon(pages.find_or_make, key, make)


async def test_requests_that_come_meanwhile_wait_for_it_however_long_it_takes(
    pages: PageCache, autojump_clock: MockClock
) -> None:
    maker = Maker(seconds=10)
    await several(pages, [KEY] * 5, maker)
    assert maker.made == 1
    assert trio.current_time() == 10
    await trio.sleep(0.1)
    await pages.find_or_make(KEY, maker)
    assert maker.made == 2


async def test_pages_of_one_folder_are_made_one_after_the_other(
    pages: PageCache, autojump_clock: MockClock
) -> None:
    maker = Maker(seconds=0.1)
    await several(pages, [PageKey("folder", number, "state") for number in range(5)], maker)
    assert (maker.made, maker.most) == (5, 1)
    await several(pages, [PageKey(number, "variant", "state") for number in range(5)], maker)
    assert (maker.made, maker.most) == (10, 5)
    assert pages._turns == {}


async def test_what_one_gives_up_the_next_makes(
    pages: PageCache, autojump_clock: MockClock
) -> None:
    maker = Maker(seconds=5)
    async with trio.open_nursery() as nursery:
        giving_up = trio.CancelScope()

        async def give_up() -> None:
            with giving_up:
                await pages.find_or_make(KEY, maker)

        nursery.start_soon(give_up)
        await wait_all_tasks_blocked()
        for _ in range(2):
            nursery.start_soon(pages.find_or_make, KEY, maker)
        await trio.sleep(1)
        giving_up.cancel()
    assert maker.made == 1
    assert trio.current_time() == 6
    assert pages._turns == {}


async def test_a_page_that_cannot_be_made_is_made_by_the_next(pages: PageCache) -> None:
    async def fail() -> Page:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 -- it has no text
        await pages.find_or_make(KEY, fail)
    assert pages._turns == {}
    await pages.find_or_make(KEY, Maker())


# What is kept.


@pytest.mark.parametrize("size", [LEAST_BYTES - 1, MOST_BYTES + 1])
async def test_what_is_small_or_huge_is_not_kept(
    pages: PageCache, queue: ManualQueue, size: int
) -> None:
    await pages.find_or_make(KEY, Maker(size))
    assert queue.items == []


async def test_what_is_not_whole_or_of_an_unknown_state_is_not_kept(
    pages: PageCache, queue: ManualQueue
) -> None:
    async def begin() -> Page:
        return Page([b"x" * LEAST_BYTES], iter([b"more"]))

    await pages.find_or_make(KEY, begin)
    await pages.find_or_make(PageKey("folder", "by name", None), Maker())
    assert queue.items == []


async def test_nothing_is_kept_while_nobody_is_served() -> None:
    pages, maker = PageCache(), Maker()
    for _ in range(2):
        await pages.find_or_make(KEY, maker)
    assert maker.made == 2


async def test_the_oldest_make_room(pages: PageCache, queue: ManualQueue) -> None:
    maker = Maker(MOST_BYTES // 4)
    for number in range(6):
        await pages.find_or_make(PageKey(number, "variant", "state"), maker)
    assert len(queue.items) == 4
    await pages.find_or_make(PageKey(5, "variant", "state"), maker)
    assert maker.made == 6
    await pages.find_or_make(PageKey(1, "variant", "state"), maker)
    assert maker.made == 7


async def test_what_is_made_anew_takes_the_place_of_the_old(
    pages: PageCache, queue: ManualQueue, autojump_clock: MockClock
) -> None:
    maker = Maker(MOST_BYTES)
    for _ in range(3):
        await pages.find_or_make(KEY, maker)
        await trio.sleep(SECONDS)
    assert maker.made == 3
    [item] = queue.items
    item.expire(None)
    assert queue.items == []
