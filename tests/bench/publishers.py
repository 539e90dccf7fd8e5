"""The publishers: programs that serve the files of a folder.

``python -m tests.bench.publishers NAME PORT FOLDER`` runs one on the loopback interface
until it is killed. Each is one process that serves, logs no request, and has its options
as they come, but for how long it keeps connections. Peers are looked up when they are
run, since they may be absent.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import trio

import trio_httpd

from .leash import die_with_parent
from .peers import PATIENCE, run_granian, serve_uvicorn
from .programs import Program, find_command
from .servers import OURS
from .work import HELLO, HOST

_FOREVER = 10**9  # Requests on a connection; nginx knows no larger number for sure.

_NGINX = """
daemon off;
master_process off;  # The one process dies with us; it serves as a worker does.
pid {place}/pid;
error_log stderr warn;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests {forever};
    keepalive_timeout {patience};
    {extra}
    types {{ text/css css; image/jpeg jpg; video/mp4 mp4; }}
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{ listen {host}:{port}; root {folder}; }}
}}
"""
_CACHE = "open_file_cache max=1000;"


def publish_ours(port: int, folder: Path) -> None:
    """Serve as a user would, with every option left alone but the patience."""
    timeouts = trio_httpd.Timeouts(keep_alive=PATIENCE)
    trio.run(partial(trio_httpd.serve, trio_httpd.Docroot(folder), port, timeouts=timeouts))


def publish_nginx(port: int, folder: Path, *, extra: str = "") -> None:
    """Become nginx, which keeps what it needs in a folder beside the one that it serves."""
    place = folder.parent / f"nginx-{port}"
    place.mkdir()
    settings = place / "nginx.conf"
    facts = {"place": place, "folder": folder, "host": HOST, "port": port, "extra": extra}
    settings.write_text(_NGINX.format(**facts, forever=_FOREVER, patience=PATIENCE))
    command = find_command("nginx")
    assert command is not None
    os.execv(command, ["nginx", "-p", str(place), "-c", str(settings), "-e", "stderr"])


def publish_granian(port: int, folder: Path) -> None:
    """Serve with granian's static mount; its application is never asked."""
    run_granian(port, HELLO, static_path_route=[""], static_path_mount=[folder])


def publish_aiohttp(port: int, folder: Path, *, loop: str) -> None:
    """Serve with aiohttp's static route."""
    runner: Any = importlib.import_module(loop)
    runner.run(_publish_aiohttp(port, folder))


async def _publish_aiohttp(port: int, folder: Path) -> None:
    web: Any = importlib.import_module("aiohttp.web")
    application = web.Application()
    application.router.add_static("/", folder)
    runner = web.AppRunner(application, keepalive_timeout=PATIENCE, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


def publish_starlette(port: int, folder: Path) -> None:
    """Serve with starlette's application for files alone, on uvicorn at its fastest."""
    staticfiles: Any = importlib.import_module("starlette.staticfiles")
    application = staticfiles.StaticFiles(directory=folder)
    serve_uvicorn(port, application, loop="uvloop", http="httptools")


NGINX = "nginx"

PUBLISHERS: dict[str, Program[Path]] = {
    OURS: Program(publish_ours),
    NGINX: Program(publish_nginx, commands=("nginx",)),
    "nginx-cached": Program(partial(publish_nginx, extra=_CACHE), commands=("nginx",)),
    "granian": Program(publish_granian, needs=("granian", "uvloop")),
    "aiohttp": Program(partial(publish_aiohttp, loop="asyncio"), needs=("aiohttp",)),
    "aiohttp-uvloop": Program(partial(publish_aiohttp, loop="uvloop"), needs=("aiohttp", "uvloop")),
    "starlette": Program(publish_starlette, needs=("starlette", "uvicorn", "uvloop", "httptools")),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.publishers")
    parser.add_argument("name", choices=list(PUBLISHERS))
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leash", action="store_true", help="end with the parent process")
    return parser


def main() -> None:
    """Run the server that the arguments name, until it is killed."""
    arguments = _parser().parse_args()
    if arguments.leash:
        die_with_parent()
    PUBLISHERS[arguments.name].run(arguments.port, arguments.folder.absolute())


if __name__ == "__main__":
    main()
