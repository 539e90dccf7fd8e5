"""Files: what a path of a docroot leads to, opened, with its facts.

Laws:
1. Nothing outside the docroot is kept open. Each name of a path is opened relative to the
   descriptor of the folder before it, and not if it is a symbolic link; where links are
   followed, the system is asked where the *opened* file lies. What is read later is what
   was opened, whatever is renamed meanwhile.
2. Opening waits for nobody: what is neither a regular file nor a folder is not opened, and
   if it takes the place of one that was, it is opened without blocking and not kept.
3. Each descriptor is closed, whatever happens.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ._syntax.conditions import EntityTag, Validators
from ._syntax.paths import FilePath
from .docroot import Docroot
from .errors import HTTPError

_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# Where there is O_PATH, a folder that may be searched but not listed serves as well.
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_PATH", os.O_RDONLY)
_LOOKED_AT = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK
_LISTED = os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_RDONLY

# Whether the system tells where an open file lies: Linux does. Elsewhere links are followed
# only to anywhere.
_TELLS_PATHS = Path("/proc/self/fd").exists()

_Statuses = dict[int | None, int]
_EXHAUSTED: _Statuses = dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM), 503)
_STATUS_OF: _Statuses = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), 404),
    # Names that no file there can have, and what is no regular file.
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ), 404),
    **dict.fromkeys((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP), 404),
    **dict.fromkeys((errno.EACCES, errno.EPERM), 403),
    errno.EAGAIN: 503,  # Somebody has a lease on it (fcntl(2)), and is just told.
    **_EXHAUSTED,
}

_NO_TIME = 1_000_000_000
"""Files of the epoch, or of a second after it, lie where times are not kept."""


class OpenFile:
    """A regular file, open for reading, and what was true of it then.

    Also a context manager that closes it, and a `Source`.
    """

    __slots__ = ("changed_ns", "fd", "inode", "mtime_ns", "name", "size")

    def __init__(self, fd: int, name: str, facts: os.stat_result) -> None:
        self.fd = fd
        self.name = name
        """The last part of its path."""
        self.size = facts.st_size
        self.mtime_ns = facts.st_mtime_ns
        """When its content last changed, in nanoseconds since the epoch."""
        self.changed_ns = facts.st_ctime_ns
        """When anything of it last changed: its names and permissions too."""
        self.inode = facts.st_ino

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def is_as_opened(self) -> bool:
        """Whether nothing of it has changed: content, names, permissions."""
        facts = os.fstat(self.fd)
        return facts.st_ctime_ns == self.changed_ns and facts.st_size == self.size

    def was_rewritten(self) -> bool:
        """Whether its content was changed, but for what was added at the end."""
        facts = os.fstat(self.fd)
        return facts.st_mtime_ns != self.mtime_ns and facts.st_size <= self.size

    def validators(self, now: float | None = None) -> Validators:
        """Return what tells this state of the file from others.

        A tag is strong if content that differs in a byte has another one (RFC 9110
        §8.8.1). A file that is replaced by renaming has another inode; one written in
        place has another time, or another size. Only a second change in place that
        keeps the size and falls into the same tick of the file system's clock (some
        milliseconds on Linux) stays unseen, and then for someone who asked in between. To
        call every fresh file's tag weak would cost ranges and ``If-Match`` for each file
        just published, to guard against that.

        Where a file system keeps no times, and a file is of the epoch, its tag can only
        be weak, and nothing is said of when it changed.

        Args:
            now: seconds since the epoch, None to ask the clock. No file counts as
                changed after it (RFC 9110 §8.8.2.1).
        """
        opaque = f'"{self.mtime_ns:x}-{self.size:x}-{self.inode:x}"'
        if self.mtime_ns <= _NO_TIME:
            return Validators(EntityTag(opaque, weak=True), None)
        latest = int(time.time() if now is None else now)
        return Validators(EntityTag(opaque), min(self.mtime_ns // 1_000_000_000, latest))


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a docroot.

    Args:
        names: its path from the docroot.
        file: itself.
        sidecars: files that hold it compressed, by content coding, the best first.
    """

    names: tuple[bytes, ...]
    file: OpenFile
    sidecars: tuple[tuple[str, OpenFile], ...]


