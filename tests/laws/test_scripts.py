"""The HTTP/1 loop against a naive model: random requests, pauses, splits and ends.

``python -m tests.laws.test_scripts 100000 [SEED]`` plays so many scripts by hand.
"""

from __future__ import annotations

import contextlib
import math
import re
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.conformance.table import Answer, parse_answers
from tests.laws.scripts import TIMEOUTS, Answered, Kind, Model, Script, scripts
from tests.net.plain import PlainStream
from trio_httpd import Connection, HandlerResult, Server
from trio_httpd._net.ending import Ending
from trio_httpd.testing import MemoryStream, memory_streams

TEXT_IN_PLACE_OF = (400, 408, 417, 500, 503)
SENDING_ITSELF = (Kind.ABORT, Kind.CUT, Kind.STREAM, Kind.EXPECT)


async def handler(conn: Connection) -> HandlerResult:
    _, name, seconds = conn.request.path.split("/")
    match Kind[name]:
        case Kind.SLOW:
            await trio.sleep(float(seconds))
            return "SLOW"
        case Kind.STREAM:
            await conn.send("some")
            await conn.flush()
            await trio.sleep(float(seconds))
            await conn.send(" more")
        case Kind.READ | Kind.EXPECT if conn.request.content_length != 0:
            return str(len(content)) if (content := await conn.read_body()) else "now"
        case Kind.FALSE:
            return False
        case Kind.FAIL:
            raise ZeroDivisionError
        case Kind.CUT:
            await conn.send("some")
            await conn.flush()
            raise ZeroDivisionError
        case Kind.ABORT:
            conn.abort()
        case _:
            return "now"
    return None


class Client:
    """Does what a script says, and notes what it hears, and when."""

    def __init__(self, script: Script, stream: MemoryStream) -> None:
        self.script = script
        self._stream = stream
        self.heard = b""
        self.times: list[tuple[int, float]] = []
        self.is_reset = False
        self.over = 0.0
        self.failures = 0

    async def act(self) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for when, data in self.script.pieces:
                await trio.sleep_until(when)
                await self._stream.send_all(data)
        if self.script.ends != "stay":
            await trio.sleep_until(self.script.at)
            with contextlib.suppress(trio.BrokenResourceError):
                match self.script.ends:
                    case "eof":
                        await self._stream.send_eof()
                    case "leave":
                        self._stream.close()
                    case _:
                        self._stream.abort()

    async def hear(self) -> None:
        try:
            while data := await self._stream.receive_some():
                self.heard += data
                self.times.append((len(self.heard), trio.current_time()))
        except trio.BrokenResourceError:
            self.is_reset = True
        except trio.ClosedResourceError:
            pass

    def answers(self) -> list[Answer]:
        return parse_answers(self.heard, [b"POST"] * 9, closed=False)


class Watch(trio.abc.Instrument):
    """Looks after each step whether endings only get worse; notes when the server lets go."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._worst = Ending.KEEP_ALIVE
        self.got_better = False
        self.over: float | None = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        for transport in self._server._transports:
            self.got_better |= transport.ending < self._worst
            self._worst = max(self._worst, transport.ending)
        if self.over is None and self._server.empty:
            self.over = trio.current_time()


async def run(script: Script, *, is_plain: bool, window: float = math.inf) -> Client:
    """Play ``script``, and return the client; with a window, it hears nothing in time."""
    failures: list[Exception] = []
    server = Server(handler, timeouts=TIMEOUTS, on_error=lambda what, *_: failures.append(what))
    near, far = memory_streams(window)
    client = Client(script, far)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, ())
        server.add_stream(PlainStream(near) if is_plain else near)
        watch = Watch(server)
        trio.lowlevel.add_instrument(watch)
        nursery.start_soon(client.act)
        if window == math.inf:
            nursery.start_soon(client.hear)
        await trio.sleep(300)
        trio.lowlevel.remove_instrument(watch)
        if window < math.inf:
            await client.hear()
        assert server.empty
        assert near._closed
        server.close()
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living <= 3
    assert not watch.got_better
    assert watch.over is not None
    client.over, client.failures = watch.over, len(failures)
    return client


def collected(client: Client) -> Answered:
    """Return what a client has heard, in the terms of the model."""
    answers = client.answers()
    result = Answered(over=client.over, failures=client.failures, is_reset=client.is_reset)
    result.is_cut = bool(answers) and not answers[-1].whole
    heads = [match.start() for match in re.finditer(rb"HTTP/1\.1 ", client.heard)]
    for answer, end in zip(answers, [*heads, len(client.heard)][1:], strict=True):
        when = next(when for count, when in client.times if count >= end)
        content = b"" if answer.status in TEXT_IN_PLACE_OF else answer.content
        result.answers.append((answer.status, content, when))
    return result


def played(script: Script, *, is_plain: bool, window: float = math.inf) -> Client:
    """Play ``script`` on a clock of its own."""
    clock = MockClock(autojump_threshold=0)
    return trio.run(partial(run, script, is_plain=is_plain, window=window), clock=clock)


def play(script: Script, *, is_plain: bool) -> None:
    """Play ``script``, and assert that all is as foreseen."""
    expected = Model(script).run()
    result = collected(played(script, is_plain=is_plain))
    if script.ends in ("leave", "reset"):  # What is on its way then may be lost.
        expected.is_reset = result.is_reset
        # One more request may be served before it turns out that nobody hears.
        assert expected.over - 1e-6 <= result.over <= expected.over + TIMEOUTS.handler, script
        assert expected.failures <= result.failures <= expected.failures + 1, script
        expected.over, expected.failures = result.over, result.failures
    assert rounded(result) == rounded(expected), script


def rounded(result: Answered) -> Answered:
    answers = [(status, content, round(when, 6)) for status, content, when in result.answers]
    return Answered(answers, result.is_cut, result.is_reset, round(result.over, 6), result.failures)


@pytest.mark.parametrize("seed", range(10))
def test_a_connection_goes_as_foreseen(seed: int) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for number, script in enumerate(scripts(50, seed)):
        play(script, is_plain=bool(number % 2))
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize("is_plain", [False, True], ids=["prompt", "plain"])
def test_a_client_that_takes_nothing_is_reset_in_time(is_plain: bool) -> None:
    """Whatever else it does: the first answer that has no room decides."""
    count = 0
    for script in scripts(200, 1):
        foreseen = Model(script).run()
        first = foreseen.answers[0][2] if foreseen.answers else math.inf
        waits = any(asked.kind in SENDING_ITSELF for asked in script.asked)
        late = script.at > first + TIMEOUTS.send - TIMEOUTS.header - TIMEOUTS.handler
        if first == math.inf or waits or late or script.ends in ("leave", "reset"):
            continue
        client = played(script, is_plain=is_plain, window=10)
        assert round(client.over, 6) == round(first + TIMEOUTS.send, 6), script
        assert client.is_reset
        assert len(client.heard) == 10
        count += 1
    assert count > 50


if __name__ == "__main__":
    for number, script in enumerate(scripts(int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0]))):
        play(script, is_plain=bool(number % 2))
    print("all of them went as foreseen")
