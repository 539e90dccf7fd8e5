"""The hot spots: in which functions the time of a request goes."""

from __future__ import annotations

import cProfile
import pstats

import trio

from .conveyor import TINY, serve_requests

_LINES = 20


def print_hotspots(requests: int) -> None:
    """Print which functions take the most time of their own over so many requests.

    The profiler makes small functions look dearer than they are: it says where to look,
    not how much there is to gain.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    trio.run(serve_requests, TINY, requests)
    profiler.disable()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(_LINES)
