"""The client: real HTTP bytes to a handler, over memory, in no time."""

from __future__ import annotations

import json
import math
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
)
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, Unpack

import h11
import trio

from .._exchange.connection import Handler
from .._message.errors import HeaderItems, pairs_of
from .._message.headers import Headers
from .._server.options import OptionArguments
from .._server.server import Server
from ._raw import Raw
from ._streams import MemoryStream, memory_streams

Body = bytes | str | AsyncIterable[bytes]
"""The content of a request: whole, text as UTF-8, or piece by piece."""
Wrap = Callable[[MemoryStream], trio.abc.Stream]
"""Makes of the server's end of a connection what the server is to get."""


class ClientResponse:
    """A response, whole or as it arrives.

    ``status``, ``reason`` and ``headers`` are there at once, ``body`` when all of it
    has been read.
    """

    def __init__(
        self, event: h11.Response, interim: list[int], chunks: AsyncGenerator[bytes, None]
    ) -> None:
        self.status: int = event.status_code
        self.reason: str = event.reason.decode("latin-1")
        self.headers: Headers = Headers(
            (name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers
        )
        self.interim: list[int] = interim
        """The statuses of the interim responses that came before."""
        self.body: bytes = b""
        self._chunks = chunks

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status} {self.reason}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the content as it arrives."""
        return self._chunks

    async def read(self) -> bytes:
        """Read the content to its end into ``body``, and return it."""
        async for chunk in self._chunks:
            self.body += chunk
        return self.body

    async def aclose(self) -> None:
        """Read no more."""
        await self._chunks.aclose()

    def text(self) -> str:
        """Return ``body`` decoded as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """Return ``body`` decoded as JSON."""
        return json.loads(self.body)


class Client:
    """Sends requests to a server that is serving, over connections in memory.

    One connection is kept alive from request to request; where it has been closed, the
    next request opens another. Use either the client or its `raw` end on one
    connection, not both.
    """

    def __init__(
        self,
        server: Server,
        *,
        window: float = math.inf,
        send_buffer: float = 0,
        wrap: Wrap | None = None,
    ) -> None:
        self.server: Server = server
        """The server, for its connections, `Server.close` and the like."""
        self._window = window
        self._send_buffer = send_buffer
        self._wrap = wrap
        self._protocol = h11.Connection(h11.CLIENT)
        self._raw: Raw | None = None

    @property
    def raw(self) -> Raw:
        """The far end of the current connection; opened at the first use."""
        if self._raw is None:
            self._raw = self.open()
            self._protocol = h11.Connection(h11.CLIENT)
        return self._raw

    def open(self) -> Raw:
        """Open another connection to the server, and return its far end."""
        near, far = memory_streams(self._window, send_buffer=self._send_buffer)
        self.server.add_stream(near if self._wrap is None else self._wrap(near))
        return Raw(far)

    async def get(self, target: str, *, headers: HeaderItems = ()) -> ClientResponse:
        """Send a GET and return the whole response."""
        return await self.request("GET", target, headers=headers)

    async def post(
        self, target: str, body: Body = b"", *, headers: HeaderItems = ()
    ) -> ClientResponse:
        """Send a POST and return the whole response."""
        return await self.request("POST", target, headers=headers, body=body)

    async def request(
        self, method: str, target: str, *, headers: HeaderItems = (), body: Body = b""
    ) -> ClientResponse:
        """Send a request and return the whole response.

        Args:
            method: any token.
            target: as it is to stand in the request line.
            headers: a mapping or pairs; ``Host`` and what frames the content are
                added where they are missing.
            body: content whole, or an async iterable, which goes in chunks.

        Raises:
            h11.RemoteProtocolError: the response breaks a rule or is cut off.
        """
        async with self.stream(method, target, headers=headers, body=body) as response:
            await response.read()
        return response

    @asynccontextmanager
    async def stream(
        self, method: str, target: str, *, headers: HeaderItems = (), body: Body = b""
    ) -> AsyncIterator[ClientResponse]:
        """Send a request; inside, the response's content can be read as it arrives.

        The request's content is sent meanwhile. Arguments and errors as `request`.
        """
        if self._raw is not None and self._raw.stream.far_end_gone:
            self.leave()
        raw, protocol = self.raw, self._protocol
        request = h11.Request(method=method, target=target, headers=_complete(headers, body))
        sending = _Sending(raw, protocol, protocol.send(request), body)
        failure: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sending.run)
                try:
                    response = await self._receive_head()
                    async with aclosing(response):
                        yield response
                except Exception as problem:
                    failure = problem  # Out of the nursery first, which would wrap it.
                nursery.cancel_scope.cancel()
            if failure is not None:
                raise failure
        finally:
            self._next_cycle(all_sent=sending.done)

    def leave(self) -> None:
        """Close the current connection, without a word."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    async def _receive_head(self) -> ClientResponse:
        interim: list[int] = []
        while isinstance(event := await self._next_event(), h11.InformationalResponse):
            interim.append(event.status_code)
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("the protocol was switched: use `raw` for that")
        return ClientResponse(event, interim, self._receive_content())

    async def _receive_content(self) -> AsyncGenerator[bytes, None]:
        while isinstance(event := await self._next_event(), h11.Data):
            yield bytes(event.data)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            try:
                self._protocol.receive_data(await self.raw.stream.receive_some())
            except trio.BrokenResourceError:
                self._protocol.receive_data(b"")
        return event  # type: ignore[return-value]

    def _next_cycle(self, *, all_sent: bool) -> None:
        """Keep the connection where both sides let us."""
        if all_sent and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        else:
            self.leave()


class OpenClient(Protocol):
    """What the fixture ``open_client`` gives."""

    async def __call__(
        self,
        handler: Handler,
        *,
        window: float = math.inf,
        send_buffer: float = 0,
        wrap: Wrap | None = None,
        **options: Unpack[OptionArguments],
    ) -> Client:
        """Serve ``handler`` until the test ends, and return a client to it; see `connect`."""


def _complete(headers: HeaderItems, body: Body) -> list[tuple[str, str]]:
    """Return the fields of a request with those that it cannot go without."""
    pairs = list(pairs_of(headers))
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "test"))
    if not isinstance(body, bytes | str):
        pairs.append(("Transfer-Encoding", "chunked"))
    elif body and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(_encode(body)))))
    return pairs


def _encode(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


class _Sending:
    """A request on its way; what is there whole goes in one piece."""

    def __init__(self, raw: Raw, protocol: h11.Connection, opening: bytes, body: Body) -> None:
        self._raw = raw
        self._protocol = protocol
        self._chunks: AsyncIterable[bytes] | None = None
        self._opening = opening
        if isinstance(body, bytes | str):
            data = protocol.send(h11.Data(data=_encode(body))) if body else b""
            self._opening += data + protocol.send(h11.EndOfMessage())
        else:
            self._chunks = body
        self.done = False

    async def run(self) -> None:
        """Send the request, until it is out or nobody takes it any more."""
        raw, protocol = self._raw, self._protocol
        try:
            await raw.say(self._opening)
            if self._chunks is not None:
                async for chunk in self._chunks:
                    await raw.say(protocol.send(h11.Data(data=chunk)))
                await raw.say(protocol.send(h11.EndOfMessage()))
            self.done = True
        except trio.BrokenResourceError:
            pass  # The response says why.
