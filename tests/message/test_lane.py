from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from trio_httpd._message.lane import CLOSED, Lane
from trio_httpd._net.sending import FilePart

LANE: Lane = CLOSED


async def test_a_closed_lane_gives_nothing_and_takes_nothing() -> None:
    for call in (
        LANE.receive(),
        LANE.take_turn(),
        LANE.flush(),
        LANE.run_blocking(print),
        LANE.switch_protocols([]),
    ):
        with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
            await call


@pytest.mark.parametrize(
    "call",
    [
        LANE.receive_nowait,
        lambda: LANE.write_interim(100),
        lambda: LANE.write(None, b"late", end=True, may_wait=False),
        lambda: LANE.write_file(None, FilePart(0, 0, 1)),
    ],
)
def test_a_closed_lane_refuses_what_would_not_wait(call: Callable[[], object]) -> None:
    with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
        call()


def test_a_closed_lane_does_not_end_twice() -> None:
    LANE.close_after()
    LANE.cut()
    LANE.abort()
    assert not any((LANE.content_arrived, LANE.takes_files, LANE.must_wait, LANE.is_gone))
