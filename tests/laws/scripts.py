"""Scripts: what a client does on one connection, and a naive model of what it gets for that.

The model knows no parser and no state machine: it looks up when which byte arrives, and
computes from that when each request is answered, how, and when the server lets go.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

from trio_httpd import Timeouts

TIMEOUTS = Timeouts(connection_setup=10, header=7, body=5, keep_alive=20, handler=8, linger=2)


class Kind(Enum):
    """What a request is, and what its handler does."""

    NOW = auto()
    SLOW = auto()
    STREAM = auto()
    READ = auto()
    EXPECT = auto()
    UNREAD = auto()
    FALSE = auto()
    CLOSE = auto()
    OLD = auto()
    FAIL = auto()
    CUT = auto()
    ABORT = auto()
    BAD = auto()
    UNKNOWN = auto()


_WITH_CONTENT = (Kind.READ, Kind.EXPECT, Kind.UNREAD, Kind.FAIL)
_FIELDS = {
    Kind.EXPECT: b"Expect: 100-continue\r\n",
    Kind.CLOSE: b"Connection: close\r\n",
    Kind.UNKNOWN: b"Expect: something\r\n",
}
_PAUSES = (0.02, 0.02, 0.3, 1.1, 2.6, 6.3, 9.2, 21.7)


@dataclass(frozen=True)
class Asked:
    """One request.

    Args:
        kind: see `Kind`.
        seconds: that a slow handler takes.
        size: of its content.
        is_chunked: whether that comes in chunks.
    """

    kind: Kind
    seconds: float = 0.0
    size: int = 0
    is_chunked: bool = False

    @property
    def head(self) -> bytes:
        """Its head, as it is sent."""
        target = f"/{self.kind.name}/{self.seconds}".encode()
        version = b"1.0" if self.kind is Kind.OLD else b"1.1"
        host = b"" if self.kind is Kind.BAD else b"Host: a\r\n"
        framing = b""
        if self.is_chunked:
            framing = b"Transfer-Encoding: chunked\r\n"
        elif self.size:
            framing = b"Content-Length: %d\r\n" % self.size
        fields = host + _FIELDS.get(self.kind, b"") + framing
        return b"POST %b HTTP/%b\r\n%b\r\n" % (target, version, fields)

    @property
    def content(self) -> bytes:
        """Its content, as it is sent."""
        if not self.is_chunked:
            return b"~" * self.size
        return b"%x\r\n%b\r\n0\r\n\r\n" % (self.size, b"~" * self.size)


@dataclass(frozen=True)
class Script:
    """What a client does.

    Args:
        asked: the requests.
        pieces: what is sent of them, and when.
        ends: how it ends: "stay", "eof", "leave" or "reset",
        at: and when.
    """

    asked: tuple[Asked, ...]
    pieces: tuple[tuple[float, bytes], ...]
    ends: str
    at: float


@dataclass
class Answered:
    """What a client gets.

    Args:
        answers: the status of each answer, what is its content, and when it comes.
        is_cut: whether the last of them is cut off.
        is_reset: whether the end is a reset.
        over: when the server lets go.
        failures: how many failures of handlers are reported.
    """

    answers: list[tuple[int, bytes, float]] = field(default_factory=list)
    is_cut: bool = False
    is_reset: bool = False
    over: float = math.inf
    failures: int = 0


def scripts(count: int, seed: int) -> Iterator[Script]:
    """Yield so many random scripts."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _script(chance)


def _script(chance: random.Random) -> Script:
    asked = tuple(_asked(chance) for _ in range(chance.choice((1, 1, 2, 3, 4))))
    data = b"".join(each.head + each.content for each in asked)
    if chance.random() < 0.3:
        data = data[: chance.randrange(len(data))]
    if chance.random() < 0.1:
        data = b"\r\n" + data
    places = {chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 2, 4)))}
    if chance.random() < 0.5:  # Whole heads and contents.
        places = set()
        at = 0
        for each in asked:
            places |= {at + len(each.head), at + len(each.head) + len(each.content)}
            at = max(places)
    edges = sorted({0, len(data)} | {place for place in places if place < len(data)})
    pieces, now = [], 0.0
    for start, end in pairwise(edges):
        now += _pause(chance)
        pieces.append((now, data[start:end]))
    ends = chance.choice(("stay", "stay", "eof", "leave", "reset"))
    return Script(asked, tuple(pieces), ends, now + _pause(chance))


def _asked(chance: random.Random) -> Asked:
    kind = chance.choice([*Kind, Kind.NOW, Kind.NOW, Kind.READ])
    seconds = round(chance.choice((0.4, 1.7, 6.9, 12.6)) + _fraction(chance), 5)
    if kind is Kind.EXPECT:
        return Asked(kind, seconds, chance.randrange(1, 300), chance.random() < 0.3)
    if kind in _WITH_CONTENT:
        size = chance.choice((0, 1, 300))
        return Asked(kind, seconds, size, bool(size) and chance.random() < 0.4)
    return Asked(kind, seconds)


def _pause(chance: random.Random) -> float:
    return chance.choice(_PAUSES) + _fraction(chance)


def _fraction(chance: random.Random) -> float:
    """Return so little time that nothing else happens, and no two things at a time."""
    return chance.randrange(1, 1000) * 1e-5


