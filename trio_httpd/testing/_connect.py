"""Connect: a server for one handler, and a client to it, while a block runs."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Unpack

import trio

from .._exchange.connection import Handler
from .._server.options import OptionArguments
from .._server.server import Server
from ._client import Client, Wrap


@asynccontextmanager
async def connect(
    handler: Handler,
    *,
    window: float = math.inf,
    send_buffer: float = 0,
    wrap: Wrap | None = None,
    **options: Unpack[OptionArguments],
) -> AsyncIterator[Client]:
    """Serve ``handler`` in memory while the block runs, and give a client to it.

    Args:
        handler: an async function of a `Connection`.
        window: see `memory_streams`; 65536 behaves much like a socket.
        send_buffer: see `memory_streams`.
        wrap: makes of the server's end of each connection what the server is to get,
            for instance a `MisbehavingStream`.
        options: see `Options`; ``on_error`` is ``"raise"`` unless given.

    Raises:
        ExceptionGroup: with what a handler raised, unless ``on_error`` says
            otherwise. What the block raises comes out as it is.
    """
    options.setdefault("on_error", "raise")
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        server = Server(handler, **options)
        await nursery.start(server.serve, ())
        client = Client(server, window=window, send_buffer=send_buffer, wrap=wrap)
        try:
            yield client
        except Exception as problem:
            failure = problem  # Out of the nursery first, which would wrap it.
        finally:
            client.leave()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
