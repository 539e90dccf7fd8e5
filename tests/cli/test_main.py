"""The command line: what its arguments mean, and what it says."""

from __future__ import annotations

import errno
import importlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from trio_httpd import Address, Docroot, Limits, Mounts, Server
from trio_httpd._cli.docroot_options import Folder
from trio_httpd._cli.main import (
    installed_version,
    is_loopback,
    main,
    no_listening,
    parse_arguments,
    start_line,
    start_lines,
    warning,
    warning_of_ways_around,
)

ANY_4, ANY_6 = "0.0.0.0", "::"
TAKEN = OSError(errno.EADDRINUSE, "Taken")
NO_PORT = "argument -p/--port: a port is a number from 0 to 65535, not"

pytestmark = pytest.mark.usefixtures("logs_as_before")


def test_everything_has_a_default() -> None:
    assert vars(parse_arguments([])) == {
        "target": None,
        "folders": [Folder()],
        "port": 8000,
        "bind": "127.0.0.1",
        "access_log": True,
        "version": False,
    }


def test_everything_can_be_said() -> None:
    arguments = ["app:hello", "-p", "0", "--mount", "/a=b", "-b", "::1", "--hide", "c",
                 "--no-access-log", "--version"]  # fmt: skip
    assert vars(parse_arguments(arguments)) == {
        "target": "app:hello",
        "folders": [Folder(), Folder("/a", "b", {"hide": ["c"]}, ["--mount", "--hide"])],
        "port": 0,
        "bind": "::1",
        "access_log": False,
        "version": True,
    }


def test_a_star_is_every_interface() -> None:
    assert parse_arguments(["-b", "*"]).bind is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "65536"], f"{NO_PORT} 65536"),
        (["-p", "-1"], f"{NO_PORT} -1"),
        (["-p", "٣"], f"{NO_PORT} ٣"),
        (["-p", "9" * 5000], f"{NO_PORT} {'9' * 5000}"),
        (["-b", ""], "argument -b/--bind: no host; * means every interface"),
        (["a", "b\x1b"], r"unrecognized arguments: b\x1b"),
        (["--list"], "unrecognized arguments: --list"),
        (["--index="], "argument --index: it is empty"),
        (["--mount", "/a"], "argument --mount: PREFIX=FOLDER, as in /files=public, not /a"),
    ],
)  # fmt: skip
def test_invalid_arguments_are_reported_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", f"trio-httpd: {said} (--help explains)\n")


def test_help_explains_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: trio-httpd [TARGET] [FLAG...] [--mount PREFIX=FOLDER [FLAG...]]")
    assert all(flag in out for flag in ("TARGET", "--port", "--bind", "--no-access-log", "--ver"))
    assert all(flag in out for flag in ("--listing, --no-listing", "--cors[=ORIGIN]  ", "--auth "))


def test_the_version_is_that_of_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trio-httpd {installed_version()}\n"
    assert installed_version()[0].isdecimal()
    assert installed_version("there-is-no-such-thing") == "(not installed)"


@pytest.mark.parametrize(
    ("addresses", "where"),
    [
        ([Address("127.0.0.1", 80)], "http://127.0.0.1:80/"),
        ([Address("127.0.0.1", 1), Address("::1", 1)], "http://127.0.0.1:1/ and http://[::1]:1/"),
        ([Address(ANY_4, 1)], "http://127.0.0.1:1/ and all other IPv4 addresses"),
        ([Address(ANY_6, 1)], "http://[::1]:1/ and all other IPv6 addresses"),
        (
            [Address(ANY_4, 1), Address(ANY_6, 1)],
            "http://127.0.0.1:1/, http://[::1]:1/ and all other IPv4 and IPv6 addresses",
        ),
    ],
)
def test_the_start_line_says_what_is_served_where(addresses: list[Address], where: str) -> None:
    assert start_line("/srv/a\nb", addresses) == f"Serving /srv/a\\nb on {where}"


