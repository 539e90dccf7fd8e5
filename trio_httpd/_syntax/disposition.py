"""Disposition: under which name a browser saves what it gets (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
from urllib.parse import quote

from .fields import is_token

# What no file can be called, what no parameter can hold, and halves of characters.
_UNSAVABLE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Some browsers decode "%41" in a plain name, and few take a quote out of its backslash
# (RFC 6266 Appendix D).
_ONLY_EXTENDED = re.compile(r'[^\x20-\x7e]|["%]')
_ATTR_CHARS = "!#$&+-.^_`|~"


def format_disposition(filename: str, kind: str = "attachment") -> str:
    """Return the value of a ``Content-Disposition`` field.

    Browsers take the name in ``filename*`` where it has to be there, as UTF-8; others the
    plain one, with ``_`` for what it cannot have. Slashes, backslashes and control
    characters are ``_`` in both.

    Args:
        filename: the name to save it by; "" leaves that to the browser.
        kind: ``"attachment"`` to save it, ``"inline"`` to show it.

    Raises:
        ValueError: ``kind`` is no token.
    """
    if not is_token(kind):
        raise ValueError(f"not a kind of disposition: {kind!r}")
    if not filename:
        return kind
    name = _UNSAVABLE.sub("_", filename)
    plain = _ONLY_EXTENDED.sub("_", name)
    value = f'{kind}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, _ATTR_CHARS)}"
