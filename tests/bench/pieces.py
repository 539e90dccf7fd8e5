"""The pieces: what each part of a request costs, measured alone.

Every piece is an async function that does one thing so many times, so that what needs
trio and what does not are timed the same way. A row gives µs for a tiny head and for a
browser's; where the head plays no part, there is one number. The time is the CPU's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import trio

from trio_httpd import Connection, Limits, Options, Timeouts
from trio_httpd._exchange.context import ServerContext
from trio_httpd._http1.heads import parse_fast, parse_with_h11
from trio_httpd._http1.parser import Http1Parser
from trio_httpd._http1.strictness import check_head
from trio_httpd._http1.writer import Framing, format_head
from trio_httpd._message.lane import ClosedLane
from trio_httpd._message.reply import Reply
from trio_httpd._message.request import RequestHead
from trio_httpd._message.responder import Responder
from trio_httpd._message.response import Fields, RenderedFields, ResponseHead
from trio_httpd._net.deadlines import DeadlineQueue, DeadlineWatcher
from trio_httpd._server.options import context_of

from .conveyor import BROWSER, TINY, serve_requests
from .servers import CONTENT, hello

_REPEATS = 9
_SHORTEST = 0.02
_NEIGHBOURS = 31

Loop = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Piece:
    """One row: what is done for a tiny head, and for a browser's where that differs."""

    name: str
    tiny: Loop
    browser: Loop | None = None


def print_pieces() -> None:
    """Measure every piece, and print a line for each."""
    trio.run(_print_pieces)


async def _print_pieces() -> None:
    print(f"{'µs, median of ' + str(_REPEATS):<46} {'tiny':>8} {'browser':>8}")
    for piece in [*_head_pieces(), *_answer_pieces(), *_trio_pieces(), *_whole_pieces()]:
        tiny = f"{await _micros(piece.tiny):.2f}"
        browser = f"{await _micros(piece.browser):.2f}" if piece.browser else ""
        print(f"{piece.name:<46} {tiny:>8} {browser:>8}")


async def _micros(loop: Loop) -> float:
    """Return what one time costs, in µs."""
    times = 1
    while await _seconds(loop, times) < _SHORTEST:
        times *= 2
    return median([await _seconds(loop, times) for _ in range(_REPEATS)]) / times * 1e6


async def _seconds(loop: Loop, times: int) -> float:
    await trio.lowlevel.checkpoint()
    began = time.thread_time()  # Of the CPU, so that a busy machine is not in it.
    await loop(times)
    return time.thread_time() - began


def _calls(once: Callable[[], object]) -> Loop:
    """Return a loop over a plain function."""

    async def loop(times: int) -> None:
        for _ in range(times):
            once()

    return loop


def _awaits(once: Callable[[], Awaitable[object]]) -> Loop:
    """Return a loop over an async function."""

    async def loop(times: int) -> None:
        for _ in range(times):
            await once()

    return loop


# The head comes in.


def _head_pieces() -> list[Piece]:
    limits = Limits()
    return [
        _of_heads("gate: check_head", lambda raw: partial(check_head, raw, limits)),
        _of_heads("h11 reads a head", lambda raw: partial(parse_with_h11, raw)),
        _of_heads("the fast reader reads a head", _reads_fast),
        _of_heads("parser: feed + next_head, both included", _codec_reads),
        _of_heads("Connection + Request + Reply, made", _makes_connection),
    ]


def _of_heads(name: str, once_for: Callable[[bytes], Callable[[], object]]) -> Piece:
    return Piece(name, _calls(once_for(TINY)), _calls(once_for(BROWSER)))


def _reads_fast(raw: bytes) -> Callable[[], RequestHead | None]:
    return partial(parse_fast, raw, 0, len(raw), Limits())


def _codec_reads(raw: bytes) -> Callable[[], RequestHead | None]:
    parser = Http1Parser(Limits())

    def once() -> RequestHead | None:
        parser.receive_data(raw)
        return parser.next_head()

    return once


def _makes_connection(raw: bytes) -> Callable[[], Connection]:
    context, head, sink = context_of(hello, Options()), parse_with_h11(raw), Sink()

    def once() -> Connection:
        return Connection(head, Responder(_reply(context, sink), sink), context)

    return once


# The answer goes out.


class Sink(ClosedLane):
    """A lane that takes what is sent, and drops it."""

    def write(self, head: ResponseHead | None, data: bytes, end: bool, may_wait: bool) -> bool:
        """Take and drop."""
        return False


def _answer_pieces() -> list[Piece]:
    context = context_of(hello, Options())
    head = Head(context.default_headers.now())
    return [
        Piece("Reply: made, hold, finish, dropped", _calls(_replies(context))),
        Piece(
            "writer: format_head",
            _calls(partial(format_head, head, Framing.LENGTH)),
        ),
    ]


class Head:
    """The head of a small response."""

    status = 200
    reason = b""
    fields: Fields = []  # noqa: RUF012 -- read only
    length: int | None = len(CONTENT)
    bodiless = False
    options: tuple[bytes, ...] = ()

    def __init__(self, rendered: RenderedFields) -> None:
        self.rendered = rendered


def _reply(context: ServerContext, sink: Sink) -> Reply:
    return Reply(sink, context.default_headers, context.limits.send_chunk, False, False)


def _replies(context: ServerContext) -> Callable[[], None]:
    sink = Sink()

    def once() -> None:
        reply = _reply(context, sink)
        reply.hold(CONTENT)
        reply.finish()

    return once


# Time and trio.


class Neighbour:
    """A transport as far as a queue of deadlines can see."""

    def expire(self, phase: DeadlineQueue) -> None:
        """Do nothing."""


def _trio_pieces() -> list[Piece]:
    return [
        Piece("deadline: enter + leave", _calls(_deadline())),
        Piece("deadline: enter anew", _calls(_deadline_anew())),
        Piece("CancelScope with a deadline, enter + exit", _calls(_scope)),
        Piece("trio checkpoint", _awaits(trio.lowlevel.checkpoint)),
    ]


def _busy_queue() -> DeadlineQueue:
    """Return a queue in which others stand already."""
    queue = DeadlineWatcher(Timeouts()).keep_alive
    for _ in range(_NEIGHBOURS):
        queue.enter(Neighbour())
    return queue


def _deadline() -> Callable[[], None]:
    queue, neighbour = _busy_queue(), Neighbour()

    def once() -> None:
        queue.enter(neighbour)
        queue.leave(neighbour)

    return once


def _deadline_anew() -> Callable[[], None]:
    queue = _busy_queue()
    return partial(queue.enter, Neighbour())


def _scope() -> None:
    with trio.move_on_after(60):  # noqa: ASYNC100  # Its own cost is what is asked.
        pass


# All of it.


def _whole_pieces() -> list[Piece]:
    return [
        Piece(
            "a whole request, without a socket",
            partial(serve_requests, TINY),
            partial(serve_requests, BROWSER),
        )
    ]
