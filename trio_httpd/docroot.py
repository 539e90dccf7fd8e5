"""The docroot: a folder to publish, as a value that is a handler too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class ServesFiles(Protocol):
    """What a docroot needs of a connection object, which stands on a higher floor."""

    async def serve_file(self, *, docroot: Docroot) -> None:
        """Answer with the file that the request names."""


@dataclass(frozen=True, slots=True)
class Docroot:
    """A folder whose files are published; also the handler that does so.

    ``serve(Docroot("public"), 8080)`` serves a folder; as ``docroot=`` among the options
    it is what `Connection.serve_file` serves from. Nothing outside the folder is ever
    opened: symbolic links below it are not followed, though it may be one itself.

    Args:
        path: the folder, made absolute now. It is opened anew for each request; that it
            cannot be opened is a failure of the server, not of the peer.
        index: names of files that stand for the folder that they are in, the first
            that is there.

    Raises:
        TypeError: ``index`` is no tuple.
        ValueError: a name in ``index`` is none.
    """

    path: str | os.PathLike[str]
    index: tuple[str, ...] = ("index.html",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.abspath(self.path)))  # noqa: PTH100
        if not isinstance(self.index, tuple):
            raise TypeError(f"index is a tuple of names, not {self.index!r}")
        for name in self.index:
            if name in ("", ".", "..") or "/" in name or "\0" in name:
                raise ValueError(f"not the name of a file: {name!r}")

    async def __call__(self, conn: ServesFiles) -> None:
        """Serve the file that the request names."""
        await conn.serve_file(docroot=self)


DocrootLike = Docroot | str | os.PathLike[str]
"""A docroot, or a path, which stands for one with everything as usual."""


def docroot_of(value: DocrootLike | None) -> Docroot:
    """Return ``value`` as a docroot.

    Raises:
        RuntimeError: there is none.
    """
    if value is None:
        raise RuntimeError("there is no docroot, neither here nor among the options")
    return value if isinstance(value, Docroot) else Docroot(value)
