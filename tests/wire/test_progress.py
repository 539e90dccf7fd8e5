from __future__ import annotations

from trio_httpd._wire.progress import Progress


def test_waiting_uses_the_budget_up() -> None:
    progress = Progress(30, 100)
    progress.waited(10)
    progress.moved(99)
    progress.waited(10)
    assert progress.left == 10


def test_enough_bytes_renew_it() -> None:
    progress = Progress(30, 100)
    progress.waited(29)
    progress.moved(60)
    progress.moved(40)
    assert progress.left == 30
    progress.waited(29)
    progress.moved(60)  # What came before counts no more.
    assert progress.left == 1


def test_any_byte_renews_it_where_zero_is_asked() -> None:
    progress = Progress(30, 0)
    progress.waited(29)
    progress.moved(0)
    assert progress.left == 1
    progress.moved(1)
    assert progress.left == 30
