"""The rounds: servers loaded in turn, and the table of what came out.

All servers run all the time and each round visits each of them, so that what slows the
machine for a while slows them alike.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from .load import Measure, Running, cores, measure, running
from .servers import FLOOR, PEER, PROGRAMS

_WARM_UP = 1
_ROW = "{:<20} {:>8} {:>15} {:>9} {:>10} {:>10}"
_TITLES = _ROW.format("server", "µs CPU", "min - max", "req/s", "/ streams", "/ uvicorn")


def compare(names: Sequence[str], *, rounds: int, seconds: int) -> int:
    """Print what a request costs on each server; return 1 if an answer was amiss."""
    if shutil.which("wrk") is None:
        print("wrk is not installed, and nothing else here makes the load")
        return 1
    _print_setting(rounds, seconds)
    present = _present(names)
    with ExitStack() as stack:
        servers = [stack.enter_context(running(name)) for name in present]
        warm_ups = _one_round(servers, _WARM_UP)
        results = [_one_round(servers, seconds) for _ in range(rounds)]
    by_name = {name: [result[name] for result in results] for name in present}
    _print_table(by_name)
    return _print_complaints([warm_ups, *results])


def _print_setting(rounds: int, seconds: int) -> None:
    server, load = cores()
    print(f"server on core {server}, wrk on core {load}; {rounds} rounds of {seconds} s")
    if server == load:
        print("THERE IS ONE CORE ONLY: server and load are in each other's way")


def _present(names: Sequence[str]) -> list[str]:
    """Return the servers that can run, and say which cannot."""
    present = []
    for name in names:
        if missing := PROGRAMS[name].missing():
            print(f"{name} is left out: {', '.join(missing)} not installed")
        else:
            present.append(name)
    return present


def _one_round(servers: Sequence[Running], seconds: int) -> dict[str, Measure]:
    return {server.name: measure(server, seconds) for server in servers}


def _print_table(by_name: dict[str, list[Measure]]) -> None:
    costs = {name: median(m.micros for m in measures) for name, measures in by_name.items()}
    print(f"\n{_TITLES}\n{'-' * len(_TITLES)}")
    for name, measures in by_name.items():
        micros = [m.micros for m in measures]
        spread = f"{min(micros):.1f} - {max(micros):.1f}"
        rate = f"{median(m.rate for m in measures):.0f}"
        ratios = _ratio(costs, name, FLOOR), _ratio(costs, name, PEER)
        print(_ROW.format(name, f"{costs[name]:.1f}", spread, rate, *ratios))


def _ratio(costs: dict[str, float], name: str, other: str) -> str:
    return f"{costs[name] / costs[other]:.2f}" if other in costs else "-"


def _print_complaints(results: Sequence[dict[str, Measure]]) -> int:
    """Say what went wrong where nobody overlooks it."""
    lines = [
        f"!!! {name}, {f'round {number}' if number else 'warm-up'}: {complaint}"
        for number, result in enumerate(results)
        for name, measured in result.items()
        for complaint in measured.complaints
    ]
    if lines:
        sys.stdout.flush()  # So that "above" is true.
        print(
            "\n!!! ANSWERS WERE AMISS, believe no number above", *lines, sep="\n", file=sys.stderr
        )
    return 1 if lines else 0
