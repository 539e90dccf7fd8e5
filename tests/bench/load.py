"""The load: a server on one core, wrk on another, and the CPU that a request costs.

The server's own CPU time divided by the requests that wrk counted is steadier than
requests per second: neither wrk nor a busy machine is in it.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .servers import CONTENT, HOST

_CONNECTIONS = 32
_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN = 10.0

_COUNT = re.compile(r"^\s*([0-9]+) requests in ", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s*([0-9.]+)", re.MULTILINE)
_COMPLAINT = re.compile(r"^\s*((?:Socket errors|Non-2xx).*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Measure:
    """What one round saw.

    Args:
        cpu: seconds of CPU that the server took.
        requests: how many were answered.
        rate: requests per second.
        complaints: what wrk says about errors; empty is well.
    """

    cpu: float
    requests: int
    rate: float
    complaints: tuple[str, ...]

    @property
    def micros(self) -> float:
        """CPU time of one request in µs."""
        return self.cpu / self.requests * 1e6


def cores() -> tuple[int, int]:
    """Return the core of the server and the core of the load; one may be both."""
    ours = sorted(os.sched_getaffinity(0))
    return ours[0], ours[-1] if len(ours) == 1 else ours[1]


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """Start on ``core`` what is started inside: children inherit it, threads and all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(name: str) -> Iterator[Running]:
    """Run the server called ``name``, from its first answer on, inside the block.

    Raises:
        RuntimeError: it did not answer in time, or not as it should.
    """
    port = _free_port()
    command = [sys.executable, "-m", "tests.bench.servers", name, str(port)]
    with _on_core(cores()[0]):
        process = subprocess.Popen(command)
    try:
        _wait_for_answer(name, port, process)
        yield Running(name, port, process.pid)
    finally:
        process.kill()
        process.wait()


def measure(server: Running, seconds: int) -> Measure:
    """Load ``server`` for so many seconds."""
    url = f"http://{HOST}:{server.port}/"
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", url]
    before = _cpu_seconds(server.pid)
    with _on_core(cores()[1]):
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return parse_measure(said, _cpu_seconds(server.pid) - before)


def parse_measure(said: str, cpu: float) -> Measure:
    """Return what wrk ``said``, with the server's CPU seconds.

    Raises:
        RuntimeError: it does not speak as wrk does, or counted nothing.
    """
    count, rate = _COUNT.search(said), _RATE.search(said)
    if count is None or rate is None or not int(count[1]):
        raise RuntimeError(f"wrk counted no requests:\n{said}")
    return Measure(cpu, int(count[1]), float(rate[1]), tuple(_COMPLAINT.findall(said)))


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for_answer(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answer = _ask(port)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if answer != (200, CONTENT):
            raise RuntimeError(f"{name} answers {answer!r}")
        return
    raise RuntimeError(f"{name} does not answer")


def _ask(port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its threads, and of its children."""
    process = Path("/proc", str(pid))
    # The name, in parentheses, may hold anything: the fields after it are counted.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    spent = sum(map(int, fields[11:15])) / _TICKS  # utime, stime, and of dead children.
    children = process / "task" / str(pid) / "children"
    living = children.read_text().split() if children.exists() else []
    return spent + sum(_cpu_seconds(int(child)) for child in living)
