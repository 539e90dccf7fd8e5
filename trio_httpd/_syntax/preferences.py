"""Preferences: what a peer would rather have, by weight (RFC 9110 §12.4.2, §12.5).

In come the values of Accept and Accept-Encoding; out goes a choice. All work is linear
in what the peer sent, and a field that no honest peer sends, of more than 100 elements or
4096 characters, is as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .fields import TCHAR, split_list

_TOKEN = f"[{TCHAR.decode()}]++"
_PARAMETER = rf'({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")'
# A coding, or a media range, and what is said of it. Each part begins with what the one
# before it cannot hold, so nothing is tried twice.
_ELEMENT = re.compile(rf"({_TOKEN}(?:/{_TOKEN})?)((?:[ \t]*+;[ \t]*+(?:{_PARAMETER})?)*)")
_PARAMETERS = re.compile(_PARAMETER)
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_LEAST = 0.0005
"""Less than any weight that can be written, but not nothing."""
_ORDINARY = 256
"""How long a field may be that is remembered."""
_LONGEST = 4096
_MOST_ELEMENTS = 100
"""What is longer, or has more, is not read: 30 KiB of it took 20 to 40 ms."""


def parse_weights(value: str) -> dict[str, float]:
    """Return how much a peer wants what it names: from 0, not at all, to 1.

    What breaks the grammar is as if it were not there. Where a name comes more than once,
    its highest weight counts. Parameters other than ``q`` are passed over.

    Returns:
        The weights by name, which is in lower case.
    """
    weights: dict[str, float] = {}
    for element in split_list(value):
        match = _ELEMENT.fullmatch(element)
        weight = None if match is None else _weight(match[2])
        if match is not None and weight is not None:
            name = match[1].lower()
            weights[name] = max(weight, weights.get(name, 0))
    return weights


def choose_coding(accept_encoding: str | None, available: Sequence[str]) -> str | None:
    """Return the content coding that a peer shall be sent (§12.5.3).

    Of those that it wants most, the first that is available; none at all, which is
    "identity", comes last where the peer does not say that it would rather have that.

    Args:
        accept_encoding: all lines of the field as one; None where there is none, which
            says nothing, so that nothing is done for it. So it is with more than 100
            elements, empty ones among them, or 4096 characters.
        available: the codings to choose from, in lower case, the best first. "gzip" is what a
            peer may call "x-gzip" too (§8.4.1.3).

    Returns:
        One of ``available``, "identity", or None where not even that is acceptable.
    """
    if accept_encoding is None or _is_excessive(accept_encoding):
        return "identity"
    # Nearly all peers send one of a few values: to remember those makes 0.7 µs of 22.
    ordinary = len(accept_encoding) <= _ORDINARY
    choose = _remembered_choice if ordinary else _choice
    return choose(accept_encoding, tuple(available))


def prefers_json(accept: str | None) -> bool:
    """Whether JSON is wanted more than HTML.

    Where the weights are equal, that is so if it is named more exactly: programs send
    ``application/json, */*``, browsers name HTML and perhaps ``*/*``.

    Args:
        accept: all lines of the field as one; None where there is none, as it is with more
            than 100 elements, empty ones among them, or 4096 characters.
    """
    if accept is None or _is_excessive(accept):
        return False
    weights = parse_weights(accept)
    return _wanted("application/json", weights) > _wanted("text/html", weights)


def _is_excessive(value: str) -> bool:
    # A comma in a quoted string counts as well: so little is not worth reading it twice.
    return len(value) > _LONGEST or value.count(",") >= _MOST_ELEMENTS


def _choice(accept_encoding: str, available: tuple[str, ...]) -> str | None:
    weights = parse_weights(accept_encoding)
    weights.setdefault("identity", 0 if weights.get("*") == 0 else _LEAST)
    if "x-gzip" in weights:
        weights["gzip"] = max(weights["x-gzip"], weights.get("gzip", 0))
    others = weights.get("*", 0)
    choices = {coding: weights.get(coding, others) for coding in (*available, "identity")}
    best = max(choices, key=choices.__getitem__)
    return best if choices[best] else None


_remembered_choice = lru_cache(maxsize=256)(_choice)


def _wanted(media_type: str, weights: dict[str, float]) -> tuple[float, int]:
    """Return how much a type is wanted, and how exactly it is named (§12.5.1)."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    for exactness, name in zip((3, 2, 1), ranges, strict=True):
        if name in weights:
            return (weights[name], exactness) if weights[name] else (0, 0)
    return 0, 0


def _weight(parameters: str) -> float | None:
    """Return the weight among parameters, 1 if there is none; None if it is no weight."""
    for name, value in _PARAMETERS.findall(parameters):
        if name.lower() == "q":
            return float(value) if _WEIGHT.fullmatch(value) else None
    return 1
