"""The scenarios: what the load asks, byte by byte, and what a server does for it."""

from __future__ import annotations

from dataclasses import dataclass

from .conveyor import BROWSER, TINY
from .work import UPLOAD, WORKS, Work


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request, sent again and again.

    Args:
        name: what the command line calls it.
        title: what the table calls it.
        request: the whole request, as it is sent.
        work: what a server does for it.
    """

    name: str
    title: str
    request: bytes
    work: Work


def wrk_script(request: bytes) -> str:
    """Return a script that makes wrk send exactly ``request``."""
    # `wrk.format` is called once, at the start: the script costs nothing afterwards.
    literal = "".join(f"\\{byte:03}" for byte in request)
    return f'wrk.format = function() return "{literal}" end\n'


def _named(name: str, title: str, request: bytes) -> Scenario:
    return Scenario(name, title, request, WORKS[name])


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        _named("hello", "GET with a head of two lines, 13 bytes answered", TINY),
        _named("browser", "GET with a browser's head, 13 bytes answered", BROWSER),
        _named("post", "POST of 1 KiB, read by the handler, 13 bytes answered", UPLOAD),
        _named("large", "GET with a head of two lines, 100 KiB answered", TINY),
    )
}
