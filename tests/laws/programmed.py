"""One exchange of a random program: its steps, and a note of what they may have sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from trio_httpd import Connection, HTTPError, PeerError, Response

REFUSALS = (
    RuntimeError, ValueError, TypeError, HTTPError, trio.BusyResourceError,
    trio.BrokenResourceError, trio.ClosedResourceError,
)  # fmt: skip
"""What a call may raise that a handler may live with."""

ODD_DETAIL = "no such thing"

CALLS = (
    "send", "send", "send", "send", "flush", "flush", "finish", "respond", "send_json",
    "send_error", "send_error_text", "redirect", "send_file", "send_file", "send_open_file",
    "serve_file", "read_body", "read_body", "read_some", "discard_body", "set_length",
    "set_length", "set_field", "set_status", "close", "abort", "upgrade", "sleep", "sleep",
    "raise",
)  # fmt: skip
RESULTS = (
    "none", "none", "none", "bytes", "bytes", "str", "dict", "list", "response", "pair",
    "triple", "false", "nonsense", "raise",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One call of a handler, or what it returns."""

    name: str
    size: int
    status: int = 200
    ticks: int | None = None
    """Checkpoints after which it is cancelled."""
    seconds: float | None = None
    """Seconds after which it is cancelled."""
    is_lenient: bool = True
    """Whether its failure is caught."""


def random_steps(
    chance: random.Random, sizes: list[int], place: int, *, count: int, results: bool = False
) -> list[Step]:
    """Return so many steps."""
    return [
        Step(
            chance.choice(RESULTS if results else CALLS),
            chance.choice(sizes),
            chance.choice([200] * 4 + [404, 204, 304, 205, 500, 99]),
            ticks=chance.choice([None] * 6 + [0, 1, 2, 5, 30]),
            seconds=chance.choice([None] * 8 + [0, 0.05, 1.5]),
            is_lenient=chance.random() < 0.8,
        )
        for _ in range(count)
    ]


class OddError(Exception):
    """A failure of a program."""


