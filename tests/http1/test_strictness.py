"""Only what the probes leave open: limits to the byte, and beginnings."""

from __future__ import annotations

import pytest

from trio_httpd import Limits, PeerError
from trio_httpd._http1.strictness import check_beginning, check_head, check_trailers

SMALL = Limits(request_line=30, header_bytes=40, header_count=3)


def refused(head: bytes, limits: Limits = SMALL) -> int:
    """Return the status for a whole head, 0 if it passes."""
    try:
        check_head(head, limits)
    except PeerError as problem:
        return problem.status
    return 0


def test_a_request_line_may_be_as_long_as_its_limit() -> None:
    fits = b"GET /" + b"a" * (30 - 14) + b" HTTP/1.1"
    assert len(fits) == 30
    assert refused(fits + b"\r\nHost: a\r\n\r\n") == 0
    assert refused(fits.replace(b"/", b"/a") + b"\r\nHost: a\r\n\r\n") == 414


def test_fields_may_be_as_large_as_their_limit() -> None:
    fits = b"Host: a\r\nX: " + b"b" * (40 - 14) + b"\r\n"
    assert len(fits) == 40
    assert refused(b"GET / HTTP/1.1\r\n" + fits + b"\r\n") == 0
    assert refused(b"GET / HTTP/1.1\r\n" + fits.replace(b"X", b"XX") + b"\r\n") == 431


def test_there_may_be_as_many_fields_as_their_limit() -> None:
    assert refused(b"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n") == 0
    assert refused(b"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n") == 431


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX:\x01\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 0),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ],
)
def test_a_head_is_judged_by_its_first_fault(head: bytes, status: int) -> None:
    assert refused(head, Limits()) == status


def beginning(data: bytes, start: int = 0) -> int:
    try:
        check_beginning(data, start, SMALL)
    except PeerError as problem:
        return problem.status
    return 0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"G", 0),
        (b"GET /", 0),
        (b"GET / HTTP/1.1\r", 0),
        (b"GET /" + b"a" * 25, 0),
        (b"GET /" + b"a" * 26, 414),
        (b"GET /" + b"a" * 15 + b" HTTP/1.1\r", 0),
        (b"GET /" + b"a" * 16 + b" HTTP/1.1\r", 0),
        (b"GET /" + b"a" * 17 + b" HTTP/1.1\r", 414),
        (b"\x16\x03\x01", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rb", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r", 0),
        (b"GET / HTTP/2.0\r\n" + b"a" * 9, 505),
        (b"GET / XTTP/1.1\r\n" + b"a" * 9, 400),
        (b"GET / HTTP/1.1\r\n" + b"a" * 41, 0),
        (b"GET / HTTP/1.1\r\n" + b"a" * 42, 431),
    ],
)
def test_a_beginning_is_refused_as_soon_as_nothing_can_mend_it(data: bytes, status: int) -> None:
    assert beginning(data) == status


def test_a_beginning_is_looked_at_once() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\nb"
    assert beginning(data, data.index(b"\n", 20) + 2) == 0
    assert beginning(b"GET / HTTP/1.1\r\nA: b\r\n", 21) == 0


def test_trailers_are_fields_and_not_many() -> None:
    check_trailers(b"A: b\r\nC:\r\n", SMALL)
    with pytest.raises(PeerError, match="400 malformed trailer"):
        check_trailers(b"A : b\r\n", SMALL)
    with pytest.raises(PeerError, match="431"):
        check_trailers(b"A:\r\n" * 4, SMALL)
