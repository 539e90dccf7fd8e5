"""Run: a server as a whole process, from `trio.run` to a signal.

    run ---> serve ----------------------------------------> returns
               ^
    SIGINT, SIGTERM ---> everything ends now

A signal is heard from before the port is open until the last transport is closed, so
that one more of them does not kill what is ending.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Unpack

import trio

from .._exchange.connection import Handler
from .options import OptionArguments
from .server import Server, serve

_Tell = Callable[[Server], object]
_Serving = Callable[..., Awaitable[None]]


def run(
    handler: Handler,
    port: int,
    *,
    host: str | None = "127.0.0.1",
    **options: Unpack[OptionArguments],
) -> None:
    """Serve HTTP over TCP in a `trio.run` of its own, until SIGINT or SIGTERM.

    Either signal ends everything now; it is no error, and `KeyboardInterrupt` is not
    raised. For the main thread only, as signals are.

    Args:
        handler: an async function of a `Connection`.
        port: 0 lets the system choose, one for all addresses.
        host: an address or a name; None is all interfaces, IPv4 and IPv6.
        options: see `Options`.

    Raises:
        OSError: it cannot listen there.
        ValueError: a port that is not from 0 to 65535, or an option without sense.
        Exception: what ``on_error`` lets out; a group only if there are several.
        RuntimeError: this is not the main thread, or trio runs in it already.
    """
    run_and_tell(lambda server: None, handler, port, host=host, **options)


def run_and_tell(
    tell: _Tell,
    handler: Handler,
    port: int,
    *,
    host: str | None,
    **options: Unpack[OptionArguments],
) -> None:
    """Do as `run` does, and call ``tell`` with the server once it listens."""
    serving = partial(
        _serve_until_signal, tell, partial(serve, handler, port, host=host, **options)
    )
    failure: BaseException | None = None
    try:
        trio.run(serving)
    except BaseException as problem:
        failure = _sole(problem)
    # Raised out here, so that the group it was in is not named as its context. An
    # interruption came before the signals were listened to, or after: it is no error.
    if failure is not None and not isinstance(failure, KeyboardInterrupt):
        raise failure


def _sole(problem: BaseException) -> BaseException:
    """Return the one exception inside groups of one: nurseries wrap what leaves them."""
    while isinstance(problem, BaseExceptionGroup) and len(problem.exceptions) == 1:
        problem = problem.exceptions[0]
    return problem


async def _serve_until_signal(tell: _Tell, serving: _Serving) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as listening:
            scope = trio.CancelScope()
            listening.start_soon(_end_at_signals, signals, scope)
            with scope:
                await _serve_and_tell(tell, serving)
            listening.cancel_scope.cancel()


async def _end_at_signals(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    # The place for a drain: at the first signal `Server.shutdown`, at the next this.
    async for _ in signals:
        scope.cancel()


async def _serve_and_tell(tell: _Tell, serving: _Serving) -> None:
    async with trio.open_nursery() as nursery:
        tell(await nursery.start(serving))
