"""The access log: one record for each exchange, as Combined Log Format and as fields.

In comes what is known when an exchange is over; out goes one INFO record of the logger
``trio_httpd.access``. Whoever calls asks `logging.Logger.isEnabledFor` first, so that
a log that is off costs nothing.

Laws:
1. A message is one line of printable ASCII, whatever a peer sent, and of bounded length.
2. ``"`` and the backslash stand in a message only where the format has them.
"""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache

from .._message.request import Request
from .._net.addresses import Address

logger = logging.getLogger("trio_httpd.access")

_COMBINED = '%s - - [%s] "%s" %s %s "%s" "%s"'
# As text, not calendar.month_abbr or %b: those speak the language of the locale.
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

MOST_LOGGED = 1024
"""How many characters of the method, the target and each field a line has, before escaping."""
_CUT = r"\..."  # No client can write this: a backslash of its own is escaped.


def log_exchange(
    request: Request | None,
    *,
    status: int | None,
    size: int,
    seconds: float,
    peer: Address | None,
) -> None:
    """Write the record of one exchange, whatever the logger's level.

    Args:
        request: None where what came was no request.
        status: None where no response was sent.
        size: bytes of content sent.
        seconds: how long it took.
        peer: the far end, None where it is unknown.
    """
    host = _host(peer)
    method = path = None
    line = referer = agent = "-"
    if request is not None:
        method, path, headers = request.method, request.raw_path, request.headers
        line = f"{escaped(method)} {escaped(request.target)} HTTP/{request.http_version}"
        referer = escaped(headers.get("referer", "-"))
        agent = escaped(headers.get("user-agent", "-"))
    args = (
        host or "-", _stamp(int(time.time())), line, status or "-", size or "-", referer, agent
    )  # fmt: skip
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "bytes": size,
        "duration": seconds,
        "peer": host,
    }
    # Not logger.info: it walks the stack to find this very line, 2.5 of 26 us.
    record = logger.makeRecord(
        logger.name, logging.INFO, __file__, 0, _COMBINED, args, None, "log_exchange", fields
    )
    logger.handle(record)


def escaped(text: str) -> str:
    r"""Return ``text`` with ``"``, ``\`` and all but printable ASCII as ``\xHH``.

    A character of a field is one byte; one beyond ISO-8859-1 stands for its UTF-8. After
    `MOST_LOGGED` characters the text is cut, and ``\...`` says so.
    """
    if len(text) > MOST_LOGGED:
        return escaped(text[:MOST_LOGGED]) + _CUT
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text  # Nearly always: a third of what the table would take.
    return text.translate(_ESCAPES)


class _Escapes(dict[int, str]):
    """What stands for a character that is not logged as it is, by its code."""

    def __missing__(self, code: int) -> str:
        # Not kept: there are a million, and a client chooses.
        return "".join(f"\\x{byte:02X}" for byte in chr(code).encode("utf-8", "surrogatepass"))


_ESCAPES = _Escapes(
    (code, chr(code) if 0x20 <= code < 0x7F and chr(code) not in '"\\' else f"\\x{code:02X}")
    for code in range(0x100)
)


def _host(peer: Address | None) -> str | None:
    """Return a host, or the path of a Unix socket, as one word; most of those have none."""
    if peer is None or not (name := peer.host or peer.path):
        return None
    if not name.isascii():
        name = os.fsencode(name).decode("latin-1")
    return escaped(name).replace(" ", "\\x20")


@lru_cache(maxsize=1)
def _stamp(second: int) -> str:
    """Return local time with its offset: ``21/Nov/2026:14:07:10 +0000``."""
    now = time.localtime(second)
    sign, minutes = "-" if now.tm_gmtoff < 0 else "+", abs(now.tm_gmtoff) // 60
    return (
        f"{now.tm_mday:02}/{_MONTHS[now.tm_mon - 1]}/{now.tm_year}"
        f":{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
        f" {sign}{minutes // 60:02}{minutes % 60:02}"
    )
