"""The pytest plugin: fixtures for those who test handlers with pytest-trio.

pytest finds it by itself; without pytest-trio it offers nothing and harms nobody.
"""

from __future__ import annotations

import importlib.util
import math
from typing import Unpack

import trio

from .._exchange.connection import Handler
from .._server.options import OptionArguments
from .._server.server import Server
from ._client import Client, OpenClient, Wrap

if importlib.util.find_spec("pytest_trio") is not None:
    from pytest_trio import trio_fixture

    @trio_fixture
    async def open_client(nursery: trio.Nursery) -> OpenClient:
        """Give an async function that serves a handler and returns a `Client` to it.

        Its arguments are those of `trio_httpd.testing.connect`. The server ends with
        the test.
        """

        async def open_client(
            handler: Handler,
            *,
            window: float = math.inf,
            send_buffer: float = 0,
            wrap: Wrap | None = None,
            **options: Unpack[OptionArguments],
        ) -> Client:
            options.setdefault("on_error", "raise")
            server = Server(handler, **options)
            await nursery.start(server.serve, ())
            return Client(server, window=window, send_buffer=send_buffer, wrap=wrap)

        return open_client
