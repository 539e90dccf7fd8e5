"""The slow room: what many slow readers of a large file do to a server and its others.

Memory is as in `idle`: the kernel's own, where what is on its way waits, is not in it. A
small file is asked for on one connection, again and again, first alone and then among the
slow readers; how long an answer takes contains the client's own time, some 50 µs.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from .folder import FILES, published_folder
from .idle import steady_memory
from .leash import on_core
from .load import Load, Running, cores
from .published import publishing
from .publishers import PUBLISHERS
from .readers import PACE, Readers, slow_readers
from .rounds import print_complaints, those_present
from .work import HOST

_COUNT = 200
_SMALL, _LARGE = FILES["1k"], FILES["20m"]

_SETTLING = 2.0  # Seconds, and so are these.
_SILENCE = 0.5
_ALONE = 4.0
_AMONG = 6.0
_LEAST_PACE = 0.9 * PACE

_ROW = "{:<16} {:>10} {:>9} {:>11} {:>11}   {:>22}   {:>22}"
_TITLES = _ROW.format(
    "server",
    "MiB alone",
    "MiB with",
    "KiB/reader",
    "KiB/s each",
    "ms alone: p50 p99 max",
    "ms with: p50 p99 max",
)


@dataclass(frozen=True, slots=True)
class Slowed:
    """What slow readers did to a server.

    Args:
        memory: bytes without and with them.
        alone: seconds that each small answer took without them.
        among: and with them.
        served: how many of them were served to the end.
        pace: bytes per second that one of them could take.
    """

    memory: tuple[int, int]
    alone: list[float]
    among: list[float]
    served: int
    pace: float


def compare_slowed(names: Sequence[str]) -> int:
    """Print what slow readers do to each server; return 1 if one let some of them wait."""
    print(f"{_COUNT} readers of {_LARGE.title}, who take {PACE / 1024:.0f} KiB/s each")
    print(f"while one client asks for {_SMALL.title}, one request at a time\n")
    print(f"{_TITLES}\n{'-' * len(_TITLES)}")
    complaints = []
    with published_folder() as folder:
        for name in those_present(names, PUBLISHERS):
            slowed = _slow(name, folder)
            print(_line(name, slowed), flush=True)
            complaints += [f"{name}: {each}" for each in _complaints(slowed)]
    return print_complaints(complaints)


def _slow(name: str, folder: Path) -> Slowed:
    with publishing(name, folder, _SMALL) as server:
        alone = latencies(server.port, server.load, _ALONE)
        before = steady_memory(server.pid)
        with slow_readers(server.port, _COUNT, _LARGE) as readers:
            time.sleep(_SETTLING)
            return _among(server, readers, before, alone)


def _among(server: Running, readers: Readers, before: int, alone: list[float]) -> Slowed:
    _, taken_before = readers.standing()
    began = time.monotonic()
    among = latencies(server.port, server.load, _AMONG)
    after = steady_memory(server.pid)
    seconds = time.monotonic() - began
    served, taken = readers.standing()
    pace = (taken - taken_before) / seconds / _COUNT
    return Slowed((before, after), alone, among, served, pace)


def latencies(port: int, load: Load, seconds: float) -> list[float]:
    """Return how long each answer takes, in seconds, if one is asked for after the other.

    Raises:
        RuntimeError: an answer is not what it should be.
    """
    with on_core(cores()[1]), socket.create_connection((HOST, port), timeout=60) as sock:
        size = len(_first_answer(sock, load))
        times = []
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            sock.sendall(load.request)
            answer = sock.recv(size, socket.MSG_WAITALL)
            times.append(time.perf_counter() - began)
            if load.answer not in answer:
                raise RuntimeError(f"not the answer as before: {answer[:80]!r}")
        return times


def _first_answer(sock: socket.socket, load: Load) -> bytes:
    """Return an answer, head and all, which ends in silence; those that follow are as long."""
    sock.sendall(load.request)
    answer = b""
    while select.select([sock], [], [], _SILENCE)[0]:
        if not (data := sock.recv(64 * 1024)):
            raise RuntimeError(f"the end after {answer[:80]!r}")
        answer += data
    return answer


def _line(name: str, slowed: Slowed) -> str:
    before, after = slowed.memory
    return _ROW.format(
        name,
        f"{before / 2**20:.1f}",
        f"{after / 2**20:.1f}",
        f"{(after - before) / 1024 / _COUNT:.1f}",
        f"{slowed.pace / 1024:.0f}",
        spread(slowed.alone),
        spread(slowed.among),
    )


def spread(times: Sequence[float]) -> str:
    """Return the median, the 99th percentile and the longest of ``times``, in ms."""
    almost_all = quantiles(times, n=100)[-1]
    return " ".join(f"{each * 1e3:6.2f}" for each in (median(times), almost_all, max(times)))


def _complaints(slowed: Slowed) -> list[str]:
    """Return what was amiss: readers cut off, or kept waiting."""
    cut = [f"{slowed.served} of {_COUNT} slow readers are still served"]
    starved = [f"slow readers get {slowed.pace / 1024:.1f} KiB/s each"]
    return cut * (slowed.served != _COUNT) + starved * (slowed.pace < _LEAST_PACE)