def test_each_place_has_a_line_of_its_own() -> None:
    places = [("/", "/srv"), ("/files/", "/srv/files")]
    assert start_lines(places, [Address("::1", 1)]) == (
        "Serving /srv on http://[::1]:1/\n"
        "Serving /srv/files on http://[::1]:1/files/ (Ctrl-C ends it)\n"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1"])
def test_nobody_is_warned_of_passwords_that_stay_on_this_machine(host: str) -> None:
    assert is_loopback(Address(host, 1))
    assert warning([Folder(), Folder("/a", "b", {"auth": ["a:b"]})], [Address(host, 1)]) == ""


@pytest.mark.parametrize("host", [ANY_4, ANY_6, "192.0.2.1", "fe80::1%eth0"])
def test_passwords_that_others_can_read_are_warned_of(host: str) -> None:
    addresses = [Address("::1", 1), Address(host, 1)]
    said = warning([Folder(), Folder("/a", "b", {"auth": ["a:b"]})], addresses)
    assert said.startswith("trio-httpd: warning: passwords go ")
    assert warning([Folder()], addresses) == ""


def test_a_folder_with_passwords_that_is_open_elsewhere_is_warned_of(tmp_path: Path) -> None:
    inner = Docroot(tmp_path / "a\nb", auth={"ann": "secret"})
    assert warning_of_ways_around(inner) == ""
    assert warning_of_ways_around(Mounts({"/": inner})) == ""
    assert warning_of_ways_around(Mounts({"/files": tmp_path, "/own": inner})) == (
        f"trio-httpd: warning: {tmp_path}/a\\nb is at /files/a%0Ab/ as well,"
        " where its passwords are not asked for; --hide it there\n"
    )


@pytest.mark.parametrize(
    ("problem", "host", "said"),
    [
        (TAKEN, "::1", "port 80 of ::1 is taken by another program"),
        (TAKEN, None, "port 80 of all interfaces is taken by another program"),
        (OSError(errno.EACCES, ""), "::1", "port 80 of ::1 is not permitted to you"),
        (OSError(errno.EADDRNOTAVAIL, ""), "::9", "::9 is no address of this machine"),
        (OSError(errno.EMFILE, "Too many"), "::1", "cannot listen on port 80 of ::1: Too many"),
        (socket.gaierror(-2, "Not known"), "a.b", "no such host: a.b (Not known)"),
        (UnicodeError(), "a..b", "no such host: a..b"),
    ],
)  # fmt: skip
def test_why_a_port_could_not_be_opened(
    problem: OSError | UnicodeError, host: str | None, said: str
) -> None:
    assert no_listening(problem, host, 80) == said


def test_a_usage_error_is_a_line_and_the_status_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([os.fsdecode(b"no\xffwhere\n")]) == 2
    assert capsys.readouterr() == ("", "trio-httpd: no such folder: no\\xffwhere\\n\n")


def test_the_package_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])
    with pytest.raises(SystemExit) as caught:
        importlib.import_module("trio_httpd.__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("trio-httpd ")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_a_module_that_raises_shows_its_own_traceback(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "hall_raising.py").write_text("1 / 0")
    assert main(["hall_raising:hello"]) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.endswith("ZeroDivisionError: division by zero\n")
    assert heard.err.count("File") == 1


def test_an_interruption_of_an_import_is_no_error(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "hall_raising.py").write_text("raise KeyboardInterrupt")
    assert main(["hall_raising:hello"]) == 0
    assert capsys.readouterr() == ("", "")


Tell = Callable[[Server], None]


@pytest.fixture
def instead_of_serving(
    monkeypatch: pytest.MonkeyPatch, descriptors_as_before: None
) -> Callable[[Callable[..., None]], None]:
    """Return what replaces the serving itself by a function."""

    def replace(serving: Callable[..., None]) -> None:
        monkeypatch.setattr("trio_httpd._cli.main.run_and_tell", serving)

    return replace


def test_the_lines_at_the_start_tell_what_is_served_and_warn(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    instead_of_serving: Callable[[Callable[..., None]], None],
) -> None:
    def serve(tell: Tell, handler: object, port: int, *, host: str, limits: Limits) -> None:
        assert handler == Docroot(here, auth={"ann": "secret"})
        assert (port, host) == (80, ANY_4)
        assert limits.connections > 0
        tell(cast("Server", SimpleNamespace(addresses=[Address(ANY_4, 80)])))

    instead_of_serving(serve)
    assert main(["-p", "80", "-b", ANY_4, "--auth", "ann:secret", "--no-access-log"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Serving {here} with passwords on http://127.0.0.1:80/ ")
    assert err.startswith("trio-httpd: warning: passwords go ")


def test_a_port_that_cannot_be_opened_is_a_usage_error(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    instead_of_serving: Callable[[Callable[..., None]], None],
) -> None:
    def serve(*_: object, **options: object) -> None:
        raise TAKEN

    instead_of_serving(serve)
    assert main([]) == 2
    said = "trio-httpd: port 8000 of 127.0.0.1 is taken by another program\n"
    assert capsys.readouterr() == ("", said)
