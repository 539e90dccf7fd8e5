"""The context: what all exchanges share, from one `serve` to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from .._message.limits import Limits, Timeouts
from .._message.response import DefaultHeaders
from .._static.docroot import Docroot
from .._static.file_server import FileServer
from .failures import FailurePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """A handler with everything decided about how it is served.

    Args:
        handler: takes a `Connection`, which needs this, hence ``Any``.
        ends_with_answer: whether the handler does nothing after it has answered.
        timeouts: see `Timeouts`.
        limits: see `Limits`.
        docroot: see `Options`.
        default_headers: the fields of every response.
        failures: what becomes of failures.
        files: serves files.
        variables: the context variables with which each exchange begins.
    """

    handler: Callable[[Any], Awaitable[Any]]
    ends_with_answer: bool
    timeouts: Timeouts
    limits: Limits
    docroot: Docroot | None
    default_headers: DefaultHeaders
    failures: FailurePolicy
    files: FileServer
    variables: Context
