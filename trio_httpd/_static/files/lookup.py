"""Lookup: a path of a docroot becomes an open file or an open folder.

Laws:
1. Nothing outside the docroot is kept open. Each name of a path is opened relative to the
   descriptor of the folder before it, and not if it is a symbolic link; where links are
   followed, the system is asked where the *opened* file lies, and what lost its name in
   between is opened anew. What is read later is what was opened, whatever is renamed
   meanwhile.
2. Opening waits for nobody: what is neither a regular file nor a folder is not opened, and
   if it takes the place of one that was, it is opened without blocking and not kept.
3. Each descriptor is closed, whatever happens.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..._message.errors import HTTPError
from ..docroot import Docroot
from ..rules.url_paths import FilePath
from .open_file import FILE, OpenFile, as_opened, closed_on_error
from .os_errors import STATUS_OF, exhaustion_is_503, is_exhaustion, map_os_errors

# Where there is O_PATH, a folder that may be searched but not listed serves as well.
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_PATH", os.O_RDONLY)
_LOOKED_AT = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK
_LISTED = os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_RDONLY

# Whether the system tells where an open file lies: Linux does. Elsewhere links are followed
# only to anywhere.
_TELLS_PATHS = Path("/proc/self/fd").exists()

_DELETED = b" (deleted)"
"""What Linux adds to the path of an open file that has lost its name (proc_pid_fd(5))."""
_TRIES = 8
"""How often a name is opened whose file is replaced each time before it can be checked."""


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

    __slots__ = ("_root", "docroot", "fd", "names")

    def __init__(self, docroot: Docroot, root: int) -> None:
        self.docroot = docroot
        self._root = root
        self.fd = root
        """For opening what is in it, not for reading it."""
        self.names: tuple[bytes, ...] = ()
        """Its path from the docroot."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._root)

    def _leave(self) -> None:
        if self.fd != self._root:
            os.close(self.fd)

    def enter(self, name: bytes) -> None:
        """Become the folder of that name in this one."""
        with self._discreet(name):
            inner = self._open(name, _FOLDER | self._flags)
        self._leave()
        self.fd = inner
        self.names += (name,)

    @property
    def _follows(self) -> bool:
        mode = self.docroot.follow_symlinks
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
        with self._discreet(name):
            mode = os.stat(name, dir_fd=self.fd, follow_symlinks=self._follows).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise OSError(errno.EINVAL, "neither a file nor a folder", name)
            flags = _FOLDER if stat.S_ISDIR(mode) else FILE
            fd = self._open(name, flags | self._flags)
        with closed_on_error(fd):
            return as_opened(fd, name)

    def _open(self, name: bytes, flags: int) -> int:
        """Open ``name`` in this folder, if links lead only to what is published.

        Whether a file is published depends on its name, so one that lost its name before
        it could be checked is not used: the name is opened again.
        """
        for _ in range(_TRIES):
            fd = os.open(name, flags, dir_fd=self.fd)
            try:
                self._require_inside(fd, (*self.names, name))
            except BaseException as problem:
                os.close(fd)
                if not isinstance(problem, _NamelessError):
                    raise
            else:
                return fd
        raise OSError(errno.EAGAIN, "replaced each time that it was opened", name)

    @contextmanager
    def _discreet(self, name: bytes) -> Iterator[None]:
        """Do not tell of what a link leads to that it is there, but not for us to see."""
        try:
            yield
        except PermissionError:
            here = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if stat.S_ISLNK(here.st_mode):
                raise FileNotFoundError(errno.ENOENT, "a link to what we may not see") from None
            raise

    def open_to_list(self) -> int:
        """Return a descriptor of this folder that can be read; the caller closes it."""
        with map_os_errors(STATUS_OF):
            return os.open(b".", _LISTED, dir_fd=self.fd)

    def facts_of(self, name: bytes) -> os.stat_result | None:
        """Return the facts of what is published in this folder as ``name``, None if nothing."""
        if not self.docroot._rules.publishes((*self.names, name)):
            return None
        try:
            facts = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            return self._target_of(name) if stat.S_ISLNK(facts.st_mode) else facts
        except OSError as problem:
            if is_exhaustion(problem):  # Else links would be missing, unseen.
                raise
            return None

    def _target_of(self, name: bytes) -> os.stat_result | None:
        """Return the facts of what a symbolic link leads to, if it is followed."""
        if not self._follows:
            return None
        fd = self._open(name, _LOOKED_AT)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _require_inside(self, fd: int, names: tuple[bytes, ...]) -> None:
        """Raise `OSError` if links led outside, or to where nothing is published.

        The system tells where an open file lies, or that it lies nowhere any more:
        `_NamelessError`. What lies at ``names``, as it was asked for, need not be
        published: a page for an error, or a compressed variant.
        """
        if self.docroot.follow_symlinks == "anywhere" or not self._follows:
            return
        root, path = _path_of(self._root), _path_of(fd)
        inside = path.removeprefix(root.rstrip(b"/") + b"/")
        if path == root or inside == b"/".join(names):
            return
        if inside == path or not self.docroot._rules.publishes(tuple(inside.split(b"/"))):
            raise OSError(errno.ELOOP, "a link to what is not published", path)


