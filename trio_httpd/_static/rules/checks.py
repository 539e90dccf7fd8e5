"""Checks: whether the value of an option is valid; error messages begin with its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

Pairs = tuple[tuple[str, str], ...]


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Put the name of an option in front of what a `ValueError` says."""
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{option}: {problem}") from None


def require_flag(option: str, value: object) -> None:
    """Raise `TypeError` unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{option}: True or False, not {value!r}")


def require_texts(option: str, value: object, kind: str = "texts") -> None:
    """Raise `TypeError` unless ``value`` is a tuple of text."""
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{option}: a tuple of {kind}, not {value!r}")


def pairs_in(option: str, value: object) -> Pairs:
    """Return a mapping, or (name, value) pairs, of text as pairs.

    Raises:
        TypeError: it is something else.
    """
    items = value.items() if isinstance(value, Mapping) else value
    if isinstance(items, Iterable) and not isinstance(items, str | bytes):
        pairs = tuple(tuple(item) if isinstance(item, tuple | list) else () for item in items)
        if all(len(pair) == 2 and all(isinstance(each, str) for each in pair) for pair in pairs):
            return pairs
    raise TypeError(f"{option}: a mapping or pairs of text, not {value!r}")


def mapping_in(option: str, value: object, key: type, kind: str) -> None:
    """Raise `TypeError` unless ``value`` maps keys of that type to text.

    The values are not shown, as they may be secret.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{option}: a mapping from {kind}, not a {type(value).__name__}")
    for each, text in value.items():
        if not isinstance(each, key) or isinstance(each, bool) or not isinstance(text, str):
            raise TypeError(f"{option}: a mapping from {kind}, where {each!r} is not so")
