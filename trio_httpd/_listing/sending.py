"""Listing: a folder without an index becomes a response, a page or JSON.

In comes what has been read of a folder; out go fields and content through a `Reply`. A
peer may take its time over those, so no descriptor is needed for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from .._syntax.preferences import prefers_json
from ..reply import Reply
from ..request import Request
from .as_json import format_json
from .entries import Contents, parse_order
from .page import format_page
from .style import POLICY


async def send_listing(
    reply: Reply,
    request: Request,
    contents: Contents | None,
    *,
    names: Sequence[bytes],
    root: str,
) -> None:
    """Answer with what is in a folder.

    JSON is for those who prefer it (RFC 9110 §12.5.1), or say so: ``?format=json``. Fields
    that have been set stay, but for the type. There is no entity tag: a folder's own time
    does not tell that a file in it has grown.

    Args:
        reply: whose head is open.
        request: a GET or a HEAD.
        contents: of the folder, in the order that `parse_order` has from the request; None
            for a HEAD, which is not worth reading it.
        names: of the path from the root to the folder, in UTF-8.
        root: what to call the root, "/" for instance.
    """
    as_json = _wants_json(request)
    _add_fields(reply, as_json=as_json)
    if contents is not None:
        path, order = [name.decode() for name in names], parse_order(request.query)
        html = format_page(path, contents, order, root=root)
        for piece in format_json(contents.entries) if as_json else html:
            await reply.send(piece)
            await trio.lowlevel.checkpoint()  # To make a piece takes longer than to send it.
    await reply.finish()


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
    standing = any(key == other.lower() for other, _ in reply.standing_pairs())
    if not standing and not reply.names(key):
        reply.add_header(name, value)
