"""Docroot flags: the arguments of the command that apply to folders.

Arguments come in; `Folder` objects go out. A flag before the first ``--mount`` applies to the
TARGET, a flag after a ``--mount`` to the folder of that mount.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._static.mounts import Mounts
from .docroot_options import Folder, users_in

IMPLIED = {"--cors": "*", "--download": "*", "--follow-symlinks": "inside"}
"""What a flag means that has no value. One that it has stands behind "=", or else the
TARGET behind a bare flag would be taken for it."""


class _AboutFolder(argparse.Action):
    """Notes a value with the folder that it applies to."""

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
        folders[-1].password_files.append(value)


class _Mount(_AboutFolder):
    def note(self, folders: list[Folder], value: str) -> None:
        prefix, _, path = value.partition("=")
        if not (prefix and path):
            raise ValueError(f"PREFIX=FOLDER, as in /files=public, not {value}")
        Mounts({prefix: os.sep})
        # Behind a "=" a shell leaves the tilde alone.
        folders.append(Folder(prefix, os.path.expanduser(path)))  # noqa: PTH111


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
Flags before the first --mount apply to the TARGET, flags after a --mount to its folder.
A PATTERN is a shell pattern, so quote it: without a slash it matches names, with one it
matches paths from the folder, and ** matches slashes too. A value in [=...] is optional,
and needs the "="."""


@dataclass(frozen=True, slots=True)
class _Flag:
    names: str
    keyword: str
    """What it is for `Docroot`."""
    value: str
    """What a value is called; empty where there is none."""
    meaning: str
    action: type[_AboutFolder] = _AboutFolder


_FLAGS = (
    _Flag(
        "--index",
        "index",
        "NAME",
        "the file that stands for the folder that it is in; of several, the first that is there"
        " (repeatable; default: index.html)",
    ),
    _Flag(
        "--listing --no-listing",
        "listing",
        "",
        "show what is in a folder without an index (default: not found)",
    ),
    _Flag(
        "--precompressed",
        "precompressed",
        "CODING,...",
        "send FILE.br, FILE.zst or FILE.gz in the place of FILE, where it is there and the browser"
        " takes it; which of br, zstd and gzip, the best first, as in br,gzip",
    ),
    _Flag(
        "--follow-symlinks",
        "follow_symlinks",
        "[=anywhere]",
        "follow symbolic links to what is inside of the folder, or to anywhere (default: not"
        " found)",
    ),
    _Flag(
        "--hidden",
        "hidden",
        "",
        "publish names with a dot in front, too (default: only .well-known)",
    ),
    _Flag(
        "--hide",
        "hide",
        "PATTERN",
        "do not publish what fits, as in '*.bak' or /drafts, and what is below (repeatable)",
    ),
    _Flag(
        "--cache-control",
        "cache_control",
        "[PATTERN:]VALUE",
        "how long a file may be kept, as in max-age=60 or"
        " 'assets/**: max-age=31536000, immutable'; the first PATTERN that fits counts, and a"
        " VALUE alone is for what none fits (repeatable)",
    ),
    _Flag(
        "--spa",
        "spa",
        "",
        "answer with the index of the folder where there is no such file, for applications that"
        " route in the browser; names with an extension stay not found",
    ),
    _Flag(
        "--error-page",
        "error_pages",
        "STATUS=FILE",
        "send a file with an error, as in 404=errors/404.html (repeatable)",
    ),
    _Flag(
        "--header",
        "headers",
        "'NAME: VALUE'",
        "add a field to every response, as in 'X-Robots-Tag: noindex' (repeatable)",
    ),
    _Flag(
        "--cors",
        "cors",
        "[=ORIGIN]",
        "let scripts of all other sites read the files, or of one, as in"
        " --cors=https://example.com (repeatable)",
    ),
    _Flag(
        "--charset",
        "charset",
        "NAME",
        "the encoding that text is said to be in; none says nothing (default: utf-8)",
    ),
    _Flag(
        "--download",
        "download",
        "[=PATTERN]",
        "have browsers save files, all or those that fit, instead of showing them (repeatable)",
    ),
    _Flag(
        "--auth",
        "auth",
        "USER:PASSWORD",
        "ask for a password; as USER:sha256:HEX or USER:sha512:HEX it is told by its digest"
        " (repeatable)",
    ),
    _Flag(
        "--auth-file",
        "auth",
        "FILE",
        "ask for one of the passwords in FILE, each on a line as for --auth: what is in a file is"
        " not in the list of processes (repeatable)",
        _AuthFile,
    ),
)


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
    for flag in _FLAGS:
        group.add_argument(
            *flag.names.split(),
            dest=flag.keyword,
            metavar=flag.value or None,
            action=flag.action,
            nargs=None if flag.value else 0,
            default=argparse.SUPPRESS,
            help=flag.meaning,
        )
