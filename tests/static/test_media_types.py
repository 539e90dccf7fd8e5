from __future__ import annotations

import mimetypes

import pytest

from trio_httpd._static.media_types import media_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.min.mjs", "text/javascript; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.js.map", "application/json"),
        ("a.wasm", "application/wasm"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.svg", "image/svg+xml"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.xml", "application/xml"),
        ("a", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a:b?c.html", "text/html; charset=utf-8"),
        ("data:text/html,a.png", "image/png"),
    ],
)
def test_a_name_has_a_type(name: str, expected: str) -> None:
    assert media_type(name) == expected


@pytest.mark.parametrize(
    ("charset", "expected"), [("x", "text/css; charset=x"), (None, "text/css")]
)
def test_text_may_be_in_another_charset(charset: str | None, expected: str) -> None:
    assert media_type("a.css", charset) == expected
    assert media_type("a.json", charset) == "application/json"


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.svgz", "index.html.gz"])
def test_a_compressed_file_is_what_it_is(name: str) -> None:
    assert media_type(name) == "application/gzip"


def test_what_others_teach_the_standard_library_changes_nothing() -> None:
    mimetypes.add_type("text/x-odd", ".oddity")
    assert media_type("a.oddity") == "application/octet-stream"
