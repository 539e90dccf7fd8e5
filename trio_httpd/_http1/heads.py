"""Heads: the head of an HTTP/1 request becomes a `RequestHead`, by a pattern or by h11.

What h11 reads in a head counts, once `strictness` has let it pass. But most heads are
simple: origin-form, HTTP/1.1, one Host, a length or no content. `parse_fast` reads those
with one pattern. All others, for whatever reason, go to `parse_strict`, which reads or
refuses them.

Laws:
1. What `parse_fast` reads, `parse_strict` reads too, with the same method, target, fields
   and framing.
2. No work exceeds the limits: the pattern sees heads only that are within them.
"""

from __future__ import annotations

import re

import h11

from .._message.errors import PeerError
from .._message.limits import Limits
from .._message.request import RequestHead
from .._syntax.fields import TCHAR, split_fields
from .._syntax.targets import is_authority
from .strictness import check_head

# A field that decides about framing is taken at most once: where its group has matched
# before, (?(group)(?!)) fails. Classes repeat possessively, groups do not, see `strictness`. To
# look ahead only at names that begin like one of those saves a fifth of a browser's head.
_NOT_CEHT = rb"!#$%&'*+\-.^_`|~0-9ABDFGI-SU-Zabdfgi-su-z"
_SIMPLE = re.compile(
    rb"""
    ([TCHAR]++) \ (/[\x21\x22\x24-\x7e]*+) \ HTTP/1\.1\r\n
    (
        (?:
            (?:
                [NOT_CEHT]
            |
                (?! (?i: host | connection | content-length | expect | transfer-encoding ) : )
                [CEHTceht]
            )
            [TCHAR]*+ : [\t\x20-\x7e\x80-\xff]*+ \r\n
        |
            (?i:host) : (?(4)(?!)) [\ \t]*+
            ( (?: \[[0-9A-Fa-f:.]++\] | [0-9A-Za-z.\-]++ ) (?: :[0-9]{0,5}+ )? ) [\ \t]*+ \r\n
        |
            (?i:connection) : (?(5)(?!)) [\ \t]*+ ([\x21-\x7e\ \t]*+) \r\n
        |
            (?i:content-length) : (?(6)(?!)) [\ \t]*+ ([0-9]{1,18}+) [\ \t]*+ \r\n
        )*
    )
    \r\n
    """.replace(b"NOT_CEHT", _NOT_CEHT).replace(b"TCHAR", TCHAR),
    re.VERBOSE,
)
_FACTS = {b"connection", b"content-length", b"expect", b"transfer-encoding"}


def parse_fast(data: bytes, start: int, end: int, limits: Limits) -> RequestHead | None:
    """Return the head in ``data`` from ``start`` to ``end`` if it is a simple one."""
    size = end - start  # If it is within both limits, so are its parts.
    if size > limits.request_line or size > limits.header_bytes:
        return None
    match = _SIMPLE.fullmatch(data, start, end)
    if match is None:
        return None
    method, target, lines, host, connection, length = match.groups()
    if (
        host is None
        or method == b"CONNECT"
        or (host[0] == 91 and not is_authority(host))  # [, and an IPv6 address.
        or lines.count(b"\n") > limits.header_count
    ):
        return None
    head = RequestHead(
        method.decode("ascii"), target.decode("ascii"), "1.1", lines, int(length) if length else 0
    )
    if connection:
        option = connection.strip(b" \t").lower()
        options = (option,) if option == b"keep-alive" else _tokens(option)
        head.keep_alive = b"close" not in options
        head.asks_keep_alive = b"keep-alive" in options
    return head


def parse_strict(raw: bytes, limits: Limits) -> RequestHead:
    """Return the head in ``raw``, checked by `strictness` and read by h11.

    Raises:
        PeerError: it breaks a rule.
    """
    check_head(raw, limits)
    return parse_with_h11(raw)


def parse_with_h11(raw: bytes) -> RequestHead:
    """Return the head that h11 reads in ``raw``.

    Raises:
        PeerError: h11 refuses it.
    """
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=len(raw))
    reader.receive_data(raw)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError as problem:
        raise PeerError(problem.error_status_hint, "malformed request head") from problem
    assert isinstance(event, h11.Request)
    lines = raw[raw.index(b"\n") + 1 : -2]
    facts: dict[bytes, bytes] = {}
    for name, value in split_fields(lines):
        if name in _FACTS:
            facts[name] = facts[name] + b"," + value if name in facts else value
    return _head(event, lines, facts)


def _head(event: h11.Request, lines: bytes, facts: dict[bytes, bytes]) -> RequestHead:
    options = _tokens(facts.get(b"connection", b""))
    http_1_0 = event.http_version == b"1.0"
    keeps = b"keep-alive" in options if http_1_0 else True
    chunked = b"transfer-encoding" in facts
    return RequestHead(
        method=event.method.decode("ascii"),
        target=event.target.decode("ascii"),
        http_version="1.0" if http_1_0 else "1.1",
        lines=lines,
        length=None if chunked else int(facts.get(b"content-length", 0)),
        keep_alive=keeps and b"close" not in options,
        asks_keep_alive=b"keep-alive" in options,
        # An HTTP/1.0 expectation is ignored (RFC 9110 §10.1.1).
        expectations=() if http_1_0 else _tokens(facts.get(b"expect", b"")),
    )


def _tokens(value: bytes) -> tuple[bytes, ...]:
    """Return the elements of a list of tokens in lower case."""
    if not value:
        return ()
    return tuple(token for part in value.lower().split(b",") if (token := part.strip(b" \t")))
