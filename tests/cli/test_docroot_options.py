"""Folder options: what is written becomes what a docroot takes, or makes no sense."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trio_httpd._cli.docroot_options import Folder, users_in

DIGEST = "0" * 64


def option(keyword: str, *written: str) -> object:
    folder = Folder()
    for value in written:
        folder.say(keyword, value)
    assert folder.options.keys() == {keyword}
    return folder.options[keyword]


@pytest.mark.parametrize(
    ("keyword", "written", "value"),
    [
        ("index", ["a.html", "b.html"], ("a.html", "b.html")),
        ("listing", ["--listing"], True),
        ("listing", ["--listing", "--no-listing"], False),
        ("precompressed", ["br"], ("br",)),
        ("precompressed", ["zstd, br,gzip"], ("zstd", "br", "gzip")),
        ("precompressed", ["br", "gzip"], ("br", "gzip")),
        ("follow_symlinks", ["inside"], True),
        ("follow_symlinks", ["inside", "anywhere"], "anywhere"),
        ("error_pages", ["404=e/a=b"], {404: "e/a=b"}),
        ("error_pages", ["404=a", "500=b", "404=a"], {404: "a", 500: "b"}),
        ("headers", ["X-Time:12:30 "], (("X-Time", "12:30"),)),
        ("headers", ["X-A: a", "X-Empty:"], (("X-A", "a"), ("X-Empty", ""))),
        ("cors", ["*", "*"], True),
        ("cors", ["https://a.b", "http://b:1"], ("https://a.b", "http://b:1")),
        ("charset", ["latin-1"], "latin-1"),
        ("charset", ["none"], None),
        ("auth", ["ann:a:b"], {"ann": "a:b"}),
        ("auth", [f"ann:sha256:{DIGEST}"], {"ann": f"sha256:{DIGEST}"}),
    ],
)
def test_what_is_written_becomes_an_option(keyword: str, written: list[str], value: object) -> None:
    assert option(keyword, *written) == value


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("max-age=60, public", ("*", "max-age=60, public")),
        ("assets/**: max-age=60", ("assets/**", "max-age=60")),
        ("a:b/*: no-store", ("a:b/*", "no-store")),
        ('a="b:c"', ("*", 'a="b:c"')),
        ('*.css: a="b:c", d=":"', ("*.css", 'a="b:c", d=":"')),
    ],
)
def test_a_pattern_is_in_front_of_the_last_colon_outside_of_quotation_marks(
    written: str, rule: tuple[str, str]
) -> None:
    assert option("cache_control", written) == (rule,)


def test_a_cache_rule_without_a_pattern_is_for_what_no_other_fits() -> None:
    rules = option("cache_control", "no-cache", "*.css: max-age=60", "*.js: max-age=9")
    assert rules == (("*.css", "max-age=60"), ("*.js", "max-age=9"), ("*", "no-cache"))


@pytest.mark.parametrize(
    ("keyword", "written", "said"),
    [
        ("follow_symlinks", ["away"], "inside or anywhere, not away"),
        (
            "cache_control",
            ['a: b="c'],
            "[PATTERN:]VALUE, as in '*.html: no-cache', not a: b=\"c",
        ),
        (
            "cache_control",
            [": no-cache"],
            "[PATTERN:]VALUE, as in '*.html: no-cache', not : no-cache",
        ),
        (
            "cache_control",
            ["no-cache", "no-store"],
            "two values without a PATTERN; one can be for all other files",
        ),
        ("error_pages", ["404"], "STATUS=FILE, as in 404=404.html, not 404"),
        ("error_pages", ["404="], "STATUS=FILE, as in 404=404.html, not 404="),
        ("error_pages", ["4xx=a"], "STATUS=FILE, as in 404=404.html, not 4xx=a"),
        ("error_pages", ["404=a", "404=b"], "two files for the status 404"),
        ("headers", ["a"], "NAME: VALUE, as in 'X-Robots-Tag: noindex', not a"),
        ("cors", ["*", "https://a.b"], "either every site or some, not both"),
        ("auth", ["secret"], "USER:PASSWORD is wanted, neither of them empty"),
        ("auth", ["ann:"], "USER:PASSWORD is wanted, neither of them empty"),
        ("auth", [":secret"], "USER:PASSWORD is wanted, neither of them empty"),
        ("auth", ["ann:a", "ann:b"], "two passwords for ann"),
    ],
)
def test_what_makes_no_sense_is_told(keyword: str, written: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        option(keyword, *written)


def test_what_a_docroot_refuses_is_refused_at_once() -> None:
    folder = Folder()
    with pytest.raises(ValueError, match=r"^of br, zstd and gzip, not 'xz'$"):
        folder.say("precompressed", "br,xz")


# Files of passwords.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


def assert_refused(file: Path | str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        users_in(str(file))


def test_a_file_of_passwords_has_one_on_each_line(file: Path) -> None:
    file.write_bytes(b"# Who may read\r\nann:a b:#\r\n\r\n" + "bob:ü\u2028\n".encode())
    assert users_in(str(file)) == ["ann:a b:#", "bob:ü\u2028"]


def test_a_mark_of_byte_order_is_no_part_of_a_name(file: Path) -> None:
    file.write_text("ann:a", "utf-8-sig")
    assert users_in(str(file)) == ["ann:a"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", " has no user"),
        (b"#\n\n", " has no user"),
        (b"ann:a\nsecret\n", ", line 2 is not USER:PASSWORD"),
        (b"ann:\n", ", line 1 is not USER:PASSWORD"),
        (b":secret\n", ", line 1 is not USER:PASSWORD"),
        (b"ann:$apr1$x$y", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:$2y$05$x", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:{SHA}x", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:\xff", " is not in UTF-8"),
    ],
)
def test_a_file_without_passwords_is_refused_without_telling_what_is_in_it(
    content: bytes, said: str, file: Path
) -> None:
    file.write_bytes(content)
    assert_refused(file, f"{file}{said}")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert_refused(missing, f"cannot read {missing}: No such file or directory")
    assert_refused(tmp_path, f"cannot read {tmp_path}: Is a directory")
    assert_refused("a\0", "embedded null byte")
