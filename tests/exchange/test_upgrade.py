from __future__ import annotations

import pytest

from trio_httpd import HTTPError, Request
from trio_httpd._exchange.upgrade import agree_on_upgrade
from trio_httpd._message.request import RequestHead
from trio_httpd._syntax.fields import format_fields

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
