from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._static.rules.url_paths import FilePath, parse_path


@pytest.mark.parametrize(
    ("raw", "names", "is_folder"),
    [
        ("/", (), True),
        ("", (), False),
        ("/a", (b"a",), False),
        ("a", (b"a",), False),
        ("/a/", (b"a",), True),
        ("/a/b%20c", (b"a", b"b c"), False),
        ("/%25", (b"%",), False),
        ("/%2541", (b"%41",), False),
        ("/%e2%98%83", ("\u2603".encode(),), False),
        ("/a..b/c.", (b"a..b", b"c."), False),
        ("/.well-known/acme", (b".well-known", b"acme"), False),
        ("/%2Ewell-known/", (b".well-known",), True),
        ("/%22'<>:*?%23", (b"\"'<>:*?#",), False),
        ("/.git/%2ehidden/...", (b".git", b".hidden", b"..."), False),
        ("/a%0ab%0D/%1f%7F", (b"a\nb\r", b"\x1f\x7f"), False),
        ("/a\nb", (b"a\nb",), False),
        ("/a" * 256, (b"a",) * 256, False),
    ],
)
def test_a_raw_path_is_decoded_once_name_by_name(
    raw: str, names: tuple[bytes, ...], is_folder: bool
) -> None:
    assert parse_path(raw) == FilePath(names, is_folder)


@pytest.mark.parametrize(
    "raw",
    [
        "//", "//a", "/a//b", "/a//", "///",
        "/.", "/..", "/./a", "/a/../b", "/%2e", "/%2e%2E/a", "/.%2e/a", "/a/..", "/a/../",
        "/a%2fb", "/%2F", "/..%2fa", "/a\\b", "/a%5cb", "/..%5ca",
        "/%00", "/a%00.html", "/a\0",
        "/%", "/%2", "/%g0", "/%%", "/a%u0041", "/%+1",
        "/a" * 257, "/%ff", "/%c0%ae", "/%c0%af", "/%e2%98", "/%ed%a0%80", "/\xe9", "/\u2603",
    ],
)  # fmt: skip
def test_a_raw_path_that_no_file_should_have_is_none(raw: str) -> None:
    assert parse_path(raw) is None


@given(st.text(st.sampled_from("/.%2eEfF05cC\\ab\0\n~"), max_size=30))
def test_no_name_can_lead_out_of_its_folder(raw: str) -> None:
    path = parse_path(raw)
    for name in path.names if path else ():
        assert name not in (b"", b".", b"..")
        assert not set(name) & set(b"/\\\0")
        name.decode("utf-8")


def test_a_path_can_get_a_slash() -> None:
    assert FilePath((b"a",), False).as_folder() == FilePath((b"a",), True)
