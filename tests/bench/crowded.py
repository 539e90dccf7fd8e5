"""The crowded room: what a request costs while thousands of others hold a connection.

Of each server two instances run, one with the crowd and one without, and each round
visits both, so that what slows the machine for a while slows them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median

from .crowd import Crowd, crowd, room_for
from .load import Measure, Running, running
from .rounds import (
    can_load,
    complaints_of,
    in_turn,
    print_complaints,
    print_setting,
    ratio,
    those_present,
)
from .scenarios import SCENARIOS

_COUNT = 10_000
_ROW = "{:<20} {:>10} {:>10} {:>8}"
_TITLES = _ROW.format("server", "µs alone", "µs crowded", "ratio")


def compare_crowded(names: Sequence[str], *, rounds: int, seconds: int) -> int:
    """Print what idle connections add to a request; return 1 if something was amiss."""
    if not can_load():
        return 1
    print_setting(rounds, seconds)
    count = room_for(_COUNT)
    print(f"{count} idle connections, each with one request answered")
    present = those_present(names)
    with ExitStack() as stack:
        alone = {name: _open_one(stack, name) for name in present}
        crowded = {f"{name}, crowded": _open_one(stack, name) for name in present}
        crowds = {
            name: stack.enter_context(crowd(server.port, count)) for name, server in crowded.items()
        }
        by_name = in_turn(_paired(alone, crowded), rounds, seconds)
        complaints = _leavers(crowds, count)
    _print_table(present, by_name)
    return print_complaints(complaints + complaints_of(by_name, "hello"))


def _open_one(stack: ExitStack, name: str) -> Running:
    return stack.enter_context(running(name, SCENARIOS["hello"]))


def _paired(alone: Mapping[str, Running], crowded: Mapping[str, Running]) -> dict[str, Running]:
    """Return each server followed by its crowded twin."""
    pairs = zip(alone.items(), crowded.items(), strict=True)
    return dict(item for pair in pairs for item in pair)


def _leavers(crowds: Mapping[str, Crowd], count: int) -> list[str]:
    """Return a complaint for each crowd that is no longer whole."""
    left = {name: them.open() for name, them in crowds.items()}
    return [f"{name}: {n} of {count} are still open" for name, n in left.items() if n != count]


def _print_table(names: Sequence[str], by_name: Mapping[str, Sequence[Measure]]) -> None:
    print(f"\n{_TITLES}\n{'-' * len(_TITLES)}")
    for name in names:
        alone, crowded = by_name[name][1:], by_name[f"{name}, crowded"][1:]
        micros = [f"{median(m.micros for m in measures):.1f}" for measures in (alone, crowded)]
        print(_ROW.format(name, *micros, ratio(crowded, alone)))
