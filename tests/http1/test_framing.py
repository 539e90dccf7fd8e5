from __future__ import annotations

import pytest

from trio_httpd import Limits, PeerError
from trio_httpd._http1.framing import ChunkedReader, LengthReader


def test_a_length_is_read_to_the_byte() -> None:
    reader = LengthReader(5)
    assert reader.read(b"xxhel", 2) == (b"hel", 5)
    assert not reader.ended
    assert reader.read(b"loGET", 0) == (b"lo", 2)
    assert reader.ended


def test_all_chunks_at_hand_are_read_at_once() -> None:
    reader = ChunkedReader(Limits())
    data = b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\nGET"
    assert reader.read(data, 0) == (b"hello!", len(data) - 3)
    assert reader.ended


@pytest.mark.parametrize(
    "line",
    [b"5;a", b"5;a=b;c", b'5;a="b c\\" ;"', b"5; a = b", b"0005", b"5;a\t=\tb"],
)
def test_a_chunk_line_may_have_extensions(line: bytes) -> None:
    assert ChunkedReader(Limits()).read(line + b"\r\nhello\r\n", 0)[0] == b"hello"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b";a",
        b"5 ;a",
        b"5;",
        b"5;;a",
        b"5;a=",
        b'5;a="b',
        b"5;a b",
        b"5;\x00",
        b"0x5",
        b"5" * 17,
    ],
)
def test_a_malformed_chunk_line_is_refused(line: bytes) -> None:
    with pytest.raises(PeerError, match="400 malformed chunk size"):
        ChunkedReader(Limits()).read(line + b"\r\n", 0)


@pytest.mark.parametrize("line", [b"g", b"5\n", b"5\rh", b"5" * 17, b"5;" + b"a" * 4096, b"-"])
def test_a_chunk_line_that_nothing_can_mend_is_refused_at_once(line: bytes) -> None:
    with pytest.raises(PeerError, match="400 malformed chunk size"):
        ChunkedReader(Limits()).read(line, 0)


@pytest.mark.parametrize("line", [b"5", b"5\r", b"5;a", b"5;a\r"])
def test_a_chunk_line_that_may_go_on_is_waited_for(line: bytes) -> None:
    assert ChunkedReader(Limits()).read(line, 0) == (b"", 0)


def test_a_chunk_ends_where_its_size_says() -> None:
    reader = ChunkedReader(Limits())
    assert reader.read(b"2\r\nab\r", 0) == (b"ab", 5)
    assert reader.read(b"\r", 0) == (b"", 0)
    with pytest.raises(PeerError, match="400 a chunk is longer"):
        reader.read(b"\rX", 0)


def test_extensions_without_end_are_refused() -> None:
    reader, line = ChunkedReader(Limits(header_bytes=50)), b"1;aaaaaaaaaaaaaaaaaaaa\r\nx\r\n"
    assert reader.read(line * 2, 0)[0] == b"xx"
    with pytest.raises(PeerError, match="431"):
        reader.read(line, 0)


def test_extensions_in_proportion_to_content_are_fine() -> None:
    reader = ChunkedReader(Limits(header_bytes=100))
    chunk = b"1000;sign=" + b"a" * 64 + b"\r\n" + b"x" * 0x1000 + b"\r\n"
    assert len(reader.read(chunk * 50, 0)[0]) == 204800


def test_trailers_without_end_are_refused() -> None:
    reader = ChunkedReader(Limits(header_bytes=50))
    assert reader.read(b"0\r\nX: " + b"a" * 47, 0) == (b"", 3)
    with pytest.raises(PeerError, match="431"):
        reader.read(b"X: " + b"a" * 48, 0)


def test_tiny_chunks_come_a_few_at_a_time() -> None:
    reader, data = ChunkedReader(Limits()), b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"
    sizes, at = [], 0
    while not reader.ended:
        content, at = reader.read(data, at)
        sizes.append(len(content))
    assert sizes == [64] * 15 + [40]


def test_trailers_are_waited_for() -> None:
    reader = ChunkedReader(Limits())
    assert reader.read(b"0\r\n\r", 0) == (b"", 3)
    assert reader.read(b"\r\n", 0) == (b"", 2)
    assert reader.ended
