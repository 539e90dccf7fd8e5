"""Whoever is cancelled at whatever step: nothing is left, and nothing cut looks whole.

A scenario is played again and again, and each time something is ended one step of a task
later: the scope around the server, the server itself, or the scope around the handler's
work, after which the connection has to go on in step, or to end.

``python -m tests.laws.test_cancellation`` says how many steps each scenario has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.conformance.table import Answer, parse_answers
from tests.laws.fuzz import no_alarms
from tests.net.plain import PlainStream
from trio_httpd import Connection, Docroot, Handler, Limits, Server
from trio_httpd.testing import MemoryStream, memory_streams

WHOLE = b"0123456789" * 30
LARGE = WHOLE * 40
PIECE = 100
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
SWITCHED = b"Connection: Upgrade\r\nUpgrade: x\r\n"


async def at_once(conn: Connection) -> bytes:
    await conn.read_body()
    return WHOLE


async def bit_by_bit(conn: Connection) -> None:
    for start in range(0, len(WHOLE), PIECE):
        await conn.send(WHOLE[start : start + PIECE])
        await conn.flush()


async def by_two_tasks(conn: Connection) -> bytes:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conn.read_body)
        nursery.start_soon(trio.lowlevel.checkpoint)
    return WHOLE


async def large(conn: Connection) -> bytes:
    return LARGE


async def file(conn: Connection) -> None:
    await conn.serve_file()


async def echo(conn: Connection) -> None:
    async for chunk in conn.body:
        await conn.send(chunk)
        await conn.flush()


async def upgraded(conn: Connection) -> None:
    stream = await conn.upgrade()
    await stream.send_all(WHOLE)
    while await stream.receive_some():
        pass


async def failing(conn: Connection) -> None:
    await conn.send(WHOLE[:PIECE])
    await conn.flush()
    raise ValueError


@dataclass(frozen=True)
class Scenario:
    """What is asked of a server, in parts between which time passes, and what it answers."""

    handler: Handler
    parts: tuple[bytes, ...]
    content: bytes = WHOLE
    count: int = 1
    window: int = 64
    options: dict[str, Any] = field(default_factory=dict)


CHUNKS = b"".join(b"%x\r\n%b\r\n" % (PIECE, WHOLE[:PIECE]) for _ in range(3)) + b"0\r\n\r\n"
EXPECT = b"Expect: 100-continue\r\nContent-Length: %d" % len(WHOLE)

SCENARIOS = {
    "small": Scenario(at_once, (GET,)),
    "chunked": Scenario(bit_by_bit, (GET,)),
    "HTTP/1.0": Scenario(bit_by_bit, (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",)),
    "large": Scenario(large, (GET,), LARGE, window=1000),
    "file": Scenario(file, (GET,), LARGE, window=1000),
    "file, known": Scenario(file, (GET, GET, GET), LARGE, 3, window=5000),
    "upload": Scenario(at_once, (POST % b"Content-Length: 300", WHOLE)),
    "upload in chunks": Scenario(
        echo, (POST % b"Transfer-Encoding: chunked", CHUNKS[:150], CHUNKS[150:]), WHOLE[:PIECE] * 3
    ),
    "upload not read": Scenario(bit_by_bit, (POST % b"Content-Length: 300", WHOLE)),
    "upload after 100": Scenario(at_once, (POST % EXPECT, WHOLE)),
    "two tasks": Scenario(by_two_tasks, (POST % EXPECT, WHOLE)),
    "upgrade": Scenario(upgraded, (GET[:-2] + SWITCHED + b"\r\n", b"more")),
    "pipelined": Scenario(at_once, (GET * 3,), count=3),
    "pipelined uploads": Scenario(echo, ((POST % b"Content-Length: 300" + WHOLE) * 2,), count=2),
    "failing": Scenario(failing, (GET,)),
    "refused": Scenario(at_once, (b"GET / HTTP/1.1\r\n\r\n",)),
    "turned away": Scenario(
        at_once, (GET,), options={"limits": Limits(connections=1), "overflow": "reject"}
    ),
}

ENDS = ("close", "cancel", "handler")

Act = Callable[[], object]


class AtStep(trio.abc.Instrument):
    """Acts before the n-th step that any task takes."""

    def __init__(self, step: int, act: Act) -> None:
        self._left = step
        self._act = act

    @property
    def acted(self) -> bool:
        return self._left < 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._left == 0:
            self._act()
        self._left -= 1


@dataclass
class Play:
    """One time that a scenario is played, and ended at ``step``."""

    scenario: Scenario
    step: int
    ends: str
    is_plain: bool
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    handling: trio.CancelScope | None = None

    async def handler(self, conn: Connection) -> Any:
        if conn.request.target == "/next":
            return "next"
        handle: Callable[[Connection], Awaitable[Any]] = self.scenario.handler
        with trio.CancelScope() as self.handling:
            return await handle(conn)

    def end_handling(self) -> None:
        if self.handling is not None:
            self.handling.cancel()

    async def run(self) -> bool:
        """Play it; whether there were so many steps."""
        with trio.fail_after(1000):  # Of fake time: `serve` returns.
            return await self._run()

    async def _run(self) -> bool:
        handler: Handler = self.handler
        if self.scenario.handler is file and self.ends != "handler":
            handler = self.scenario.options["docroot"]
        server = Server(handler, on_error=lambda *_: None, **self.scenario.options)
        near, far = memory_streams(window=self.scenario.window)

        async def serve(task_status: trio.TaskStatus[Server]) -> None:
            with self.scope:
                await server.serve((), task_status=task_status)

        acts: dict[str, Act] = {
            "close": server.close,
            "cancel": self.scope.cancel,
            "handler": self.end_handling,
        }
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            if "limits" in self.scenario.options:
                server.add_stream(memory_streams()[0])  # It takes the only place.
            server.add_stream(PlainStream(near) if self.is_plain else near)
            instrument = AtStep(self.step, acts[self.ends])
            trio.lowlevel.add_instrument(instrument)
            nursery.start_soon(self.say, far)
            heard, reset = await hear(far)
            trio.lowlevel.remove_instrument(instrument)
            server.close()
        assert server.empty
        assert near._closed
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living <= 3
        self.check(heard, reset=reset)
        return instrument.acted

    async def say(self, stream: MemoryStream) -> None:
        """Say everything, and then what asks whether both sides are in step."""
        with contextlib.suppress(trio.BrokenResourceError):
            for part in self.scenario.parts:
                await stream.send_all(part)
                await trio.sleep(0.1)
            if self.scenario.handler is not upgraded:
                await stream.send_all(NEXT)
            await stream.send_eof()

    def check(self, heard: bytes, *, reset: bool) -> None:
        """Assert that what was heard is responses, and that a whole one has it all."""
        if heard.startswith(b"HTTP/1.1 101 "):
            assert WHOLE.startswith(heard.partition(b"\r\n\r\n")[2])
            return
        answers = [each for each in self.answers(heard, reset=reset) if each.status != 100]
        first, rest = answers[: self.scenario.count], answers[self.scenario.count :]
        for answer in first:
            if answer.whole and answer.status == 200:
                self.check_content(answer.content)
            else:
                assert not answer.whole or answer.status in (400, 503)
        for answer in rest:
            assert answer.content in (b"", b"next", b"next"[: len(answer.content)], b"Not Found\n")
        assert len(rest) <= 1
        if (
            self.ends == "handler"
            and not (self.is_plain or reset)
            and answers
            and answers[-1].whole
        ):
            assert b"\r\nConnection: close\r\n" in heard or (
                rest and rest[0].content in (b"next", b"Not Found\n")
            )

    def answers(self, heard: bytes, *, reset: bool) -> list[Answer]:
        last = heard.rfind(b"HTTP/1.1 ")
        if b"\r\n\r\n" not in heard[max(0, last) :]:
            heard = heard[: max(0, last)]  # A head that was cut is no response.
        # Only a response of HTTP/1.0 may be ended by the end of the transport.
        closed = not reset and b" HTTP/1.0" in self.scenario.parts[0]
        return parse_answers(heard, [], closed=closed)

    def check_content(self, content: bytes) -> None:
        if self.ends != "handler" or self.scenario.content is LARGE:
            assert content in (self.scenario.content, b"")
            assert content or self.ends == "handler"
        else:  # A handler that is cancelled and returns has said all that it says.
            assert self.scenario.content.startswith(content)
            assert len(content) % PIECE == 0 or self.scenario.handler is echo


async def hear(stream: MemoryStream) -> tuple[bytes, bool]:
    """Return all that comes, and whether it ended in a reset."""
    heard = b""
    try:
        while data := await stream.receive_some():
            heard += data
    except trio.BrokenResourceError:
        return heard, True
    return heard, False


def descriptors() -> list[str]:
    return sorted(each.name for each in Path("/dev/fd").iterdir())


def points(scenario: Scenario, ends: str, *, is_plain: bool) -> int:
    """Play ``scenario`` and end it at each of its steps; return how many there were.

    Raises:
        AssertionError, ExceptionGroup: a law was broken.
    """
    if scenario.handler is not file:
        return _points(scenario, ends, is_plain=is_plain)
    with TemporaryDirectory() as folder:
        Path(folder, "index.html").write_bytes(LARGE)
        scenario = replace(scenario, options={"docroot": Docroot(folder)})
        return _points(scenario, ends, is_plain=is_plain)


def _points(scenario: Scenario, ends: str, *, is_plain: bool) -> int:
    before, step = descriptors(), 0
    with no_alarms():
        while trio.run(
            Play(scenario, step, ends, is_plain).run, clock=MockClock(autojump_threshold=0)
        ):
            step += 1
    assert descriptors() == before
    return step


@pytest.mark.parametrize("is_plain", [False, True], ids=["prompt", "plain"])
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_end_at_any_step_is_clean(name: str, ends: str, is_plain: bool) -> None:
    assert points(SCENARIOS[name], ends, is_plain=is_plain) >= 15


if __name__ == "__main__":
    for (name, scenario), ends, is_plain in product(SCENARIOS.items(), ENDS, (False, True)):
        count = points(scenario, ends, is_plain=is_plain)
        print(f"{name:<20} {ends:<8} {'plain' if is_plain else 'prompt':<8} {count:>5}")
