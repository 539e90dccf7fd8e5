"""Conditions: entity tags, and whether a request's conditions hold (RFC 9110 §13).

In come field values and what is known of a representation; out goes the status that
answers instead of it, or None where the request goes on. All work is linear in what
the peer sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .dates import parse_date

# A tag or nothing, then a comma or the end: an element of a list (§5.6.1). Each part
# begins with what the one before it cannot hold, so nothing is tried twice.
_ELEMENT = re.compile(r'[ \t]*+(?:(W/|)("[\x21\x23-\x7e\x80-\xff]*+")[ \t]*+)?(?:,|\Z)')


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


def parse_tags(value: str) -> list[EntityTag] | Literal["*"]:
    """Return the tags of a list, or ``"*"``, which stands for any.

    Of a list that breaks the grammar, no tag is taken: whoever sent it is told what
    there is, as if he knew nothing.
    """
    if value.strip(" \t") == "*":
        return "*"
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
        if_none_match: all lines of the field as one, joined by commas.
        if_modified_since: None also where the field came more than once (§13.1.3).
    """

    if_none_match: str | None = None
    if_modified_since: str | None = None


class Validators(NamedTuple):
    """What tells one state of a representation from another (§8.8).

    Args:
        etag: its entity tag.
        modified: when it last changed, in whole seconds since the epoch.
    """

    etag: EntityTag
    modified: int


def failed_status(
    conditions: Conditions, current: Validators, *, reading: bool
) -> Literal[304, 412] | None:
    """Return the status that answers a condition that fails, None if none does.

    The order is that of §13.2.2: a condition on tags, which are exact, hides the one
    on dates beside it.

    Args:
        conditions: those of the request.
        current: the validators of what would be sent.
        reading: whether the method is GET or HEAD.
    """
    if conditions.if_none_match is not None:
        if not _any_like(conditions.if_none_match, current.etag):
            return None
        return 304 if reading else 412
    if reading and conditions.if_modified_since is not None:
        since = parse_date(conditions.if_modified_since)
        if since is not None and current.modified <= since:
            return 304
    return None


def _any_like(value: str, etag: EntityTag) -> bool:
    """Whether a list of tags has one like ``etag``; ``*`` has."""
    tags = parse_tags(value)
    return tags == "*" or any(tag.is_like(etag) for tag in tags)
