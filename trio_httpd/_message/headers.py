"""Headers: the fields of a message, and four ways of asking for one.

A case-blind, immutable multi-dict. ``headers[name]`` is the first value; the methods
here answer what a plain mapping cannot: the same field may come once, several times,
or as a list.
"""

from __future__ import annotations

from collections.abc import Iterable

from multidict import CIMultiDict, CIMultiDictProxy

from .._syntax.fields import split_list


class Headers(CIMultiDictProxy[str]):
    """Header fields by name, without regard to case, in the order sent.

    Everything that `multidict.CIMultiDictProxy` has (``get``, ``getall``, ``items``,
    ``in``) and four questions. Text is ISO-8859-1: one character for each byte.
    """

    __slots__ = ()

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(CIMultiDict(pairs))

    def combined(self, name: str) -> str | None:
        """Return all values of a field as one, joined by commas; None if absent.

        Right for list-based fields only (RFC 9110 §5.3).
        """
        values = self.getall(name, None)
        return None if values is None else ", ".join(values)

    def elements(self, name: str) -> list[str]:
        """Return the elements of a list-based field, over all its lines."""
        return split_list(", ".join(self.getall(name, ())))

    def flags(self, name: str) -> frozenset[str]:
        """Return the elements of a list-based field as a set in lower case."""
        return frozenset(element.lower() for element in self.elements(name))

    def single(self, name: str) -> str | None:
        """Return the value of a field sent exactly once; None if absent or repeated."""
        values = self.getall(name, ())
        return values[0] if len(values) == 1 else None
