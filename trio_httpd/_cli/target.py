"""Target: the TARGET and the mounts of the command become a handler.

A TARGET is a folder if there is one of that name. Otherwise it is ``module:name``, and the
module is imported: if that raises, the user sees the traceback without our own frames. A
mount is always a folder.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, cast
from urllib.parse import quote

from .._exchange.connection import Handler
from .._static.docroot import Docroot
from .._static.mounts import Mounts
from .docroot_options import Folder

_NOT_OURS = re.compile(
    r"<frozen importlib|" + re.escape(importlib.__file__) + "|" + re.escape(__file__)
)


Places = list[tuple[str, str]]
"""What is served: the paths of URLs, and what is found below them."""


class UsageError(Exception):
    """The command was called wrongly; the text is one line for the user."""


class UserCodeError(Exception):
    """The user's own code raised while the handler was looked up.

    Args:
        cause: what it raised.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def find_site(target: str | None, folders: Sequence[Folder]) -> tuple[Handler, Places]:
    """Return the handler of the whole server, and the folders with their paths, for display.

    Args:
        target: None is the current folder, or nothing where folders are mounted.
        folders: the first says how the TARGET is published, the others are mounted.

    Raises:
        UsageError: something does not exist, or does not go together.
        UserCodeError: the user's own code raised.
    """
    about, *mounted = folders
    if not mounted:
        handler, name = find_handler("." if target is None else target, about)
        if isinstance(handler, Docroot):
            require_secret(about.password_files, [handler])
        return handler, [("/", name)]
    docroots = [(str(folder.prefix), mounted_folder(folder)) for folder in mounted]
    if target is not None:
        docroots.insert(0, ("/", target_folder(target, about)))
    elif about.flags:
        raise UsageError(
            f"{about.flags[0]} before the first --mount applies to the TARGET, and there is none"
        )
    mounts = joined(docroots)
    files = [file for folder in folders for file in folder.password_files]
    require_secret(files, mounts.docroots.values())
    return mounts, [(prefix, shown(docroot)) for prefix, docroot in mounts.docroots.items()]


def joined(docroots: Sequence[tuple[str, Docroot]]) -> Mounts:
    """Return the handler of several docroots, each with its prefix.

    Raises:
        UsageError: two have the same.
    """
    folders: dict[str, Docroot] = {}
    for prefix, docroot in docroots:
        if folders.setdefault(prefix, docroot) is not docroot:
            raise UsageError(f"two folders for one prefix: {prefix}")
    try:
        return Mounts(folders)
    except ValueError as problem:
        raise UsageError(str(problem)) from problem


def mounted_folder(folder: Folder) -> Docroot:
    """Return what ``--mount`` names.

    Raises:
        UsageError: it is no folder.
    """
    try:
        path = absolute_folder(folder.path)
    except NotADirectoryError as problem:
        raise UsageError(f"not a folder: {folder.path}") from problem
    except (FileNotFoundError, ValueError) as problem:
        raise UsageError(f"no such folder: {folder.path}") from problem
    return Docroot(path, **folder.options)


def target_folder(target: str, about: Folder) -> Docroot:
    """Return what ``target`` means, where mounts stand beside it.

    Raises:
        UsageError: it is no folder.
        UserCodeError: the user's own code raised.
    """
    handler, _ = find_handler(target, about)
    if isinstance(handler, Docroot):
        return handler
    raise UsageError(f"--mount needs a folder as TARGET, and {target} is a handler")


def find_handler(target: str, about: Folder) -> tuple[Handler, str]:
    """Return the handler that ``target`` means, and how it is shown.

    Raises:
        UsageError: there is none, or it has flags that apply to folders only.
        UserCodeError: the user's own code raised.
    """
    if not target:
        raise UsageError("the TARGET is empty; . is the current folder")
    try:
        path = absolute_folder(target)
    except (FileNotFoundError, NotADirectoryError, ValueError) as problem:
        is_file = isinstance(problem, NotADirectoryError)
    else:
        docroot = Docroot(path, **about.options)
        return docroot, shown(docroot)
    # Out here, so that what a module raises does not name the missing folder as its context.
    handler = named_handler(target, is_file=is_file)
    if about.flags:
        raise UsageError(f"{about.flags[0]} applies to a folder, and {target} is a handler")
    return handler, target


def shown(docroot: Docroot) -> str:
    """Return what is said of a folder: who puts passwords on one sees if others have none."""
    return str(docroot.path) if docroot.auth is None else f"{docroot.path} with passwords"


# What shall not be published.


