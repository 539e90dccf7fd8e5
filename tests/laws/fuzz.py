"""Rubbish for a whole server: random and mutated bytes, in bulk, by hand or in a test.

``python -m tests.laws.fuzz 100000 [SEED]`` plays so many inputs and says what it saw.
"""

from __future__ import annotations

import logging
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import trio
from trio.testing import MockClock

from tests.conformance.table import load
from trio_httpd import Connection, HandlerResult, HTTPError
from trio_httpd.testing import Client, Raw, connect

BATCH = 50
FRAGMENTS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1",
    b"Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"\xff\xfe",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"Upgrade: x\r\nConnection: upgrade\r\n", b"ffffffffffffffff\r\n", b"5;a=\"", b"%s%n%%", b"*",
]  # fmt: skip


class Watch(logging.Handler):
    """Counts what is logged; anything above INFO is a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno > logging.INFO or record.exc_info or not text.isprintable():
            self.alarms.append(text)


@contextmanager
def no_alarms() -> Iterator[None]:
    """Assert that nothing is logged inside that is no mere information."""
    watch, logger = Watch(), logging.getLogger("trio_httpd")
    logger.addHandler(watch)
    level, logger.level = logger.level, logging.DEBUG
    try:
        yield
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)
    assert not watch.alarms, watch.alarms[:5]


async def handler(conn: Connection) -> HandlerResult:
    """Use a bit of everything, chosen by the request."""
    match (len(conn.request.target) + len(conn.request.headers)) % 5:
        case 0:
            return await conn.read_body()
        case 1:
            async for chunk in conn.body:
                await conn.send(chunk)
            return None
        case 2:
            raise HTTPError(404, conn.request.path.encode("ascii", "replace").decode()[:50])
        case 3 if conn.request.headers.get("upgrade"):
            stream = await conn.upgrade()
            await stream.send_all(await stream.receive_some())
            return None
        case _:
            return f"{conn.request.cookies} {conn.request.query} {conn.request.host}"


def inputs(count: int, seed: int) -> Iterator[list[bytes]]:
    """Yield so many inputs, each in one or more pieces."""
    chance = random.Random(seed)
    seeds = [
        b"".join(value for kind, value in probe.steps if kind == "say")
        for probe in load()
        if probe.size <= 2_000
    ]
    for _ in range(count):
        data = chance.choice(seeds) if chance.random() < 0.9 else chance.randbytes(80)
        for _ in range(min(chance.randrange(5), chance.randrange(5))):
            data = mutate(data, seeds, chance)
        cut = chance.randrange(len(data) + 1)
        yield [data] if chance.random() < 0.5 else [data[:cut], data[cut:]]


def mutate(data: bytes, seeds: list[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    to = min(len(data), at + chance.randrange(12))
    match chance.randrange(6):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 1:
            return data[:at] + data[to:]
        case 2:
            return data[:to] + data[at:]
        case 3:
            return data[:at] + chance.choice(FRAGMENTS) + data[at:]
        case 4:
            return data[:at] + chance.choice(seeds)[chance.randrange(20) :]
        case _:
            return data[:at]


async def play(client: Client, pieces: list[bytes], heard: Counter[bytes]) -> None:
    """Send one input on a connection of its own, and hear it out."""
    raw = client.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(say, raw, pieces)
        heard[(await raw.hear_rest())[9:12]] += 1
    raw.close()


async def say(raw: Raw, pieces: list[bytes]) -> None:
    try:
        for piece in pieces:
            await raw.say(piece)
        await raw.say_eof()
    except trio.BrokenResourceError:
        pass


async def play_batch(batch: list[list[bytes]], heard: Counter[bytes]) -> None:
    """Play some inputs side by side; afterwards nothing of them may be left."""
    async with connect(handler) as client:
        async with trio.open_nursery() as nursery:
            for pieces in batch:
                nursery.start_soon(play, client, pieces, heard)
        await trio.sleep(10)  # Some linger.
        assert client.server.empty
        assert (await client.get("/1234567")).status == 200
        client.leave()
        tasks = trio.lowlevel.current_statistics().tasks_living
        assert tasks <= 7, f"{tasks} tasks are left"


def fuzz(count: int, seed: int) -> Counter[bytes]:
    """Play ``count`` inputs; return how many got which status.

    Raises:
        AssertionError, ExceptionGroup: a law was broken.
    """
    heard: Counter[bytes] = Counter()
    with no_alarms():
        source = inputs(count, seed)
        while batch := list(islice(source, BATCH)):
            trio.run(play_batch, batch, heard, clock=MockClock(autojump_threshold=0))
    return heard


if __name__ == "__main__":
    number, seed = int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0])
    for status, times in sorted(fuzz(number, seed).items()):
        print(f"{status.decode() or 'none'}: {times}")
