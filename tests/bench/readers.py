"""The slow readers: a process that takes a large file over and over, never its end.

``python -m tests.bench.readers PORT COUNT PATH`` asks for the file on so many transports
and reads from each at a steady pace, through a small buffer. For every line that it hears
it says how many of them are still served, and how many bytes all have taken. It ends with
its input.
"""

from __future__ import annotations

import itertools
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .crowd import room_for
from .folder import File
from .leash import die_with_parent, started
from .load import cores
from .work import HOST

PACE = 64 * 1024
"""Bytes that each of them takes in a second."""

_TURNS = 25
_PAUSE = 0.01
_PIECE = int(PACE * _TURNS * _PAUSE)  # Each reads once in so many turns.
_BUFFER = 32 * 1024
_SECONDS = 60.0


class Readers:
    """Slow readers in another process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout

    def standing(self) -> tuple[int, int]:
        """Return how many are still served, and how many bytes all have taken."""
        self._questions.write(b"\n")
        self._questions.flush()
        served, taken = self._answers.readline().split()
        return int(served), int(taken)


@contextmanager
def slow_readers(port: int, count: int, file: File) -> Iterator[Readers]:
    """Have so many slow readers of ``file`` inside the block, all of them served."""
    arguments = ["-m", "tests.bench.readers", str(port), str(count), file.path]
    with started(arguments, core=cores()[1], talks=True) as process:
        them = Readers(process)
        them.standing()  # They answer once all have asked.
        yield them


def main(port: int, count: int, path: str) -> None:
    """Read slowly, and count whenever a line comes in."""
    die_with_parent()
    room_for(count)
    readers = [Reader(port, path) for _ in range(count)]
    next_turn = time.monotonic()
    for turn in itertools.count():
        for reader in readers[turn % _TURNS :: _TURNS]:
            reader.take_some()
        next_turn += _PAUSE
        pause = max(0.0, next_turn - time.monotonic())
        if select.select([sys.stdin], [], [], pause)[0]:
            if not sys.stdin.readline():
                return
            print(*_standing(readers), flush=True)


class Reader:
    """One of them."""

    def __init__(self, port: int, path: str) -> None:
        self.taken = 0
        self.served = True
        self._sock = socket.socket()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._sock.settimeout(_SECONDS)
        self._sock.connect((HOST, port))
        self._sock.sendall(b"GET /%b HTTP/1.1\r\nHost: localhost:8080\r\n\r\n" % path.encode())
        self._sock.setblocking(False)

    def take_some(self) -> None:
        """Read what is there, at most a piece."""
        try:
            count = len(self._sock.recv(_PIECE)) if self.served else 0
        except BlockingIOError:
            return
        except ConnectionError:
            count = 0
        self.taken += count
        self.served = count > 0


def _standing(readers: Sequence[Reader]) -> tuple[int, int]:
    return sum(each.served for each in readers), sum(each.taken for each in readers)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
