"""Docroot options: values of flags become the keyword arguments of a `Docroot`.

Values come in as they were written, one after the other. Each is tried at once, so that an
error message is about the last one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._static.docroot import Docroot

_CACHE_RULE = re.compile(r'(?:(.+):)?([^":]*(?:"[^"]*"[^":]*)*)', re.DOTALL)
_FOREIGN_HASH = re.compile(r"\$[0-9A-Za-z]+\$|\{[A-Z0-9]+\}")


@dataclass(slots=True)
class Folder:
    """A folder to publish, with what the command line says of it.

    Args:
        prefix: where it is mounted, as it was written; None for the TARGET.
        path: as it was written; empty for the TARGET, which stands on its own.
    """

    prefix: str | None = None
    path: str = ""
    said: dict[str, list[str]] = field(default_factory=dict)
    """Values as they were written, by the keyword of `Docroot` that they are for."""
    flags: list[str] = field(default_factory=list)
    """The flags that brought them, in order."""
    password_files: list[str] = field(default_factory=list)
    """Where passwords were read from, as it was written."""

    def say(self, keyword: str, *values: str) -> None:
        """Add ``values`` to those of an option.

        Raises:
            ValueError: they make no sense, alone or with those before.
        """
        self.said.setdefault(keyword, []).extend(values)
        value = _READERS[keyword](self.said[keyword])
        try:
            Docroot(os.sep, **{keyword: value})
        except ValueError as problem:  # It begins with the keyword; a flag is what is meant.
            raise ValueError(str(problem).removeprefix(f"{keyword}: ")) from problem

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of a `Docroot`."""
        return {keyword: _READERS[keyword](values) for keyword, values in self.said.items()}


# From what is written to what a docroot takes: all values of one option, in their order.


def read_switch(flags: Sequence[str]) -> bool:
    """Return what the last of several flags, with or without ``--no-``, says."""
    return not flags[-1].startswith("--no-")


def read_list(values: Iterable[str]) -> tuple[str, ...]:
    """Return all items of lists with commas."""
    return tuple(item.strip() for value in values for item in value.split(","))


def read_links(values: Sequence[str]) -> bool | str:
    """Return which symbolic links are followed."""
    if values[-1] not in ("inside", "anywhere"):
        raise ValueError(f"inside or anywhere, not {values[-1]}")
    return values[-1] if values[-1] == "anywhere" else True


def read_cache_rules(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return rules for ``Cache-Control``, that for everything else at the end."""
    rules: list[tuple[str, str]] = []
    otherwise: list[tuple[str, str]] = []
    for value in values:
        # The last colon that is in no quoted string: the rest is all of the value.
        found = _CACHE_RULE.fullmatch(value)
        if found is None:
            raise ValueError(f"[PATTERN:]VALUE, as in '*.html: no-cache', not {value}")
        pattern, directives = found.groups()
        if pattern is None:
            otherwise.append(("*", directives.strip()))
        else:
            rules.append((pattern, directives.strip()))
    if len(otherwise) > 1:
        raise ValueError("two values without a PATTERN; one can be for all other files")
    return (*rules, *otherwise)


def read_error_pages(values: Iterable[str]) -> dict[int, str]:
    """Return the files of STATUS=FILE."""
    pages: dict[int, str] = {}
    for value in values:
        status, _, file = value.partition("=")
        if not (re.fullmatch("[0-9]{3}", status) and file):
            raise ValueError(f"STATUS=FILE, as in 404=404.html, not {value}")
        if pages.setdefault(int(status), file) != file:
            raise ValueError(f"two files for the status {status}")
    return pages


def read_fields(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the fields of NAME: VALUE."""
    fields = []
    for value in values:
        name, colon, content = value.partition(":")
        if not colon:
            raise ValueError(f"NAME: VALUE, as in 'X-Robots-Tag: noindex', not {value}")
        fields.append((name, content.strip(" \t")))
    return tuple(fields)


def read_origins(values: Sequence[str]) -> bool | tuple[str, ...]:
    """Return whose scripts may read the files; True is everybody's."""
    if "*" not in values:
        return tuple(values)
    if {*values} != {"*"}:
        raise ValueError("either every site or some, not both")
    return True


def read_charset(values: Sequence[str]) -> str | None:
    """Return what is said of text."""
    return None if values[-1] == "none" else values[-1]


def read_users(values: Iterable[str]) -> dict[str, str]:
    """Return passwords by user. No error message shows a password."""
    users: dict[str, str] = {}
    for value in values:
        user, _, password = value.partition(":")
        if not (user and password):
            raise ValueError("USER:PASSWORD is wanted, neither of them empty")
        if users.setdefault(user, password) != password:
            raise ValueError(f"two passwords for {user}")
    return users


_READERS: Mapping[str, Callable[[list[str]], Any]] = {
    "index": tuple,
    "listing": read_switch,
    "precompressed": read_list,
    "follow_symlinks": read_links,
    "hidden": read_switch,
    "hide": tuple,
    "cache_control": read_cache_rules,
    "spa": read_switch,
    "error_pages": read_error_pages,
    "headers": read_fields,
    "cors": read_origins,
    "charset": read_charset,
    "download": tuple,
    "auth": read_users,
}


def users_in(file: str) -> list[str]:
    """Return the lines of a file of passwords, without those that are empty or a comment.

    Raises:
        ValueError: it cannot be read, has no user, or hashes that only other servers know.
    """
    try:
        text = Path(file).read_text("utf-8-sig")
    except OSError as problem:
        raise ValueError(f"cannot read {file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ValueError(f"{file} is not in UTF-8") from problem
    users = []
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.startswith("#"):
            user, _, password = line.partition(":")
            if not (user and password):
                raise ValueError(f"{file}, line {number} is not USER:PASSWORD")
            if _FOREIGN_HASH.match(password):
                raise ValueError(f"{file}, line {number} has a hash of htpasswd, not of SHA-2")
            users.append(line)
    if not users:
        raise ValueError(f"{file} has no user")
    return users
