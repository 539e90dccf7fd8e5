"""The rounds: servers loaded in turn, and the table of what came out.

All servers of a scenario run all the time and each round visits each of them, so that
what slows the machine for a while slows them alike.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from .load import Measure, Running, cores, measure, running
from .programs import Program
from .scenarios import Scenario
from .servers import FLOOR, PEER, PROGRAMS

_WARM_UP = 1
_ROW = "{:<20} {:>8} {:>17} {:>9} {:>10} {:>10}"
_TITLES = _ROW.format("server", "µs CPU", "min - max", "req/s", "/ sockets", "/ uvicorn")


def compare(
    names: Sequence[str], scenarios: Sequence[Scenario], *, rounds: int, seconds: int
) -> int:
    """Print what a request costs on each server; return 1 if an answer was amiss."""
    if not can_load():
        return 1
    print_setting(rounds, seconds)
    present = those_present(names)
    complaints = []
    for scenario in scenarios:
        with ExitStack() as stack:
            servers = [stack.enter_context(running(name, scenario)) for name in present]
            by_name = in_turn(dict(zip(present, servers, strict=True)), rounds, seconds)
        print(f"\n{scenario.name}: {scenario.title}")
        _print_table({name: measures[1:] for name, measures in by_name.items()})
        complaints += complaints_of(by_name, scenario.name)
    return print_complaints(complaints)


def can_load() -> bool:
    """Return whether the load can be made, and say so if not."""
    if shutil.which("wrk") is None:
        print("wrk is not installed, and nothing else here makes the load")
        return False
    return True


def print_setting(rounds: int, seconds: int) -> None:
    """Say where and how long servers are loaded."""
    server, load = cores()
    print(f"server on core {server}, wrk on core {load}; {rounds} rounds of {seconds} s")
    if server == load:
        print("THERE IS ONE CORE ONLY: server and load are in each other's way")


def those_present(
    names: Sequence[str], programs: Mapping[str, Program[Any]] = PROGRAMS
) -> list[str]:
    """Return the servers that can run, and say which cannot."""
    present = []
    for name in names:
        if missing := programs[name].missing():
            print(f"{name} is left out: {', '.join(missing)} not installed")
        else:
            present.append(name)
    return present


def in_turn(servers: Mapping[str, Running], rounds: int, seconds: int) -> dict[str, list[Measure]]:
    """Return what each server did in each round; the first is the warm-up."""
    results = [
        {name: measure(server, length) for name, server in servers.items()}
        for length in [_WARM_UP, *[seconds] * rounds]
    ]
    return {name: [result[name] for result in results] for name in servers}


def _print_table(by_name: Mapping[str, Sequence[Measure]]) -> None:
    print(f"{_TITLES}\n{'-' * len(_TITLES)}")
    for name, measures in by_name.items():
        micros = [m.micros for m in measures]
        spread = f"{min(micros):.1f} - {max(micros):.1f}"
        rate = f"{median(m.rate for m in measures):.0f}"
        ratios = [ratio(measures, by_name.get(other, ())) for other in (FLOOR, PEER)]
        print(_ROW.format(name, f"{median(micros):.1f}", spread, rate, *ratios))
    sys.stdout.flush()


def ratio(measures: Sequence[Measure], others: Sequence[Measure]) -> str:
    """Return what a request costs here to what it costs there, "-" where there is none.

    Only measures of the same round are compared: the machine was the same for both.
    """
    if not others:
        return "-"
    pairs = zip(measures, others, strict=True)
    return f"{median(one.micros / other.micros for one, other in pairs):.2f}"


def complaints_of(by_name: Mapping[str, Sequence[Measure]], title: str) -> list[str]:
    """Return what wrk complained of, with who, when and where; the first is the warm-up."""
    return [
        f"{title}, {name}, {f'round {number}' if number else 'warm-up'}: {complaint}"
        for name, measures in by_name.items()
        for number, measured in enumerate(measures)
        for complaint in measured.complaints
    ]


def print_complaints(complaints: Sequence[str]) -> int:
    """Say what went wrong where nobody overlooks it; return 1 if anything did."""
    if not complaints:
        return 0
    sys.stdout.flush()  # So that "above" is true.
    print("\n!!! ANSWERS WERE AMISS, believe no number above", file=sys.stderr)
    for complaint in complaints:
        print(f"!!! {complaint}", file=sys.stderr)
    return 1
