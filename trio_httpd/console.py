"""The console: what the command says, where, and what if nobody reads it.

Text goes to standard output or standard error at once, a line at a time, and may hold
whatever a file name can. Who reads it may leave: ``trio-httpd | head -1`` serves on.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO


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


class _Lines(logging.StreamHandler[TextIO]):
    """Writes each record at once; its reader may leave."""

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
