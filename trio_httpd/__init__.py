r"""An HTTP server for trio: structured concurrency, exact deadlines, one handler contract.

async def hello(conn):
    await conn.send("Hello, world!\n")

async with trio.open_nursery() as nursery:
    server = await nursery.start(trio_httpd.serve, hello, 8080)
"""

from ._net.errors import PeerGone
from ._server.options import Options
from .addresses import Address
from .config import Limits, Timeouts
from .connection import Connection, Handler
from .content import RequestContent
from .docroot import Docroot
from .errors import HTTPError, PeerError
from .headers import Headers
from .listeners import open_listeners
from .mounts import Mounts
from .program import run
from .request import Request
from .response import Response
from .server import Server, serve, serve_listeners, serve_stream

__all__ = [
    "Address",
    "Connection",
    "Docroot",
    "HTTPError",
    "Handler",
    "Headers",
    "Limits",
    "Mounts",
    "Options",
    "PeerError",
    "PeerGone",
    "Request",
    "RequestContent",
    "Response",
    "Server",
    "Timeouts",
    "open_listeners",
    "run",
    "serve",
    "serve_listeners",
    "serve_stream",
]
