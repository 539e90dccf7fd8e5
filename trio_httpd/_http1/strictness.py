"""Strictness: which request heads are refused before anything reads meaning into them.

Bytes come in; a head that breaks a rule is a `PeerError`. The rules are stricter than
those of h11, which reads the head next: where two readers of one message differ, a second
request can be smuggled in. CRLF only, no control characters, no folded lines, one Host, one
length, one way of framing. The sections are those of RFC 9112.
"""

from __future__ import annotations

import re

from .._message.errors import PeerError
from .._message.limits import Limits
from .._syntax.fields import TCHAR
from .._syntax.targets import is_authority, parse_target

# Classes of characters repeat possessively here, groups do not: CPython before 3.11.5
# mismatches those (gh-106052). No group below can match in two ways, so none backtracks.
_REQUEST_LINE = re.compile(rb"([" + TCHAR + rb"]++) ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])")
_LINE_SO_FAR = re.compile(rb"[" + TCHAR + rb"]*+(?: [\x21-\x7e]*+(?: [\x21-\x7e]*+\r?)?)?")
_FIELD_LINES = re.compile(rb"(?:[" + TCHAR + rb"]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*")
_FRAMING = re.compile(
    rb"^(host|content-length|transfer-encoding):([^\r]*+)", re.IGNORECASE | re.MULTILINE
)
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
_LENGTH = re.compile(rb"[0-9]++")


def check_beginning(data: bytes, start: int, limits: Limits) -> None:
    """Refuse a head of which only a beginning is here, if nothing can mend it.

    Args:
        data: all that is here, from the first byte of the request line.
        start: up to where an earlier call has looked.
        limits: the sizes of a head.
    """
    end = data.find(b"\r\n", 0, limits.request_line + 2)
    if end >= 0 and start < end + 2:
        _check_request_line(data[:end], limits)
    if end < 0:
        line = data[: limits.request_line + 2]
        if not _LINE_SO_FAR.fullmatch(line):
            raise PeerError(400, "malformed request line")
        if len(line) > limits.request_line + line.endswith(b"\r"):
            raise PeerError(414)
    elif len(data) - end - 2 > limits.header_bytes + 1:  # Not even CRLF fits in.
        raise PeerError(431)
    if _BARE_LINE_END.search(data, max(0, start - 1)):
        raise PeerError(400, "a line ends with CRLF")


def check_head(head: bytes, limits: Limits) -> None:
    """Refuse a whole head that breaks a rule.

    Args:
        head: from the first byte of the request line to the empty line, included.
        limits: the sizes of a head.

    Raises:
        PeerError: 400, 414, 431, 501 or 505, with the rule that was broken.
    """
    line, _, fields = head[:-2].partition(b"\r\n")
    method, target, minor = _check_request_line(line, limits)
    well_formed = _FIELD_LINES.fullmatch(fields)
    if not well_formed and _BARE_LINE_END.search(fields):
        # First, as `check_beginning` sees it before anything that follows.
        raise PeerError(400, "a line ends with CRLF")
    if len(fields) > limits.header_bytes or fields.count(b"\n") > limits.header_count:
        raise PeerError(431)
    if not well_formed:
        raise PeerError(400, "malformed header field")
    _check_target(method, target)
    _check_framing(fields, http_1_0=minor == b"0")


def _check_request_line(line: bytes, limits: Limits) -> tuple[bytes, bytes, bytes]:
    """Return method, target and minor version of a request line (§3)."""
    if len(line) > limits.request_line:
        raise PeerError(414)
    if not (match := _REQUEST_LINE.fullmatch(line)):
        raise PeerError(400, "malformed request line")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise PeerError(505)
    return method, target, minor


def check_trailers(section: bytes, limits: Limits) -> None:
    """Refuse a trailer section, without its empty line, that breaks a rule (§7.1.2)."""
    if section.count(b"\n") > limits.header_count:
        raise PeerError(431)
    if not _FIELD_LINES.fullmatch(section):
        raise PeerError(400, "malformed trailer field")


def _check_target(method: bytes, target: bytes) -> None:
    """Refuse a target that has not the form its method asks for (§3.2)."""
    if method == b"CONNECT":
        raise PeerError(501, "this server is no tunnel")
    parts = parse_target(target.decode("ascii"))
    if parts is None or (parts.path == "*" and method != b"OPTIONS"):
        raise PeerError(400, "malformed request target")
    if parts.authority is not None and not is_authority(parts.authority.encode("ascii")):
        raise PeerError(400, "malformed authority in the request target")


def _check_framing(fields: bytes, *, http_1_0: bool) -> None:
    """Refuse fields that leave the host or the length of a request in doubt."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in _FRAMING.findall(fields):
        values.setdefault(name.lower(), []).append(value.strip(b" \t"))
    hosts = values.get(b"host", [])
    # §3.2: one valid Host, which HTTP/1.0 may leave out.
    if len(hosts) != 1 and not (http_1_0 and not hosts):
        raise PeerError(400, "a request has one Host field")
    if hosts and not is_authority(hosts[0]):
        raise PeerError(400, "malformed Host field")
    lengths, codings = values.get(b"content-length"), values.get(b"transfer-encoding")
    if lengths:
        _check_length(lengths)
    if codings:
        _check_coding(codings, http_1_0=http_1_0, with_length=lengths is not None)


def _check_length(values: list[bytes]) -> None:
    # §6.3: lists of equal lengths could be taken as one, but nobody needs them sent.
    if len(values) != 1 or not _LENGTH.fullmatch(values[0]):
        raise PeerError(400, "malformed Content-Length field")
    if len(values[0]) > 18:  # Before int(), and beyond what any machine holds.
        raise PeerError(413)


def _check_coding(values: list[bytes], *, http_1_0: bool, with_length: bool) -> None:
    codings = [coding.strip(b" \t").lower() for coding in b",".join(values).split(b",")]
    if http_1_0 or with_length:  # §6.1: faulty framing, and a sign of smuggling.
        raise PeerError(400, "Transfer-Encoding beside what contradicts it")
    if codings[-1] != b"chunked" or codings.count(b"chunked") != 1:  # §6.3, rule 4.
        raise PeerError(400, "the last transfer coding is chunked, once")
    if len(codings) != 1:
        raise PeerError(501, "chunked is the only transfer coding known here")
