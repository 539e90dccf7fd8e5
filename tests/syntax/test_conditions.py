from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.conditions import (
    Conditions,
    EntityTag,
    Validators,
    failed_status,
    parse_tags,
)
from trio_httpd._syntax.dates import format_date

A, B, WEAK_A = EntityTag('"a"'), EntityTag('"b"'), EntityTag('"a"', weak=True)
NOW = Validators(A, 784111777)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ('"a"', [A]),
        ('W/"a"', [WEAK_A]),
        ('"a", W/"a","b"', [A, WEAK_A, B]),
        (' , "a" ,,\t"b", ', [A, B]),
        ('""', [EntityTag('""')]),
        ('"a,b", "!~\xff"', [EntityTag('"a,b"'), EntityTag('"!~\xff"')]),
        ('"W/"', [EntityTag('"W/"')]),
        ("", []),
        (",", []),
        ("*", "*"),
        (" *\t", "*"),
    ],
)
def test_a_list_of_tags_is_read(value: str, tags: list[EntityTag]) -> None:
    assert parse_tags(value) == tags


@pytest.mark.parametrize(
    "value",
    ["a", '"a', 'a"', '"a" "b"', '"a""b"', '"a", b', '"a", *', 'w/"a"', 'W/ "a"', 'W "a"',
     '"a b"', '"a\\"b"', '"\u20ac"', "**", "W/", '"a"\n'],
)  # fmt: skip
def test_of_a_list_that_breaks_the_grammar_no_tag_is_taken(value: str) -> None:
    assert parse_tags(value) == []


@given(
    st.lists(
        st.builds(
            EntityTag,
            st.text("!#~\x80\xff,ab", max_size=4).map('"{}"'.format),
            st.booleans(),
        )
    )
)
def test_what_is_written_can_be_read(tags: list[EntityTag]) -> None:
    assert parse_tags(", ".join(map(str, tags))) == tags


@pytest.mark.parametrize("piece", [" ", ",", ", ", '"', '""', 'W/"', '"",', "\t,\t", "W/", '"a" '])
def test_a_long_hostile_list_is_refused(piece: str) -> None:
    # Were its work quadratic, nobody would see the end of it.
    assert parse_tags(piece * (500_000 // len(piece)) + "x") == []


def test_a_weak_tag_is_like_a_strong_one() -> None:
    assert A.is_like(A)
    assert A.is_like(WEAK_A)
    assert not A.is_like(B)


@pytest.mark.parametrize("value", ['"a"', 'W/"a"', '"b", "a"', "*"])
def test_who_has_the_tag_is_told_304_and_a_change_412(value: str) -> None:
    conditions = Conditions(if_none_match=value)
    assert failed_status(conditions, NOW, reading=True) == 304
    assert failed_status(conditions, NOW, reading=False) == 412


@pytest.mark.parametrize("value", ['"b"', "", "a", '"A"'])
def test_who_has_another_tag_goes_on(value: str) -> None:
    assert failed_status(Conditions(if_none_match=value), NOW, reading=True) is None


@pytest.mark.parametrize(
    ("seconds", "status"), [(-1, None), (0, 304), (1, 304), (10_000_000_000, 304)]
)
def test_who_has_that_date_or_a_later_one_is_told_304(seconds: int, status: int | None) -> None:
    conditions = Conditions(if_modified_since=format_date(NOW.modified + seconds))
    assert failed_status(conditions, NOW, reading=True) == status


def test_a_date_is_for_those_who_read() -> None:
    conditions = Conditions(if_modified_since=format_date(NOW.modified))
    assert failed_status(conditions, NOW, reading=False) is None


def test_a_date_that_is_none_is_ignored() -> None:
    assert failed_status(Conditions(if_modified_since="yesterday"), NOW, reading=True) is None


def test_a_condition_on_tags_hides_the_one_on_dates() -> None:
    conditions = Conditions(if_none_match='"b"', if_modified_since=format_date(NOW.modified))
    assert failed_status(conditions, NOW, reading=True) is None


def test_without_conditions_all_goes_on() -> None:
    assert failed_status(Conditions(), NOW, reading=True) is None
