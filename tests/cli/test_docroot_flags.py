"""Docroot flags: which folder a flag applies to, and what it means."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any, NoReturn

import pytest

from trio_httpd import Docroot
from trio_httpd._cli.docroot_flags import add_folder_options, add_mounts, spelled_out
from trio_httpd._cli.docroot_options import Folder


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
    with pytest.raises(ValueError, match="argument") as caught:
        folders_of(*arguments)
    return str(caught.value)


def test_who_says_nothing_gets_a_docroot_as_it_is() -> None:
    assert options_of() == {}


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("--index a.html --index=b.html", {"index": ("a.html", "b.html")}),
        ("--listing", {"listing": True}),
        ("--listing --no-listing", {"listing": False}),
        ("--precompressed zstd,br", {"precompressed": ("zstd", "br")}),
        ("--follow-symlinks", {"follow_symlinks": True}),
        ("--follow-symlinks=anywhere", {"follow_symlinks": "anywhere"}),
        ("--hidden", {"hidden": True}),
        ("--hide *.bak --hide drafts/**", {"hide": ("*.bak", "drafts/**")}),
        ("--cache-control a/*:no-cache", {"cache_control": (("a/*", "no-cache"),)}),
        ("--spa", {"spa": True}),
        ("--error-page 404=a --error-page 500=b", {"error_pages": {404: "a", 500: "b"}}),
        ("--header X-A:b", {"headers": (("X-A", "b"),)}),
        ("--cors", {"cors": True}),
        ("--cors=https://a.b --cors=http://b:1", {"cors": ("https://a.b", "http://b:1")}),
        ("--charset none", {"charset": None}),
        ("--download", {"download": ("*",)}),
        ("--download=*.zip --download=a/*", {"download": ("*.zip", "a/*")}),
        ("--auth ann:a --auth bob:b", {"auth": {"ann": "a", "bob": "b"}}),
    ],
)
def test_a_flag_is_an_option_of_a_docroot(arguments: str, options: dict[str, Any]) -> None:
    assert options_of(*arguments.split()) == options


def test_every_option_of_a_docroot_has_a_flag() -> None:
    arguments = """
        --index a --listing --precompressed br --follow-symlinks --hidden --hide a
        --cache-control a --spa --error-page 404=a --header a:b --cors --charset a
        --download --auth a:b
    """
    names = {option.name for option in dataclasses.fields(Docroot) if option.init}
    assert options_of(*arguments.split()).keys() == names - {"path", "_"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--index", ""], "--index: it is empty"),
        (["--auth-file="], "--auth-file: it is empty"),
        (["--listing=yes"], "--listing/--no-listing: ignored explicit argument 'yes'"),
        (["--error-page", "404"], "--error-page: STATUS=FILE, as in 404=404.html, not 404"),
        (["--cors", "--cors=https://a.b"], "--cors: either every site or some, not both"),
        (["--auth", "ann:a", "--auth", "ann:b"], "--auth: two passwords for ann"),
        (["--mount", "/a"], "--mount: PREFIX=FOLDER, as in /files=public, not /a"),
        (["--mount", "/a="], "--mount: PREFIX=FOLDER, as in /files=public, not /a="),
        (["--mount", "a=b"], "--mount: not a prefix like '/files/': 'a'"),
        (["--mount", "=a"], "--mount: PREFIX=FOLDER, as in /files=public, not =a"),
    ],
)
def test_a_value_without_sense_is_told_with_its_flag(arguments: list[str], said: str) -> None:
    assert complaint(*arguments) == f"argument {said}"


def test_what_a_docroot_refuses_is_told_with_the_flag() -> None:
    said = "argument --precompressed: of br, zstd and gzip, not 'xz'"
    assert complaint("--listing", "--precompressed", "br,xz") == said


def test_no_complaint_shows_what_may_be_a_password() -> None:
    said = "argument --auth: the sha256 of 'ann' is not 64 hexadecimal digits"
    assert complaint("--auth", "ann:sha256:secret") == said


def test_a_bare_flag_takes_nothing_that_stands_behind_it() -> None:
    assert complaint("--cors", "public") == "unrecognized arguments: public"


def test_what_is_behind_two_hyphens_is_no_flag() -> None:
    assert spelled_out(["--cors", "--", "--cors"]) == ["--cors=*", "--", "--cors"]


def test_passwords_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("ann:a\nbob:b\n")
    (folder,) = folders_of("--auth", "eve:e", "--auth-file", str(file))
    assert folder.options == {"auth": {"eve": "e", "ann": "a", "bob": "b"}}
    assert folder.password_files == [str(file)]
    said = complaint("--auth", "ann:b", "--auth-file", str(file))
    assert said == "argument --auth-file: two passwords for ann"


def test_a_file_of_passwords_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    said = f"argument --auth-file: cannot read {missing}: No such file or directory"
    assert complaint("--auth-file", missing) == said


def test_flags_are_about_the_folder_of_the_mount_in_front_of_them() -> None:
    arguments = "--spa --mount /files=a=b --listing --hide x --mount=/docs=docs --listing"
    target, files, docs = folders_of(*arguments.split())
    assert (target.prefix, target.path, target.options) == (None, "", {"spa": True})
    assert target.flags == ["--spa"]
    assert (files.prefix, files.path) == ("/files", "a=b")
    assert files.options == {"listing": True, "hide": ("x",)}
    assert (docs.prefix, docs.path, docs.options) == ("/docs", "docs", {"listing": True})


def test_a_tilde_is_the_home_as_in_front_of_other_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert folders_of("--mount", "/files=~/files")[1].path == "/home/ann/files"
    assert folders_of("--mount", "/files=./~")[1].path == "./~"
