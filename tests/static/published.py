"""What tests of published files share."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path


def descriptors() -> list[Path]:
    """Return the descriptors of this process."""
    return sorted(Path("/dev/fd").iterdir())


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Let only so many more files be opened, unless some are closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in descriptors())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + more, hard))
    fillers: list[int] = []
    try:
        with suppress(OSError):
            while True:
                fillers.append(os.open("/", os.O_RDONLY))
        for _ in range(more):
            os.close(fillers.pop())
        yield
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def until_the_clock_ticks(folder: Path) -> None:
    """Let the next change there have another time than the last; some milliseconds at most."""
    probe = folder / ".probe"
    probe.touch()
    began = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == began:
        os.utime(probe)
    probe.unlink()


def make_pipe_and_socket(folder: Path) -> None:
    """Make ``pipe`` and ``socket`` there."""
    os.mkfifo(folder / "pipe")
    # The path of a socket may be too long for its address: so it is bound from within.
    with chdir(folder), socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
