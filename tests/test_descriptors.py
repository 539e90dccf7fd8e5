from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_httpd.descriptors import fill_standard


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
