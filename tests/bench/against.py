"""This checkout against another one: what became cheaper, and what dearer.

Both servers run all the time, on the same core, and each round visits both, so that what
slows the machine for a while slows them alike. All ratios are of this one to the other;
that of a round is taken before the median is. Below 1 is better for times and memory,
above 1 for requests per second.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

from .crowd import room_for
from .folder import FILES, published_folder
from .idle import grow
from .leash import on_core
from .load import Load, Measure, Running, answering, cores
from .rounds import can_load, complaints_of, in_turn, print_complaints, print_setting, ratio
from .scenarios import SCENARIOS
from .twin import CONTENT
from .work import HOST

NEW, OLD = "this", "other"
LOADED = ("hello", "browser", "post", "1k", "100k")
IDLE, TOGETHER = "idle", "together"
SUBJECTS = (*LOADED, IDLE, TOGETHER)

_HERE = Path(__file__).parents[2]
_TWIN = Path(__file__).with_name("twin.py")
_IDLE_COUNT = 2_000
_TOGETHER_COUNT = 10
_TOGETHER_LOAD = Load(b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", CONTENT)
_BUSY = b"GET /busy HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"

_ROW = "{:<10} {:>10} {:>10} {:>8}   {:>10} {:>10} {:>8}"
_TITLES = _ROW.format("", "µs, other", "µs, this", "ratio", "/s, other", "/s, this", "ratio")

Twins = Mapping[str, Running]


def compare_checkouts(
    other: Path, subjects: Sequence[str], *, rounds: int, seconds: int, connections: int
) -> int:
    """Print how this checkout compares to ``other``; return 1 if an answer was amiss."""
    if not can_load():
        return 1
    print_setting(rounds, seconds)
    print(f"{connections} connections; this is {_HERE}, the other {other.absolute()}")
    complaints: list[str] = []
    with published_folder() as folder:
        if loaded := [name for name in subjects if name in LOADED]:
            print(f"\n{_TITLES}\n{'-' * len(_TITLES)}")
            for name in loaded:
                load = replace(_load_of(name), connections=connections)
                subject = str(folder) if name in FILES else name
                with _twins(other, subject, load) as twins:
                    by_name = in_turn(twins, rounds, seconds)
                _print_measures(name, by_name)
                complaints += complaints_of(by_name, name)
    if IDLE in subjects:
        complaints += _compare_idle(other)
    if TOGETHER in subjects:
        _compare_together(other, rounds)
    return print_complaints(complaints)


def _load_of(name: str) -> Load:
    if name in FILES:
        return FILES[name].load
    return Load(SCENARIOS[name].request, SCENARIOS[name].work.answer)


@contextmanager
def _twins(other: Path, subject: str, load: Load) -> Iterator[dict[str, Running]]:
    """Run the servers of both checkouts inside the block."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                answering(["-P", str(_TWIN)], name, [subject], load, folder=folder)
            )
            for name, folder in ((OLD, other), (NEW, _HERE))
        }


def _print_measures(name: str, by_name: Mapping[str, Sequence[Measure]]) -> None:
    new, old = by_name[NEW][1:], by_name[OLD][1:]
    micros = [f"{median(m.micros for m in measures):.1f}" for measures in (old, new)]
    rates = [f"{median(m.rate for m in measures):.0f}" for measures in (old, new)]
    faster = median(one.rate / two.rate for one, two in zip(new, old, strict=True))
    print(_ROW.format(name, *micros, ratio(new, old), *rates, f"{faster:.2f}"), flush=True)


def _compare_idle(other: Path) -> list[str]:
    """Print what an idle connection takes; return a complaint where some have closed."""
    count, each, complaints = room_for(_IDLE_COUNT), {}, []
    for name in (OLD, NEW):
        with _twins(other, "hello", _load_of("hello")) as twins:
            before, after, still_open = grow(twins[name], count)
        each[name] = (after - before) / count
        if still_open != count:
            complaints.append(f"{name}: {still_open} of {count} are still open")
    print(f"\nidle connection: {each[OLD]:.0f} bytes, {each[NEW]:.0f} bytes, ", end="")
    print(f"ratio {each[NEW] / each[OLD]:.2f}", flush=True)
    return complaints


def _compare_together(other: Path, rounds: int) -> None:
    """Print how long those wait whose requests arrive at the same time."""
    with _twins(other, TOGETHER, _TOGETHER_LOAD) as twins:
        visits = [
            {name: _answer_times(twin) for name, twin in twins.items()} for _ in range(rounds)
        ]
    print(f"\n{_TOGETHER_COUNT} requests that arrive together, for each 30 ms of CPU; ms to answer")
    for title, of in (("mean", mean), ("last", max)):
        _print_together(title, of, visits)


def _print_together(
    title: str,
    of: Callable[[Sequence[float]], float],
    visits: Sequence[Mapping[str, Sequence[float]]],
) -> None:
    old, new = ([of(visit[name]) for visit in visits] for name in (OLD, NEW))
    quotient = median(one / two for one, two in zip(new, old, strict=True))
    millis = [f"{median(times) * 1e3:.1f}" for times in (old, new)]
    print(_ROW.format(title, *millis, f"{quotient:.2f}", "", "", "").rstrip())
    sys.stdout.flush()


def _answer_times(server: Running) -> list[float]:
    """Return the seconds to each answer, where all requests arrive at the same time."""
    with on_core(cores()[1]), ExitStack() as stack:
        socks = [
            stack.enter_context(socket.create_connection((HOST, server.port), timeout=60))
            for _ in range(_TOGETHER_COUNT)
        ]
        for sock in socks:  # It is accepted, and waits for its next request.
            sock.sendall(server.load.request)
            _receive_answer(sock)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for sock in socks:
                sock.sendall(_BUSY)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        began = time.perf_counter()
        return [when - began for when in _arrivals(socks)]


def _arrivals(socks: Sequence[socket.socket]) -> list[float]:
    """Return when each answer comes."""
    waiting, times = set(socks), []
    while waiting:
        for sock in select.select(list(waiting), [], [])[0]:
            _receive_answer(sock)
            times.append(time.perf_counter())
            waiting.discard(sock)
    return times


def _receive_answer(sock: socket.socket) -> None:
    answer = b""
    while not answer.endswith(CONTENT):
        if not (data := sock.recv(4096)):
            raise RuntimeError(f"the end after {answer[:80]!r}")
        answer += data