class Model:
    """Computes what a script is answered with."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._data = b"".join(data for _, data in script.pieces)
        self._times = [when for when, _ in script.pieces]
        self._sizes: list[int] = []
        for _, data in script.pieces:
            self._sizes.append(len(data) + (self._sizes[-1] if self._sizes else 0))
        self._end = math.inf if script.ends == "stay" else script.at
        self._gone = script.at if script.ends in ("leave", "reset") else math.inf
        self._at = len(self._data) - len(self._data.removeprefix(b"\r\n"))
        self._free = 0.0
        self.result = Answered()

    def run(self) -> Answered:
        """Return what is answered."""
        for number, asked in enumerate(self._script.asked):
            if self._serve(asked, is_first=not number):
                return self.result
        self._idle()
        return self.result

    def _arrival(self, size: int) -> float:
        """Return when the first ``size`` bytes of all are there."""
        place = bisect_left(self._sizes, size)
        return self._times[place] if place < len(self._times) else math.inf

    def _arrived(self, now: float) -> int:
        """Return how many bytes are there."""
        place = bisect_right(self._times, now)
        return self._sizes[place - 1] if place else 0

    def _idle(self, *, is_first: bool = False) -> bool:
        """Wait for the first byte of a request; whether that was in vain."""
        patience = TIMEOUTS.connection_setup if is_first else TIMEOUTS.keep_alive
        first, over = self._arrival(self._at + 1), min(self._free + patience, self._seen_end())
        if first > over:
            return self._close(max(over, self._free))
        return False

    def _seen_end(self) -> float:
        return max(self._end, self._free)

    def _serve(self, asked: Asked, *, is_first: bool) -> bool:
        """Serve one request; whether it was the last."""
        if self._idle(is_first=is_first):
            return True
        head_end = self._at + len(asked.head)
        begun = max(self._free, self._arrival(self._at + 1))
        deadline, here = begun + TIMEOUTS.header, max(begun, self._arrival(head_end))
        if here > min(deadline, max(self._end, begun)):
            if self._end < deadline:
                return self._answer(400, None, max(self._end, begun)) or self._close(self._free)
            return self._answer(408, None, deadline) or self._linger()
        if asked.kind is Kind.BAD:
            return self._answer(400, None, here) or self._linger()
        self._free, self._at = here, head_end + len(asked.content)
        return self._handle(asked, head_end)

    def _handle(  # noqa: C901, PLR0911, PLR0912 -- a case for each kind
        self, asked: Asked, content_at: int
    ) -> bool:
        kind, now = asked.kind, self._free
        has_more = len(asked.content) > 0
        match kind:
            case Kind.SLOW if asked.seconds > TIMEOUTS.handler:
                return self._answer(503, None, now + TIMEOUTS.handler) or self._linger()
            case Kind.SLOW:
                return self._answer(200, b"SLOW", now + asked.seconds)
            case Kind.STREAM if asked.seconds > TIMEOUTS.handler:
                self._answer(200, b"some", now)
                self.result.is_cut, self._free = True, now + TIMEOUTS.handler
                return self._linger()
            case Kind.STREAM:
                if now < self._gone < now + asked.seconds:
                    self.result.answers.append((200, b"some", now))
                    self.result.is_cut = True
                    return self._close(now + asked.seconds)
                return self._answer(200, b"some more", now + asked.seconds)
            case Kind.READ | Kind.EXPECT if has_more:
                return self._read(asked, content_at)
            case Kind.CLOSE | Kind.OLD:
                return self._answer(200, b"now", now) or self._linger(is_done=True)
            case Kind.FALSE:
                return self._answer(200, b"", now) or self._linger()
            case Kind.CUT:
                self.result.failures += 1
                if self._answer(200, b"some", now):
                    return True
                self.result.is_cut = True
                return self._linger()
            case Kind.ABORT:
                self.result.is_reset = True
                return self._close(now)
            case Kind.UNKNOWN:
                return self._answer(417, None, now)
            case Kind.FAIL:
                self.result.failures += 1
                return self._answer(500, None, now) or self._drain(now)
            case _:
                return self._answer(200, b"now", now) or (has_more and self._drain(now))

    def _read(self, asked: Asked, content_at: int) -> bool:
        now, here = self._free, self._arrival(self._at)
        is_awaited = self._arrived(now) - content_at in (0, asked.content.index(b"~"))
        if asked.kind is Kind.EXPECT and is_awaited and self._gone > now:
            self.result.answers.append((100, b"", now))
        deadline = now + TIMEOUTS.body
        if here <= min(deadline, max(self._end, now)):
            return self._answer(200, b"%d" % asked.size, max(now, here))
        if self._end < deadline:
            return self._answer(400, None, max(self._end, now)) or self._close(self._free)
        return self._answer(408, None, deadline) or self._linger()

    def _drain(self, now: float) -> bool:
        here, until = max(now, self._arrival(self._at)), now + TIMEOUTS.linger
        if here <= min(until, max(self._end, now)):
            self._free = here
            return False
        return self._close(min(until, max(self._end, now)))

    def _answer(self, status: int, content: bytes | None, when: float) -> bool:
        """Answer; whether there is nobody to answer."""
        self._free = when
        if self._gone <= when:
            return self._close(when)
        self.result.answers.append((status, content or b"", when))
        return False

    def _linger(self, *, is_done: bool = False) -> bool:
        now = self._free
        if is_done and self._arrival(self._at + 1) > now:
            return self._close(now)
        return self._close(min(now + TIMEOUTS.linger, max(self._end, now)))

    def _close(self, when: float) -> bool:
        self.result.over = when
        return True
