"""Folder options: the flags of the command that say how a folder is published.

Arguments come in; folders go out, each with the keywords of its `Docroot`. A flag in
front of the first ``--mount`` is about the TARGET, one behind a ``--mount`` about the
folder that this one names. Each value is tried when it is read, so that a complaint
names the flag that it is about.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .docroot import Docroot

IMPLIED = {"--cors": "*", "--download": "*", "--follow-symlinks": "inside"}
"""What a flag means that has no value. One that it has stands behind "=", or else the
TARGET behind a bare flag would be taken for it."""

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

    def say(self, keyword: str, *values: str) -> None:
        """Add ``values`` to those of an option.

        Raises:
            ValueError: they make no sense, alone or with those before.
        """
        self.said.setdefault(keyword, []).extend(values)
        Docroot(os.sep, **{keyword: _READERS[keyword](self.said[keyword])})

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
        (otherwise if pattern is None else rules).append((pattern or "*", directives.strip()))
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
    """Return passwords by user. No complaint shows what may be one."""
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
            _, _, password = line.partition(":")
            if not password:
                raise ValueError(f"{file}, line {number} is not USER:PASSWORD")
            if _FOREIGN_HASH.match(password):
                raise ValueError(f"{file}, line {number} has a hash of htpasswd, not of SHA-2")
            users.append(line)
    if not users:
        raise ValueError(f"{file} has no user")
    return users


# The flags.


class _AboutFolder(argparse.Action):
    """Has a value noted with the folder that it is about."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        flag = option_string or ""
        value = flag if self.nargs == 0 else values
        if not value:  # A shell's variable that is not set says nothing.
            raise argparse.ArgumentError(self, "it is empty")
        try:
            self.note(namespace.folders, value)
        except ValueError as problem:
            raise argparse.ArgumentError(self, str(problem)) from problem
        namespace.folders[-1].flags.append(flag)

    def note(self, folders: list[Folder], value: str) -> None:
        """Note ``value`` with the last of ``folders``."""
        folders[-1].say(self.dest, value)


class _AuthFile(_AboutFolder):
    def note(self, folders: list[Folder], value: str) -> None:
        folders[-1].say(self.dest, *users_in(value))


class _Mount(_AboutFolder):
    def note(self, folders: list[Folder], value: str) -> None:
        prefix, _, path = value.partition("=")
        if not (prefix and path):
            raise ValueError(f"PREFIX=FOLDER, as in /files=public, not {value}")
        folders.append(Folder(prefix, path))


def spelled_out(arguments: Iterable[str]) -> list[str]:
    """Return ``arguments`` with the values that some flags have without saying so."""
    rest = iter(arguments)
    spelled = []
    for argument in rest:
        implied = IMPLIED.get(argument)
        spelled.append(argument if implied is None else f"{argument}={implied}")
        if argument == "--":
            break
    return [*spelled, *rest]


_PATTERNS = """\
Flags in front of the first --mount are about the TARGET, those behind a --mount about
its folder. A PATTERN is that of a shell, so quote it: without a slash it is about names,
with one about paths from the folder, and ** fits slashes too. What stands in [=...] can
be left out, and needs the "=" if it is not."""

# Flags, the keyword of `Docroot`, what a value is called, and what the flags mean.
_FLAGS = (
    ("--index", "index", "NAME",
     "the file that stands for the folder that it is in; of several, the first that is there"
     " (repeatable; default: index.html)"),
    ("--listing --no-listing", "listing", "",
     "show what is in a folder without an index (default: not found)"),
    ("--precompressed", "precompressed", "CODING,...",
     "send FILE.br, FILE.zst or FILE.gz in the place of FILE, where it is there and the browser"
     " takes it; which of br, zstd and gzip, the best first, as in br,gzip"),
    ("--follow-symlinks", "follow_symlinks", "[=anywhere]",
     "follow symbolic links to what is inside of the folder, or to anywhere (default: not"
     " found)"),
    ("--hidden", "hidden", "",
     "publish names with a dot in front, too (default: only .well-known)"),
    ("--hide", "hide", "PATTERN",
     "do not publish what fits, as in '*.bak' or 'drafts/**' (repeatable)"),
    ("--cache-control", "cache_control", "[PATTERN:]VALUE",
     "how long a file may be kept, as in max-age=60 or"
     " 'assets/**: max-age=31536000, immutable'; the first PATTERN that fits counts, and a"
     " VALUE alone is for what none fits (repeatable)"),
    ("--spa", "spa", "",
     "answer with the index of the folder where there is no such file, for applications that"
     " route in the browser; names with an extension stay not found"),
    ("--error-page", "error_pages", "STATUS=FILE",
     "send a file with an error, as in 404=errors/404.html (repeatable)"),
    ("--header", "headers", "'NAME: VALUE'",
     "add a field to every response, as in 'X-Robots-Tag: noindex' (repeatable)"),
    ("--cors", "cors", "[=ORIGIN]",
     "let scripts of all other sites read the files, or of one, as in"
     " --cors=https://example.com (repeatable)"),
    ("--charset", "charset", "NAME",
     "the encoding that text is said to be in; none says nothing (default: utf-8)"),
    ("--download", "download", "[=PATTERN]",
     "have browsers save files, all or those that fit, instead of showing them (repeatable)"),
    ("--auth", "auth", "USER:PASSWORD",
     "ask for a password; as USER:sha256:HEX or USER:sha512:HEX it is told by its digest"
     " (repeatable)"),
    ("--auth-file", "auth", "FILE",
     "ask for one of the passwords in FILE, each on a line as for --auth: what is in a file is"
     " not in the list of processes (repeatable)"),
)  # fmt: skip


def add_mounts(group: argparse._ArgumentGroup) -> None:
    """Let the parser of ``group`` read ``--mount``, into ``folders`` of its namespace."""
    group.add_argument(
        "--mount",
        metavar="PREFIX=FOLDER",
        action=_Mount,
        default=argparse.SUPPRESS,
        help="publish a folder below a path, as in /files=/srv/files; flags behind it say how"
        " (repeatable). Without a TARGET, there is nothing but the mounts",
    )


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` read how folders are published, into ``folders`` of its namespace.

    The first of these is the TARGET.
    """
    parser.set_defaults(folders=[Folder()])
    group = parser.add_argument_group("how a folder is published", _PATTERNS)
    for flags, keyword, metavar, meaning in _FLAGS:
        group.add_argument(
            *flags.split(),
            dest=keyword,
            metavar=metavar or None,
            action=_AuthFile if flags == "--auth-file" else _AboutFolder,
            nargs=None if metavar else 0,
            default=argparse.SUPPRESS,
            help=meaning,
        )