class _NamelessError(Exception):
    """An open file has no name any more: it was removed, or replaced by another."""


def _path_of(fd: int) -> bytes:
    """Return the path where an open file lies now.

    Raises:
        _NamelessError: it lies nowhere.
    """
    path = os.readlink(b"/proc/self/fd/%d" % fd)  # noqa: PTH115 -- as bytes
    # A file may really be called so. Its number of links does not tell: it may have lost
    # this name and have others.
    if path.endswith(_DELETED) and not _is_at(fd, path):
        raise _NamelessError
    return path


def _is_at(fd: int, path: bytes) -> bool:
    """Whether ``path`` is a name of an open file."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


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
    if not (hidden_too or docroot._rules.publishes(path.names)):
        raise HTTPError(404)
    try:
        return _open_published(docroot, path)
    except OSError as problem:
        if problem.errno != errno.ESTALE:
            raise
    # What was open on the way was replaced on another machine meanwhile (NFS).
    return _open_published(docroot, path)


def _open_published(docroot: Docroot, path: FilePath) -> FoundFile | OpenFolder | None:
    with ExitStack() as closing:
        folders = path.names if path.is_folder else path.names[:-1]
        folder = closing.enter_context(_open_folder(docroot, folders))
        with map_os_errors(STATUS_OF):
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


def _open_folder(docroot: Docroot, names: Iterable[bytes]) -> OpenFolder:
    """Go down from the docroot, a name at a time."""
    with exhaustion_is_503():
        folder = OpenFolder(docroot, os.open(docroot.path, _FOLDER))
    with ExitStack() as closing, map_os_errors(STATUS_OF):
        closing.enter_context(folder)
        for name in names:
            folder.enter(name)
        closing.pop_all()
    return folder


def _open_index(folder: OpenFolder, docroot: Docroot) -> FoundFile | None:
    """Open the first file of `Docroot.index` that is in ``folder``."""
    for name in map(os.fsencode, docroot.index):
        if not docroot._rules.publishes((*folder.names, name)):
            continue
        try:
            return _open_found(folder, name, docroot)
        except OSError as problem:
            if STATUS_OF.get(problem.errno) != 404:
                raise
    return None


def _open_found(folder: OpenFolder, name: bytes, docroot: Docroot) -> FoundFile:
    """Open a file with its sidecars."""
    with ExitStack() as closing:
        file = closing.enter_context(folder.open_file(name))
        sidecars = []
        for coding, suffix in docroot._rules.codings:
            try:
                sidecar = closing.enter_context(folder.open_file(name + suffix))
            except OSError as problem:
                if is_exhaustion(problem):
                    raise  # Else whatever is wrong with it: there is the file itself.
            else:
                sidecars.append((coding, sidecar))
        closing.pop_all()
    return FoundFile((*folder.names, name), file, tuple(sidecars))
