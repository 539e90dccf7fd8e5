from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.ranges import (
    MOST_RANGES,
    ByteRange,
    format_content_range,
    format_unsatisfied,
    select_ranges,
)

HUGE = "9" * 100_000


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-100", [(0, 100)]),
        ("bytes=10-", [(10, 100)]),
        ("bytes=99-", [(99, 100)]),
        ("bytes=-1", [(99, 100)]),
        ("bytes=-100", [(0, 100)]),
        ("bytes=-101", [(0, 100)]),
        ("BYTES=0-1", [(0, 2)]),
        ("bytes=000-0009", [(0, 10)]),
        ("bytes=-0010", [(90, 100)]),
        ("bytes=5-5,3-3", [(5, 6), (3, 4)]),
        ("bytes=0-9, -10", [(0, 10), (90, 100)]),
        ("bytes=0-49,25-74", [(0, 50), (25, 75)]),
        ("bytes=,0-1\t, ,,4-5 , ", [(0, 2), (4, 6)]),
        ("bytes= 0-1", [(0, 2)]),
        ("bytes=100-,7-8", [(7, 9)]),
        ("bytes=-0,7-8", [(7, 9)]),
        (f"bytes=0-{HUGE}", [(0, 100)]),
        (f"bytes=-{HUGE}", [(0, 100)]),
        (f"bytes={'0' * 100_000}1-2", [(1, 3)]),
    ],
)
def test_ranges_are_cut_to_the_size_in_their_order(
    value: str, parts: list[tuple[int, int]]
) -> None:
    assert select_ranges(value, 100) == parts


@pytest.mark.parametrize(
    "value",
    ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=-000", "bytes=200-,-0,300-301",
     f"bytes={HUGE}-", f"bytes={HUGE}-{HUGE}"],
)  # fmt: skip
def test_of_ranges_beyond_the_end_none_is_left(value: str) -> None:
    assert select_ranges(value, 100) == []


@pytest.mark.parametrize(
    "value",
    ["", "bytes", "bytes=", "bytes=,", "bytes= , ,", "bytes=-", "bytes=0", "bytes=0-1-2",
     "bytes=--1", "bytes=a-b", "bytes=0-x", "bytes=+1-2", "bytes=1 -2", "bytes=1- 2", "bytes=- 2",
     "bytes=0-1;2-3", "bytes=0-1 2-3", "bytes=0-1,x", "bytes=0x0-1", "bytes=0-1\n", "bytes=\xb2-",
     "bytes=1.0-2", "bytes=*", "bytes =0-1", " bytes=0-1", "bytes:0-1", "bytes 0-1", "bytes==0-1",
     "bytes=bytes=0-1", '"bytes"=0-1'],
)  # fmt: skip
def test_a_set_that_breaks_the_grammar_is_ignored(value: str) -> None:
    assert select_ranges(value, 100) is None


@pytest.mark.parametrize("unit", ["lines", "none", "byte", "bytes2", "", "b\xffytes"])
def test_a_range_in_another_unit_is_ignored(unit: str) -> None:
    assert select_ranges(f"{unit}=0-1", 100) is None


@pytest.mark.parametrize(
    "spec", ["1-0", "99-98", "200-150", f"1{HUGE}-{HUGE}", f"{HUGE}-0", "1-00"]
)
def test_a_range_that_ends_before_it_begins_spoils_its_set(spec: str) -> None:
    assert select_ranges(f"bytes=0-1,{spec}", 100) is None
    assert select_ranges(f"bytes={spec},0-1", 100) is None


def test_ranges_larger_than_the_whole_are_ignored() -> None:
    assert select_ranges("bytes=0-49,0-49", 100) == [(0, 50), (0, 50)]
    assert select_ranges("bytes=0-49,0-50", 100) is None
    assert select_ranges("bytes=0-,0-", 100) is None


def test_there_is_a_most_of_ranges() -> None:
    assert select_ranges("bytes=" + ",,0-0" * MOST_RANGES, 1000) == [(0, 1)] * MOST_RANGES
    assert select_ranges("bytes=" + ",,0-0" * (MOST_RANGES + 1), 1000) is None


@pytest.mark.parametrize("value", ["bytes=-1", f"bytes=-{HUGE}", "bytes=0-,-1"])
def test_the_last_bytes_of_nothing_are_the_whole(value: str) -> None:
    assert select_ranges(value, 0) is None


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-0", "bytes=5-6,0-"])
def test_nothing_has_no_other_bytes(value: str) -> None:
    assert select_ranges(value, 0) == []


@pytest.mark.parametrize("piece", [",", " ", "-", "0", "0-", "-0,", ", \t", "0-0", "bytes="])
def test_a_long_hostile_value_is_ignored(piece: str) -> None:
    # Were its work quadratic, nobody would see the end of it.
    assert select_ranges("bytes=" + piece * (500_000 // len(piece)) + "x", 100) is None


numbers = st.integers(0, 120)


@given(st.lists(st.tuples(numbers, numbers).map(sorted), min_size=1, max_size=4))
def test_the_parts_are_the_bytes_that_a_slice_has(pairs: list[list[int]]) -> None:
    whole = bytes(range(100))
    value = ", ".join(f"{first}-{last}" for first, last in pairs)
    slices = [whole[first : last + 1] for first, last in pairs]
    parts = select_ranges(f"bytes={value}", 100)
    if sum(map(len, slices)) > 100:
        assert parts is None
    else:
        assert parts is not None
        assert [whole[start:stop] for start, stop in parts] == list(filter(None, slices))


@given(st.text("0123456789-,= \t"), st.integers(0, 30))
def test_whatever_is_asked_parts_lie_within_and_are_no_more_than_the_whole(
    text: str, size: int
) -> None:
    parts = select_ranges(f"bytes={text}", size)
    for start, stop in parts or ():
        assert 0 <= start < stop <= size
    assert sum(part.size for part in parts or ()) <= size


parts = st.builds(lambda start, size: ByteRange(start, start + size), numbers, st.integers(1, 5))


@given(st.lists(parts, min_size=1, max_size=20))
def test_what_is_written_can_be_read(parts: list[ByteRange]) -> None:
    value = ",".join(f"{part.start}-{part.stop - 1}" for part in parts)
    assert select_ranges(f"bytes={value}", 1000) == parts


def test_a_part_says_where_it_belongs() -> None:
    assert ByteRange(0, 10).size == 10
    assert format_content_range(ByteRange(0, 10), 100) == "bytes 0-9/100"
    assert format_unsatisfied(100) == "bytes */100"
