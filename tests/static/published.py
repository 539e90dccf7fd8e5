"""What tests of published files share."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
