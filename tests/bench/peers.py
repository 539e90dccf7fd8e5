"""The peers: other servers, each at its fastest, with one process that serves.

They are looked up when they are run, since they may be absent. None has a router, and
none logs a request. Idle connections are kept as long as ours are, in all of them.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from .leash import die_with_parent
from .work import HOST, Work

PATIENCE = 3600
"""Seconds that an idle connection is kept: none ends while it is measured."""

_CROWD = 20_000  # Connections; more than any measurement opens.
_NEVER = 2**40  # Requests.

Message = dict[str, Any]
Application = Callable[
    [dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


def asgi_application(work: Work) -> Application:
    """Return an ASGI application that does ``work``."""
    headers = [(b"content-length", b"%d" % len(work.answer))]

    async def application(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        assert scope["type"] == "http"
        if work.reads:
            assert await _received(receive) == work.reads
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": work.answer})

    return application


async def _received(receive: Callable[[], Awaitable[Message]]) -> int:
    """Read the content; return its size."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return size


def run_uvicorn(port: int, work: Work, *, loop: str, http: str) -> None:
    """Serve with uvicorn."""
    serve_uvicorn(port, asgi_application(work), loop=loop, http=http)


def serve_uvicorn(port: int, application: Any, *, loop: str, http: str) -> None:
    """Serve an ASGI application with uvicorn."""
    uvicorn: Any = importlib.import_module("uvicorn")
    uvicorn.run(
        application,
        host=HOST,
        port=port,
        loop=loop,
        http=http,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=PATIENCE,
    )


def run_granian(port: int, work: Work, **options: Any) -> None:
    """Serve with granian: its parent process only waits, the one worker serves.

    Args:
        port: where.
        work: what its application does.
        options: more of its own.
    """
    granian: Any = importlib.import_module("granian")
    http: Any = importlib.import_module("granian.http")
    server = granian.Granian(
        "named by the loader",
        HOST,
        port,
        interface="asginl",  # ASGI without its lifespan protocol.
        workers=1,
        loop="uvloop",
        http="1",
        websockets=False,
        log_level="warning",
        log_access=False,
        backpressure=_CROWD,  # It accepts no more connections than these.
        http1_settings=http.HTTP1Settings(header_read_timeout=PATIENCE * 1000),
        **options,
    )
    server.serve(target_loader=partial(_in_worker, work), wrap_loader=False)


def _in_worker(work: Work) -> Application:
    die_with_parent()
    return asgi_application(work)


def run_aiohttp(port: int, work: Work) -> None:
    """Serve with aiohttp's low-level server, on uvloop."""
    uvloop: Any = importlib.import_module("uvloop")
    uvloop.run(_serve_aiohttp(port, work))


async def _serve_aiohttp(port: int, work: Work) -> None:
    web: Any = importlib.import_module("aiohttp.web")

    async def answer(request: Any) -> Any:
        if work.reads:
            assert len(await request.read()) == work.reads
        return web.Response(body=work.answer)

    server = web.Server(answer, keepalive_timeout=PATIENCE, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


def run_hypercorn(port: int, work: Work) -> None:
    """Serve with hypercorn's trio worker, in this process."""
    config: Any = importlib.import_module("hypercorn.config").Config()
    worker: Any = importlib.import_module("hypercorn.trio")
    config.bind = f"{HOST}:{port}"
    config.loglevel = "WARNING"
    config.keep_alive_timeout = PATIENCE
    config.keep_alive_max_requests = _NEVER  # It is 1000 unless told, and wrk counts errors.
    application = _with_lifespan(asgi_application(work))
    trio.run(partial(worker.serve, application, config, mode="asgi"))


def _with_lifespan(application: Application) -> Application:
    """Let the application start and stop; hypercorn has no option that spares it."""

    async def outer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await application(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()

    return outer
