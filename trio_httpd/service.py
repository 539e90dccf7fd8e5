"""The service: what all exchanges of one server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ._files.held import HeldFiles
from .config import Limits, OnError, Options, Timeouts
from .docroot import Docroot, docroot_of
from .response import StandingFields


@dataclass(slots=True)
class Service:
    """A handler with everything decided about how it is served.

    ``handler`` takes a `Connection`; it stands on a higher floor, hence ``Any``.
    """

    handler: Callable[[Any], Awaitable[object]]
    timeouts: Timeouts
    limits: Limits
    docroot: Docroot | None
    standing: StandingFields
    on_error: OnError
    held: HeldFiles
    """The files that are kept open; none before it is served."""

    @classmethod
    def of(cls, handler: Callable[[Any], Awaitable[object]], options: Options) -> Service:
        """Return the service of ``handler`` under ``options``."""
        if not callable(handler):
            raise TypeError(f"a handler is an async function, not {handler!r}")
        return cls(
            handler=handler,
            timeouts=options.timeouts,
            limits=options.limits,
            docroot=None if options.docroot is None else docroot_of(options.docroot),
            standing=StandingFields(options.static_headers, server_header=options.server_header),
            on_error=options.on_error,
            held=HeldFiles(0),
        )
