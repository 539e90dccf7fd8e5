"""Programs: servers that can be run, and what must be installed for each."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Program(Generic[Subject]):
    """A server that can be run.

    Args:
        run: serves on a port, until it is killed.
        needs: modules that must be installed for it.
        commands: and commands.
    """

    run: Callable[[int, Subject], None]
    needs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return what it needs and is not installed."""
        modules = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return modules + [name for name in self.commands if find_command(name) is None]


def find_command(name: str) -> str | None:
    """Return where a command is, also where those are that only root has in its path."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which(name, path=path)
