"""Dispatch: run a handler, send what it returns, answer what it raises."""

from __future__ import annotations

import logging
import math
from typing import cast

import trio

from .._message.content import require_known_expectations
from .._message.errors import HeaderItems, HTTPError, PeerError, pairs_of
from .._message.request import RequestHead
from .._message.responder import Responder
from .._message.response import Response
from .._net.errors import PeerGone
from .._syntax.quoting import quoted
from .connection import Connection, Handler
from .context import ServerContext
from .failures import FailurePolicy

logger = logging.getLogger("trio_httpd.connection")


def _chosen_answer(problem: Exception, conn: Connection) -> HTTPError | None:
    """Return the answer that ``problem`` is; None where it is a failure of the handler.

    A `PeerError` of the content of another exchange is a failure like any other.
    """
    cause = _sole_cause(problem)
    if isinstance(cause, PeerError) and cause._origin is not None:
        return cause if cause._origin is conn.body else None
    return cause if isinstance(cause, HTTPError) else None


def _answer_to(chosen: HTTPError | None) -> Response:
    """Return what the client is sent."""
    if chosen is None:
        return Response.text(500)  # What a failure says may be secret: it goes to the log only.
    return Response.text(chosen.status, chosen.detail, chosen.headers)


def _is_disconnect_of(responder: Responder, problem: Exception) -> bool:
    """Whether ``problem`` only says that the client of this very exchange has gone.

    A `PeerGone` of another connection is a failure of the handler like any other.
    """
    return responder.lane.is_gone and _split(problem, PeerGone)[1] is None


def _sole_cause(problem: Exception) -> Exception:
    """Return the one exception inside groups of one: nurseries wrap what they raise."""
    while isinstance(problem, ExceptionGroup) and len(problem.exceptions) == 1:
        problem = problem.exceptions[0]
    return problem


async def dispatch(
    conn: Connection,
    responder: Responder,
    head: RequestHead,
    handler: Handler,
    context: ServerContext,
) -> None:
    """Run the handler for one exchange, to the end of its response.

    Raises:
        Propagate: ``on_error`` lets a failure out; the client has had its answer.

    Cancelled: the response is where it is; whoever cancels decides what follows.
    """
    try:
        if head.expectations:
            require_known_expectations(head)
        result = await handler(conn)
        # A coroutine for what nearly always needs none would cost a fiftieth of a request.
        if result is None or isinstance(result, bytes | str):
            if responder.owner is not None or responder.lane.must_wait:
                await responder.take_turn()
            if responder.finish_with(result):
                await responder.drain()
        else:
            await _respond(responder, result)
    except Exception as problem:
        await _fail(conn, responder, problem, context.failures)
    except BaseException as problem:
        await _fail_oddly(conn, responder, problem, context.failures)


async def _respond(responder: Responder, result: object) -> None:
    """Send what a handler returned, and finish."""
    responder.reply.may_wait = True
    match result:
        case False:
            responder.lane.close_after()
            await responder.finish()
        case dict() | list():
            await responder.send_json(result)
        case (dict() | list() as content, int(status), *rest) if len(rest) <= 1:
            responder.reply.set_status(status, None)
            responder.reply.replace_headers(pairs_of(cast("HeaderItems", rest[0] if rest else ())))
            await responder.send_json(content)
        case (str() | bytes() | None as content, int(status)):
            await responder.respond(Response(content or b"", status))
        case (str() | bytes() | None as content, int(status), headers):
            fields = cast("HeaderItems", headers)
            await responder.respond(Response(content or b"", status, fields))
        case Response():
            await responder.respond(result)
        case _:
            raise TypeError(
                f"a handler cannot return this: {quoted(result)}; it may return None, content "
                "(str or bytes, or a dict or list, which is sent as JSON), (content, status), "
                "(content, status, headers), a Response, or False"
            )


async def _fail(
    conn: Connection, responder: Responder, problem: Exception, failures: FailurePolicy
) -> None:
    """Answer for a handler that failed, and report that to whoever runs the server."""
    chosen = _chosen_answer(problem, conn)
    is_silent = _is_disconnect_of(responder, problem)
    if chosen is None:
        responder.reply.may_wait = False  # It may be the last thing that the server does.
    if isinstance(chosen, PeerError):
        responder.lane.close_after()
        logger.info("%a refused: %a", conn, str(chosen))
    try:
        await responder.fail_with(None if is_silent else _answer_to(chosen))
    except PeerGone:
        pass
    except Exception as worse:  # An answer that cannot be sent, say for its fields.
        await _fail(conn, responder, worse, failures)
    finally:  # Even if we are cancelled while we answer.
        if not is_silent and chosen is None:
            failures.report(problem, conn, "handler")


async def _fail_oddly(
    conn: Connection, responder: Responder, problem: BaseException, failures: FailurePolicy
) -> None:
    """Deal with what is no `Exception`: let it out if it is ours, else it is a failure too.

    Ours are `KeyboardInterrupt`, and `trio.Cancelled` while a scope around us is cancelled. A
    `trio.Cancelled` that somebody kept from elsewhere, `SystemExit`, `GeneratorExit` and the
    like are failures of a handler: if they got further, they would end the server.
    """
    cancelled, rest = _split(problem, trio.Cancelled)
    if _split(problem, KeyboardInterrupt)[0] is not None:
        raise problem
    if cancelled is not None and trio.current_effective_deadline() == -math.inf:
        if rest is not None:  # A task of the handler's nursery failed meanwhile.
            failure = _as_failure(rest)
            is_silent = _is_disconnect_of(responder, failure)
            if not is_silent and _chosen_answer(failure, conn) is None:
                failures.report(failure, conn, "handler")
        raise cancelled from None
    await _fail(conn, responder, _as_failure(problem), failures)


def _split(
    problem: BaseException, kind: type[BaseException]
) -> tuple[BaseException | None, BaseException | None]:
    """Return what of ``problem`` is of that kind, and what is not."""
    if isinstance(problem, BaseExceptionGroup):
        return problem.split(kind)
    return (problem, None) if isinstance(problem, kind) else (None, problem)


def _as_failure(problem: BaseException) -> Exception:
    """Return ``problem`` as an `Exception`."""
    if isinstance(problem, Exception):
        return problem
    failure = RuntimeError(
        f"a handler raised {type(problem).__name__}; that does not end the server"
    )
    failure.__cause__ = problem
    return failure
