from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from trio_httpd._http1.writer import (
    Framing,
    format_chunk,
    format_head,
    format_interim,
    format_persistence,
    framing_for,
)
from trio_httpd._message.response import Fields, RenderedFields

DEFAULTS = RenderedFields([(b"A", b"b")])


@dataclass
class Head:
    """A `ResponseHead`."""

    status: int = 200
    reason: bytes = b""
    rendered: RenderedFields = DEFAULTS
    fields: Fields = field(default_factory=lambda: [(b"C", b"d")])
    length: int | None = None
    bodiless: bool = False
    options: tuple[bytes, ...] = ()


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
    assert framing_for(Head(**facts), version) is framing


def test_a_head_is_a_status_line_and_fields() -> None:
    common = b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n"
    assert format_head(Head(length=5), Framing.LENGTH, b"") == (
        common + b"Content-Length: 5\r\n\r\n"
    )
    assert format_head(Head(), Framing.CHUNKED, b"") == (
        common + b"Transfer-Encoding: chunked\r\n\r\n"
    )
    assert format_head(Head(), Framing.CLOSE, b"") == common + b"\r\n"
    assert b"\r\nX: y\r\n" in format_head(Head(), Framing.CLOSE, b"X: y\r\n")


@pytest.mark.parametrize(
    ("options", "keep_alive", "lines"),
    [
        ((), 75, b""),
        ((b"close", b"x"), 75, b"Connection: close, x\r\n"),
        ((b"keep-alive",), 75, b"Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n"),
        ((b"keep-alive",), 0.5, b"Connection: keep-alive\r\n"),
        ((b"keep-alive",), math.inf, b"Connection: keep-alive\r\n"),
    ],
)
def test_persistence_is_told(options: tuple[bytes, ...], keep_alive: float, lines: bytes) -> None:
    assert format_persistence(options, keep_alive) == lines


def test_a_status_without_a_phrase_keeps_its_space() -> None:
    assert format_head(Head(299), Framing.CLOSE).startswith(b"HTTP/1.1 299 \r\n")
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
    assert format_chunk(data, end=end) == sent
