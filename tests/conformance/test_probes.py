"""Every probe, over memory, whole and byte by byte."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.conformance.table import Answer, Probe, faults, load, parse_answers
from trio_httpd import Connection
from trio_httpd.testing import Raw, connect

PROBES = load()
SMALL = [probe for probe in PROBES if probe.size <= 10_000]
pytestmark = pytest.mark.usefixtures("reader")
QUIET = 0.5  # Longer than no pause that a probe makes, shorter than any deadline.


@pytest.fixture(params=["fast", "strict"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play each probe to both readers of heads: the fast one may take it, or never does."""
    if request.param == "strict":
        monkeypatch.setattr("trio_httpd._http1.parser.parse_fast", lambda *_: None)


async def echo(conn: Connection) -> str:
    content = await conn.read_body()
    return f"method={conn.request.method} path={conn.request.path} len={len(content)}"


async def play(probe: Probe, step: int | None) -> tuple[list[Answer], bool]:
    """Send what ``probe`` sends, ``step`` bytes at a time; return what came back."""
    heard = bytearray()
    async with connect(echo) as client, trio.open_nursery() as nursery:
        raw = client.raw
        ended = trio.Event()
        nursery.start_soon(hear, raw, heard, ended)
        for kind, value in probe.steps:
            await take_step(raw, kind, value, heard, step)
        await trio.sleep(QUIET)
        await wait_all_tasks_blocked()
        closed = ended.is_set()
        nursery.cancel_scope.cancel()
    return parse_answers(bytes(heard), probe.methods, closed=closed), closed


async def take_step(raw: Raw, kind: str, value: object, heard: bytearray, step: int | None) -> None:
    match kind, value:
        case "say", bytes():
            for start in range(0, len(value), step or len(value)):
                try:
                    await raw.say(value[start : start + (step or len(value))])
                except trio.BrokenResourceError:
                    return
        case "delay", float() | int():
            await trio.sleep(value)
        case "half_close", _:
            await raw.say_eof()
        case "wait_bytes", float() | int():
            before = len(heard)
            await trio.sleep(value)
            assert len(heard) > before, "nothing came before the content was sent"


async def hear(raw: Raw, heard: bytearray, ended: trio.Event) -> None:
    while data := await raw.stream.receive_some():
        heard += data
    ended.set()


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_a_probe_is_answered_as_the_standard_lets(
    probe: Probe, autojump_clock: MockClock
) -> None:
    answers, closed = await play(probe, None)
    assert faults(probe, answers, closed=closed) == []


@pytest.mark.parametrize("probe", SMALL, ids=str)
async def test_a_probe_in_single_bytes_is_answered_alike(
    probe: Probe, autojump_clock: MockClock
) -> None:
    whole, _ = await play(probe, None)
    split, _ = await play(probe, 1)
    assert final(split) == final(whole)


def final(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status >= 200]
