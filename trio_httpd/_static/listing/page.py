"""Listing page: a folder as HTML that needs no script, no picture and no colour to be used.

In come the names of a folder's path and what is in it; out comes the page, in pieces, each
of which is made when it is asked for.

Laws:
1. A name is text, whatever it is like: it never becomes markup, never breaks out of its
   row, and never changes the direction of what stands around it.
2. What one cannot see in a name is shown: blanks at its ends, control characters, those
   that turn the direction of text.
3. Each link is relative, so that the page works below any prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from .entries import Contents, Entry, Key, Order
from .style import ICON, STYLE

_ROWS = 200
"""How many rows a piece of the page has: some 50 kB."""

_CRUMBS = 50
"""How many folders between the root and this one have a link; each is as long as it leads up."""

_UNSEEN = re.compile(
    r"^\s+|\s+$|[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb]"
)
_SYMBOLS = {" ": "\u2423", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_COLUMNS: tuple[tuple[Key, str], ...] = (
    ("name", "Name"),
    ("size", "Size"),
    ("modified", "Modified (UTC)"),
)
_PARENT = '<tr><th scope="row" colspan="3"><a href="../" rel="up">Parent folder</a></th></tr>\n'
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_page(
    names: Sequence[str], contents: Contents, order: Order, *, root: str
) -> Iterator[str]:
    """Return the pieces of the page.

    Args:
        names: of the path from the root to the folder; none for the root itself.
        contents: what is in the folder, in that order.
        order: how they are sorted, which the headings of the columns tell.
        root: what to call the root, "/" for instance.
    """
    yield _top(names, root)
    yield _head_of_table(contents, order)
    if names:
        yield _PARENT
    for start in range(0, len(contents.entries), _ROWS):
        yield "".join(map(_row, contents.entries[start : start + _ROWS]))
    yield "</tbody>\n</table>\n</main>\n</body>\n</html>\n"


def _top(names: Sequence[str], root: str) -> str:
    """Return everything in front of the table."""
    title = "Index of " + "".join(f"{_plain(name)}/" for name in (root.rstrip("/"), *names))
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="{ICON}">
<style>{STYLE}</style>
</head>
<body>
<nav aria-label="Breadcrumbs">
<ol>
{_crumbs(names, root)}</ol>
</nav>
<main>
<h1>{escape(title)}</h1>
"""


def _crumbs(names: Sequence[str], root: str) -> str:
    """Return the way from the root down to the folder, which is no link itself.

    A very long way has links to the root and the nearest folders only.
    """
    *above, here = (root, *names)
    nearest = above[1:][-_CRUMBS:]
    crumbs = [_crumb(name, len(nearest) - number) for number, name in enumerate(nearest)]
    if len(nearest) < len(above) - 1:
        crumbs.insert(0, "<li>\u2026</li>\n")
    if above:
        crumbs.insert(0, _crumb(root, len(above)))
    return f'{"".join(crumbs)}<li aria-current="page">{_isolated(here)}</li>\n'


def _crumb(name: str, height: int) -> str:
    return f'<li><a href="{"../" * height}">{_isolated(name)}</a></li>\n'


def _head_of_table(contents: Contents, order: Order) -> str:
    headings = "".join(_heading(key, label, order) for key, label in _COLUMNS)
    return f"""\
<table>
<caption>{_summary(contents)}</caption>
<thead>
<tr>{headings}</tr>
</thead>
<tbody>
"""


def _summary(contents: Contents) -> str:
    parts = []
    if contents.folders:
        parts.append(_counted(contents.folders, "folder"))
    if contents.files:
        parts += [_counted(contents.files, "file"), _size(contents.size)]
    return (", ".join(parts) or "This folder is empty.") + _cut(contents)


def _cut(contents: Contents) -> str:
    """Return what is said where not all entries are shown."""
    shown = len(contents.entries)
    if shown == contents.folders + contents.files:
        return ""
    return f". Only the first {shown:,} are shown; another order has others in front."


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _heading(key: Key, label: str, order: Order) -> str:
    """Return the heading of a column, a link that sorts by it, or the other way round."""
    descending = key != "name"  # First the largest, the newest.
    sort = ""
    if key == order.key:
        descending = not order.descending
        sort = f' aria-sort="{"descending" if order.descending else "ascending"}"'
    link = f"?sort={key}&amp;order={'desc' if descending else 'asc'}"
    return f'<th scope="col"{sort}><a href="{link}">{label}</a></th>'


def _row(entry: Entry) -> str:
    name = f"{_isolated(entry.name)}{'/' if entry.is_folder else ''}"
    return (
        f'<tr><th scope="row"><a href="{entry.link}">{name}</a></th>'
        f"{_size_cell(entry.size)}<td>{_time(entry.modified)}</td></tr>\n"
    )


def _size_cell(size: int | None) -> str:
    return "<td></td>" if size is None else f'<td title="{size:,} bytes">{_size(size)}</td>'


def _size(size: int) -> str:
    """Return a size for people: ``1.2 MiB``."""
    if size < 1024:
        return f"{size} B"
    value, unit = size / 1024, 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}"


def _time(timestamp: int) -> str:
    text = datetime.fromtimestamp(timestamp, UTC).isoformat()
    return f'<time datetime="{text[:19]}Z">{text[:10]} {text[11:16]}</time>'


def _isolated(name: str) -> str:
    """Return a name as markup that its surroundings are safe from."""
    return f"<bdi>{_UNSEEN.sub(_marked, escape(name))}</bdi>"


def _marked(unseen: re.Match[str]) -> str:
    return "".join(f'<span dir="ltr">{_symbol(char)}</span>' for char in unseen[0])


def _plain(name: str) -> str:
    """Return a name as text in which nothing is unseen."""
    return _UNSEEN.sub(lambda unseen: "".join(map(_symbol, unseen[0])), name)


def _symbol(char: str) -> str:
    """Return what stands for a character that one does not see; no name has a backslash."""
    return _SYMBOLS.get(char) or f"U+{ord(char):04X}"
