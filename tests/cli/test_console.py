"""What the command says, also when what it says is strange and nobody reads it."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import pty
import re
import select
from collections.abc import Iterator
from typing import TextIO

import pytest

from trio_httpd._cli.console import log_to, printable, write

pytestmark = pytest.mark.usefixtures("logs_as_before")


def unread() -> TextIO:
    """Return a stream whose reader has left."""
    there, here = os.pipe()
    os.close(there)
    return open(here, "w", encoding="utf-8")  # noqa: PTH123 -- of a descriptor


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b/é€", "a b/é€"),
        ("\x1b[31m\n", r"\x1b[31m\n"),
        (os.fsdecode(b"\xff"), r"\xff"),
        ("\u202e\ud800", r"\u202e\ud800"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_a_stream_cannot_encode_is_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write(stream, "é€\n")
    stream.seek(0)
    assert stream.read() == "\\xe9\\u20ac\n"


def test_a_stream_that_was_closed_before_is_no_stream() -> None:
    write(None, "x")


def test_what_nobody_reads_is_gone_without_a_word() -> None:
    with unread() as stream:
        write(stream, "x")
        write(stream, "y")


def test_the_access_log_is_bare_lines_and_the_rest_has_its_level() -> None:
    access, errors = io.StringIO(), io.StringIO()
    log_to(access, errors)
    logging.getLogger("trio_httpd.access").info("%s", "a line")
    logging.getLogger("trio_httpd.server").warning("beware")
    logging.getLogger("trio_httpd.connection").info("refused")
    assert access.getvalue() == "a line\n"
    assert errors.getvalue() == "WARNING trio_httpd.server: beware\n"


def test_the_traceback_of_a_failure_is_written() -> None:
    errors = io.StringIO()
    log_to(None, errors)
    logging.getLogger("trio_httpd.connection").error("failed", exc_info=ValueError("no"))
    assert errors.getvalue() == "ERROR trio_httpd.connection: failed\nValueError: no\n"


def test_without_an_access_log_nothing_is_made_for_it() -> None:
    log_to(None, None)
    assert not logging.getLogger("trio_httpd.access").isEnabledFor(logging.INFO)
    logging.getLogger("trio_httpd.server").warning("to nobody")


def test_a_reader_of_the_access_log_may_leave(capsys: pytest.CaptureFixture[str]) -> None:
    with unread() as stream:
        log_to(stream, stream)
        logging.getLogger("trio_httpd.access").info("one")
        logging.getLogger("trio_httpd.access").info("two")
        logging.getLogger("trio_httpd.server").warning("three")
    assert capsys.readouterr() == ("", "")


class Disk(io.StringIO):
    """A file on a disk that is full at first."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            self.full = False
            raise OSError(errno.ENOSPC, "full")
        return super().write(text)


def test_a_full_disk_may_have_room_again(capsys: pytest.CaptureFixture[str]) -> None:
    disk = Disk()
    log_to(disk, None)
    for line in ("one", "two", "three"):
        logging.getLogger("trio_httpd.access").info(line)
    assert disk.getvalue() == "two\nthree\n"
    assert capsys.readouterr() == ("", "")


PAGE = select.PIPE_BUF
LINE = "x" * 99
"""So that 41 lines are more than a page of a pipe."""


class Pipe:
    """A pipe of two pages, which has room while one of them is empty."""

    def __init__(self) -> None:
        self.there, here = os.pipe()
        fcntl.fcntl(here, fcntl.F_SETPIPE_SZ, 2 * PAGE)
        self.stream = open(here, "w", encoding="utf-8")  # noqa: PTH123, SIM115 -- closed below

    def read(self) -> str:
        return os.read(self.there, 2 * PAGE).decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self.there)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def log(*lines: str) -> None:
    for line in lines:
        logging.getLogger("trio_httpd.access").info(line)


def test_who_does_not_read_misses_lines_and_is_told_how_many(pipe: Pipe) -> None:
    log_to(pipe.stream, None)
    log(*[LINE] * 50)
    assert pipe.read() == f"{LINE}\n" * 41
    log("again", "and again")
    assert pipe.read() == "(9 lines are missing here: nobody read this)\nagain\nand again\n"


def test_a_long_line_goes_out_in_pieces(pipe: Pipe) -> None:
    log_to(pipe.stream, None)
    log("é" * (PAGE - 1), "missing")
    assert pipe.read() == "é" * (PAGE - 1) + "\n"
    log("again")
    assert pipe.read() == "(1 line is missing here: nobody read this)\nagain\n"


def test_a_line_that_was_cut_is_ended_before_the_next(pipe: Pipe) -> None:
    log_to(pipe.stream, None)
    log("x" * 3 * PAGE)
    assert pipe.read() == "x" * 2 * PAGE
    log("again")
    assert pipe.read() == "\n(1 line is missing here: nobody read this)\nagain\n"


def test_the_rest_of_the_log_waits_for_nobody_either(pipe: Pipe) -> None:
    log_to(None, pipe.stream)
    for _ in range(50):
        logging.getLogger("trio_httpd.server").warning(LINE)
    assert pipe.read().endswith(f"{LINE}\n")
    logging.getLogger("trio_httpd.server").warning("again")
    assert re.fullmatch(r"\([0-9]+ lines .*\)\n.*again\n", pipe.read())


def test_what_was_printed_before_goes_first(pipe: Pipe) -> None:
    log_to(pipe.stream, None)
    print("printed", file=pipe.stream)
    log("logged")
    assert pipe.read() == "printed\nlogged\n"


def test_a_terminal_that_hangs_is_not_waited_for() -> None:
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as terminal:  # noqa: PTH123 -- of a descriptor
        log_to(terminal, None)
        log(*[LINE] * 2000)
        heard = b""
        while b"missing here" not in heard:
            heard += os.read(master, 65536)
            log("again")
    os.close(master)
    assert heard.startswith(LINE.encode() + b"\r\n")


def test_a_record_that_cannot_be_written_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    log_to(io.StringIO(), None)
    logging.getLogger("trio_httpd.access").info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
