from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_httpd._server.descriptors import fill_standard, most_connections, most_held, raise_limit


@pytest.fixture
def standard_input() -> Iterator[None]:
    """Put the standard input back in its place in the end."""
    kept = os.dup(0)
    yield
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.usefixtures("standard_input")
def test_a_standard_descriptor_that_is_closed_becomes_nothing() -> None:
    output = os.fstat(1)
    os.close(0)
    fill_standard()
    assert os.fstat(0).st_rdev == Path(os.devnull).stat().st_rdev
    assert os.get_inheritable(0)
    assert os.path.samestat(os.fstat(1), output)


@pytest.mark.usefixtures("descriptors_as_before")
def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    raised = math.inf if hard == resource.RLIM_INFINITY else hard
    assert raise_limit() == raised
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert raise_limit() == raised


@pytest.mark.parametrize("problem", [OSError, ValueError])
@pytest.mark.usefixtures("descriptors_as_before")
def test_a_limit_that_cannot_be_raised_stays(
    problem: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise problem

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    with monkeypatch.context() as patching:
        patching.setattr(resource, "setrlimit", refuse)
        assert raise_limit() == 200


def test_no_limit_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: endless)
    assert raise_limit() == math.inf


@pytest.mark.parametrize(
    ("limit", "connections"),
    [(8, 1), (17, 1), (64, 24), (256, 112), (2**20, 2**19 - 64), (math.inf, math.inf)],
)
def test_some_descriptors_are_kept_for_files(limit: float, connections: float) -> None:
    assert most_connections(limit) == connections


@pytest.mark.parametrize(("limit", "held"), [(20, 8), (256, 16), (4096, 64)])
@pytest.mark.usefixtures("descriptors_as_before")
def test_half_of_those_for_files_may_be_held(limit: int, held: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    assert most_held() == held


def test_where_there_is_no_limit_files_are_held_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: endless)
    assert most_held() == 64