class OpenFolder:
    """A folder of a docroot, open; a context manager that closes it."""

    __slots__ = ("_docroot", "_root", "fd", "names")

    def __init__(self, docroot: Docroot, root: int) -> None:
        self._docroot = docroot
        self._root = root
        self.fd = root
        """For opening what is in it, not for reading it."""
        self.names: tuple[bytes, ...] = ()
        """Its path from the docroot."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        os.close(self._root)

    def _leave(self) -> None:
        if self.fd != self._root:
            os.close(self.fd)

    def enter(self, name: bytes) -> None:
        """Become the folder of that name in this one."""
        inner = os.open(name, _FOLDER | self._flags, dir_fd=self.fd)
        self._leave()
        self.fd = inner
        self.names += (name,)

    @property
    def _follows(self) -> bool:
        mode = self._docroot.follow_symlinks
        return mode == "anywhere" or (mode and _TELLS_PATHS)

    @property
    def _flags(self) -> int:
        return 0 if self._follows else os.O_NOFOLLOW

    def open_file(self, name: bytes) -> OpenFile:
        """Open a regular file in this folder.

        Raises:
            IsADirectoryError: it is a folder.
            OSError: it is none of both, lies outside, or cannot be opened.
        """
        mode = os.stat(name, dir_fd=self.fd, follow_symlinks=self._follows).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(errno.EINVAL, "neither a file nor a folder", name)
        flags = _FOLDER if stat.S_ISDIR(mode) else _FILE
        fd = os.open(name, flags | self._flags, dir_fd=self.fd)
        with _closed_on_error(fd):
            self._require_inside(fd, (*self.names, name))
            return as_opened(fd, name)

    def open_to_list(self) -> int:
        """Return a descriptor of this folder that can be read; the caller closes it."""
        with _answered(_STATUS_OF):
            self._require_inside(self.fd, self.names)
            return os.open(b".", _LISTED, dir_fd=self.fd)

    def facts_of(self, name: bytes) -> os.stat_result | None:
        """Return the facts of what is published in this folder as ``name``, None if nothing."""
        if not self._docroot.rules.publishes((*self.names, name)):
            return None
        with suppress(OSError):
            facts = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            return self._target_of(name) if stat.S_ISLNK(facts.st_mode) else facts
        return None

    def _target_of(self, name: bytes) -> os.stat_result | None:
        """Return the facts of what a symbolic link leads to, if it is followed."""
        if not self._follows:
            return None
        fd = os.open(name, _LOOKED_AT, dir_fd=self.fd)
        try:
            self._require_inside(fd, (*self.names, name))
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _require_inside(self, fd: int, names: tuple[bytes, ...]) -> None:
        """Raise `OSError` if links led outside, or to where nothing is published.

        The system tells where an open file lies. What lies at ``names``, as it was asked
        for, need not be published: a page for an error, or a compressed form.
        """
        if self._docroot.follow_symlinks == "anywhere" or not self._follows:
            return
        root, path = (
            os.readlink(b"/proc/self/fd/%d" % each)  # noqa: PTH115 -- as bytes
            for each in (self._root, fd)
        )
        inside = path.removeprefix(root.rstrip(b"/") + b"/")
        if path == root or inside == b"/".join(names):
            return
        if inside == path or not self._docroot.rules.publishes(tuple(inside.split(b"/"))):
            raise OSError(errno.ELOOP, "a link to what is not published", path)


def open_path(
    docroot: Docroot, path: FilePath, *, hidden_too: bool = False
) -> FoundFile | OpenFolder | None:
    """Open what ``path`` names below ``docroot``.

    A path with a slash at its end means the first file of `Docroot.index` that is in that
    folder; without one, the folder itself where folders are listed.

    Args:
        docroot: where to look.
        path: what to look for.
        hidden_too: whether what is not published is found as well.

    Returns:
        What it is, for the caller to close; None where the path names a folder but has
        no slash at its end.

    Raises:
        HTTPError: 404 where there is no such file, or none that is published; 403 where
            this process may not open it; 503 where descriptors or memory are lacking.
        OSError: the docroot cannot be opened, or a disk fails.
    """
    if not path.names and not path.is_folder:
        return None
    if not (hidden_too or docroot.rules.publishes(path.names)):
        raise HTTPError(404)
    with ExitStack() as closing:
        folders = path.names if path.is_folder else path.names[:-1]
        folder = closing.enter_context(_open_folder(docroot, folders))
        with _answered(_STATUS_OF):
            if not path.is_folder:
                with suppress(IsADirectoryError):
                    return _open_found(folder, path.names[-1], docroot)
                return None
            if (found := _open_index(folder, docroot)) is not None:
                return found
        if not docroot.listing:
            raise HTTPError(404)
        closing.pop_all()
        return folder


def open_file(path: str | os.PathLike[str]) -> OpenFile:
    """Open a file that we choose ourselves, through symbolic links too.

    Raises:
        HTTPError: 503 where descriptors or memory are lacking.
        OSError: it cannot be opened, or is no regular file.
    """
    with want_answered():
        name = os.fsencode(path)
        fd = os.open(name, _FILE)
        with _closed_on_error(fd):
            return as_opened(fd, name)


def _open_folder(docroot: Docroot, names: Iterable[bytes]) -> OpenFolder:
    """Go down from the docroot, a name at a time."""
    with want_answered():
        folder = OpenFolder(docroot, os.open(docroot.path, _FOLDER))
    with ExitStack() as closing, _answered(_STATUS_OF):
        closing.enter_context(folder)
        for name in names:
            folder.enter(name)
        closing.pop_all()
    return folder


def _open_index(folder: OpenFolder, docroot: Docroot) -> FoundFile | None:
    """Open the first file of `Docroot.index` that is in ``folder``."""
    for name in map(os.fsencode, docroot.index):
        if not docroot.rules.publishes((*folder.names, name)):
            continue
        try:
            return _open_found(folder, name, docroot)
        except OSError as problem:
            if _STATUS_OF.get(problem.errno) != 404:
                raise
    return None


def _open_found(folder: OpenFolder, name: bytes, docroot: Docroot) -> FoundFile:
    """Open a file with its sidecars."""
    with ExitStack() as closing:
        file = closing.enter_context(folder.open_file(name))
        sidecars = []
        for coding, suffix in docroot.rules.codings:
            try:
                sidecar = closing.enter_context(folder.open_file(name + suffix))
            except OSError as problem:
                if problem.errno in _EXHAUSTED or problem.errno not in _STATUS_OF:
                    raise
            else:
                sidecars.append((coding, sidecar))
        closing.pop_all()
    return FoundFile((*folder.names, name), file, tuple(sidecars))


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


def want_answered() -> AbstractContextManager[None]:
    """Let a want of descriptors or memory be 503, which is nobody's fault."""
    return _answered(_EXHAUSTED)


@contextmanager
def _closed_on_error(fd: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(fd)
        raise


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
