"""Addresses: where a stream or a listener is, and the socket behind it.

`socket_of` is the one function in this project that looks for the socket below a
stream. What else a stream can do, a transport asks its interfaces.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import trio


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a transport: ``host`` and ``port``, or ``path`` of a Unix socket."""

    host: str | None = None
    port: int | None = None
    path: str | None = None

    @property
    def url(self) -> str | None:
        """An ``http`` URL that reaches this address from this machine, or None."""
        if self.host is None:
            return None
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def socket_of(thing: object) -> socket.socket | trio.socket.SocketType | None:
    """Return the socket below a stream or a listener; None where there is none."""
    while True:
        below = getattr(thing, "transport_stream", None) or getattr(
            thing, "transport_listener", None
        )
        if below is None:
            break
        thing = below
    found = getattr(thing, "socket", None)
    return found if isinstance(found, socket.socket | trio.socket.SocketType) else None


def local_address(thing: object) -> Address | None:
    """Return the near address of a stream or a listener, None where unknown."""
    return _address(thing, "getsockname")


def remote_address(thing: object) -> Address | None:
    """Return the far address of a stream, None where unknown."""
    return _address(thing, "getpeername")


def _address(thing: object, question: str) -> Address | None:
    sock = socket_of(thing)
    if sock is None:
        return None
    try:
        name: Any = getattr(sock, question)()
    except OSError:  # The socket was closed or reset under us.
        return None
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        return Address(host=name[0], port=name[1])
    return Address(path=name if isinstance(name, str) else None)
