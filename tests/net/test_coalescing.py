"""The outbox: what waits in it goes out when the turn is over, and never later."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_httpd._net.coalescing import WriteBatch


class Letter:
    """Notes how often it was flushed."""

    def __init__(self) -> None:
        self.flushed = 0

    def flush_post(self) -> None:
        self.flushed += 1


async def test_what_waits_goes_out_in_the_next_turn(nursery: trio.Nursery) -> None:
    outbox, letter = WriteBatch(), Letter()
    outbox.open(nursery)
    await wait_all_tasks_blocked()
    assert outbox.is_open
    outbox.add(letter)
    assert letter.flushed == 0
    await wait_all_tasks_blocked()
    assert letter.flushed == 1
    nursery.cancel_scope.cancel()


async def test_the_sixteenth_waits_for_nobody(nursery: trio.Nursery) -> None:
    outbox, letter = WriteBatch(), Letter()
    outbox.open(nursery)
    await wait_all_tasks_blocked()
    for _ in range(16):
        outbox.add(letter)
    assert letter.flushed == 16
    nursery.cancel_scope.cancel()


async def test_what_waits_when_it_closes_goes_out_then() -> None:
    outbox, letter = WriteBatch(), Letter()
    async with trio.open_nursery() as nursery:
        outbox.open(nursery)
        await wait_all_tasks_blocked()
        outbox.add(letter)
        nursery.cancel_scope.cancel()
    assert letter.flushed == 1
    assert not outbox.is_open
