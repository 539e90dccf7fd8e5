from __future__ import annotations

import math
from typing import Any

import pytest

from trio_httpd import Limits, Timeouts


def test_the_defaults_are_those_that_are_promised() -> None:
    assert Timeouts() == Timeouts(
        connection_setup=10, header=10, body=30, keep_alive=75, send=60, handler=math.inf, linger=2
    )
    assert Limits() == Limits(
        connections=math.inf,
        requests_per_connection=math.inf,
        request_line=8192,
        header_bytes=32768,
        header_count=100,
        body=16777216,
        progress=4096,
        receive_chunk=65536,
        send_chunk=16384,
    )


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
def test_a_time_is_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="header must be a positive time"):
        Timeouts(header=seconds)


def test_lingering_may_be_left_out() -> None:
    assert Timeouts(linger=0).linger == 0


@pytest.mark.parametrize("seconds", ["1", None, True])
def test_a_time_is_a_number(seconds: Any) -> None:
    with pytest.raises(TypeError, match="send must be a number"):
        Timeouts(send=seconds)


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"connections": 0}, "connections is too small"),
        ({"progress": -1}, "progress is too small"),
        ({"request_line": 0}, "request_line is too small"),
        ({"header_bytes": math.inf}, "header_bytes must be finite"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(limits: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Limits(**limits)


def test_a_size_is_a_whole_number() -> None:
    with pytest.raises(TypeError, match="body must be a whole number"):
        Limits(body=1.5)


def test_nothing_may_be_as_small_as_zero_where_that_means_something() -> None:
    assert Limits(body=0, progress=0, send_chunk=0).progress == 0


@pytest.mark.parametrize("name", ["half_close", "idle"])
def test_an_unknown_timeout_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        Timeouts(**{name: 1})


@pytest.mark.parametrize("name", ["form_parts", "form_field"])
def test_an_unknown_limit_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        Limits(**{name: 1})
