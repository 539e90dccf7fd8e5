"""OS errors: which status a client gets where the system does not open a file.

In comes an `OSError`; out goes an `HTTPError`, or the same error where it has no status.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..._message.errors import HTTPError

Statuses = dict[int | None, int]
EXHAUSTED: Statuses = dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM), 503)
STATUS_OF: Statuses = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), 404),
    # Names that no file there can have, and what is no regular file.
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ), 404),
    **dict.fromkeys((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP), 404),
    **dict.fromkeys((errno.EACCES, errno.EPERM), 403),
    errno.EAGAIN: 503,  # Another process has a lease on it (fcntl(2)), and has to give it up first.
    **EXHAUSTED,
}


def is_exhaustion(problem: BaseException | None) -> bool:
    """Whether descriptors or memory ran out."""
    return isinstance(problem, OSError) and problem.errno in EXHAUSTED


def exhaustion_is_503() -> AbstractContextManager[None]:
    """Map running out of descriptors or memory to 503."""
    return map_os_errors(EXHAUSTED)


@contextmanager
def map_os_errors(statuses: Statuses) -> Iterator[None]:
    """Raise `HTTPError` for an `OSError` that has a status in ``statuses``."""
    try:
        yield
    except OSError as problem:
        status = statuses.get(problem.errno)
        if status is None:
            raise
        raise HTTPError(status) from problem
