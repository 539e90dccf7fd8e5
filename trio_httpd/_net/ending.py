"""The ending: how a transport goes on, as one value that only gets worse."""

from __future__ import annotations

from enum import IntEnum


class Ending(IntEnum):
    """How a transport goes on once the current exchange is over, the worst last."""

    KEEP_ALIVE = 0
    """Serve the next request."""
    LINGER = 1
    """Close after our last response: end our side, and read theirs out (RFC 9112 §9.6)."""
    SWITCHED = 2
    """The transport carries another protocol; close it when the handler is done with it."""
    CLOSE = 3
    """Close: the client sends nothing more, or it had its time."""
    GONE = 4
    """Nothing more can be sent: the client left, was reset, or a response was cut off."""
    HEADER_EXPIRED = 5
    """`Timeouts.header` was hit: 408, then as LINGER."""
    HANDLER_EXPIRED = 6
    """`Timeouts.handler` was hit, maybe for a client that is gone: 503 or a response that is cut
    off, then as LINGER."""
