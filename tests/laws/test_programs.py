"""Whatever handlers do: responses stay in step with requests, or the connection is cut."""

from __future__ import annotations

import pytest

from tests.laws.programs import play


@pytest.mark.parametrize("tasks", [1, 2])
def test_responses_stay_in_step_or_are_visibly_cut(tasks: int) -> None:
    report = play(range(200), seed=9, tasks=tasks)
    assert report.faults == []
    assert report.seen["programs"] == 200
    assert report.seen["whole"] > 100
    assert report.seen["cut"] > 10
