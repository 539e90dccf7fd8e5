"""Files: which file of a docroot a path names, opened, with its facts.

Laws:
1. Nothing outside the docroot is opened. Each name of a path is opened relative to the
   descriptor of the folder before it, and never if it is a symbolic link; what is read
   later is what was opened, whatever is renamed meanwhile.
2. Opening waits for nobody: a pipe, a socket or a device is opened without blocking,
   and only a regular file is kept.
3. Each descriptor is closed, whatever happens.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ._syntax.conditions import EntityTag, Validators
from ._syntax.paths import FilePath
from .docroot import Docroot
from .errors import HTTPError

_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# Where there is O_PATH, a folder that may be searched but not listed serves as well.
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_PATH", os.O_RDONLY)

_Statuses = dict[int | None, int]
_EXHAUSTED: _Statuses = dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM), 503)
_STATUS_OF: _Statuses = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), 404),
    # Names that no file there can have, and what is no regular file.
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ), 404),
    **dict.fromkeys((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP), 404),
    **dict.fromkeys((errno.EACCES, errno.EPERM), 403),
    **_EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file, open for reading; a context manager that closes it.

    Args:
        fd: its descriptor.
        name: the last part of its path.
        size: in bytes, when it was opened.
        mtime_ns: when its content last changed, in nanoseconds since the epoch.
        inode: its number in its file system.
    """

    fd: int
    name: str
    size: int
    mtime_ns: int
    inode: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    @property
    def etag(self) -> EntityTag:
        """A strong entity tag, made of when it changed, its size and its inode.

        A tag is strong if content that differs in a byte has another one (RFC 9110
        §8.8.1). A file that is replaced by renaming has another inode; one written in
        place has another time, or another size. Only a second change in place that
        keeps the size and falls into the same tick of the file system's clock (some
        milliseconds on Linux) stays unseen, and then for someone who asked in between. To
        call every fresh file's tag weak would cost ranges and ``If-Match`` for each file
        just published, to guard against that.
        """
        return EntityTag(f'"{self.mtime_ns:x}-{self.size:x}-{self.inode:x}"')

    def validators(self, now: float | None = None) -> Validators:
        """Return what tells this state of the file from others.

        Args:
            now: seconds since the epoch, None to ask the clock. No file counts as
                changed after it (RFC 9110 §8.8.2.1), nor before the epoch.
        """
        latest = int(time.time() if now is None else now)
        modified = max(0, min(self.mtime_ns // 1_000_000_000, latest))
        return Validators(self.etag, modified)


def find_file(docroot: Docroot, path: FilePath) -> OpenFile | None:
    """Open the file that ``path`` names below ``docroot``.

    A path with a slash at its end means the first file of `Docroot.index` that is in
    that folder.

    Returns:
        The file, for the caller to close; None where the path names a folder but has
        no slash at its end.

    Raises:
        HTTPError: 404 where there is no such file, or none that is published; 403 where
            this process may not open it; 503 where descriptors or memory are lacking.
        OSError: the docroot cannot be opened, or a disk fails.
    """
    if not path.names and not path.is_folder:
        return None
    folders = path.names if path.is_folder else path.names[:-1]
    with _open_folder(docroot, folders) as folder, _answered(_STATUS_OF):
        if path.is_folder:
            return _open_index(folder, docroot.index)
        try:
            return _open_regular(path.names[-1], folder)
        except IsADirectoryError:
            return None


def open_file(path: str | os.PathLike[str]) -> OpenFile:
    """Open a file that we choose ourselves, through symbolic links too.

    Raises:
        HTTPError: 503 where descriptors or memory are lacking.
        OSError: it cannot be opened, or is no regular file.
    """
    with _answered(_EXHAUSTED):
        return _open_regular(os.fsencode(path))


@contextmanager
def _open_folder(docroot: Docroot, names: Iterable[bytes]) -> Iterator[int]:
    """Go down from the docroot, a name at a time; give the last folder's descriptor."""
    with _answered(_EXHAUSTED):
        folder = os.open(docroot.path, _FOLDER)
    try:
        with _answered(_STATUS_OF):
            for name in names:
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_index(folder: int, index: Iterable[str]) -> OpenFile:
    """Open the first file of ``index`` that is there."""
    for name in index:
        try:
            return _open_regular(os.fsencode(name), folder)
        except OSError as problem:
            if _STATUS_OF.get(problem.errno) != 404:
                raise
    raise FileNotFoundError(errno.ENOENT, "no index")


def _open_regular(path: bytes, folder: int | None = None) -> OpenFile:
    """Open a regular file: any, or the one of that name in ``folder``, but no link."""
    fd = os.open(path, _FILE if folder is None else _FILE | os.O_NOFOLLOW, dir_fd=folder)
    try:
        facts = os.fstat(fd)
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a folder", path)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
    except BaseException:
        os.close(fd)
        raise
    name = os.fsdecode(os.path.basename(path))  # noqa: PTH119
    return OpenFile(fd, name, facts.st_size, facts.st_mtime_ns, facts.st_ino)


@contextmanager
def _answered(statuses: _Statuses) -> Iterator[None]:
    """Let an `OSError` that has a status there be the answer to the peer."""
    try:
        yield
    except OSError as problem:
        status = statuses.get(problem.errno)
        if status is None:
            raise
        raise HTTPError(status) from problem
