"""No bytes of a peer end a server, leave a task behind, or alarm the log."""

from __future__ import annotations

from tests.laws.fuzz import fuzz


def test_rubbish_harms_nobody() -> None:
    heard = fuzz(2_000, seed=20)
    assert heard.total() == 2_000
    assert heard[b"200"] > 100
    assert heard[b"400"] > 100
