r"""An HTTP server for trio: structured concurrency, exact deadlines, one handler contract.

async def hello(conn):
    await conn.send("Hello, world!\n")

async with trio.open_nursery() as nursery:
    server = await nursery.start(trio_httpd.serve, hello, 8080)
"""

from ._exchange.connection import Connection, Handler
from ._message.content import RequestContent
from ._message.errors import HTTPError, PeerError
from ._message.headers import Headers
from ._message.limits import Limits, Timeouts
from ._message.request import Request
from ._message.response import Response
from ._net.addresses import Address
from ._net.errors import PeerGone
from ._net.listeners import open_listeners
from ._server.options import Options
from ._server.run import run
from ._server.server import Server, serve, serve_listeners, serve_stream
from ._static.docroot import Docroot
from ._static.mounts import Mounts

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