@dataclass
class Exchange:
    """The program of one exchange, and what is known of its response."""

    letter: str
    steps: list[list[Step]]
    result: Step
    is_left_behind: bool = False
    """Whether the second task is not waited for."""
    failures: list[Exception] = field(default_factory=list)
    """What was reported."""
    begun: bool = False
    has_ended: bool = False
    """Whether the response may have been ended by the program."""
    has_raised: bool = False
    was_replaced: bool = False
    """Whether an error may have been sent instead of what was there."""
    was_disturbed: bool = False
    """Whether something was refused, cancelled or failed while the handler ran."""
    returned: int | None = None
    """How much content it returned."""
    closes: bool = False
    upgraded: bool = False
    totals: list[list[int]] = field(default_factory=lambda: [[0, 0]])
    """The least and the most content that may have been sent, one pair for each course."""

    @property
    def has_failed(self) -> bool:
        """Whether an answer to a failure is due."""
        return self.has_raised or bool(self.failures)

    @property
    def is_disturbed(self) -> bool:
        """Whether there may be no whole response."""
        return self.was_disturbed or self.has_failed

    @property
    def alphabet(self) -> str:
        """What its content consists of; JSON has more."""
        return self.letter + '"{}[]:\n'

    def may_have_sent(self, size: int) -> bool:
        """Whether a whole response may have so much content."""
        totals = [] if self.returned is not None and not self.is_disturbed else self.totals
        if self.returned is not None:
            size_before = size - self.returned
            if any(least <= size_before <= most for least, most in self.totals):
                return True
        return any(least <= size <= most for least, most in totals)

    # Notes.

    def _add(self, least: int, most: int) -> None:
        for total in self.totals:
            total[0] += least
            total[1] += most

    @contextmanager
    def _sending(self, size: int, *, maybe: bool = True, ends: bool = True) -> Iterator[None]:
        """Note that a call sends so much; ``maybe``: nothing of it, where it is cancelled."""
        if ends:
            self.has_ended = True
        try:
            yield
        except REFUSALS as problem:
            if isinstance(problem, trio.BrokenResourceError):
                self._add(0, size)
            raise
        except trio.Cancelled:
            self._add(0 if maybe else size, size)
            raise
        self._add(size, size)

    @contextmanager
    def _replacing(self, size: int) -> Iterator[None]:
        """Note that a call sends so much instead of all that was held."""
        self.has_ended = True
        try:
            yield
        except (RuntimeError, ValueError, trio.BusyResourceError):
            raise
        except BaseException:
            self.was_replaced = True
            self.totals.append([size, size])
            raise
        self.was_replaced = True
        self.totals[:] = [[size, size]]

    # Running.

    async def run(self, conn: Connection, folder: Path, outer: trio.Nursery) -> Any:
        """Be the handler."""
        self.begun = True
        try:
            first, *others = self.steps
            if not others:
                await self._run_steps(conn, first, folder)
            elif self.is_left_behind:
                self.was_disturbed = True
                outer.start_soon(self._run_left_behind, conn, others[0], folder)
                await self._run_steps(conn, first, folder)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._run_steps, conn, first, folder)
                    nursery.start_soon(self._run_steps, conn, others[0], folder)
            return self._returned()
        except BaseException:
            self.has_raised = True
            raise

    async def _run_left_behind(self, conn: Connection, steps: list[Step], folder: Path) -> None:
        try:
            await self._run_steps(conn, steps, folder)
        except (*REFUSALS, OddError, SystemExit, BaseExceptionGroup):
            pass

    async def _run_steps(self, conn: Connection, steps: list[Step], folder: Path) -> None:
        for step in steps:
            try:
                await self._run_cancelled(conn, step, folder)
            except REFUSALS:
                self.was_disturbed = True
                if not step.is_lenient:
                    raise

    async def _run_cancelled(self, conn: Connection, step: Step, folder: Path) -> None:
        """Run a step, and cancel it when it is time."""
        if step.ticks is None and step.seconds is None:
            await self._run(conn, step, folder)
            return
        problem: Exception | None = None
        with trio.CancelScope() as scope:
            if step.seconds is not None:
                scope.deadline = trio.current_time() + step.seconds
            if step.ticks is None:
                await self._run(conn, step, folder)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_after, scope, step.ticks)
                try:
                    await self._run(conn, step, folder)
                except Exception as caught:
                    problem = caught  # Out of the nursery first, which would wrap it.
                nursery.cancel_scope.cancel()
        if scope.cancelled_caught:
            self.was_disturbed = True
        if problem is not None:
            raise problem

    async def _run(self, conn: Connection, step: Step, folder: Path) -> None:  # noqa: C901, PLR0912, PLR0915
        size, data = step.size, self.letter * step.size
        match step.name:
            case "send":
                with self._sending(size, maybe=False, ends=False):
                    await conn.send(data)
            case "flush":
                await conn.flush()
            case "finish":
                with self._sending(0):
                    await conn.finish()
            case "respond":
                with self._sending(size):
                    await conn.respond(Response(data, step.status))
            case "send_json":
                with self._sending(size + 2):
                    await conn.send_json(data)
            case "send_error":
                with self._replacing(size):
                    await conn.send_error(step.status, content=data)
            case "send_error_text":
                with self._replacing(0):
                    await conn.send_error(step.status)
            case "redirect":
                with self._sending(0):
                    await conn.redirect(f"/{self.letter}", 303)
            case "send_file":
                await self._send_file(conn, folder / _name(self.letter, size))
            case "send_open_file":
                with (folder / _name(self.letter, size)).open("rb") as file:
                    await self._send_file(conn, file)
            case "serve_file":
                name = _name(self.letter, size)
                with self._sending(int(name[1:])):
                    await conn.serve_file(name, docroot=folder)
            case "read_body":
                await conn.read_body()
            case "read_some":
                await conn.read_body(size)
            case "discard_body":
                await conn.discard_body()
            case "set_length":
                conn.set_header("Content-Length", "x" if step.status == 99 else f"{size}")
            case "set_field":
                name = "Connection" if step.status == 404 else "X-A"
                conn.set_header(name, "close" if step.status == 404 else "b\n" * (size == 3))
            case "set_status":
                conn.set_status(step.status)
            case "close":
                self.closes = True
                conn.close_after_finish()
            case "abort":
                if step.status != 200:
                    self.was_disturbed = True
                    conn.abort()
            case "upgrade":
                await self._upgrade(conn, step)
            case "sleep":
                await trio.sleep(size / 1000 if step.status == 200 else 0)
            case "raise":
                self._raise(step)

    async def _send_file(self, conn: Connection, file: Any) -> None:
        size = int(Path(getattr(file, "name", file)).name[1:])
        # To a GET that says nothing else it is a whole response, else a piece of one.
        self.has_ended = True
        try:
            await conn.send_file(file)
        except BaseException:
            self._add(0, size)
            raise
        self._add(size, size)

    async def _upgrade(self, conn: Connection, step: Step) -> None:
        was_upgraded, self.upgraded = self.upgraded, True
        try:
            stream = await conn.upgrade()
        except REFUSALS:
            self.upgraded = was_upgraded
            raise
        await stream.send_all((self.letter * step.size).encode())
        if step.size == 3:
            await stream.aclose()

    def _raise(self, step: Step) -> None:
        match step.status:
            case 404:
                raise HTTPError(404, ODD_DETAIL)
            case 304:
                raise PeerError(400)
            case 205:
                raise trio.BrokenResourceError
            case 500:
                raise SystemExit(3)
            case 204:
                raise BaseExceptionGroup("", [GeneratorExit(), OddError()])
            case 99:
                raise OddError
            case _:
                pass

    def _returned(self) -> Any:
        step = self.result
        data, size = self.letter * step.size, step.size
        match step.name:
            case "raise":
                self.has_ended = True
                self._raise(step)
                return None
            case "nonsense":
                return object()
            case "none" | "false":
                self.has_ended = True
                self.closes |= step.name == "false"
                return None if step.name == "none" else False
        self.has_ended = True
        self.returned = size + {"dict": 8, "list": 4}.get(step.name, 0)
        status = 200 if step.status == 99 else step.status
        return {
            "bytes": data.encode(),
            "str": data,
            "dict": {self.letter: data},
            "list": [data],
            "response": Response(data, status),
            "pair": (data, status),
            "triple": (data, status, {"X-B": "c"}),
        }[step.name]


async def _cancel_after(scope: trio.CancelScope, ticks: int) -> None:
    for _ in range(ticks):
        await trio.lowlevel.checkpoint()
    scope.cancel()


def _name(letter: str, size: int) -> str:
    """Return the name of a file of about that size."""
    return f"{letter}{size if size in (0, 3, 40, 5000, 70_000) else 200_000 if size > 5000 else 3}"
