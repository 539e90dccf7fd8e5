"""Listing: a folder without an index becomes a response, a page or JSON.

In comes the descriptor of a folder; out go fields and content through a `Reply`. Whoever
calls has found the folder, and knows what of it is published.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ._syntax.preferences import prefers_json
from .folder_entries import Facts, parse_order, read_entries, sort_entries
from .listing_json import format_json
from .listing_page import format_page
from .listing_style import POLICY
from .reply import Reply
from .request import Request


async def send_listing(  # noqa: PLR0913
    reply: Reply,
    request: Request,
    fd: int,
    *,
    names: Sequence[bytes],
    root: str,
    facts_of: Facts,
) -> None:
    """Answer with what is in a folder; who asks HEAD is not worth reading it.

    JSON is for those who prefer it (RFC 9110 §12.5.1), or say so: ``?format=json``. Fields
    that have been set stay, but for the type. There is no entity tag: a folder's own time
    does not tell that a file in it has grown.

    Args:
        reply: whose head is open.
        request: a GET or a HEAD.
        fd: the folder, open for reading. It stays open.
        names: of the path from the root to the folder, in UTF-8.
        root: what to call the root, "/" for instance.
        facts_of: tells what would be served under a name in the folder.

    Raises:
        OSError: the folder cannot be read; nothing has been sent then.
    """
    as_json = _wants_json(request)
    _add_fields(reply, as_json=as_json)
    if request.method != "HEAD":
        order = parse_order(request.query)
        entries = await sort_entries(await read_entries(fd, facts_of), order)
        path = [name.decode() for name in names]
        page = format_json(entries) if as_json else format_page(path, entries, order, root=root)
        for piece in page:
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
