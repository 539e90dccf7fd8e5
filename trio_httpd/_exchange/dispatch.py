"""Dispatch: run a handler, send what it returns, answer what it raises."""

from __future__ import annotations

import logging
from typing import cast

import trio

from .._message.content import require_known_expectations
from .._message.errors import HeaderItems, HTTPError, PeerError
from .._message.response import Response
from .._net.errors import PeerGone
from .._syntax.quoting import quoted
from .connection import Connection, Handler
from .context import ServerContext

logger = logging.getLogger("trio_httpd.connection")


def answer_to(problem: Exception) -> Response | None:
    """Return what the peer is told about ``problem``; None is silence."""
    match _sole_cause(problem):
        case HTTPError(status=status, detail=detail, headers=headers):
            return Response.text(status, detail, headers)
        case cause if is_disconnect(cause):
            return None
        case _:
            return Response.text(500)  # Its text may hold secrets: to the log only.


def is_disconnect(problem: Exception) -> bool:
    """Whether ``problem`` only says that the peer has gone, maybe several times."""
    if isinstance(problem, ExceptionGroup):
        return problem.split(PeerGone)[1] is None
    return isinstance(problem, PeerGone)


def _sole_cause(problem: Exception) -> Exception:
    """Return the one exception inside groups of one: nurseries wrap what they raise."""
    while isinstance(problem, ExceptionGroup) and len(problem.exceptions) == 1:
        problem = problem.exceptions[0]
    return problem


class Propagate(Exception):  # noqa: N818 -- a decision, not an error
    """Carries ``problem`` past everything that would report it once more."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(problem)
        self.problem = problem


async def dispatch(conn: Connection, handler: Handler, context: ServerContext) -> None:
    """Run the handler for one exchange, to the end of its response.

    Raises:
        Propagate: ``on_error`` lets a failure out; the peer has had its answer.

    Cancelled: the response is where it is; whoever cancels decides what follows.
    """
    try:
        if conn.head.expectations:
            require_known_expectations(conn.head)
        result = await handler(conn)
        # A coroutine for what nearly always needs none would cost a fiftieth of a request.
        if result is None or isinstance(result, bytes | str):
            unfinished = conn.conclude(result)
        else:
            unfinished = _respond(conn, result)
        if unfinished is not None:
            await unfinished
    except Exception as problem:
        await _settle(conn, problem, context)
    except BaseExceptionGroup as group:
        # A handler's nursery was cancelled while a task of it failed.
        cancelled, rest = group.split(trio.Cancelled)
        if cancelled is None or not isinstance(rest, ExceptionGroup):
            raise
        _report_fault(rest, conn, context)
        raise cancelled from None


async def _respond(conn: Connection, result: object) -> None:
    """Send what a handler returned, and finish."""
    match result:
        case False:
            conn.close_after_finish()
            await conn.finish()
        case (str() | bytes() | None as content, int(status)):
            await conn.respond(Response(content or b"", status))
        case (str() | bytes() | None as content, int(status), headers):
            await conn.respond(Response(content or b"", status, cast("HeaderItems", headers)))
        case Response():
            await conn.respond(result)
        case _:
            raise TypeError(f"a handler cannot return this: {quoted(result)}")


async def _settle(conn: Connection, problem: Exception, context: ServerContext) -> None:
    """Tell the peer, then whoever runs the server, about a handler that failed."""
    cause = _sole_cause(problem)
    if isinstance(cause, PeerError):
        conn.close_after_finish()
        logger.info("%a refused: %a", conn, str(cause))
    try:
        await conn.settle(answer_to(cause))
    except PeerGone:
        pass
    except Exception as worse:  # An answer that cannot be sent, say for its fields.
        await _settle(conn, worse, context)
    finally:  # Even if we are cancelled while we tell the peer.
        _report_fault(problem, conn, context)


def _report_fault(problem: Exception, conn: Connection, context: ServerContext) -> None:
    """Report ``problem`` unless it is an answer or a goodbye."""
    if not isinstance(_sole_cause(problem), HTTPError) and not is_disconnect(problem):
        report(problem, conn, "handler", context)


def report(problem: Exception, conn: Connection | None, doing: str, context: ServerContext) -> None:
    """Hand a failure that is nobody's answer to ``on_error``.

    Raises:
        Propagate: with ``problem`` itself where ``on_error`` is "raise", or with what the
            callable raises.
    """
    match context.on_error:
        case None:
            logger.error("%s failed: %a", doing, conn, exc_info=problem)
        case "raise":
            raise Propagate(problem)
        case decide:
            try:
                decide(problem, conn, doing)
            except Exception as another:
                raise Propagate(another) from (None if another is problem else problem)
