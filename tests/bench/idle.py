"""Idle connections: the memory that one of them takes.

A warm-up opens connections and closes them, and opens them again and keeps them: so the
allocator's pools exist before the first reading, and hold nothing that is free for what
is measured. Then come many more, each has a request answered, and what the server and
its children have grown by is divided by their number. The kernel's own memory, which is
the same for all servers, is not in it. Memory is PSS: a page that several processes
share counts once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from .crowd import crowd, room_for
from .load import Running, family, running
from .rounds import print_complaints, those_present
from .scenarios import SCENARIOS

_COUNT = 2_000
_WARM_UP = 100
_PAUSE = 0.3
_MOST_PAUSES = 20

_PSS = re.compile(r"^Pss:\s*([0-9]+) kB$", re.MULTILINE)
_ROW = "{:<20} {:>10} {:>12} {:>12}"
_TITLES = _ROW.format("server", "bytes each", "MiB without", "MiB with")


def print_idle(names: Sequence[str]) -> int:
    """Print what an idle connection takes on each server; return 1 if some have closed."""
    count = room_for(_COUNT)
    print(f"{count} idle connections, each with one request answered\n")
    print(f"{_TITLES}\n{'-' * len(_TITLES)}")
    complaints = []
    for name in those_present(names):
        with running(name, SCENARIOS["hello"]) as server:
            before, after, still_open = grow(server, count)
        each = f"{(after - before) / count:.0f}"
        print(_ROW.format(name, each, f"{before / 2**20:.1f}", f"{after / 2**20:.1f}"), flush=True)
        if still_open != count:
            complaints.append(f"{name}: {still_open} of {count} are still open")
    return print_complaints(complaints)


def grow(server: Running, count: int) -> tuple[int, int, int]:
    """Return the memory without and with so many idle, in bytes, and how many stayed."""
    with crowd(server.port, _WARM_UP):
        pass
    steady_memory(server.pid)
    with crowd(server.port, _WARM_UP):
        before = steady_memory(server.pid)
        with crowd(server.port, count) as idle:
            after = steady_memory(server.pid)
            return before, after, idle.open()


def steady_memory(pid: int) -> int:
    """Return the memory of a server in bytes, once it no longer changes."""
    last = _memory(pid)
    for _ in range(_MOST_PAUSES):
        time.sleep(_PAUSE)
        before, last = last, _memory(pid)
        if before == last:
            break
    return last


def _memory(pid: int) -> int:
    return sum(
        parse_memory(Path("/proc", str(member), "smaps_rollup").read_text())
        for member in family(pid)
    )


def parse_memory(rollup: str) -> int:
    """Return the PSS, in bytes, that ``smaps_rollup`` tells of.

    Raises:
        ValueError: it tells of none.
    """
    if (found := _PSS.search(rollup)) is None:
        raise ValueError(f"no PSS in {rollup!r}")
    return int(found[1]) * 1024
