"""Loading: what the TARGET of the command means, a folder or a handler.

A folder that exists goes first. Else the TARGET is ``module:name``, and the module is
imported: what it raises is the user's to read, in a traceback without frames of ours.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from functools import reduce
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, cast

from .connection import Handler
from .docroot import Docroot

_NOT_OURS = re.compile(
    r"<frozen importlib|" + re.escape(importlib.__file__) + "|" + re.escape(__file__)
)


class Complaint(Exception):  # noqa: N818 -- it is what the user reads
    """Why nothing is served, as one line."""


class ForeignFailure(Exception):  # noqa: N818
    """Carries what the user's own code raised while a handler was looked up."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(problem)
        self.problem = problem


def find_handler(target: str) -> tuple[Handler, str]:
    """Return the handler that ``target`` means, and how it is shown.

    Raises:
        Complaint: there is none.
        ForeignFailure: the user's own code raised.
    """
    if not target:
        raise Complaint("the TARGET is empty; . is the current folder")
    try:
        # "." in it: it must be a folder that may be both listed and entered.
        with os.scandir(os.path.join(target, ".")):  # noqa: PTH118 -- a Path drops the dot
            shown = os.path.abspath(target)  # noqa: PTH100 -- as the user named it, links kept
        return Docroot(shown), shown
    except (FileNotFoundError, NotADirectoryError, ValueError) as problem:
        is_file = isinstance(problem, NotADirectoryError)
    except OSError as problem:
        raise Complaint(f"cannot read the folder {target}: {problem.strerror}") from problem
    # Out here, so that what a module raises does not name the missing folder as its context.
    return named_handler(target, is_file=is_file), target


def named_handler(target: str, *, is_file: bool) -> Handler:
    """Return the handler ``module:name``, by importing its module.

    Args:
        target: the argument.
        is_file: why it is no folder, unless nothing is there.

    Raises:
        Complaint: there is none.
        ForeignFailure: the user's own code raised.
    """
    module, colon, name = target.partition(":")
    if not (colon and is_dotted(module) and is_dotted(name)):
        if is_file:
            raise Complaint(f"not a folder: {target}")
        also = ", and no module:name either" if colon else ""
        raise Complaint(f"no such folder{also}: {target}")
    try:
        found = look_up(imported(module), name)
        if isinstance(found, type) and not hasattr(found, "__await__"):
            found = found()
    except Complaint:
        raise
    except Exception as problem:
        raise ForeignFailure(problem) from problem
    if not callable(found):
        raise Complaint(f"{target} cannot be called, so it is no handler")
    return cast("Handler", found)


def is_dotted(text: str) -> bool:
    """Whether ``text`` is a name, or several with dots between."""
    return all(part.isidentifier() for part in text.split("."))


def imported(module: str) -> ModuleType:
    """Import a module, also from the current folder.

    Raises:
        Complaint: there is no such module.
        Exception: what it raises.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        # If a module that was found asked for another in vain, it is in the traceback.
        if foreign_part(problem.__traceback__) is None:
            raise Complaint(f"no such module: {module}") from problem
        raise


def look_up(module: ModuleType, name: str) -> Any:
    """Return what has the dotted ``name`` in ``module``.

    Raises:
        Complaint: nothing has it.
    """
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError as problem:
        raise Complaint(f"no {name} in the module {module.__name__}") from problem


def format_foreign(problem: Exception) -> list[str]:
    """Return the traceback of ``problem`` from where it left our code."""
    compiled = compiled_path(problem.__traceback__)
    if compiled and getattr(problem, "filename", None) is None:
        problem.add_note(f"in {compiled}")  # Of a null byte Python does not say where it is.
    return traceback.format_exception(problem.with_traceback(foreign_part(problem.__traceback__)))


def compiled_path(trace: TracebackType | None) -> str | None:
    """Return the file that the import system was compiling when it raised.

    None where an import inside the user's code raised: that statement is in the traceback.
    """
    path = None
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code.co_name == "source_to_code":  # `importlib.abc.InspectLoader` has it.
            path = frame.f_locals.get("path")
    return path


def foreign_part(trace: TracebackType | None) -> TracebackType | None:
    """Return what is left of a traceback without our frames and those of the import."""
    while trace and _NOT_OURS.match(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace
