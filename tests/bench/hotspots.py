"""The hot spots: in which functions the time of a request goes."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from trio_httpd import Docroot

from .conveyor import TINY, serve_requests
from .folder import FILES, published_folder

PROFILED = ("hello", "1k")

_LINES = 20


def print_hotspots(scenario: str, requests: int) -> None:
    """Print which functions take the most time of their own over so many requests.

    The profiler makes small functions look dearer than they are: it says where to look,
    not how much there is to gain.

    Args:
        scenario: of `PROFILED`. Without a socket each answer must leave in one piece.
        requests: how many.
    """
    if scenario not in FILES:
        _print_hotspots(partial(serve_requests, TINY, requests))
        return
    with published_folder() as folder:
        request = FILES[scenario].load.request
        _print_hotspots(partial(serve_requests, request, requests, Docroot(folder)))


def _print_hotspots(run: Callable[[], Awaitable[None]]) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    trio.run(run)
    profiler.disable()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(_LINES)
