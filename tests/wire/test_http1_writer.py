from __future__ import annotations

from typing import Any

import pytest

from trio_httpd._wire.http1_writer import (
    Framing,
    format_content,
    format_head,
    format_interim,
    framing_for,
)
from trio_httpd.response import ResponseHead

FIELDS = [(b"A", b"b")]


def head(*, length: int | None = None, bodiless: bool = False) -> ResponseHead:
    return ResponseHead(200, b"", FIELDS, length, bodiless)


@pytest.mark.parametrize(
    ("facts", "version", "framing"),
    [
        ({"length": 5}, "1.1", Framing.LENGTH),
        ({"length": 5}, "1.0", Framing.LENGTH),
        ({}, "1.1", Framing.CHUNKED),
        ({}, "1.0", Framing.CLOSE),
        ({"bodiless": True}, "1.0", Framing.LENGTH),
    ],
)
def test_a_response_is_framed_by_the_best_that_the_peer_knows(
    facts: dict[str, Any], version: str, framing: Framing
) -> None:
    assert framing_for(head(**facts), version) is framing


def test_a_head_is_a_status_line_and_fields() -> None:
    assert format_head(head(length=5), FIELDS, Framing.LENGTH, (b"close", b"x")) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nConnection: close, x\r\n\r\n"
    )
    assert format_head(head(), FIELDS, Framing.CHUNKED, ()) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert format_head(head(), FIELDS, Framing.CLOSE, ()) == b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"


def test_a_status_without_a_phrase_keeps_its_space() -> None:
    assert format_interim(299, []) == b"HTTP/1.1 299 \r\n\r\n"
    assert format_interim(100, []) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "end", "sent"),
    [
        (b"hello", False, b"5\r\nhello\r\n"),
        (b"", False, b""),
        (b"", True, b"0\r\n\r\n"),
        (b"x" * 26, True, b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"),
    ],
)
def test_chunks_are_never_empty_but_the_last(data: bytes, end: bool, sent: bytes) -> None:
    assert format_content(data, Framing.CHUNKED, end=end) == sent


def test_other_content_travels_as_it_is() -> None:
    assert format_content(b"a", Framing.LENGTH, end=True) == b"a"
    assert format_content(b"a", Framing.CLOSE, end=True) == b"a"
