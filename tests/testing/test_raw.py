from __future__ import annotations

import pytest
import trio

from trio_httpd.testing import MemoryStream, Raw, memory_streams


def raw_and_stream() -> tuple[Raw, MemoryStream]:
    far, near = memory_streams()
    return Raw(far), near


async def test_what_is_said_arrives_byte_for_byte() -> None:
    raw, stream = raw_and_stream()
    await raw.say(b"\x00")
    await raw.say("\xff")
    assert await stream.receive_some() == b"\x00\xff"
    await raw.say_eof()
    assert await stream.receive_some() == b""


async def test_hearing_stops_at_its_ending() -> None:
    raw, stream = raw_and_stream()
    await stream.send_all(b"head\r\n\r")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"\nrest")
        assert await raw.hear() == b"head\r\n\r\n"
    assert await raw.hear(b"s") == b"res"
    await stream.send_all(b"!?")
    assert await raw.hear_exactly(2) == b"t!"
    await stream.send_eof()
    assert await raw.hear_rest() == b"?"
    await raw.hear_end()


async def test_an_end_before_the_ending_is_a_failure() -> None:
    raw, stream = raw_and_stream()
    await stream.send_all(b"ab")
    await stream.aclose()
    with pytest.raises(AssertionError, match="the end came before b'c': b'ab'"):
        await raw.hear(b"c")
    with pytest.raises(AssertionError, match="the end came before 3: b'ab'"):
        await raw.hear_exactly(3)
    assert await raw.hear_rest() == b"ab"


async def test_bytes_before_the_end_are_a_failure_and_left() -> None:
    raw, stream = raw_and_stream()
    await stream.send_all(b"ab")
    for _ in range(2):
        with pytest.raises(AssertionError, match="bytes came before the end: b'ab'"):
            await raw.hear_end()
    assert await raw.hear(b"b") == b"ab"


async def test_a_reset_is_an_end() -> None:
    class Broken(MemoryStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise trio.BrokenResourceError

    far, _ = memory_streams()
    await Raw(Broken(far._outgoing, far._incoming)).hear_end()


async def test_a_reset_can_be_told_from_an_end() -> None:
    raw, stream = raw_and_stream()
    await stream.send_all(b"ab")
    stream.abort()
    with pytest.raises(AssertionError, match="not a reset: b'ab'"):
        await raw.hear_reset()
    await raw.hear_reset()
    ended, stream = raw_and_stream()
    stream.close()
    with pytest.raises(AssertionError, match="not a reset: b''"):
        await ended.hear_reset()


async def test_who_closes_leaves() -> None:
    raw, stream = raw_and_stream()
    raw.close()
    assert stream.far_end_gone
