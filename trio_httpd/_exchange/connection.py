"""The connection object: one exchange, as a handler sees it.

What HTTP *means* is decided on this floor and in `_message`, never in a lane: here the whole
responses; in `reply` HEAD, 204, 304, length and Date; in `content` the limit and 100; in
`dispatch` 417. What runs an exchange from outside is the `Responder`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Unpack

import trio

from .._message.content import RequestContent
from .._message.errors import HeaderItems
from .._message.request import Request, RequestHead
from .._message.responder import Responder
from .._message.response import Response, redirection
from .._net.addresses import Address
from .._net.checkpoints import CALL
from .._static.docroot import Docroot, DocrootLike, docroot_of
from .._static.send_file import ChosenFile, send_file
from .._syntax.cookies import CookieArguments, CookieAttributes, format_cookie
from .context import ServerContext
from .upgrade import agree_on_upgrade


class Connection:
    """What a handler gets: a request, and the means to answer it.

    Methods that need not wait do not execute a checkpoint each time, but at least
    once in sixteen calls.
    """

    __slots__ = ("_content", "_context", "_head", "_request", "_responder")

    def __init__(self, head: RequestHead, responder: Responder, context: ServerContext) -> None:
        self._head = head
        self._responder = responder
        self._context = context
        self._request: Request | None = None
        self._content: RequestContent | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.request!r}>"

    @property
    def request(self) -> Request:
        """What the peer asks."""
        if self._request is None:
            self._request = Request(self._head)
        return self._request

    # The transport.

    @property
    def remote_addr(self) -> Address | None:
        """The peer's address, None where it is unknown."""
        return self._responder.lane.remote_addr

    @property
    def local_addr(self) -> Address | None:
        """The address that the peer reached, None where it is unknown."""
        return self._responder.lane.local_addr

    @property
    def tls(self) -> None:
        """None: it is not encrypted, as far as is known here."""

    def close_after_finish(self) -> None:
        """Let the transport close after this response, which says so if it still can."""
        self._responder.lane.close_after()

    def abort(self) -> None:
        """Reset the transport now; any later use raises `trio.BrokenResourceError`."""
        self._responder.reply.abort()
        self._responder.lane.abort()
        self.body._break_off()

    # The request's content.

    @property
    def body(self) -> RequestContent:
        """The content as a stream; ``async for chunk in conn.body``."""
        if self._content is None:
            self._content = RequestContent(self._head, self._responder, self._context.limits.body)
        return self._content

    @property
    def body_limit(self) -> float:
        """The most content in bytes; more is 413. Set it before the first read."""
        return self.body.limit

    @body_limit.setter
    def body_limit(self, limit: float) -> None:
        self.body.limit = limit

    async def read_body(self, count: int | None = None) -> bytes:
        """Return exactly ``count`` bytes of content or what is left, b"" at the end.

        Raises:
            PeerError: 413 over `body_limit`, 408 where the peer is too slow, 400
                where it breaks the framing or ends early.
            PeerGone: the peer has left.
            trio.BusyResourceError: another task is reading.

        Cancelled: nothing is lost, the next read returns it; the time that was waited
        counts towards `Timeouts.body`.
        """
        return await self.body.read(count)

    async def discard_body(self) -> None:
        """Read and drop the rest of the content, within `body_limit`."""
        await self.body.discard()

    # The response, step by step.

    def set_status(self, code: int, reason: str | None = None) -> None:
        """Choose the status, 200 to 599, and a phrase other than the standard one.

        Raises:
            RuntimeError: the head is fixed.
            ValueError: no such status, or a phrase with control characters.
        """
        self._responder.reply.set_status(code, reason)

    def add_header(self, name: str, value: str) -> None:
        """Append a field.

        A field with the name of a default one (Date, Server, `static_headers`)
        replaces it. ``Content-Length`` declares a length, which is then enforced. Of
        ``Connection``, ``close`` closes, persistence is the server's, other options
        are passed on.

        Raises:
            RuntimeError: the head is fixed.
            ValueError: CR, LF, NUL or other control characters, a bad name, a second
                or malformed Content-Length, Transfer-Encoding, Keep-Alive.
        """
        self._responder.reply.add_header(name, value)

    def set_header(self, name: str, value: str) -> None:
        """Replace all fields of that name by one. Raises as `add_header`."""
        self._responder.reply.set_header(name, value)

    def set_cookie(self, name: str, value: str, **attributes: Unpack[CookieArguments]) -> None:
        """Add a ``Set-Cookie`` field (RFC 6265 §4.1).

        Args:
            name: a token.
            value: ASCII without white space, quotes, commas, semicolons, backslashes.
            attributes: ``max_age`` and ``expires`` (seconds), ``domain``, ``path``
                ("/" unless given), ``secure``, ``httponly``, ``samesite`` ("Lax"
                unless given), ``partitioned``.

        Raises:
            RuntimeError: the head is fixed.
            ValueError: a name, value or attribute that clients would misread.
            TypeError: an unknown attribute.
        """
        text = format_cookie(name, value, CookieAttributes(**attributes))
        self._responder.reply.add_header("Set-Cookie", text)

    def delete_cookie(self, name: str, **attributes: Unpack[CookieArguments]) -> None:
        """Let the peer forget a cookie set with the same ``domain`` and ``path``.

        Raises as `set_cookie`.
        """
        attributes["max_age"] = 0
        attributes["expires"] = 0
        self.set_cookie(name, "", **attributes)

    async def send(self, data: bytes | bytearray | memoryview | str) -> None:
        """Send content; text goes as UTF-8. The first call fixes the head.

        Up to `Limits.send_chunk` bytes are held until `flush`, `finish` or overflow,
        so that a small response leaves in one write with its length. Responses that
        have no content (to HEAD; 204, 205, 304) take it and drop it.

        Raises:
            RuntimeError: the response is finished, or this is more than it declared.
            PeerGone: the peer has left or takes too little.
            trio.BusyResourceError: another task is sending.

        Cancelled: before a byte has left, ``data`` is held; after, nothing more can be sent.
        """
        # As `Responder.send`, but without a second coroutine.
        responder = self._responder
        if responder.owner is not None:
            responder.require_unclaimed()
        budget = responder.lane.budget
        budget.left -= CALL
        if responder.reply.hold(data):
            await responder.flush()
        elif budget.left <= 0:
            await responder.take_turn()

    async def flush(self) -> None:
        """Send what is held now, the head too. Raises and when cancelled: as `send`."""
        await self._responder.flush()

    async def finish(self) -> None:
        """Send what is held and end the response; once that is done, do nothing.

        Raises:
            RuntimeError: less content than the declared length.
            PeerGone: the peer has left or takes too little.
            trio.BusyResourceError: another task is sending.

        Cancelled: before a byte has left, nothing has happened; after, nothing more
        can be sent.
        """
        await self._responder.finish()

    # Whole responses.

    async def respond(self, response: Response) -> None:
        """Send a whole response; its fields replace those already set, by name.

        Raises:
            RuntimeError: something was sent before.
        """
        await self._responder.respond(response)

    async def send_json(self, obj: object) -> None:
        """Send ``obj`` as JSON with the status and fields set so far, and finish.

        Raises:
            TypeError, ValueError: ``obj`` cannot be written as JSON.
            RuntimeError: something was sent before.
        """
        await self._responder.send_json(obj)

    async def send_error(
        self, status: int, reason: str | None = None, content: bytes | str | None = None
    ) -> None:
        """Send an error as the whole response, instead of all that was set or held.

        Args:
            status: 200 to 599.
            reason: a phrase other than the standard one.
            content: what is sent instead of the phrase as a line of plain text.

        Raises:
            RuntimeError: the head is out.
        """
        await self._responder.send_error(status, reason, content)

    async def redirect(self, location: str, status: int = 302) -> None:
        """Send the peer to ``location``, with the fields set so far (RFC 9110 §15.4).

        Args:
            location: a URI reference; characters that a URI lacks are encoded.
            status: 301, 302, 303, 307 or 308.

        Raises:
            ValueError: another status, or control characters in ``location``.
            RuntimeError: something was sent before.
        """
        await self.respond(redirection(location, status))

    # Files.

    async def send_file(
        self,
        file: ChosenFile,
        *,
        offset: int = 0,
        count: int | None = None,
        filename: str | None = None,
    ) -> None:
        """Send a file of the handler's choice, or a part of it.

        To GET and HEAD, with status 200 and no length set, conditions and ranges are
        answered, so that a broken download goes on: by the ``ETag`` or ``Last-Modified``
        that the handler has set, else the file's own. Type and disposition follow from the
        name, unless set. Otherwise these are bytes, of a declared length if that is open.

        Args:
            file: a path; or a seekable file object open for bytes, which stays open.
            offset: the first byte; beyond the end there is nothing to send.
            count: the most bytes that are sent, None for the rest of the file.
            filename: what a browser saves it as (RFC 6266), None to let it show it.

        Raises:
            OSError: the file cannot be opened or read, or is no regular file.
            HTTPError: 412, 416; 503 for want of descriptors, or where the file changed
                meanwhile: a response that is out is cut off then.
            ValueError, TypeError: a negative number; a file that is open for text.

        Else raises, and when cancelled: as `send`.
        """
        part, cache = (offset, count), self._context.files.cache
        await send_file(self._responder, self.request, cache, file, part=part, filename=filename)

    async def serve_file(
        self, path: str | None = None, *, docroot: DocrootLike | None = None
    ) -> None:
        """Answer with a file of a folder, and finish; see `Docroot`.

        Fields set before are kept, but for ``Content-Length``, ``ETag``, ``Last-Modified``.
        So is a status; conditions apply only to a successful one, ranges only to 200.

        Args:
            path: percent-encoded as in a URL, with or without the slash in front; None
                takes `Request.raw_path`. It is what remains of that below a mount.
            docroot: the folder, None for the one among the server's options.

        Raises:
            HTTPError: 401, 403, 404, 405, 406, 412, 416; 503 as `send_file`.
            RuntimeError: something was sent before, or there is no docroot.
            OSError: the docroot itself cannot be opened, or a disk fails.

        Else raises, and when cancelled: as `finish`.
        """
        if not isinstance(docroot, Docroot):
            docroot = docroot_of(docroot or self._context.docroot)
        await self._context.files.serve(self._responder, self.request, docroot, path)

    # Another protocol.

    async def upgrade(self, headers: HeaderItems = ()) -> trio.abc.Stream:
        """Switch protocols: send 101, return the bare transport (RFC 9110 §7.8).

        What is left of the request's content is dropped first; bytes that came early
        are the first that the stream gives. The server's deadlines end here. When the
        handler returns, our side is ended, and the transport closes after
        `Timeouts.linger`; at once if the handler closed the stream.

        Args:
            headers: fields of the 101. ``Upgrade`` names the protocol; without it,
                the first that the peer offers is taken. ``Connection`` is the server's.

        Raises:
            HTTPError: 426 where the peer does not offer the protocol, 400 where it
                offers none and none is named.
            RuntimeError: something was sent before.
            ValueError: a field that could forge, or says how a message is framed.
        """
        responder = self._responder
        with responder.claimed():
            responder.reply.require_open()
            switch, fields = agree_on_upgrade(self.request, headers)
            await self.discard_body()
            await responder.take_turn()
            # Who is cancelled before a byte has left can still be answered for.
            await trio.lowlevel.checkpoint_if_cancelled()
            reply = responder.reply
            reply.switch()
            answer = [*switch, *reply.default_pairs(), *reply.fields, *fields]
            return await responder.lane.switch_protocols(answer)


HandlerResult = (
    bytes
    | str
    | dict[Any, Any]
    | list[Any]
    | Response
    | tuple[bytes | str | dict[Any, Any] | list[Any] | None, int]
    | tuple[bytes | str | dict[Any, Any] | list[Any] | None, int, HeaderItems]
    | Literal[False]
    | None
)
"""What a handler may return; see `Handler`."""

Handler = Callable[[Connection], Awaitable[HandlerResult]]
"""An async function of a `Connection`. What it returns:

- ``None``: the response is finished.
- ``str`` or ``bytes``: the content, with the status and fields set so far.
- a ``dict`` or a ``list``: the same, as JSON.
- a `Response`, or ``(content, status)``, or ``(content, status, headers)``: the response.
- ``False``: the response is finished, and then the connection is closed.
"""
