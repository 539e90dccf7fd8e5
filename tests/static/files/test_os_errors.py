from __future__ import annotations

import errno
import os

import pytest

from trio_httpd import HTTPError
from trio_httpd._static.files.os_errors import (
    EXHAUSTED,
    STATUS_OF,
    exhaustion_is_503,
    is_exhaustion,
    map_os_errors,
)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOENT, 404), (errno.ENOTDIR, 404), (errno.ELOOP, 404), (errno.ENXIO, 404),
        (errno.ENAMETOOLONG, 404), (errno.EILSEQ, 404), (errno.EACCES, 403), (errno.EPERM, 403),
        (errno.EAGAIN, 503), (errno.EMFILE, 503), (errno.ENFILE, 503), (errno.ENOMEM, 503),
    ],
)  # fmt: skip
def test_an_os_error_with_a_status_is_an_http_error(number: int, status: int) -> None:
    problem = OSError(number, os.strerror(number))
    with pytest.raises(HTTPError, match=str(status)) as caught, map_os_errors(STATUS_OF):
        raise problem
    assert caught.value.__cause__ is problem
    assert caught.value.detail is None


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EBADF])
def test_an_os_error_without_a_status_stays_as_it_is(number: int) -> None:
    problem = OSError(number, os.strerror(number))
    with pytest.raises(OSError, match=os.strerror(number)) as caught, map_os_errors(STATUS_OF):
        raise problem
    assert caught.value is problem


def test_exhaustion_is_503_and_all_other_errors_stay() -> None:
    with pytest.raises(FileNotFoundError), exhaustion_is_503():
        raise FileNotFoundError(errno.ENOENT, "no such file")
    for number in EXHAUSTED:
        with pytest.raises(HTTPError, match="503"), exhaustion_is_503():
            raise OSError(number, "exhausted")


def test_exhaustion_is_told_from_all_other_errors() -> None:
    assert all(is_exhaustion(OSError(number, "exhausted")) for number in EXHAUSTED)
    assert not any(map(is_exhaustion, (OSError(errno.EAGAIN, "again"), HTTPError(503), None)))
