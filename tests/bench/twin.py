"""The twin: a server of whatever checkout it is run in, for `against`.

``python -P tests/bench/twin.py PORT SUBJECT`` is run as a file with that checkout as its
working directory, which is where it takes `trio_httpd` from. Of it, and of this project, it
knows the public interface only, so that the checkout may be old. SUBJECT is a scenario, or
a folder to publish.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, os.getcwd())  # noqa: PTH109 -- a string

import trio_httpd

CONTENT = b"Hello, world!"
BUSY_SECONDS = 0.03
_PATIENCE = 3600.0
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9  # <linux/prctl.h>


async def hello(conn: Any) -> None:
    """Answer as the first example of the documentation does."""
    await conn.send(CONTENT)


async def post(conn: Any) -> bytes:
    """Read, and answer."""
    await conn.read_body()
    return CONTENT


async def together(conn: Any) -> bytes:
    """Take CPU time for a while, but for a first request, and answer."""
    end = time.process_time() + (BUSY_SECONDS if conn.request.path == "/busy" else 0)
    while time.process_time() < end:
        pass
    return CONTENT


HANDLERS = {"hello": hello, "browser": hello, "post": post, "together": together}


def main(port: int, subject: str) -> None:
    """Serve until killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if not Path(trio_httpd.__file__).is_relative_to(Path.cwd()):
        sys.exit(f"there is no trio_httpd in {Path.cwd()}")
    handler: Any = HANDLERS.get(subject) or trio_httpd.Docroot(subject)
    timeouts = trio_httpd.Timeouts(keep_alive=_PATIENCE)
    trio.run(partial(trio_httpd.serve, handler, port, timeouts=timeouts))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
