"""The options of a server, and the context that they make of a handler."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from .._exchange.connection import Connection, Handler
from .._exchange.context import ServerContext
from .._exchange.failures import FailurePolicy, require_on_error
from .._message.errors import HeaderItems
from .._message.limits import Limits, Timeouts
from .._message.response import DefaultHeaders
from .._static.docroot import Docroot, DocrootLike, docroot_of
from .._static.file_server import FileServer
from .._static.files.cache import OpenFileCache
from .._static.mounts import Mounts

OnError = Literal["raise"] | Callable[[Exception, Connection | None, str], object] | None
"""What becomes of a failure: a callable gets the exception, the `Connection`, or None where no
exchange is to blame, and what was going on; for the rest see `Options`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that a server is told besides its handler and its listeners.

    Args:
        timeouts: see `Timeouts`.
        limits: see `Limits`.
        overflow: what happens above `Limits.connections`: ``"wait"`` leaves peers in
            the listener's queue, ``"reject"`` tells them 503.
        docroot: what `Connection.serve_file` serves from, unless told otherwise: a
            `Docroot`, or a path, which stands for one with everything as usual.
        static_headers: a mapping or (name, value) pairs, sent with every response. A
            field that frames a message (Connection, Content-Length, Keep-Alive,
            Transfer-Encoding) is a `ValueError`.
        server_header: whether responses carry a ``Server`` field.
        on_error: what becomes of an exception that is neither an answer nor a peer's
            fault. ``None`` logs it; ``"raise"`` lets it out of `serve`; a callable is
            called with the exception, the `Connection` (or ``None``) and what was
            going on, and whatever it raises leaves `serve`.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    overflow: Literal["wait", "reject"] = "wait"
    docroot: DocrootLike | None = None
    static_headers: HeaderItems = ()
    server_header: bool = True
    on_error: OnError = None

    def __post_init__(self) -> None:
        if not isinstance(self.timeouts, Timeouts):
            raise TypeError(f"timeouts must be a Timeouts, not {self.timeouts!r}")
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be a Limits, not {self.limits!r}")
        if self.overflow not in ("wait", "reject"):
            raise ValueError(f"overflow is 'wait' or 'reject', not {self.overflow!r}")
        if not isinstance(self.docroot, Docroot | str | os.PathLike | None):
            raise TypeError(f"docroot must be a Docroot or a path, not {self.docroot!r}")
        require_on_error(self.on_error)


class OptionArguments(TypedDict, total=False):
    """The keyword arguments of `Options`, for signatures that pass them on."""

    timeouts: Timeouts
    limits: Limits
    overflow: Literal["wait", "reject"]
    docroot: DocrootLike | None
    static_headers: HeaderItems
    server_header: bool
    on_error: OnError


def context_of(handler: Handler, options: Options) -> ServerContext:
    """Return what all exchanges share; `Server.serve` replaces what is its own.

    Raises:
        TypeError: the handler is none.
        ValueError: a field among ``static_headers`` that could forge, or frames a message.
    """
    if not callable(handler):
        raise TypeError(f"a handler is an async function, not {handler!r}")
    return ServerContext(
        handler=handler,
        ends_with_answer=type(handler) in (Docroot, Mounts),
        timeouts=options.timeouts,
        limits=options.limits,
        docroot=None if options.docroot is None else docroot_of(options.docroot),
        default_headers=DefaultHeaders(options.static_headers, server_header=options.server_header),
        failures=FailurePolicy(options.on_error),
        files=FileServer(OpenFileCache(0)),
        variables=copy_context(),
    )
