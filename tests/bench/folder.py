"""The folder: files of a few sizes, and how each of them is asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .load import Load

_MANY = 32
_FEW = 4


@dataclass(frozen=True, slots=True)
class File:
    """One file of the folder.

    Args:
        title: what the table calls it.
        path: where it is in the folder, and below ``/`` in URLs.
        size: in bytes.
        connections: how many ask for it at a time.
        stretch: how many times as long as others it is asked for.
        counted_by_bytes: whether what is sent of it counts, rather than how often it came
            whole, which is seldom.
    """

    title: str
    path: str
    size: int
    connections: int = _MANY
    stretch: int = 1
    counted_by_bytes: bool = False

    @property
    def content(self) -> bytes:
        """What is in it: nothing that could be compressed, always the same."""
        return random.Random(self.size).randbytes(self.size)

    @property
    def load(self) -> Load:
        """How it is asked for."""
        request = b"GET /%b HTTP/1.1\r\nHost: localhost:8080\r\n\r\n" % self.path.encode()
        return Load(request, self.content, self.connections)


FILES = {
    "1k": File("1 KiB", "small.css", 1024),
    "100k": File("100 KiB", "large.jpg", 100 * 1024),
    "20m": File("20 MB", "huge.mp4", 20 * 10**6, _FEW, stretch=2, counted_by_bytes=True),
}


@contextmanager
def published_folder() -> Iterator[Path]:
    """Give a folder with all the files, which is there inside the block.

    It lies in a temporary one, in which servers may keep what they need beside it.
    """
    with TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place, "public")
        folder.mkdir()
        for file in FILES.values():
            (folder / file.path).write_bytes(file.content)
        yield folder
