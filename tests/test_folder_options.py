"""Folder options: what the flags say of which folder, and what makes no sense."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any, NoReturn

import pytest

from trio_httpd import Docroot
from trio_httpd.folder_options import (
    Folder,
    add_folder_options,
    add_mounts,
    spelled_out,
    users_in,
)

DIGEST = "0" * 64


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def folders_of(*arguments: str) -> list[Folder]:
    parser = Parser(allow_abbrev=False)
    add_mounts(parser.add_argument_group())
    add_folder_options(parser)
    folders = parser.parse_args(spelled_out(arguments)).folders
    assert isinstance(folders, list)
    return folders


def options_of(*arguments: str) -> dict[str, Any]:
    (folder,) = folders_of(*arguments)
    return folder.options


def complaint(*arguments: str) -> str:
    with pytest.raises(ValueError) as caught:
        folders_of(*arguments)
    return str(caught.value)


def test_who_says_nothing_gets_a_docroot_as_it_is() -> None:
    assert options_of() == {}


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("--index a.html", {"index": ("a.html",)}),
        ("--index a.html --index=b.html", {"index": ("a.html", "b.html")}),
        ("--listing", {"listing": True}),
        ("--listing --no-listing", {"listing": False}),
        ("--precompressed br", {"precompressed": ("br",)}),
        ("--precompressed zstd,br,gzip", {"precompressed": ("zstd", "br", "gzip")}),
        ("--precompressed br --precompressed gzip", {"precompressed": ("br", "gzip")}),
        ("--follow-symlinks", {"follow_symlinks": True}),
        ("--follow-symlinks=inside", {"follow_symlinks": True}),
        ("--follow-symlinks=anywhere", {"follow_symlinks": "anywhere"}),
        ("--hidden", {"hidden": True}),
        ("--hide *.bak --hide drafts/**", {"hide": ("*.bak", "drafts/**")}),
        ("--cache-control no-store", {"cache_control": (("*", "no-store"),)}),
        ("--cache-control a/*:no-cache", {"cache_control": (("a/*", "no-cache"),)}),
        ("--spa", {"spa": True}),
        ("--error-page 404=e/404.html", {"error_pages": {404: "e/404.html"}}),
        ("--error-page 404=a=b --error-page 500=c", {"error_pages": {404: "a=b", 500: "c"}}),
        ("--error-page 404=a --error-page 404=a", {"error_pages": {404: "a"}}),
        ("--cors", {"cors": True}),
        ("--cors --cors=*", {"cors": True}),
        ("--cors=https://a --cors=http://b:1", {"cors": ("https://a", "http://b:1")}),
        ("--charset latin-1", {"charset": "latin-1"}),
        ("--charset none", {"charset": None}),
        ("--download", {"download": ("*",)}),
        ("--download=*.zip --download=a/*", {"download": ("*.zip", "a/*")}),
        ("--auth ann:a:b", {"auth": {"ann": "a:b"}}),
        (f"--auth ann:sha256:{DIGEST}", {"auth": {"ann": f"sha256:{DIGEST}"}}),
        ("--auth ann:a --auth bob:b", {"auth": {"ann": "a", "bob": "b"}}),
    ],
)  # fmt: skip
def test_a_flag_is_an_option_of_a_docroot(arguments: str, options: dict[str, Any]) -> None:
    assert options_of(*arguments.split()) == options


def test_every_option_of_a_docroot_has_a_flag() -> None:
    said = options_of(
        *"--index a --listing --precompressed br --follow-symlinks --hidden --hide a".split(),
        *"--cache-control a --spa --error-page 404=a --header a:b --cors --charset a".split(),
        *"--download --auth a:b".split(),
    )
    names = {option.name for option in dataclasses.fields(Docroot) if option.init}
    assert said.keys() == names - {"path", "_"}


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("X-Robots-Tag: noindex", ("X-Robots-Tag", "noindex")),
        ("X-Time:12:30 ", ("X-Time", "12:30")),
        ("X-Empty:", ("X-Empty", "")),
    ],
)
def test_a_field_is_a_name_and_what_is_behind_the_first_colon(
    written: str, field: tuple[str, str]
) -> None:
    assert options_of("--header", written) == {"headers": (field,)}


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("max-age=60, public", ("*", "max-age=60, public")),
        ("assets/**: max-age=60", ("assets/**", "max-age=60")),
        ("a:b/*: no-store", ("a:b/*", "no-store")),
        ('a="b:c"', ("*", 'a="b:c"')),
        ('*.css: a="b:c", d=":"', ("*.css", 'a="b:c", d=":"')),
        ('": no-store', ('"', "no-store")),
    ],
)
def test_a_pattern_is_what_is_in_front_of_the_last_colon_outside_of_quotation_marks(
    written: str, rule: tuple[str, str]
) -> None:
    assert options_of("--cache-control", written) == {"cache_control": (rule,)}


def test_a_cache_rule_without_a_pattern_is_for_what_no_other_fits() -> None:
    rules = ("no-cache", "*.css: max-age=60", "*.js: max-age=9")
    assert options_of(*(f"--cache-control={rule}" for rule in rules)) == {
        "cache_control": (("*.css", "max-age=60"), ("*.js", "max-age=9"), ("*", "no-cache"))
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--index", ""], "--index: it is empty"),
        (["--index", "a/b"], "--index: not the name of a file: 'a/b'"),
        (["--auth-file="], "--auth-file: it is empty"),
        (["--listing=yes"], "--listing/--no-listing: ignored explicit argument 'yes'"),
        (["--follow-symlinks=away"], "--follow-symlinks: inside or anywhere, not away"),
        (
            ["--cache-control", 'a: b="c'],
            "--cache-control: [PATTERN:]VALUE, as in '*.html: no-cache', not a: b=\"c",
        ),
        (
            ["--cache-control=a", "--cache-control=b"],
            "--cache-control: two values without a PATTERN; one can be for all other files",
        ),
        (["--error-page", "404"], "--error-page: STATUS=FILE, as in 404=404.html, not 404"),
        (["--error-page", "404="], "--error-page: STATUS=FILE, as in 404=404.html, not 404="),
        (["--error-page", "4xx=a"], "--error-page: STATUS=FILE, as in 404=404.html, not 4xx=a"),
        (
            ["--error-page=404=a", "--error-page=404=b"],
            "--error-page: two files for the status 404",
        ),
        (["--header", "a"], "--header: NAME: VALUE, as in 'X-Robots-Tag: noindex', not a"),
        (["--cors", "--cors=https://a"], "--cors: either every site or some, not both"),
        (["--auth", "secret"], "--auth: USER:PASSWORD is wanted, neither of them empty"),
        (["--auth", "ann:"], "--auth: USER:PASSWORD is wanted, neither of them empty"),
        (["--auth", ":secret"], "--auth: USER:PASSWORD is wanted, neither of them empty"),
        (["--auth", "ann:a", "--auth", "ann:b"], "--auth: two passwords for ann"),
        (["--mount", "/a"], "--mount: PREFIX=FOLDER, as in /files=public, not /a"),
        (["--mount", "/a="], "--mount: PREFIX=FOLDER, as in /files=public, not /a="),
        (["--mount", "=a"], "--mount: PREFIX=FOLDER, as in /files=public, not =a"),
    ],
)
def test_a_value_without_sense_is_told_with_its_flag(arguments: list[str], said: str) -> None:
    assert complaint(*arguments) == f"argument {said}"


def test_a_bare_flag_takes_nothing_that_stands_behind_it() -> None:
    with pytest.raises(ValueError, match="unrecognized arguments: public"):
        folders_of("--cors", "public")


def test_what_is_behind_two_hyphens_is_no_flag() -> None:
    assert spelled_out(["--cors", "--", "--cors"]) == ["--cors=*", "--", "--cors"]


def test_flags_are_about_the_folder_of_the_mount_in_front_of_them() -> None:
    target, files, docs = folders_of(
        *"--spa --mount /files=a=b --listing --hide x --mount=/docs=docs --listing".split()
    )
    assert (target.prefix, target.path, target.options) == (None, "", {"spa": True})
    assert target.flags == ["--spa"]
    assert (files.prefix, files.path) == ("/files", "a=b")
    assert files.options == {"listing": True, "hide": ("x",)}
    assert (docs.prefix, docs.path, docs.options) == ("/docs", "docs", {"listing": True})


# Files of passwords.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


def test_a_file_of_passwords_has_one_on_each_line(file: Path) -> None:
    file.write_bytes(b"# Who may read\r\nann:a b:#\r\n\r\n" + "bob:ü\u2028\n".encode())
    assert users_in(str(file)) == ["ann:a b:#", "bob:ü\u2028"]
    options = options_of("--auth", "eve:e", "--auth-file", str(file))
    assert options == {"auth": {"eve": "e", "ann": "a b:#", "bob": "ü\u2028"}}


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
        (b"ann:$apr1$x$y", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:$2y$05$x", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:{SHA}x", ", line 1 has a hash of htpasswd, not of SHA-2"),
        (b"ann:\xff", " is not in UTF-8"),
    ],
)
def test_a_file_that_has_no_passwords_is_told_without_what_is_in_it(
    content: bytes, said: str, file: Path
) -> None:
    file.write_bytes(content)
    assert complaint("--auth-file", str(file)) == f"argument --auth-file: {file}{said}"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    told = "argument --auth-file: cannot read"
    assert complaint("--auth-file", str(missing)) == f"{told} {missing}: No such file or directory"
    assert complaint("--auth-file", str(tmp_path)) == f"{told} {tmp_path}: Is a directory"


def test_two_files_with_two_passwords_of_one_user_are_told(file: Path) -> None:
    file.write_text("ann:b")
    said = complaint("--auth", "ann:a", "--auth-file", str(file))
    assert said == "argument --auth-file: two passwords for ann"


def test_a_name_with_a_null_byte_is_told() -> None:
    assert complaint("--auth-file", "a\0") == "argument --auth-file: embedded null byte"
