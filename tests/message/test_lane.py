from __future__ import annotations

import pytest
import trio

from trio_httpd._message.lane import ClosedLane, Lane
from trio_httpd._net.sending import UnsentFile


async def test_a_spent_lane_gives_nothing_and_takes_nothing() -> None:
    lane: Lane = ClosedLane()
    for call in (
        lane.receive(),
        lane.send_interim(100),
        lane.send_rest(b"late"),
        lane.switch_protocols(101, []),
    ):
        with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
            await call
    with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
        lane.send_nowait(None, b"late", end=True)
    with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
        lane.send_file_nowait(None, UnsentFile(b"", 0, 0, 1))
    assert not lane.content_arrived
    assert not lane.takes_files
    lane.close_after()
    lane.cut()
    lane.abort()
