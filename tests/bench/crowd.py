"""The crowd: a process that holds idle connections open.

``python -m tests.bench.crowd PORT COUNT`` opens them, one after the other, has a request
answered on each, says so, and for every line that it then hears says how many are still
open. It ends with its input. They come from several addresses of the loopback network,
so that they do not run out of ports.
"""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .leash import die_with_parent, started
from .load import ask, cores
from .scenarios import SCENARIOS
from .work import HOST

_ADDRESSES = 16
_SPARE_FILES = 200
_SECONDS = 60.0
_REQUEST = SCENARIOS["hello"].request
_ANSWER = (200, SCENARIOS["hello"].work.answer)


def room_for(count: int) -> int:
    """Return how many of ``count`` connections a process may hold.

    It, and what it starts from now on, may open as many files as the system lets it.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return count if most == resource.RLIM_INFINITY else min(count, most - _SPARE_FILES)


class Crowd:
    """Connections that another process holds."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout

    def open(self) -> int:
        """Return how many are open."""
        self._questions.write(b"\n")
        self._questions.flush()
        return int(self._answers.readline() or b"0")


@contextmanager
def crowd(port: int, count: int) -> Iterator[Crowd]:
    """Hold so many idle connections open inside the block.

    Raises:
        RuntimeError: they could not be opened.
    """
    arguments = ["-m", "tests.bench.crowd", str(port), str(count)]
    with started(arguments, core=cores()[1], talks=True) as process:
        them = Crowd(process)
        if (opened := them.open()) != count:
            raise RuntimeError(f"{opened} of {count} idle connections are open")
        yield them


def main(port: int, count: int) -> None:
    """Open connections, and count them whenever a line comes in."""
    die_with_parent()
    room_for(count)
    socks = [_answered(port, number) for number in range(count)]
    for _ in sys.stdin:
        print(_still_open(socks), flush=True)


def _answered(port: int, number: int) -> socket.socket:
    """Return a connection on which one request was answered."""
    source = f"127.0.0.{2 + number % _ADDRESSES}", 0
    sock = socket.create_connection((HOST, port), timeout=_SECONDS, source_address=source)
    assert ask(sock, _REQUEST) == _ANSWER
    return sock


def _still_open(socks: Sequence[socket.socket]) -> int:
    """Return how many have nothing to tell: what is closed has its end to tell."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    return len(socks) - len(poll.poll(0))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
