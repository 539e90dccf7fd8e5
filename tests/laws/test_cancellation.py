"""Whoever is cancelled at whatever step: nothing is left, and nothing cut looks whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from tests.conformance.table import parse_answers
from trio_httpd import Connection, Handler, Server
from trio_httpd.testing import memory_streams

WHOLE = b"0123456789" * 30
REQUESTS = {
    "get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "pipelined": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
    "1.0": b"GET / HTTP/1.0\r\n\r\n",
    "upload": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
    "expecting": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    "broken": b"GET / HTTP/1.1\r\n\r\n",
}


async def at_once(conn: Connection) -> bytes:
    await conn.read_body()
    return WHOLE


async def bit_by_bit(conn: Connection) -> None:
    for start in range(0, len(WHOLE), 100):
        await conn.send(WHOLE[start : start + 100])
        await conn.flush()


async def by_two_tasks(conn: Connection) -> bytes:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conn.read_body)
        nursery.start_soon(trio.lowlevel.checkpoint)
    return WHOLE


class AtStep(trio.abc.Instrument):
    """Acts before the n-th step that any task takes."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self._left = step
        self._act = act

    @property
    def acted(self) -> bool:
        return self._left < 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._left == 0:
            self._act()
        self._left -= 1


async def run_until(step: int, handler: Handler, request: bytes, *, by_close: bool) -> bool:
    """Serve ``request`` and end it at ``step``; whether there were so many steps."""
    server, scope = Server(handler), trio.CancelScope()
    near, far = memory_streams(window=64)

    async def serve(task_status: trio.TaskStatus[Server]) -> None:
        with scope:
            await server.serve((), task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        server.add_stream(near)
        instrument = AtStep(step, server.close if by_close else scope.cancel)
        trio.lowlevel.add_instrument(instrument)
        nursery.start_soon(say, far, request)
        heard, reset = await hear(far)
        trio.lowlevel.remove_instrument(instrument)
        server.close()
    assert server.empty
    assert trio.lowlevel.current_statistics().tasks_living <= 3
    check(heard, request, reset=reset)
    return instrument.acted


async def say(stream: trio.abc.SendStream, request: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        await stream.send_all(request)


async def hear(stream: trio.abc.ReceiveStream) -> tuple[bytes, bool]:
    """Return all that comes, and whether it ended in a reset."""
    heard = b""
    try:
        while data := await stream.receive_some(50):
            heard += data
    except trio.BrokenResourceError:
        return heard, True
    return heard, False


def check(heard: bytes, request: bytes, *, reset: bool) -> None:
    """Assert that what was heard is responses, and that a whole one has it all."""
    lines = request.split(b"\r\n")
    methods = [line.split()[0] for line in lines if line.endswith((b" HTTP/1.0", b" HTTP/1.1"))]
    last = heard.rfind(b"HTTP/1.1 ")
    if b"\r\n\r\n" not in heard[max(0, last) :]:
        heard = heard[: max(0, last)]  # A head that was cut is no response.
    # Only a response of HTTP/1.0 may be ended by the end of the transport.
    closed = not reset and b" HTTP/1.0" in request
    for answer in parse_answers(heard, methods, closed=closed):
        if answer.whole and answer.status == 200:
            assert answer.content == WHOLE


@pytest.mark.parametrize("by_close", [True, False], ids=["close", "cancel"])
@pytest.mark.parametrize("handler", [at_once, bit_by_bit, by_two_tasks])
@pytest.mark.parametrize("request_name", REQUESTS)
def test_an_end_at_any_step_is_clean(request_name: str, handler: Handler, by_close: bool) -> None:
    async def main() -> bool:
        request = REQUESTS[request_name]
        return await run_until(step, handler, request, by_close=by_close)

    step = 0
    while trio.run(main, clock=MockClock(autojump_threshold=0)):
        step += 1
    assert step > 10
