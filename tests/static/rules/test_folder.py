"""What a docroot's options say, and which of them are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd import Docroot
from trio_httpd._static.rules.folder import FolderRules


def rules(**options: Any) -> FolderRules:
    return Docroot(".", **options)._rules


def names(path: str) -> tuple[bytes, ...]:
    return tuple(name.encode() for name in path.split("/")) if path else ()


# What is published.


@pytest.mark.parametrize(
    "path", ["", "a", "a/b.c", ".well-known", ".well-known/acme/x", "a..b", "a."]
)
def test_what_has_no_dot_in_front_is_published(path: str) -> None:
    assert rules().publishes(names(path))


@pytest.mark.parametrize(
    "path",
    [".git", "a/.git/config", "a/.b", ".well-known/.a", "a/.well-known", ".well-known/.well-known",
     ".well-known2", "..."],
)  # fmt: skip
def test_what_has_a_dot_in_front_is_published_if_asked(path: str) -> None:
    assert not rules().publishes(names(path))
    assert rules(hidden=True).publishes(names(path))


@pytest.mark.parametrize(
    "path", ["a.bak", "x/a.bak", "a.bak/b", "private", "private/a/b", "x/no/y", "b~"]
)
def test_what_a_pattern_fits_is_not_published_nor_what_is_below(path: str) -> None:
    hiding = {"hide": ("*.bak", "/private", "no/", "*~")}
    assert not rules(**hiding).publishes(names(path))
    assert not rules(hidden=True, **hiding).publishes(names(path))


@pytest.mark.parametrize("path", ["", "a.bak2", "x/private", "privates", "no2", "~b"])
def test_what_no_pattern_fits_is_published(path: str) -> None:
    assert rules(hide=("*.bak", "/private", "no/", "*~")).publishes(names(path))


def test_names_that_are_no_text_can_be_hidden_too() -> None:
    assert not rules(hide=("a*",)).publishes((b"a\xff",))
    assert rules(hide=("b*",)).publishes((b"a\xff",))


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"/" not in name), max_size=5))
def test_any_path_can_be_asked_about(path: list[bytes]) -> None:
    assert not rules(hidden=True, hide=("**",)).publishes(tuple(path))
    assert rules(hidden=True, hide=("/a/b/c/d/e/f",)).publishes(tuple(path))


# Fields of a file.


def test_by_default_nothing_is_said_of_a_file() -> None:
    assert rules().fields_for(names("a")) == []


def test_caching_is_the_same_for_all_or_by_pattern() -> None:
    assert rules(cache_control="no-cache").fields_for(names("a/b")) == [
        (b"Cache-Control", b"no-cache")
    ]
    by_pattern = rules(
        cache_control=(("assets/**", "max-age=31536000, immutable"), ("*.html", "no-cache"))
    )
    assert by_pattern.fields_for(names("assets/a/b.html")) == [
        (b"Cache-Control", b"max-age=31536000, immutable")
    ]
    assert by_pattern.fields_for(names("a/b.html")) == [(b"Cache-Control", b"no-cache")]
    assert by_pattern.fields_for(names("a/b.txt")) == []


def test_downloads_are_told_their_name() -> None:
    expected = [
        (b"Content-Disposition", b"attachment; filename=\"_.zip\"; filename*=UTF-8''%C3%A9.zip")
    ]
    assert rules(download=True).fields_for(names("a/\xe9.zip")) == expected
    assert rules(download=("*.zip",)).fields_for(names("a/\xe9.zip")) == expected
    assert rules(download=("*.zip",)).fields_for(names("a.txt")) == []
    assert rules(download=True).fields_for((b"\xff",)) == [
        (b"Content-Disposition", b'attachment; filename="_"')
    ]


def test_a_file_has_all_its_fields() -> None:
    both = rules(cache_control="no-store", download=True, headers={"X-A": "b"})
    assert [name for name, _ in both.fields_for(names("a"))] == [
        b"Cache-Control", b"Content-Disposition",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        ("utf-8", "text/css; charset=utf-8"),
        ("koi8-r", "text/css; charset=koi8-r"),
        (None, "text/css"),
    ],
)
def test_text_is_in_the_docroots_charset(charset: str | None, expected: str) -> None:
    assert rules(charset=charset).media_type("a.css") == expected
    assert rules(charset=charset).media_type("a.png") == "image/png"


# Fields of every answer, codings, error pages, applications.


@pytest.mark.parametrize(
    "headers", [{"X-A": "caf\xe9"}, [("X-A", "caf\xe9")], iter([("X-A", "caf\xe9")])]
)
def test_headers_are_texts_and_bytes(headers: Any) -> None:
    ready = rules(headers=headers)
    assert ready.pairs == (("X-A", "caf\xe9"),)
    assert ready.fields == [(b"X-A", b"caf\xe9")]


def test_codings_have_suffixes_in_the_order_given() -> None:
    assert rules().codings == ()
    assert rules(precompressed=("zstd", "gzip", "br")).codings == (
        ("zstd", b".zst"), ("gzip", b".gz"), ("br", b".br"),
    )  # fmt: skip


def test_error_pages_are_paths() -> None:
    pages = rules(error_pages={404: ".errors/\xe9.html", 500: "500.html"}).error_pages
    assert pages == {404: (b".errors", "\xe9.html".encode()), 500: (b"500.html",)}
    assert rules().error_pages == {}


@pytest.mark.parametrize(
    ("path", "asked"), [("", True), ("a", True), ("a.b/c", True), ("a/b.js", False)]
)
def test_an_application_answers_for_what_has_no_extension(path: str, asked: bool) -> None:
    assert rules(spa=True).spa_asked(names(path)) == asked
    assert not rules().spa_asked(names(path))


# Who may.


def test_passwords_are_asked_for_where_there_are_some() -> None:
    assert rules().admits(None)
    assert rules().challenge == ""
    locked = rules(auth={"a": "b"})
    assert not locked.admits(None)
    assert locked.admits("Basic YTpi")
    assert locked.challenge.startswith("Basic ")


def test_origins_are_told_what_they_may() -> None:
    assert rules().cors_fields("https://a.test") == rules().preflight_fields(None) == []
    shared = rules(cors=("https://a.test",), auth={"a": "b"})
    assert shared.cors_fields(None) == [("Vary", "Origin")]
    assert dict(shared.cors_fields("https://a.test"))["Access-Control-Allow-Credentials"] == "true"
    allowed = dict(shared.preflight_fields("https://a.test"))["Access-Control-Allow-Headers"]
    assert allowed.startswith("Authorization, ")
    assert ("Access-Control-Allow-Origin", "*") in rules(cors=True).cors_fields(None)


def test_answers_differ_by_who_asks_only_where_there_is_a_reason() -> None:
    assert not rules().looks_at_requests
    assert not rules(cors=()).looks_at_requests
    assert rules(cors=True).looks_at_requests
    assert rules(auth={"a": "b"}).looks_at_requests


# What is refused.


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("index", "index.html"), ("index", ["index.html"]), ("index", (1,)),
        ("listing", 1), ("hidden", "no"), ("spa", None),
        ("precompressed", "br"), ("precompressed", ["br"]),
        ("follow_symlinks", None), ("follow_symlinks", 1),
        ("hide", "*.bak"), ("hide", ["*.bak"]), ("hide", (b"a",)),
        ("cache_control", None), ("cache_control", ["a"]), ("cache_control", {"*": 1}),
        ("cache_control", ("*", "no-store")), ("cache_control", (("*", 1),)),
        ("cache_control", (("*",),)), ("cache_control", (("*", "no-store", "x"),)),
        ("error_pages", None), ("error_pages", {"404": "a"}), ("error_pages", {404: b"a"}),
        ("error_pages", [(404, "a")]),
        ("headers", "X: y"), ("headers", None), ("headers", {"X": 1}),
        ("cors", "https://a.test"), ("cors", None),
        ("charset", b"utf-8"), ("charset", True),
        ("download", "*.zip"), ("download", None), ("download", 1),
        ("auth", "a:b"), ("auth", {"a": 1}),
    ],
)  # fmt: skip
def test_another_type_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{option}: "):
        rules(**{option: value})


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("index", ("a/b",), "a/b"), ("index", ("",), "''"), ("index", ("..",), ".."),
        ("precompressed", ("br", "deflate"), "deflate"), ("precompressed", ("br", "br"), "'br'"),
        ("precompressed", ("BR",), "BR"),
        ("follow_symlinks", "everywhere", "everywhere"), ("follow_symlinks", "", "''"),
        ("hide", ("*.bak", ""), "''"), ("hide", ("[a",), "[a"), ("hide", ("../a",), "../a"),
        ("cache_control", "", "''"), ("cache_control", " , ", "' , '"),
        ("cache_control", "max-age: 60", "max-age: 60"), ("cache_control", "max-age=", "max-age="),
        ("cache_control", "no-store\r\nX: y", "no-store"), ("cache_control", "a=\"b", 'a="b'),
        ("cache_control", (("[", "no-store"),), "["), ("cache_control", (("*", "="),), "'='"),
        ("error_pages", {200: "a"}, "200"), ("error_pages", {399: "a"}, "399"),
        ("error_pages", {600: "a"}, "600"), ("error_pages", {404: ""}, "''"),
        ("error_pages", {404: "/a"}, "/a"), ("error_pages", {404: "a/"}, "a/"),
        ("error_pages", {404: "../a"}, "../a"), ("error_pages", {404: "a/./b"}, "a/./b"),
        ("error_pages", {404: "a\0"}, "a\\x00"), ("error_pages", {404: "a//b"}, "a//b"),
        ("headers", {"X": "a\r\nY: b"}, "Y: b"), ("headers", {"X Y": "a"}, "X Y"),
        ("headers", {"X": "\u2603"}, "\u2603"), ("headers", {"": "a"}, "''"),
        ("headers", {"Connection": "close"}, "Connection"),
        ("headers", {"content-length": "1"}, "content-length"),
        ("headers", {"Transfer-Encoding": "chunked"}, "Transfer-Encoding"),
        ("headers", {"Keep-Alive": "x"}, "Keep-Alive"),
        ("headers", {"ETag": '"a"'}, "ETag"), ("headers", {"Content-Type": "a/b"}, "Content-Type"),
        ("cors", ("*",), "'*'"), ("cors", ("https://a.test/",), "https://a.test/"),
        ("charset", "", "''"), ("charset", "utf 8", "utf 8"), ("charset", "a;b", "a;b"),
        ("download", ("a\\b",), "'a\\\\b'"),
        ("auth", {}, "no user"), ("auth", {"a:b": "c"}, "a:b"), ("auth", {"a": "sha256:x"}, "'a'"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name_and_shown(option: str, value: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option}: ") as caught:
        rules(**{option: value})
    assert shown in str(caught.value)


@pytest.mark.parametrize(
    "value", ["no-store", "Max-Age=60 , public", 'no-cache="a, b", x="\\""', "private,,max-age=0"]
)
def test_directives_of_any_kind_are_taken(value: str) -> None:
    assert rules(cache_control=value).fields_for(names("a")) == [(b"Cache-Control", value.encode())]


def test_an_application_has_an_index() -> None:
    with pytest.raises(ValueError, match=r"^spa: there is no index"):
        rules(spa=True, index=())
