"""The outbox: what waits in it goes out when the turn is over, and never later."""

from __future__ import annotations

import trio

from trio_httpd._wire.outbox import Outbox


class Letter:
    """Notes how often it was flushed."""

    def __init__(self) -> None:
        self.flushed = 0

    def flush_post(self) -> None:
        self.flushed += 1


async def test_what_waits_goes_out_when_the_turn_is_over() -> None:
    outbox, letter = Outbox(), Letter()
    with outbox.opened():
        assert outbox.is_open
        outbox.waiting.append(letter)
        assert letter.flushed == 0
        await trio.lowlevel.checkpoint()
        assert letter.flushed == 1
        await trio.lowlevel.checkpoint()
        assert letter.flushed == 1


async def test_what_waits_when_it_closes_goes_out_then() -> None:
    outbox, letter = Outbox(), Letter()
    with outbox.opened():
        outbox.waiting.append(letter)
    assert letter.flushed == 1
    assert not outbox.is_open
