"""Folder rules: what a docroot's options say of a path, a request or an answer.

In come the options, which are checked here; out go answers to questions, each of which
costs as little as it can. Names are bytes, as the file system has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypedDict, Unpack

from ..._syntax.disposition import format_disposition
from ..._syntax.fields import encode_field, encode_unframed, is_token, split_list
from ..media_types import media_type
from .access import CrossOrigin, FieldTexts, Passwords
from .checks import Pairs, mapping_in, naming, require_flag, require_texts
from .patterns import compile_patterns, path_text

Names = tuple[bytes, ...]
Fields = list[tuple[bytes, bytes]]

_WELL_KNOWN = b".well-known"
_SUFFIXES = {"br": b".br", "zstd": b".zst", "gzip": b".gz"}
_OF_ONE_FILE = frozenset(
    (b"content-encoding", b"content-range", b"content-type", b"etag", b"last-modified")
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class FolderOptions(TypedDict):
    """What rules are made of; `Docroot` says what each means."""

    index: tuple[str, ...]
    listing: bool
    precompressed: tuple[str, ...]
    follow_symlinks: bool | Literal["anywhere"]
    hidden: bool
    hide: tuple[str, ...]
    cache_control: str | Pairs
    spa: bool
    error_pages: Mapping[int, str]
    headers: Pairs
    cors: bool | tuple[str, ...]
    charset: str | None
    download: bool | tuple[str, ...]
    auth: Mapping[str, str] | None


class FolderRules:
    """The options of one docroot, checked and made ready for use.

    Raises:
        TypeError: an option of another type.
        ValueError: an option without sense. Both begin with its name and a colon.
    """

    def __init__(self, **options: Unpack[FolderOptions]) -> None:
        for flag in ("listing", "hidden", "spa"):
            require_flag(flag, options[flag])
        _check_links(options["follow_symlinks"])
        _check_index(options["index"], spa=options["spa"])
        _check_charset(options["charset"])
        self.pairs: Pairs = options["headers"]
        """The fields that go with every answer, errors too."""
        self.fields: Fields = _read_headers(self.pairs)
        """The same as bytes."""
        self.codings: tuple[tuple[str, bytes], ...] = _read_codings(options["precompressed"])
        """Content codings with what each adds to a name, the best first."""
        self.error_pages: Mapping[int, Names] = _read_error_pages(options["error_pages"])
        """The path of the file for each status that has one."""
        self._hidden = options["hidden"]
        self._hide = _read_patterns("hide", options["hide"], below=True)
        self._cache = _read_cache_control(options["cache_control"])
        self._download = _read_download(options["download"])
        self._spa = options["spa"]
        self._charset = options["charset"]
        passwords = Passwords(options["auth"])
        self.admits: Callable[[str | None], bool] = passwords.admits
        """Whether a request with that ``Authorization`` field, or None, may see anything."""
        self.challenge: str = passwords.challenge
        """What others are told in ``WWW-Authenticate``, "" where all are admitted."""
        has_auth = options["auth"] is not None
        self._cors = CrossOrigin(options["cors"], authenticated=has_auth)
        self.looks_at_requests: bool = has_auth or bool(options["cors"])
        """Whether `admits` or the fields of CORS are to be asked for each request."""

    def publishes(self, names: Names) -> bool:
        """Whether the path of ``names`` from the docroot may be asked for.

        What is in a folder that is hidden is hidden as well.
        """
        if not self._hidden:
            visible = names[1:] if names[:1] == (_WELL_KNOWN,) else names
            if any(name.startswith(b".") for name in visible):
                return False
        return self._hide is None or not self._hide.match(path_text(names))

    def fields_for(self, names: Names) -> Fields:
        """Return the fields that go with the file at ``names``, whole or not (304, 206)."""
        if not self._cache and self._download is None:
            return []
        path = path_text(names)
        fields = [field for fits, field in self._cache if fits.match(path)][:1]
        if self._download is not None and self._download.match(path):
            filename = path_text(names[-1:])
            fields.append(encode_field("Content-Disposition", format_disposition(filename)))
        return fields

    def media_type(self, name: str) -> str:
        """Return the value of ``Content-Type`` for a file of that name."""
        return media_type(name, self._charset)

    def spa_asked(self, names: Names) -> bool:
        """Whether the docroot's index answers where there is no file at ``names``."""
        return self._spa and b"." not in b"".join(names[-1:])

    def cors_fields(self, origin: str | None) -> FieldTexts:
        """Return what CORS adds to an answer to a request with that ``Origin`` field.

        That may be a ``Vary``, which is to be joined with others.
        """
        return self._cors.answer_fields(origin)

    def preflight_fields(self, origin: str | None) -> FieldTexts:
        """Return what CORS adds to the answer to OPTIONS from that origin.

        That is a browser, if the request has ``Access-Control-Request-Method``. It sends no
        password with it, so none is asked for.
        """
        return self._cors.preflight_fields(origin)


