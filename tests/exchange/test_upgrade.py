from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_httpd import Connection, HTTPError, Request
from trio_httpd._exchange.upgrade import agree_on_upgrade
from trio_httpd._message.request import RequestHead
from trio_httpd._syntax.fields import format_fields
from trio_httpd.testing import connect

CONNECTION = (b"connection", b"keep-alive, Upgrade")


def request(*fields: tuple[bytes, bytes], version: str = "1.1") -> Request:
    return Request(RequestHead("GET", "/", version, format_fields(fields)))


OFFER = request(CONNECTION, (b"upgrade", b"first, Second/2"))


def test_the_first_protocol_that_is_offered_is_taken() -> None:
    switch, rest = agree_on_upgrade(OFFER, [("X-A", "1"), ("Connection", "x")])
    assert switch == [(b"Connection", b"Upgrade"), (b"Upgrade", b"first")]
    assert rest == [(b"X-A", b"1")]


def test_the_protocol_that_is_named_is_taken() -> None:
    switch, rest = agree_on_upgrade(OFFER, {"Upgrade": "second/2"})
    assert switch == [(b"Connection", b"Upgrade"), (b"Upgrade", b"second/2")]
    assert rest == []


def test_a_protocol_that_is_not_offered_is_426_and_named() -> None:
    with pytest.raises(HTTPError) as caught:
        agree_on_upgrade(OFFER, {"Upgrade": "third"})
    assert caught.value.status == 426
    assert dict(caught.value.headers) == {"Connection": "Upgrade", "Upgrade": "third"}


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(CONNECTION),
        request((b"upgrade", b"first")),
        request(CONNECTION, (b"upgrade", b"first"), version="1.0"),
    ],
)
def test_who_offers_nothing_is_400(asked: Request) -> None:
    with pytest.raises(HTTPError, match="400"):
        agree_on_upgrade(asked, ())


def test_how_a_message_is_framed_is_not_the_handlers_to_say() -> None:
    with pytest.raises(ValueError, match="cannot be set here"):
        agree_on_upgrade(OFFER, {"Content-Length": "1"})


# On a connection.

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


async def test_an_upgrade_is_logged_as_101(
    caplog: pytest.LogCaptureFixture, any_stream: None
) -> None:
    async def handler(conn: Connection) -> None:
        async with await conn.upgrade() as stream:
            await stream.send_all(b"x" * 1000)

    caplog.set_level("INFO", "trio_httpd.access")
    async with connect(handler) as client:
        await client.raw.say(UPGRADE)
        assert (await client.raw.hear_rest()).endswith(b"x" * 1000)
    [line] = [r.getMessage() for r in caplog.records if r.name == "trio_httpd.access"]
    assert '"GET / HTTP/1.1" 101 - ' in line


@pytest.mark.parametrize("use", ["send", "receive"])
async def test_a_task_that_still_uses_the_stream_when_the_handler_is_done_ends_it(
    use: str, any_stream: None, autojump_clock: MockClock
) -> None:
    problems: list[BaseException] = []

    async def go_on(stream: trio.abc.Stream) -> None:
        try:
            await (stream.send_all(b"x" * 1000) if use == "send" else stream.receive_some())
        except trio.ClosedResourceError as problem:
            problems.append(problem)

    async def handler(conn: Connection) -> None:
        nursery.start_soon(go_on, await conn.upgrade())
        await trio.sleep(1)

    async with trio.open_nursery() as nursery, connect(handler, window=100) as client:
        await client.raw.say(UPGRADE)
        await client.raw.hear()
        await trio.sleep(2)
        heard = await client.raw.hear_rest()
        await trio.sleep(2)
    assert len(heard) < 1000
    assert len(problems) == 1
