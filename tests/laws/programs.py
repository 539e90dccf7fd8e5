"""Random handler programs of one and of two tasks; a strict reader checks what they send.

``python -m tests.laws.programs 100000 [--tasks 2] [--seed 1] [--only NUMBER]`` plays so many
and says what it saw. A program does what handlers do, in any order: some of it makes no
sense, some of it is cancelled at any point. Its client pipelines requests of all kinds, reads
through a window of any size, and may leave.

The law: each response on the wire belongs to the request at its place, and has what its
program sent; or the connection is visibly cut there. Nothing ends twice, nothing follows a
response that closes, and a program that was not disturbed has its response.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio
from trio.testing import MockClock

from tests.laws.programmed import ODD_DETAIL, Exchange, random_steps
from tests.laws.wire import Answer, End, Fault, read_wire
from tests.net.plain import plain_memory_streams
from trio_httpd import Connection, Limits, Response, Timeouts
from trio_httpd.testing import MemoryStream, connect, memory_streams

BATCH = 40
LETTERS = "abcdef"
FILE_SIZES = (0, 3, 40, 5000, 70_000, 200_000)
EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
"""What the content of requests looks like: read as a request, it would be answered."""

DETAILS = (
    f"{ODD_DETAIL}\n",
    "no upgrade was asked for\n",
    "the content came too slowly\n",
    "the content is larger than 10000 bytes\n",
    "the request ended within its content\n",
)
"""What the server says of its own accord, beside the phrases of statuses."""


@dataclass
class Ask:
    """One request."""

    method: str
    data: bytes
    content: bytes = field(default=b"", repr=False)
    expects: bool = False
    upgrades: bool = False
    is_last: bool = False
    """Whether it says that no other request follows. (One may.)"""


@dataclass
class Trial:
    """A connection: what is asked, what is done for it, and how the client behaves."""

    number: int
    asks: list[Ask] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    window: float = math.inf
    send_buffer: float = 0
    is_plain: bool = False
    pause: float = 0
    """Seconds between two reads of the client."""
    leaves_at: float = math.inf
    ends: bool = False
    """Whether the client ends its side after the last request."""
    splits: list[tuple[int, float]] = field(default_factory=list)
    """Where the client pauses while it sends, and how long."""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_prompt(self) -> bool:
        """Whether the client does its part at once, and to the end."""
        return not self.pause and self.leaves_at == math.inf


def random_trial(number: int, seed: int, tasks: int) -> Trial:
    """Return the trial of that number."""
    chance = random.Random(f"{seed} {tasks} {number}")
    trial = Trial(number)
    trial.window = chance.choice([1, 7, 50, 1000, 20_000, 70_000, math.inf, math.inf])
    trial.send_buffer = chance.choice([0, 0, 30, 5000])
    trial.is_plain = chance.random() < 0.4
    trial.pause = chance.choice([0, 0, 0, 0, 0.1, 4.0])
    trial.leaves_at = chance.choice([math.inf] * 6 + [0, 0.5, 3.0])
    trial.ends = chance.random() < 0.3
    sizes = [0, 1, 3, 40] + [5000] * (trial.window > 7) + [17_000, 70_000] * (trial.window > 1000)
    for place in range(chance.choice([1, 1, 2, 2, 3, 5])):
        ask = _random_ask(chance, place, is_narrow=trial.window < 1000)
        trial.asks.append(ask)
        steps = [
            random_steps(chance, sizes, place, count=chance.choice([0, 1, 2, 3, 6]))
            for _ in range(tasks)
        ]
        is_left_behind = tasks == 2 and chance.random() < 0.3
        trial.exchanges.append(
            Exchange(
                LETTERS[place],
                steps,
                result=random_steps(chance, sizes, place, count=1, results=True)[0],
                is_left_behind=is_left_behind,
            )
        )
        if ask.expects and chance.random() < 0.2:
            trial.leaves_at, ask.content = 2.5, b""  # It waits for a word, and gives up.
            break
    size = sum(len(ask.data) + len(ask.content) for ask in trial.asks)
    trial.splits = sorted(
        (chance.randrange(size), chance.choice([0, 0, 0.3]))
        for _ in range(chance.choice([0, 0, 1, 3]))
    )
    trial.options = {
        "limits": Limits(send_chunk=chance.choice([0, 16, 16384]), progress=16, body=10_000),
        "timeouts": Timeouts(
            send=5, keep_alive=9, linger=1, body=7, handler=chance.choice([math.inf, math.inf, 3])
        ),
    }
    return trial


def _random_ask(chance: random.Random, place: int, *, is_narrow: bool) -> Ask:
    method = chance.choice(["GET", "GET", "GET", "HEAD", "POST", "POST", "POST"])
    version = chance.choice(["1.1"] * 9 + ["1.0"])
    fields = "Host: a\r\n"
    content, expects = b"", False
    upgrades = chance.random() < 0.1
    is_last = version == "1.0" and chance.random() < 0.3
    if version == "1.0" and not is_last:
        fields += "Connection: keep-alive\r\n"
    elif upgrades:
        fields += "Connection: upgrade\r\nUpgrade: x\r\n"
    if method == "POST":
        size = chance.choice([0, 1, len(EVIL), 200, *([] if is_narrow else [9000, 11_000])])
        content = (EVIL * (size // len(EVIL) + 1))[:size]
        if version == "1.1" and content and chance.random() < 0.3:
            fields += "Expect: 100-continue\r\n"
            expects = True
        if version == "1.1" and chance.random() < 0.4:
            fields += "Transfer-Encoding: chunked\r\n"
            content = (b"%x\r\n%b\r\n" % (size, content) if size else b"") + b"0\r\n\r\n"
        else:
            fields += f"Content-Length: {size}\r\n"
    head = f"{method} /{place} HTTP/{version}\r\n{fields}\r\n".encode()
    return Ask(method, head, content, expects, upgrades, is_last)


class Player:
    """Plays one trial, and checks what came of it."""

    def __init__(self, trial: Trial, folder: Path) -> None:
        self._trial = trial
        self._folder = folder
        self._heard = bytearray()
        self._end = End.LEFT
        self._outer: trio.Nursery
        self._strays: list[str] = []

    async def play(self) -> list[Answer]:
        """Return the answers.

        Raises:
            Fault: the law was broken.
        """
        trial = self._trial
        async with trio.open_nursery() as self._outer:
            async with connect(self._handle, on_error=self._note, **trial.options) as client:
                if trial.is_plain:
                    near, far = plain_memory_streams(trial.window, trial.send_buffer)
                else:
                    near, far = memory_streams(trial.window, send_buffer=trial.send_buffer)
                client.server.add_stream(near)
                with trio.fail_after(50_000):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._say, far)
                        nursery.start_soon(self._leave, far, nursery.cancel_scope)
                        await self._hear(far)
                        nursery.cancel_scope.cancel()
                    await far.aclose()
                    while not client.server.empty:  # noqa: ASYNC110 -- nobody tells
                        await trio.sleep(1)
            self._outer.cancel_scope.cancel()
        return self._check()

    async def _say(self, far: MemoryStream) -> None:
        trial = self._trial
        data = b""
        pauses = list(trial.splits)
        at = 0
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for ask in trial.asks:
                data += ask.data
                if ask.expects:
                    pauses.append((at + len(ask.data), 0.7))
                at += len(ask.data) + len(ask.content)
                data += ask.content
            at = 0
            for place, seconds in sorted(pauses):
                await far.send_all(data[at:place])
                at = place
                await trio.sleep(seconds)
            await far.send_all(data[at:])
            if trial.ends:
                await far.send_eof()

    async def _leave(self, far: MemoryStream, scope: trio.CancelScope) -> None:
        await trio.sleep(self._trial.leaves_at)
        far.close()
        scope.cancel()

    async def _hear(self, far: MemoryStream) -> None:
        chance = random.Random(self._trial.number)
        try:
            while data := await far.receive_some(chance.choice([1, 20, 70_000])):
                self._heard += data
                if self._trial.pause:
                    await trio.sleep(self._trial.pause)
            self._end = End.CLOSED
        except trio.BrokenResourceError:
            self._end = End.RESET
        except trio.ClosedResourceError:
            self._end = End.LEFT

    async def _handle(self, conn: Connection) -> Any:
        place = conn.request.path[1:]
        if place not in ("0", "1", "2", "3", "4", "5"):
            self._strays.append(conn.request.path)
            return None
        exchange = self._trial.exchanges[int(place)]
        conn.set_header("X-Of", place)
        return await exchange.run(conn, self._folder, self._outer)

    def _note(self, problem: Exception, conn: object, doing: str) -> None:
        if not isinstance(conn, Connection):
            self._strays.append(f"{doing} failed: {problem!r}")
            return
        self._trial.exchanges[int(conn.request.path[1:])].failures.append(problem)

    # The check.

    def _check(self) -> list[Answer]:
        trial = self._trial
        if self._strays:
            raise Fault(f"{self._strays}")
        methods = [ask.method for ask in trial.asks]
        answers = read_wire(bytes(self._heard), methods, self._end)
        for place, answer in enumerate(answers):
            exchange, ask = trial.exchanges[place], trial.asks[place]
            if not exchange.begun and answer.status not in (400, 408, 417):
                raise Fault(f"an answer to {place}, which was never handled: {answer}")
            if answer.interim and not (ask.expects and answer.interim == [100]):
                raise Fault(f"interim responses to {place}: {answer}")
            _check_answer(exchange, ask, answer, place)
        self._check_progress(answers)
        return answers

    def _check_progress(self, answers: list[Answer]) -> None:
        """Raise `Fault` unless a reason is known for each response that is missing or cut."""
        trial = self._trial
        if not trial.is_prompt:
            return
        for place, exchange in enumerate(trial.exchanges):
            answer = answers[place] if place < len(answers) else None
            if answer is None or not answer.is_whole:
                # A later exchange that resets the connection takes with it what is on its way;
                # so does one that is cut because a task that was left behind is in it.
                later = trial.exchanges[place:]
                if self._end is not End.RESET and not any(e.is_left_behind for e in later):
                    later = [exchange]
                # So does a client that sends more than it said.
                if trial.asks[place].is_last and place + 1 < len(trial.asks):
                    return
                if not any(each.is_disturbed for each in later):
                    raise Fault(f"{self._end} before {place} was whole, for no reason: {answer}")
                return
            ask = trial.asks[place]
            if answer.says_close or answer.status == 101 or exchange.closes or ask.expects:
                return
            if exchange.is_disturbed or not answer.is_delimited:
                return


def _check_answer(exchange: Exchange, ask: Ask, answer: Answer, place: int) -> None:
    """Raise `Fault` unless ``answer`` is what the program sent, or a part of it."""
    where = f"in the answer to {place}"
    if answer.status == 101:
        if not (ask.upgrades and exchange.upgraded):
            raise Fault(f"an upgrade {where}")
        if set(answer.rest.decode()) - {exchange.letter}:
            raise Fault(f"strange bytes {where}: {answer.rest[:80]!r}")
        return
    marker = answer.headers.get(b"x-of")
    if marker not in (None, b"%d" % place):
        raise Fault(f"the marker {marker!r} {where}")
    text = answer.content.decode()
    if set(text) - set(exchange.alphabet):
        if marker is not None or not _is_known(answer.status, text):
            raise Fault(f"strange content {where}: {text[:80]!r}")
        if not (exchange.has_failed or exchange.was_replaced or not exchange.begun):
            raise Fault(f"an error that nobody sent {where}: {answer.status} {text[:80]!r}")
    elif answer.is_whole and not (ask.method == "HEAD" or answer.status in (204, 205, 304)):
        _check_whole(exchange, answer, where)


def _check_whole(exchange: Exchange, answer: Answer, where: str) -> None:
    """Raise `Fault` unless a program has sent just so much, and the end."""
    if not (answer.is_delimited or exchange.has_ended or exchange.has_failed):
        raise Fault(f"an end that nobody sent {where}")
    if not exchange.may_have_sent(len(answer.content)):
        raise Fault(f"{len(answer.content)} bytes {where}, not {exchange.totals}")


def _is_known(status: int, text: str) -> bool:
    """Whether it is what the server says of its own accord, or the beginning of that."""
    phrase = Response.text(status).content
    assert isinstance(phrase, str)
    return any(known.startswith(text) for known in (phrase, *DETAILS))


# In bulk.


@contextlib.contextmanager
def files() -> Iterator[Path]:
    """Give a folder with a file of each size for each letter."""
    with TemporaryDirectory() as name:
        for letter in LETTERS:
            for size in FILE_SIZES:
                (Path(name) / f"{letter}{size}").write_bytes(letter.encode() * size)
        yield Path(name)


@dataclass
class Report:
    """What was seen."""

    seen: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    async def play_batch(self, trials: list[Trial], folder: Path) -> None:
        """Play some trials side by side."""
        async with trio.open_nursery() as nursery:
            for trial in trials:
                nursery.start_soon(self._play_one, trial, folder)
        self.seen["programs"] += len(trials)

    async def _play_one(self, trial: Trial, folder: Path) -> None:
        try:
            answers = await Player(trial, folder).play()
        except Exception as problem:
            text = "".join(traceback.format_exception(problem)[-12:])
            self.faults.append(f"trial {trial.number}: {text}\n{trial}")
            return
        self.seen["requests"] += len(trial.asks)
        for answer in answers:
            self.seen["whole" if answer.is_whole else "cut"] += 1
            self.seen[str(answer.status)] += 1


def play(numbers: range, *, seed: int, tasks: int, seconds: float = math.inf) -> Report:
    """Play so many trials; return what was seen."""
    report, began = Report(), time.monotonic()
    logger = logging.getLogger("trio_httpd")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with files() as folder:
            for first in range(numbers.start, numbers.stop, BATCH):
                if time.monotonic() - began > seconds:
                    break
                batch = range(first, min(first + BATCH, numbers.stop))
                trials = [random_trial(number, seed, tasks) for number in batch]
                # Which task runs first is random in trio, too.
                trio._core._run._r.seed(f"{seed} {first}")
                clock = MockClock(autojump_threshold=0)
                trio.run(partial(report.play_batch, trials, folder), clock=clock)
    finally:
        logger.setLevel(level)
    return report


def main() -> None:
    """Play as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf)
    told = parser.parse_args()
    numbers = range(told.first, told.first + told.count)
    report = play(numbers, seed=told.seed, tasks=told.tasks, seconds=told.seconds)
    print(*report.faults[:5], sep="\n\n")
    for name, times in sorted(report.seen.items()):
        print(f"{name}: {times}")
    sys.exit(f"{len(report.faults)} faults" if report.faults else None)


if __name__ == "__main__":
    main()
