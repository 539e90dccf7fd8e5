"""Open files: a regular file with its descriptor, and what is true of it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from ..._syntax.conditions import EntityTag, Validators
from .os_errors import exhaustion_is_503

FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NO_TIME = 1_000_000_000
"""What is of the epoch, or of a second after it, lies where times are not kept."""


class OpenFile:
    """A regular file, open for reading, and what was true of it then.

    It counts references: whoever opened or retained it releases it once, for which it is a
    context manager. Also a `Source`.
    """

    __slots__ = ("_references", "changed_ns", "fd", "inode", "mtime_ns", "name", "size")

    def __init__(self, fd: int, name: str, facts: os.stat_result) -> None:
        self.fd: int = fd
        self.name: str = name
        """The last part of its path."""
        self.size: int = facts.st_size
        self.mtime_ns: int = facts.st_mtime_ns
        """When its content last changed, in nanoseconds since the epoch."""
        self.changed_ns: int = facts.st_ctime_ns
        """When anything of it last changed: its names and permissions too."""
        self.inode: int = facts.st_ino
        self._references = 1

    def retain(self) -> Self:
        """Add a reference."""
        self._references += 1
        return self

    def release(self) -> None:
        """Drop a reference; with the last one, the descriptor is closed."""
        self._references -= 1
        if not self._references:
            _close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def is_as_opened(self) -> bool:
        """Whether nothing of it has changed: content, names, permissions.

        A file that cannot be asked is none that is known: its handle may be stale, as it
        was replaced on another machine (NFS), or what serves it may be gone (FUSE).
        """
        try:
            facts = os.fstat(self.fd)
        except OSError:
            return False
        return facts.st_ctime_ns == self.changed_ns and facts.st_size == self.size

    def was_rewritten(self) -> bool:
        """Whether its content was changed, but for what was added at the end.

        Of a file that cannot be asked nobody can say that it was not.
        """
        try:
            facts = os.fstat(self.fd)
        except OSError:
            return True
        return facts.st_mtime_ns != self.mtime_ns and facts.st_size <= self.size

    def validators(self, now: float | None = None) -> Validators:
        """Return what tells this state of the file from others.

        A tag is strong if content that differs in a byte has another one (RFC 9110
        §8.8.1). This one is made of the time of the last change of any kind, which nobody
        can set back, the size and the inode. Only a second change in place that keeps the
        size and falls into the same tick of the file system's clock (some milliseconds on
        Linux) stays unseen, and then for someone who asked in between. To call every fresh
        file's tag weak would cost ranges and ``If-Match`` for each file just published, to
        guard against that.

        Where a file system keeps no times, and all is of the epoch, a tag can only be weak,
        and nothing is said of when the file changed.

        Args:
            now: seconds since the epoch, None to ask the clock. No file counts as
                changed after it (RFC 9110 §8.8.2.1).
        """
        opaque = f'"{self.changed_ns:x}-{self.size:x}-{self.inode:x}"'
        etag = EntityTag(opaque, weak=self.changed_ns <= _NO_TIME)
        if self.mtime_ns <= _NO_TIME:
            return Validators(etag, None)
        latest = int(time.time() if now is None else now)
        return Validators(etag, min(self.mtime_ns // 1_000_000_000, latest))


def as_opened(fd: int, path: bytes) -> OpenFile:
    """Return the file that was opened as ``fd``, and is called so.

    Raises:
        OSError: it is no regular file.
    """
    facts = os.fstat(fd)
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder", path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return OpenFile(fd, os.fsdecode(os.path.basename(path)), facts)  # noqa: PTH119


def open_file(path: str | os.PathLike[str]) -> OpenFile:
    """Open a file that we choose ourselves, through symbolic links too.

    Raises:
        HTTPError: 503 where descriptors or memory are lacking.
        OSError: it cannot be opened, or is no regular file.
    """
    with exhaustion_is_503():
        name = os.fsencode(path)
        fd = os.open(name, FILE)
        with closed_on_error(fd):
            return as_opened(fd, name)


@contextmanager
def closed_on_error(fd: int) -> Iterator[None]:
    """Close ``fd`` if an exception leaves the block."""
    try:
        yield
    except BaseException:
        _close(fd)
        raise


def _close(fd: int) -> None:
    """Close a descriptor that was only read from: of a failure nobody has to know.

    The descriptor is closed all the same. A network or FUSE file system reports here what
    went wrong elsewhere, and an exception could end what others still need.
    """
    try:
        os.close(fd)
    except OSError as problem:
        if problem.errno == errno.EBADF:  # That is a fault of ours.
            raise
