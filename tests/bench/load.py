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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from .leash import on_core, started
from .scenarios import Scenario, wrk_script
from .work import HOST

_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN = 20.0

_COUNT = re.compile(r"^\s*([0-9]+) requests in \S+, ([0-9.]+)(B|KB|MB|GB|TB) read$", re.MULTILINE)
_UNITS = {unit: 1024**power for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))}
_RATE = re.compile(r"^Requests/sec:\s*([0-9.]+)", re.MULTILINE)
_COMPLAINT = re.compile(r"^\s*((?:Socket errors|Non-2xx).*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a server again and again.

    Args:
        request: as it is sent, whole.
        answer: the content that has to come back.
        connections: how many ask at a time.
    """

    request: bytes
    answer: bytes
    connections: int = 32


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers its load as it should."""

    name: str
    load: Load
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Measure:
    """What one round saw.

    Args:
        cpu: seconds of CPU that the server took.
        requests: how many were answered.
        rate: requests per second.
        received: bytes that came back, heads included.
        complaints: what wrk says about errors; empty is well.
    """

    cpu: float
    requests: float
    rate: float
    received: float
    complaints: tuple[str, ...]

    @property
    def micros(self) -> float:
        """CPU time of one request in µs."""
        return self.cpu / self.requests * 1e6

    @property
    def bandwidth(self) -> float:
        """Bytes per second."""
        return self.received / self.requests * self.rate


def cores() -> tuple[int, int]:
    """Return the core of the server and the core of the load; one may be both."""
    ours = sorted(os.sched_getaffinity(0))
    return ours[0], ours[-1] if len(ours) == 1 else ours[1]


@contextmanager
def running(name: str, scenario: Scenario) -> Iterator[Running]:
    """Run the server called ``name`` inside the block; see `answering`."""
    load = Load(scenario.request, scenario.work.answer)
    program, arguments = ["-m", "tests.bench.servers", name], [scenario.name, "--leash"]
    with answering(program, name, arguments, load) as server:
        yield server


@contextmanager
def answering(
    program: Sequence[str],
    name: str,
    arguments: Sequence[str],
    load: Load,
    *,
    folder: Path | None = None,
) -> Iterator[Running]:
    """Run a server, from its first right answer on, inside the block.

    Args:
        program: the arguments of Python before the port.
        name: what the server is called.
        arguments: those after the port.
        load: what it is to answer.
        folder: its working directory, ours unless given.

    Raises:
        RuntimeError: it did not answer in time, or not as it should.
    """
    port = _free_port()
    command = [*program, str(port), *arguments]
    with started(command, core=cores()[0], folder=folder) as process:
        _wait_for_answer(name, port, load, process)
        yield Running(name, load, port, process.pid)


def measure(server: Running, seconds: int) -> Measure:
    """Load ``server`` with its requests for so many seconds."""
    url = f"http://{HOST}:{server.port}/"
    with NamedTemporaryFile("w", suffix=".lua") as script, on_core(cores()[1]):
        script.write(wrk_script(server.load.request))
        script.flush()
        many = f"-c{server.load.connections}"
        command = ["wrk", "-t1", many, f"-d{seconds}s", "-s", script.name, url]
        before = _cpu_seconds(server.pid)
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
    received = float(count[2]) * _UNITS[count[3]]
    return Measure(cpu, int(count[1]), float(rate[1]), received, tuple(_COMPLAINT.findall(said)))


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for_answer(name: str, port: int, load: Load, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=1) as sock:
                status, content = ask(sock, load.request)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if (status, content) != (200, load.answer):
            raise RuntimeError(f"{name} answers {status}, {len(content)} bytes: {content[:80]!r}")
        return
    raise RuntimeError(f"{name} does not answer")


def ask(sock: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Send a request and return the status and the content of the answer.

    Raises:
        OSError: the transport broke.
        http.client.HTTPException: that was no answer.
    """
    sock.sendall(request)
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response.status, response.read()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its threads, and of its children."""
    return sum(_own_cpu_seconds(member) for member in family(pid))


def _own_cpu_seconds(pid: int) -> float:
    # The name, in parentheses, may hold anything: the fields after it are counted.
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, and of dead children.


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, of those alive."""
    # A child belongs to the thread that started it, which need not be the first.
    threads = Path("/proc", str(pid), "task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [pid, *(member for child in children for member in family(child))]
