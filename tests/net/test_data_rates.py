from __future__ import annotations

from trio_httpd._net.data_rates import ReceiveRate, SendRate


def test_waiting_uses_the_budget_up() -> None:
    progress = ReceiveRate(30, 100)
    progress.waited(10)
    progress.moved(99)
    progress.waited(10)
    assert progress.left == 10


def test_enough_bytes_renew_it() -> None:
    progress = ReceiveRate(30, 100)
    progress.waited(29)
    progress.moved(60)
    progress.moved(40)
    assert progress.left == 30
    progress.waited(29)
    progress.moved(60)  # What came before counts no more.
    assert progress.left == 1


def test_any_byte_renews_it_where_zero_is_asked() -> None:
    progress = ReceiveRate(30, 0)
    progress.waited(29)
    progress.moved(0)
    assert progress.left == 1
    progress.moved(1)
    assert progress.left == 30


def test_who_takes_the_least_is_fast_enough() -> None:
    uptake = SendRate(100)
    uptake.begin(1000)
    assert uptake.is_enough(900)
    uptake.give(500)
    assert uptake.is_enough(1300)
    assert not uptake.is_enough(1201)


def test_what_was_taken_at_once_counts_for_two_more_periods() -> None:
    uptake = SendRate(100)
    uptake.begin(100_000)
    assert uptake.is_enough(50_000)
    assert uptake.is_enough(50_000)
    assert uptake.is_enough(50_000)
    assert not uptake.is_enough(50_000)


def test_what_was_taken_when_nobody_waited_counts_too() -> None:
    uptake = SendRate(100)
    uptake.begin(1000)
    uptake.count(800)
    uptake.begin(5000)
    assert uptake.is_enough(5000)
    assert uptake.is_enough(5000)
    assert not uptake.is_enough(5000)


def test_any_byte_is_enough_where_zero_is_asked() -> None:
    uptake = SendRate(0)
    uptake.begin(10)
    assert uptake.is_enough(9)
    assert not uptake.is_enough(9)
