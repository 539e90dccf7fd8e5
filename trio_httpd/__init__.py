r"""An HTTP server for trio: structured concurrency, exact deadlines, one handler contract.

async def hello(conn):
    await conn.send("Hello, world!\n")

async with trio.open_nursery() as nursery:
    server = await nursery.start(trio_httpd.serve, hello, 8080)
"""

from ._exchange.connection import Connection, Handler, HandlerResult
from ._message.content import RequestContent
from ._message.errors import HeaderItems, HTTPError, PeerError
from ._message.headers import Headers
from ._message.limits import Limits, Timeouts
from ._message.request import Request
from ._message.response import Response
from ._net.addresses import Address
from ._net.errors import PeerGone
from ._net.listeners import SocketListener, open_listeners
from ._net.sockets import SocketStream
from ._server.options import OnError, OptionArguments, Options
from ._server.run import run
from ._server.server import HandlerNursery, Server, serve, serve_listeners, serve_stream
from ._static.docroot import Docroot, DocrootLike, ServesFiles
from ._static.mounts import Mounts
from ._static.send_file import ChosenFile
from ._syntax.cookies import CookieArguments

__all__ = [
    "Address",
    "ChosenFile",
    "Connection",
    "CookieArguments",
    "Docroot",
    "DocrootLike",
    "HTTPError",
    "Handler",
    "HandlerNursery",
    "HandlerResult",
    "HeaderItems",
    "Headers",
    "Limits",
    "Mounts",
    "OnError",
    "OptionArguments",
    "Options",
    "PeerError",
    "PeerGone",
    "Request",
    "RequestContent",
    "Response",
    "Server",
    "ServesFiles",
    "SocketListener",
    "SocketStream",
    "Timeouts",
    "open_listeners",
    "run",
    "serve",
    "serve_listeners",
    "serve_stream",
]
