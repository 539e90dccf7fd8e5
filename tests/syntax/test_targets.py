from __future__ import annotations

import pytest

from trio_httpd._syntax.targets import Target, encode_location, is_authority, parse_target


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/", (None, "/", "")),
        ("/a%2Fb?x=1?y", (None, "/a%2Fb", "x=1?y")),
        ("//host/x", (None, "//host/x", "")),
        ("*", (None, "*", "")),
        ("http://a.test", ("a.test", "/", "")),
        ("HTTPS://a.test:1/p?q", ("a.test:1", "/p", "q")),
        ("http://a.test?q", ("a.test", "/", "q")),
    ],
)
def test_a_target_in_one_of_three_forms_has_parts(
    target: str, parts: tuple[str | None, str, str]
) -> None:
    assert parse_target(target) == Target(*parts)


@pytest.mark.parametrize("target", ["p", "", "a:80", "/p#f", "http:/a", "ftp://a/", "http://a/#f"])
def test_another_target_has_none(target: str) -> None:
    assert parse_target(target) is None


@pytest.mark.parametrize(
    "value", [b"a", b"a.test:80", b"a:", b"[::1]", b"[::1]:8080", b"a%20b", b"1.2.3.4", b"a,b"]
)
def test_an_authority_is_a_host_and_maybe_a_port(value: bytes) -> None:
    assert is_authority(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":80",
        b"a b",
        b"u@a",
        b"a%zz",
        b"[::1",
        b"[:::1]",
        b"[1.2]",
        b"a:8a",
        b"a:123456",
        b"a/",
    ],
)
def test_anything_else_is_none(value: bytes) -> None:
    assert not is_authority(value)


def test_a_location_is_a_uri_reference() -> None:
    assert encode_location("./caf\xe9 au lait?x=%20#y") == "./caf%C3%A9%20au%20lait?x=%20#y"


@pytest.mark.parametrize("location", ["/\r\nX: y", "/\0", "/\x7f"])
def test_a_location_without_control_characters(location: str) -> None:
    with pytest.raises(ValueError, match="not a location"):
        encode_location(location)
