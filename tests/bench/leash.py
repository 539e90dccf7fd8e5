"""The leash: no process that a benchmark starts outlives it, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def started(
    arguments: Sequence[str], *, core: int, talks: bool = False, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python on ``core`` inside the block; then kill it with its children.

    It has a session of its own, so that an interrupt from the keyboard comes to us alone,
    and a group of its own, which its children are in. Where it ``talks``, its input and
    output are pipes. ``folder`` is its working directory, ours unless given.
    """
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE if talks else None
    with on_core(core):
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, start_new_session=True, cwd=folder
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # Closes the pipes, and waits.
            pass


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start on ``core`` what is started inside: children inherit it, threads and all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end_on_termination() -> None:
    """Leave all blocks on a TERM, as an interrupt from the keyboard does."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
