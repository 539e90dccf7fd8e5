"""Failures: what becomes of an exception that is neither an answer nor a client's fault."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, Literal

logger = logging.getLogger("trio_httpd.connection")

OnFailure = Literal["raise"] | Callable[[Exception, Any, str], object] | None
"""What `OnFailure` of the options comes to, without naming `Connection`, which needs this room."""


class Propagate(Exception):  # noqa: N818 -- a decision, not an error
    """Carries ``problem`` past everything that would report it once more."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(problem)
        self.problem = problem


class FailurePolicy:
    """What becomes of failures; it may change while a server serves.

    Args:
        on_error: see `Options`.
    """

    __slots__ = ("_on_error",)

    def __init__(self, on_error: OnFailure) -> None:
        self.on_error = on_error

    @property
    def on_error(self) -> OnFailure:
        """See `Options`."""
        return self._on_error

    @on_error.setter
    def on_error(self, on_error: OnFailure) -> None:
        require_on_error(on_error)
        self._on_error = on_error

    def report(self, problem: Exception, conn: object | None, doing: str) -> None:
        """Hand a failure that is nobody's answer to ``on_error``.

        Args:
            problem: the failure.
            conn: the `Connection` that it belongs to, None where there is none.
            doing: what was going on.

        Raises:
            Propagate: with ``problem`` itself where ``on_error`` is "raise", or with what the
                callable raises.
        """
        match self._on_error:
            case None:
                logger.error("%s failed: %a", doing, conn, exc_info=problem)
            case "raise":
                raise Propagate(problem)
            case decide:
                try:
                    decide(problem, conn, doing)
                except Exception as another:
                    if another is not problem and another.__cause__ is None:
                        another.__cause__ = problem
                    raise Propagate(another) from None


def require_on_error(on_error: object) -> None:
    """Raise `TypeError` unless ``on_error`` is one of the three things it may be."""
    if not (on_error is None or on_error == "raise" or callable(on_error)):
        raise TypeError(f"on_error is None, 'raise' or a callable, not {on_error!r}")
    if inspect.iscoroutinefunction(on_error):
        raise TypeError("on_error cannot be an async function")