def require_secret(files: Iterable[str], docroots: Iterable[Docroot]) -> None:
    """Refuse files of passwords that lie in a folder that is published, hidden or not.

    Raises:
        UsageError: one does, by its name or by where links lead.
    """
    roots = [Path(docroot.path) for docroot in docroots]
    for file in filter(Path.is_file, map(Path, files)):  # A pipe is sent to nobody.
        paths = (file.parent.resolve() / file.name, file.resolve())
        for root in roots:
            if any(path.is_relative_to(root.resolve()) for path in paths):
                raise UsageError(f"the passwords in {file} lie in {root}, which is published")


def ways_around(docroots: Mapping[str, Docroot]) -> Iterator[tuple[Docroot, str]]:
    """Yield each folder that has passwords, and a path of URLs by which it does without.

    It lies in another folder that is published, without the same passwords.

    Args:
        docroots: those of `Mounts`.
    """
    for prefix, outer in docroots.items():
        for inner in docroots.values():
            names = _names_below(outer, inner)
            if inner.auth in (None, outer.auth) or names is None:
                continue
            path = prefix + "".join(f"{quote(name)}/" for name in names)
            owner = docroots[max(filter(path.startswith, docroots), key=len)]
            if owner is outer and outer._rules.publishes(tuple(map(os.fsencode, names))):
                yield inner, path


def _names_below(outer: Docroot, inner: Docroot) -> tuple[str, ...] | None:
    """Return the way from one folder to another in it, None if that is not in it."""
    root, path = (Path(docroot.path).resolve() for docroot in (outer, inner))
    return path.relative_to(root).parts if path.is_relative_to(root) else None


def absolute_folder(path: str) -> str:
    """Return the absolute path of a folder, as the user named it, links kept.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: it is none.
        UsageError: it cannot be read.
    """
    try:
        # "." in it: it must be a folder that may be both listed and entered.
        with os.scandir(os.path.join(path, ".")):  # noqa: PTH118 -- a Path drops the dot
            return os.path.abspath(path)  # noqa: PTH100
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as problem:
        raise UsageError(f"cannot read the folder {path}: {problem.strerror}") from problem


def named_handler(target: str, *, is_file: bool) -> Handler:
    """Return the handler ``module:name``, by importing its module.

    Args:
        target: the argument.
        is_file: why it is no folder, unless nothing is there.

    Raises:
        UsageError: there is none.
        UserCodeError: the user's own code raised.
    """
    module, colon, name = target.partition(":")
    if not (colon and is_dotted(module) and is_dotted(name)):
        if is_file:
            raise UsageError(f"not a folder: {target}")
        also = ", and no module:name either" if colon else ""
        raise UsageError(f"no such folder{also}: {target}")
    try:
        found = look_up(imported(module), name)
        if isinstance(found, type) and not hasattr(found, "__await__"):
            found = found()
    except UsageError:
        raise
    except Exception as problem:
        raise UserCodeError(problem) from problem
    if not callable(found):
        raise UsageError(f"{target} is not callable, so it cannot be a handler")
    return cast("Handler", found)


def is_dotted(text: str) -> bool:
    """Whether ``text`` is a name, or several with dots between."""
    return all(part.isidentifier() for part in text.split("."))


def imported(module: str) -> ModuleType:
    """Import a module, also from the current folder.

    Raises:
        UsageError: there is no such module.
        Exception: what it raises.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        # If a module that was found asked for another in vain, it is in the traceback.
        if user_frames(problem.__traceback__) is None:
            raise UsageError(f"no such module: {module}") from problem
        raise


def look_up(module: ModuleType, name: str) -> Any:
    """Return what has the dotted ``name`` in ``module``.

    Raises:
        UsageError: nothing has it.
    """
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError as problem:
        raise UsageError(f"no {name} in the module {module.__name__}") from problem


def format_user_code(problem: Exception) -> list[str]:
    """Return the traceback of ``problem``, from the first frame of the user's code."""
    compiled = compiled_path(problem.__traceback__)
    if compiled and getattr(problem, "filename", None) is None:
        problem.add_note(f"in {compiled}")  # Of a null byte Python does not say where it is.
    return traceback.format_exception(problem.with_traceback(user_frames(problem.__traceback__)))


def compiled_path(trace: TracebackType | None) -> str | None:
    """Return the file that the import system was compiling when it raised.

    None where an import inside the user's code raised: that statement is in the traceback.
    """
    path = None
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code.co_name == "source_to_code":  # `importlib.abc.InspectLoader` has it.
            path = frame.f_locals.get("path")
    return path


def user_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames at its beginning that are ours or the import's."""
    while trace and _NOT_OURS.match(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace
