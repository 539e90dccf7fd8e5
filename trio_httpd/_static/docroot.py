"""The docroot: a folder to publish, as a value that is a handler too."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from .._message.errors import HeaderItems
from .._message.request import Request
from .rules.checks import pairs_in
from .rules.folder import FolderRules


class ServesFiles(Protocol):
    """What a `Docroot` or `Mounts` needs of a `Connection`, or of what stands in for one."""

    # It is a protocol because connections are made on a higher floor.

    @property
    def request(self) -> Request:
        """See `Connection.request`."""

    def serve_file(self, path: str | None = None, *, docroot: Docroot) -> Awaitable[None]:
        """See `Connection.serve_file`."""


@dataclass(frozen=True, slots=True)
class Docroot:
    """A folder whose files are published; also the handler that does so.

    ``serve(Docroot("public"), 8080)`` serves a folder; as ``docroot=`` among the options
    it is what `Connection.serve_file` serves from. Nothing outside the folder is ever
    sent, unless ``follow_symlinks`` says so.

    A pattern, wherever one is meant, is that of a shell: ``*`` and ``?`` stand for what
    is no slash, ``**`` for anything, ``[...]`` for one of a set, ``[!...]`` for one of the
    others; ``**/`` may be no folder at all. Without a slash in it, it is about the name of
    a file or folder wherever that lies; with one (it may begin with it), about the whole
    path from the docroot; with one at its end, about all that is in such a folder. Of
    several rules the first counts whose pattern fits.

    Args:
        path: the folder, made absolute now; it may be a symbolic link. It is opened when
            it is needed; that it cannot be opened is a failure of the server, not of the
            peer.
        index: names of files that stand for the folder that they are in, the first
            that is there; () for none.
        listing: whether a folder without an index is shown as a page, or as JSON to
            those who prefer that. Else it is 404.
        precompressed: content codings, of "br", "zstd" and "gzip", the best first. Where
            a peer takes one of them and there is a file beside the one that is asked,
            with ``.br``, ``.zst`` or ``.gz`` added to its name, that is sent instead. A
            file that is only there compressed is not there.
        follow_symlinks: False refuses symbolic links below the folder (404). True follows
            those that lead to what is inside of it. ``"anywhere"`` follows all.
        hidden: whether files and folders with a dot in front are published. Without it
            only ``.well-known`` at the top is (RFC 8615).
        hide: patterns of what is not published, with all that is below it; who asks is
            told 404.
        cache_control: the value of ``Cache-Control``; or values by pattern, as a mapping or
            as (pattern, value) pairs.
        spa: whether the index of the docroot answers, with 200, where there is no such
            file: for applications that route in the browser. Names with an extension, of
            scripts and pictures, stay 404.
        error_pages: a file for each status from 400 to 599 that shall have one, as a path
            from the docroot; it may be hidden.
        headers: fields that go with every answer, errors too.
        cors: whether scripts of any other site may read what is here; or which, as
            origins like ``"https://example.com"`` (Fetch standard, "CORS protocol").
        charset: what is said of text, None for nothing.
        download: whether browsers save files instead of showing them; or patterns of
            those (RFC 6266).
        auth: passwords by user, None for a folder that is open to all. A password is
            itself, or ``"sha256:"`` or ``"sha512:"`` and the hex digest of it. They are
            asked for by Basic authentication (RFC 7617), so TLS should be around it.

    Raises:
        TypeError: a value of another type.
        ValueError: a value without sense.
    """

    path: str | os.PathLike[str]
    index: tuple[str, ...] = ("index.html",)
    _: KW_ONLY
    listing: bool = False
    precompressed: tuple[str, ...] = ()
    follow_symlinks: bool | Literal["anywhere"] = False
    hidden: bool = False
    hide: tuple[str, ...] = ()
    cache_control: str | HeaderItems = ()
    spa: bool = False
    error_pages: Mapping[int, str] = field(default_factory=dict, hash=False)
    headers: HeaderItems = field(default=(), hash=False)
    cors: bool | tuple[str, ...] = False
    charset: str | None = "utf-8"
    download: bool | tuple[str, ...] = False
    auth: Mapping[str, str] | None = field(default=None, hash=False, repr=False)
    _rules: FolderRules = field(init=False, repr=False, compare=False)
    """The options, made ready for use."""

    def __post_init__(self) -> None:
        path = os.path.abspath(self.path)  # noqa: PTH100
        if "\0" in path:
            raise ValueError(f"path: not one of a folder: {path!r}")
        headers = pairs_in("headers", self.headers)
        cache_control = self.cache_control
        if not isinstance(cache_control, str):
            cache_control = pairs_in("cache_control", cache_control)
        rules = FolderRules(
            index=self.index,
            listing=self.listing,
            precompressed=self.precompressed,
            follow_symlinks=self.follow_symlinks,
            hidden=self.hidden,
            hide=self.hide,
            cache_control=cache_control,
            spa=self.spa,
            error_pages=self.error_pages,
            headers=headers,
            cors=self.cors,
            charset=self.charset,
            download=self.download,
            auth=self.auth,
        )
        # A value does not change, whatever becomes of what it was made from.
        auth = None if self.auth is None else MappingProxyType(dict(self.auth))
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "headers", headers)
        object.__setattr__(self, "cache_control", cache_control)
        object.__setattr__(self, "error_pages", MappingProxyType(dict(self.error_pages)))
        object.__setattr__(self, "auth", auth)
        object.__setattr__(self, "_rules", rules)

    def __call__(self, conn: ServesFiles) -> Awaitable[None]:
        """Serve the file that the request names."""
        return conn.serve_file(docroot=self)


DocrootLike = Docroot | str | os.PathLike[str]
"""A docroot, or a path, which stands for one with everything as usual."""


def docroot_of(value: DocrootLike | None) -> Docroot:
    """Return ``value`` as a docroot.

    Raises:
        RuntimeError: there is none.
    """
    if value is None:
        raise RuntimeError("there is no docroot, neither here nor among the options")
    return value if isinstance(value, Docroot) else _plain(os.path.abspath(value))  # noqa: PTH100


@lru_cache(maxsize=32)
def _plain(path: str) -> Docroot:
    """Return the docroot of a path, the same each time, as the cache tells docroots by identity."""
    return Docroot(path)
