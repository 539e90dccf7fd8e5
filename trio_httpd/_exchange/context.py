"""The context: what all exchanges of one server share."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from .._message.limits import Limits, Timeouts
from .._message.response import DefaultHeaders
from .._static.docroot import Docroot
from .._static.files.cache import OpenFileCache

OnError = Literal["raise"] | Callable[[Exception, Any, str], object] | None


@dataclass(slots=True)
class ServerContext:
    """A handler with everything decided about how it is served.

    ``handler`` takes a `Connection`; it stands on a higher floor, hence ``Any``.
    """

    handler: Callable[[Any], Awaitable[object]]
    timeouts: Timeouts
    limits: Limits
    docroot: Docroot | None
    standing: DefaultHeaders
    on_error: OnError
    held: OpenFileCache
    """The files that are kept open; none before it is served."""


def require_on_error(on_error: object) -> None:
    """Raise `TypeError` unless ``on_error`` is one of the three things it may be."""
    if not (on_error is None or on_error == "raise" or callable(on_error)):
        raise TypeError(f"on_error is None, 'raise' or a callable, not {on_error!r}")
    if inspect.iscoroutinefunction(on_error):
        raise TypeError("on_error cannot be an async function")
