"""Conditions: entity tags, and whether a request's conditions hold (RFC 9110 §13).

In come field values and what is known of a representation; out goes the status that
answers instead of it, or None where the request goes on. All work is linear in what
the peer sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .dates import parse_date

# A tag or nothing, then a comma or the end: an element of a list (§5.6.1). Each part
# begins with what the one before it cannot hold, so nothing is tried twice.
_TAG = r'(W/|)("[\x21\x23-\x7e\x80-\xff]*+")'
_ELEMENT = re.compile(rf"[ \t]*+(?:{_TAG}[ \t]*+)?(?:,|\Z)")
_ONE_TAG = re.compile(_TAG)


class EntityTag(NamedTuple):
    """An entity tag: ``opaque`` with its quotes, and whether it is weak (§8.8.3)."""

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        """Return the tag as it stands in a field."""
        return f"W/{self.opaque}" if self.weak else self.opaque

    def is_like(self, other: EntityTag) -> bool:
        """Compare weakly: both may be weak (§8.8.3.2)."""
        return self.opaque == other.opaque

    def is_same(self, other: EntityTag) -> bool:
        """Compare strongly: neither may be weak (§8.8.3.2)."""
        return self.opaque == other.opaque and not self.weak and not other.weak


def parse_tags(value: str) -> list[EntityTag]:
    """Return the tags of a list; ``*`` is none.

    Of a list that breaks the grammar, no tag is taken: whoever sent it is told what
    there is, as if he knew nothing.
    """
    tags: list[EntityTag] = []
    position = 0
    while position < len(value):
        match = _ELEMENT.match(value, position)
        if match is None:
            return []
        if match[2] is not None:
            tags.append(EntityTag(match[2], weak=match[1] == "W/"))
        position = match.end()
    return tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of a request: field values as sent, None where there is none.

    Args:
        if_match: all lines of the field as one, joined by commas.
        if_none_match: the same.
        if_modified_since: None also where the field came more than once (§13.1.3).
        if_unmodified_since: None also where the field came more than once (§13.1.4).
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None


class Validators(NamedTuple):
    """What tells one state of a representation from another (§8.8).

    Args:
        etag: its entity tag, None where it has none.
        modified: when it last changed, in whole seconds since the epoch; None where
            nobody knows.
    """

    etag: EntityTag | None
    modified: int | None


def failed_status(
    conditions: Conditions, current: Validators, *, reading: bool
) -> Literal[304, 412] | None:
    """Return the status that answers a condition that fails, None if none does.

    The order is that of §13.2.2: what guards against a lost update comes first, and a
    condition on tags, which are exact, hides the one on dates beside it.

    Args:
        conditions: those of the request.
        current: the validators of what would be sent, or be changed.
        reading: whether the method is GET or HEAD.
    """
    if _is_changed(conditions, current):
        return 412
    if _is_known(conditions, current, reading=reading):
        return 304 if reading else 412
    return None


def holds_if_range(value: str, current: Validators) -> bool:
    """Whether who has a part of the state that ``value`` names may be sent the rest of it.

    A tag is compared strongly; a date has to be that of the last change, neither older nor
    later (§13.1.5). That such a date is a strong validator, so old that nothing can have
    changed within its second, is for the peer to make sure: it has the Date of our answer.

    Args:
        value: the field. Where it came more than once, it holds for nobody: do not ask.
        current: the validators of what would be sent.
    """
    if match := _ONE_TAG.fullmatch(value):
        tag = EntityTag(match[2], weak=match[1] == "W/")
        return current.etag is not None and tag.is_same(current.etag)
    return current.modified is not None and parse_date(value) == current.modified


def _is_changed(conditions: Conditions, current: Validators) -> bool:
    """Whether this is not the state that the peer wants to act upon.

    Of an If-Match that breaks the grammar no tag matches, and so it fails (§13.1.1): who
    sent it wanted to be safe.
    """
    if conditions.if_match is not None:
        return not _names(conditions.if_match, current.etag, EntityTag.is_same)
    return _changed_since(conditions.if_unmodified_since, current) is True


def _is_known(conditions: Conditions, current: Validators, *, reading: bool) -> bool:
    """Whether the peer has this state already, or any for who asks about any."""
    if conditions.if_none_match is not None:
        return _names(conditions.if_none_match, current.etag, EntityTag.is_like)
    return reading and _changed_since(conditions.if_modified_since, current) is False


def _changed_since(date: str | None, current: Validators) -> bool | None:
    """Whether the last change was after ``date``.

    Returns:
        None where there is no date, or none that can be read, or nobody knows of the last
        change: then the condition is ignored (§13.1.3, §13.1.4).
    """
    since = None if date is None else parse_date(date)
    if since is None or current.modified is None:
        return None
    return current.modified > since


def _names(
    value: str, current: EntityTag | None, compare: Callable[[EntityTag, EntityTag], bool]
) -> bool:
    """Whether a list of tags has the current one; ``*`` has any."""
    if value.strip(" \t") == "*":
        return True
    if current is None or current.opaque not in value:
        return False  # As nearly always: a long list need not be read.
    return any(compare(tag, current) for tag in parse_tags(value))
