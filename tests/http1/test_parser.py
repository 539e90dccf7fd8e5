from __future__ import annotations

import pytest

from trio_httpd import Limits, PeerError
from trio_httpd._http1.heads import parse_with_h11
from trio_httpd._http1.parser import Http1Parser
from trio_httpd._message.request import RequestHead


def fed(*pieces: bytes) -> Http1Parser:
    parser = Http1Parser(Limits())
    for piece in pieces:
        parser.receive_data(piece)
    return parser


def head_of(fields: bytes, version: bytes = b"1.1") -> RequestHead:
    head = fed(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + fields + b"\r\n").next_head()
    assert head is not None
    return head


@pytest.mark.parametrize(
    ("fields", "version", "keeps", "asks"),
    [
        (b"", b"1.1", True, False),
        (b"", b"1.0", False, False),
        (b"Connection: close\r\n", b"1.1", False, False),
        (b"Connection: Keep-Alive\r\n", b"1.0", True, True),
        (b"Connection: keep-alive\r\n", b"1.1", True, True),
        (b"Connection: a\r\nConnection: keep-alive, close\r\n", b"1.1", False, True),
        (b"", b"1.2", True, False),
    ],
)
def test_a_head_says_whether_the_transport_may_be_kept(
    fields: bytes, version: bytes, keeps: bool, asks: bool
) -> None:
    head = head_of(fields, version)
    assert (head.keep_alive, head.asks_keep_alive) == (keeps, asks)


def test_a_higher_minor_version_is_the_highest_known() -> None:
    assert head_of(b"", b"1.9").http_version == "1.1"


def test_expectations_are_for_http_1_1() -> None:
    assert head_of(b"Expect: 100-Continue\r\n").expectations == (b"100-continue",)
    assert head_of(b"Expect: 100-continue\r\n", b"1.0").expectations == ()


def test_empty_lines_before_a_request_are_skipped() -> None:
    parser = fed(b"\r\n\r\n\r")
    assert parser.next_head() is None
    parser.receive_data(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert parser.next_head() is not None
    assert not parser.unread


def test_a_lone_carriage_return_begins_nothing_else() -> None:
    parser = fed(b"\rG")
    with pytest.raises(PeerError, match="400"):
        parser.next_head()


def test_an_end_within_a_head_is_told() -> None:
    parser = fed(b"GET /", b"")
    with pytest.raises(PeerError, match="ended within its head"):
        parser.next_head()


def test_an_end_before_a_head_is_none() -> None:
    parser = fed(b"")
    assert parser.next_head() is None
    assert parser.received_all


def test_content_is_followed_by_the_next_head() -> None:
    parser = fed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab")
    assert parser.next_head() is not None
    assert parser.content_left == 3
    assert (parser.next_content(), parser.next_content()) == (b"ab", None)
    parser.receive_data(b"cPUT /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (parser.next_content(), parser.next_content()) == (b"c", b"")
    assert parser.content.ended
    head = parser.next_head()
    assert head is not None
    assert head.target == "/b"
    assert (parser.content_left, parser.content.ended) == (1, False)


def test_an_end_within_content_is_told() -> None:
    parser = fed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", b"")
    parser.next_head()
    assert parser.next_content() == b"ab"
    with pytest.raises(PeerError, match="ended within its content"):
        parser.next_content()


def test_a_fault_in_content_stays() -> None:
    parser = fed(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX")
    parser.next_head()
    for _ in range(2):
        with pytest.raises(PeerError, match="400 a chunk is longer"):
            parser.next_content()
        parser.receive_data(b"0\r\n\r\n")


def test_nothing_is_kept_of_what_has_been_read() -> None:
    parser = fed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n")
    parser.next_head()
    parser.next_content()
    assert parser.next_head() is None
    assert parser.unread == b""


def test_what_nobody_has_read_can_be_taken_once() -> None:
    parser = fed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest")
    parser.next_head()
    assert (parser.take_rest(), parser.take_rest()) == (b"rest", b"")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_h11_refuses_beyond_the_gate_is_refused_in_our_words(raw: bytes, status: int) -> None:
    with pytest.raises(PeerError, match=f"{status} malformed request head"):
        parse_with_h11(raw)


def test_a_head_in_single_bytes_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = fed()
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 50 + b"\r\n"
    for byte in data[:-1]:
        parser.receive_data(bytes([byte]))
        assert parser.next_head() is None
    parser.receive_data(data[-1:])
    assert parser.next_head() is not None
