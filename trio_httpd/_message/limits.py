"""Limits: times and sizes, decided once, handed down whole.

All values are frozen. Times are ``float`` seconds, sizes ``int`` bytes; ``math.inf``
means no limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each phase of a connection may last, in seconds.

    Args:
        connection_setup: from accept to the first byte of a request. When it is hit,
            the peer sees the transport close.
        header: from the first byte of a head to its end, however many bytes trickle
            in between. The peer sees 408 and a close.
        body: while a handler waits for content, `Limits.progress` bytes (or all that
            is left) must come in each such period. The peer sees 408 and a close.
        keep_alive: from the end of a response to the first byte of the next request.
            The peer sees the transport close, without a word. Longer than the usual
            60 s of load balancers, which must be the first to hang up.
        send: the peer must take `Limits.progress` bytes (or all that is left) of a
            response in each such period. The peer sees a reset.
        handler: from the call of a handler to its return; what it returned is sent
            under ``send`` alone. The peer sees 503, or a response cut off where its
            head was already out.
        linger: how long unread input is drained after our last word, so that the
            peer can still read it (RFC 9112 §9.6). 0 closes at once.
    """

    connection_setup: float = 10
    header: float = 10
    body: float = 30
    keep_alive: float = 75
    send: float = 60
    handler: float = math.inf
    linger: float = 2

    def __post_init__(self) -> None:
        for each in fields(self):
            seconds = getattr(self, each.name)
            _require_number(each.name, seconds)
            if not (seconds > 0 or (each.name == "linger" and seconds == 0)):
                raise ValueError(f"{each.name} must be a positive time, not {seconds!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of each thing is taken, in bytes or pieces.

    Args:
        connections: transports served at once. When it is hit, `overflow` says what
            the peer sees: ``"wait"``, a connection that is not accepted yet;
            ``"reject"``, 503 with Retry-After.
        requests_per_connection: the last response carries ``Connection: close``.
        request_line: bytes of a request line, CRLF not counted. The peer sees 414.
        header_bytes: bytes of a head's field lines, or of a trailer section; chunk
            extensions may in addition be as large as the content they come with. The
            peer sees 431.
        header_count: field lines of a head or a trailer section. The peer sees 431.
        body: bytes of a request's content, chunked or not. The peer sees 413.
        progress: bytes that each `Timeouts.body` or `Timeouts.send` period must move
            (or all that is left); 0 means any byte.
        receive_chunk: the most that is read from a transport at once.
        send_chunk: the most of a response that is held back before it leaves.
    """

    connections: float = math.inf
    requests_per_connection: float = math.inf
    request_line: int = 8 * 1024
    header_bytes: int = 32 * 1024
    header_count: int = 100
    body: float = 16 * 1024 * 1024
    progress: int = 4 * 1024
    receive_chunk: int = 64 * 1024
    send_chunk: int = 16 * 1024

    def __post_init__(self) -> None:
        for each in fields(self):
            size = getattr(self, each.name)
            _require_number(each.name, size)
            if size != math.inf and not isinstance(size, int):
                raise TypeError(f"{each.name} must be a whole number, not {size!r}")
            if size == math.inf and each.type == "int":
                raise ValueError(f"{each.name} must be finite")
            if size < (0 if each.name in _MAY_BE_ZERO else 1):
                raise ValueError(f"{each.name} is too small: {size!r}")


_MAY_BE_ZERO = {"body", "progress", "send_chunk"}


def _require_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
