"""The listing response: the content of a folder becomes a page or JSON.

In comes what has been read of a folder, of which a page is made, for one or for several;
out go fields and content through a `Responder`. A peer may take its time over those, so no
descriptor is needed for them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import trio

from ..._message.reply import Reply
from ..._message.request import Request
from ..._message.responder import Responder
from ..._syntax.preferences import prefers_json
from ..files.page_cache import Page
from .as_json import format_json
from .entries import Contents, parse_order
from .page import format_page
from .style import POLICY

_MOST_MADE = 4 * 1024 * 1024
"""How many bytes of a page are made before it is sent; more are made as they are taken."""


def variant_of(request: Request) -> Hashable:
    """Return which of the pages of a folder a request asks for."""
    return _wants_json(request), parse_order(request.query)


async def make_page(
    request: Request, contents: Contents, *, names: Sequence[bytes], root: str
) -> Page:
    """Return the page of a folder.

    JSON is for those who prefer it (RFC 9110 §12.5.1), or say so: ``?format=json``.

    Args:
        request: see `variant_of`.
        contents: of the folder, in the order that `parse_order` has from the request.
        names: of the path from the root to the folder, in UTF-8.
        root: what to call the root, "/" for instance.
    """
    path, order = [name.decode() for name in names], parse_order(request.query)
    html = format_page(path, contents, order, root=root)
    rest = map(str.encode, format_json(contents.entries) if _wants_json(request) else html)
    pieces: list[bytes] = []
    size = 0
    for piece in rest:
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_MADE:
            return Page(pieces, rest)
        await trio.lowlevel.checkpoint()
    return Page(pieces)


async def send_listing(responder: Responder, request: Request, page: Page | None) -> None:
    """Answer with what is in a folder.

    Fields that have been set stay, but for the type. There is no entity tag: a folder's own
    time does not tell that a file in it has grown.

    Args:
        responder: the head of its reply is open.
        request: a GET or a HEAD.
        page: what `make_page` has returned for the request; None for a HEAD, which is not
            worth making it.
    """
    _add_fields(responder.reply, as_json=_wants_json(request))
    if page is not None:
        for piece in page.pieces:
            await responder.send(piece)
        for piece in page.rest or ():
            await responder.send(piece)
            await trio.lowlevel.checkpoint()  # To make a piece takes longer than to send it.
    await responder.finish()


def _wants_json(request: Request) -> bool:
    wanted = request.query.get("format")
    if wanted in ("json", "html"):
        return wanted == "json"
    return prefers_json(request.headers.combined("accept"))


def _add_fields(reply: Reply, *, as_json: bool) -> None:
    reply.set_header("Content-Type", "application/json" if as_json else "text/html; charset=utf-8")
    reply.add_header("Vary", "Accept")
    _add_unless_set(reply, "Cache-Control", "no-cache")
    _add_unless_set(reply, "X-Content-Type-Options", "nosniff")
    if not as_json:
        _add_unless_set(reply, "Content-Security-Policy", POLICY)


def _add_unless_set(reply: Reply, name: str, value: str) -> None:
    key = name.lower().encode()
    is_default = any(key == other.lower() for other, _ in reply.default_pairs())
    if not is_default and not reply.names(key):
        reply.add_header(name, value)
