"""The files: what it costs to publish them, beside nginx and the servers of Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from .folder import FILES, File, published_folder
from .load import Measure, Running, answering
from .publishers import NGINX, PUBLISHERS
from .rounds import (
    can_load,
    complaints_of,
    in_turn,
    print_complaints,
    print_setting,
    ratio,
    those_present,
)
from .servers import OURS

_ROW = "{:<16} {:>9} {:>19} {:>9} {:>8} {:>9} {:>13}"
_MILLIS_FROM = 10_000.0  # µs.


def compare_files(names: Sequence[str], files: Sequence[str], *, rounds: int, seconds: int) -> int:
    """Print what a file costs on each server; return 1 if an answer was amiss."""
    if not can_load():
        return 1
    print_setting(rounds, seconds)
    present = those_present(names, PUBLISHERS)
    complaints = []
    with published_folder() as folder:
        for file in [FILES[name] for name in files]:
            by_name = _measured(present, folder, file, rounds=rounds, seconds=seconds)
            _print_table(file, {name: measures[1:] for name, measures in by_name.items()})
            complaints += complaints_of(by_name, file.title)
    return print_complaints(complaints)


@contextmanager
def publishing(name: str, folder: Path, file: File) -> Iterator[Running]:
    """Run a publisher of ``folder`` inside the block, of which ``file`` is asked."""
    program = ["-m", "tests.bench.publishers", name]
    with answering(program, name, [str(folder), "--leash"], file.load) as server:
        yield server


def _measured(
    names: Sequence[str], folder: Path, file: File, *, rounds: int, seconds: int
) -> dict[str, list[Measure]]:
    """Return what each server did in each round; the first is the warm-up."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(publishing(name, folder, file)) for name in names}
        by_name = in_turn(servers, rounds, seconds * file.stretch)
    return {name: [counted(each, file) for each in measures] for name, measures in by_name.items()}


def counted(measure: Measure, file: File) -> Measure:
    """Return ``measure`` with the requests for ``file`` counted as they should be.

    Of something large only a few come whole while wrk runs, and what it has of those
    that do not has cost the server as much: its bytes tell how many they are.
    """
    if not file.counted_by_bytes:
        return measure
    requests = measure.received / file.size
    return replace(measure, requests=requests, rate=measure.rate * requests / measure.requests)


def _print_table(file: File, by_name: Mapping[str, Sequence[Measure]]) -> None:
    """Print a line for each server, in ms where µs have too many digits."""
    slowest = max(median(m.micros for m in measures) for measures in by_name.values())
    unit, factor = ("ms", 1e-3) if slowest >= _MILLIS_FROM else ("µs", 1.0)
    titles = _ROW.format(
        "server", f"{unit} CPU", "min - max", "req/s", "MB/s", "/ nginx", "/ trio_httpd"
    )
    print(f"\n{file.title}, {file.connections} connections\n{titles}\n{'-' * len(titles)}")
    for name, measures in by_name.items():
        times = [m.micros * factor for m in measures]
        spread = f"{min(times):.2f} - {max(times):.2f}"
        rate = f"{median(m.rate for m in measures):.0f}"
        bandwidth = f"{median(m.bandwidth for m in measures) / 1e6:.0f}"
        ratios = [ratio(measures, by_name.get(other, ())) for other in (NGINX, OURS)]
        print(_ROW.format(name, f"{median(times):.2f}", spread, rate, bandwidth, *ratios))
    sys.stdout.flush()
