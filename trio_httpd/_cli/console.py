"""The console: where the output of the command goes, and what happens if nobody reads it.

Text goes to standard output or standard error at once, a line at a time, and may hold
whatever a file name can. Who reads it may leave: ``trio-httpd | head -1`` serves on. Who
stays but does not read (Control-S, a full pipe) misses lines of the log, and is told how
many: the server waits for nobody.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

_TERMINAL = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


def printable(text: str) -> str:
    r"""Return ``text`` on one line: what cannot be seen is escaped, bytes as ``\xHH``."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # An undecodable byte of an argument.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def write(stream: TextIO | None, text: str) -> None:
    """Write ``text`` at once; without a word if nobody can read it.

    Args:
        stream: None where it was closed before this process began.
        text: what it cannot encode is escaped.
    """
    if stream is None:
        return
    try:
        coding = stream.encoding or "utf-8"
        stream.write(text.encode(coding, "backslashreplace").decode(coding))
        stream.flush()
    except OSError:
        discard(stream)


def discard(stream: TextIO) -> None:
    """Let all that is still written to ``stream`` vanish, what is buffered in it too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Outlet:
    """A stream to write to without waiting: what there is no room for is not taken.

    Args:
        stream: of the system, or any other; that one has room always.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.coding = stream.encoding or "utf-8"
        """What it makes bytes of text with."""
        self._poll = select.poll()
        try:
            self._fd: int | None = stream.fileno()
        except OSError:
            self._fd = None
            return
        self._poll.register(self._fd, select.POLLOUT)
        if stream.isatty():
            # A terminal that has room for a byte waits with the rest. Not so if it is
            # opened once more: what others who have it do is left as it is.
            with suppress(OSError):
                self._fd = os.open(os.ttyname(self._fd), _TERMINAL)

    def take(self, text: bytes) -> int:
        """Write what there is room for; return how many bytes, 0 for none.

        Raises:
            OSError: nobody will ever read it, or a disk is full.
        """
        if self._fd is None:
            self._stream.write(text.decode(self.coding))
            return len(text)
        if self._poll.poll(0):
            self._stream.flush()  # What a handler has printed.
            with suppress(BlockingIOError):
                # A pipe that is writable takes PIPE_BUF bytes without waiting (pipe(7)).
                return os.write(self._fd, text[: select.PIPE_BUF])
        return 0


class _Lines(logging.StreamHandler[TextIO]):
    """Writes each record at once, or not at all; its reader may leave."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._outlet = Outlet(stream)
        self._dropped = 0
        self._cut = False  # Whether the last line that was written lacks its end.

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._say(self.format(record) + "\n")
        except Exception:
            self.handleError(record)

    def _say(self, line: str) -> None:
        if self._dropped and self._write(self._lost()):
            self._dropped = 0
        # What did not go out whole is missing, and so is all behind it until that is told.
        if self._dropped or not self._write(line):
            self._dropped += 1

    def _lost(self) -> str:
        """Return what is said where lines are missing."""
        lines = "1 line is" if self._dropped == 1 else f"{self._dropped} lines are"
        end_of_line = "\n" if self._cut else ""
        return f"{end_of_line}({lines} missing here: nobody read this)\n"

    def _write(self, text: str) -> bool:
        """Write ``text`` as far as there is room; return whether it is out whole."""
        rest = text.encode(self._outlet.coding, "backslashreplace")
        while rest:
            taken = self._outlet.take(rest)
            if not taken:
                return False
            rest = rest[taken:]
            self._cut = bool(rest)
        return True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- its name there
        problem = sys.exc_info()[1]
        if isinstance(problem, BrokenPipeError):
            discard(self.stream)
        elif not isinstance(problem, OSError):  # A full disk may have room again.
            super().handleError(record)


def log_to(access: TextIO | None, errors: TextIO | None) -> None:
    """Send the log's records where they belong.

    Args:
        access: where lines of the access log go, None for nowhere.
        errors: where everything else goes, from warnings upwards.
    """
    _log("trio_httpd", errors, logging.WARNING, "%(levelname)s %(name)s: %(message)s")
    level = logging.INFO if access else logging.WARNING
    _log("trio_httpd.access", access, level, "%(message)s")


def _log(name: str, stream: TextIO | None, level: int, form: str) -> None:
    handler = logging.NullHandler() if stream is None else _Lines(stream)
    handler.setFormatter(logging.Formatter(form))
    logger = logging.getLogger(name)
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