def _check_links(value: object) -> None:
    if isinstance(value, str):
        if value != "anywhere":
            raise ValueError(f"follow_symlinks: True, False or 'anywhere', not {value!r}")
    else:
        require_flag("follow_symlinks", value)


def _check_index(index: tuple[str, ...], *, spa: bool) -> None:
    require_texts("index", index, "names")
    for name in index:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise ValueError(f"index: not the name of a file: {name!r}")
    if spa and not index:
        raise ValueError("spa: there is no index that could answer")


def _check_charset(charset: object) -> None:
    if not isinstance(charset, str | None):
        raise TypeError(f"charset: a name or None, not {charset!r}")
    if charset is not None and not is_token(charset):
        raise ValueError(f"charset: not a name of one: {charset!r}")


def _read_headers(headers: Pairs) -> Fields:
    with naming("headers"):
        fields = [encode_unframed(name, value) for name, value in headers]
        for name, _ in fields:
            if name.lower() in _OF_ONE_FILE:
                raise ValueError(f"{name.decode()} is different for each file")
    return fields


def _read_codings(codings: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    require_texts("precompressed", codings, "codings")
    for coding in codings:
        if coding not in _SUFFIXES:
            raise ValueError(f"precompressed: of br, zstd and gzip, not {coding!r}")
        if codings.count(coding) > 1:
            raise ValueError(f"precompressed: more than one {coding!r}")
    return tuple((coding, _SUFFIXES[coding]) for coding in codings)


def _read_error_pages(pages: Mapping[int, str]) -> Mapping[int, Names]:
    mapping_in("error_pages", pages, int, "statuses to paths")
    for status, path in pages.items():
        if not 400 <= status <= 599:
            raise ValueError(f"error_pages: not the status of an error: {status!r}")
        if not {"", ".", ".."}.isdisjoint(path.split("/")) or "\0" in path:
            raise ValueError(f"error_pages: not a path of a file from the docroot: {path!r}")
    return MappingProxyType(
        {status: tuple(os.fsencode(path).split(b"/")) for status, path in pages.items()}
    )


def _read_patterns(
    option: str, patterns: tuple[str, ...], *, below: bool = False
) -> re.Pattern[str] | None:
    """Return what matches the paths that one of the patterns fits; None fits nothing."""
    require_texts(option, patterns, "patterns")
    with naming(option):
        return compile_patterns(patterns, below=below) if patterns else None


def _read_download(download: bool | tuple[str, ...]) -> re.Pattern[str] | None:
    if isinstance(download, bool):
        download = ("**",) if download else ()
    return _read_patterns("download", download)


def _read_cache_control(
    option: str | Pairs,
) -> list[tuple[re.Pattern[str], tuple[bytes, bytes]]]:
    rules = (("**", option),) if isinstance(option, str) else option
    with naming("cache_control"):
        return [(compile_patterns([pattern]), _read_directives(value)) for pattern, value in rules]


def _read_directives(value: str) -> tuple[bytes, bytes]:
    """Return a ``Cache-Control`` field, if it is one (RFC 9111 §5.2)."""
    for directive in split_list(value) or [""]:
        name, equals, argument = directive.partition("=")
        sound = is_token(argument) or _QUOTED.fullmatch(argument) or not equals
        if not is_token(name) or not sound:
            raise ValueError(f"not a directive: {directive!r}, in {value!r}")
    return encode_field("Cache-Control", value)
