from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.credentials import parse_basic


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        # The two examples of RFC 7617, §2 and §2.1.
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", (b"Aladdin", b"open sesame")),
        ("Basic dGVzdDoxMjPCow==", (b"test", "123\xa3".encode())),
        ("basic YTpi", (b"a", b"b")),
        ("BASIC   YTpi ", (b"a", b"b")),
        ("Basic YTpiOmM=", (b"a", b"b:c")),
        ("Basic Og==", (b"", b"")),
    ],
)
def test_a_user_and_a_password_are_read(authorization: str, expected: tuple[bytes, bytes]) -> None:
    assert parse_basic(authorization) == expected


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Basic", "Basic ", "Bearer YTpi", "YTpi", "BasicYTpi", "Basic\tYTpi",
        "Basic YWI=",  # Without a colon.
        "Basic YTpiOmM", "Basic YT pi", "Basic YTpi,YTpi",
        "Basic Y", "Basic _-8=", "Basic \xe9\xe9\xe9\xe9", "Basic ====",
    ],
)  # fmt: skip
def test_what_is_malformed_says_nothing(authorization: str) -> None:
    assert parse_basic(authorization) is None


@given(st.binary().filter(lambda user: b":" not in user), st.binary())
def test_any_pair_comes_back(user: bytes, password: bytes) -> None:
    token = base64.b64encode(user + b":" + password).decode()
    assert parse_basic(f"Basic {token}") == (user, password)


@given(st.text())
def test_nothing_that_is_sent_raises(authorization: str) -> None:
    parse_basic(authorization)
    parse_basic(f"Basic {authorization}")
