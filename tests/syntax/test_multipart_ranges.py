from __future__ import annotations

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.multipart_ranges import frame_parts, multipart_type
from trio_httpd._syntax.ranges import ByteRange

WHOLE = bytes(range(256)) * 2

parts = st.builds(
    lambda start, size: ByteRange(start, start + size),
    st.integers(0, 400),
    st.integers(1, 100),
)


def content_of(ranges: list[ByteRange], media_type: str | None, boundary: str) -> bytes:
    frame = frame_parts(ranges, len(WHOLE), media_type=media_type, boundary=boundary)
    pieces = []
    for head, (start, stop) in zip(frame.heads, ranges, strict=True):
        pieces += [head, WHOLE[start:stop]]
    content = b"".join([*pieces, frame.end])
    assert len(content) == frame.length
    return content


def test_parts_stand_between_their_delimiters() -> None:
    ranges = [ByteRange(65, 68), ByteRange(97, 98)]
    assert content_of(ranges, "text/plain", "B") == (
        b"--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 65-67/512\r\n\r\nABC"
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 97-97/512\r\n\r\na"
        b"\r\n--B--\r\n"
    )


def test_without_a_type_a_part_says_nothing_of_it() -> None:
    assert content_of([ByteRange(65, 66)], None, "B") == (
        b"--B\r\nContent-Range: bytes 65-65/512\r\n\r\nA\r\n--B--\r\n"
    )


@given(
    st.lists(parts, min_size=1),
    st.sampled_from(["text/plain; charset=utf-8", "image/png", None]),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
)
def test_a_reader_of_mail_finds_the_parts(
    ranges: list[ByteRange], media_type: str | None, boundary: str
) -> None:
    head = f"Content-Type: {multipart_type(boundary)}\r\n\r\n".encode()
    content = content_of(ranges, media_type, boundary)
    message = message_from_bytes(head + content)
    found = list(message.walk())[1:]
    assert message.get_content_type() == "multipart/byteranges"
    assert [part["Content-Type"] for part in found] == [media_type] * len(ranges)
    for part, (start, stop) in zip(found, ranges, strict=True):
        assert part["Content-Range"] == f"bytes {start}-{stop - 1}/512"
        assert part.get_payload(decode=True) == WHOLE[start:stop]
