"""How a transport ends only gets worse."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import trio

from trio_httpd import Timeouts
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.ending import Ending
from trio_httpd._net.transport import Transport
from trio_httpd.testing import memory_streams


def test_the_worst_comes_last() -> None:
    assert all(better < worse for better, worse in pairwise(Ending))
    assert next(iter(Ending)) is Ending.KEEP_ALIVE


def test_only_a_transport_that_is_kept_alive_has_no_end() -> None:
    assert [ending for ending in Ending if not ending] == [Ending.KEEP_ALIVE]


async def test_what_was_decided_is_not_taken_back(nursery: trio.Nursery) -> None:
    for better, worse in combinations_with_replacement(Ending, 2):
        for order in ((better, worse), (worse, better)):
            stream, _ = memory_streams()
            watcher = DeadlineWatcher(Timeouts())
            transport = Transport(stream, watcher, WriteBatch(), nursery.start_soon)
            for ending in order:
                transport.worsen(ending)
            assert transport.ending is worse
