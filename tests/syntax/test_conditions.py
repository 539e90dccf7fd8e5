from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.conditions import (
    Conditions,
    EntityTag,
    Validators,
    failed_status,
    holds_if_range,
    parse_tags,
)
from trio_httpd._syntax.dates import format_date

A, B, WEAK_A = EntityTag('"a"'), EntityTag('"b"'), EntityTag('"a"', weak=True)
DATE = 784111777
NOW = Validators(A, DATE)
WEAK = Validators(WEAK_A, DATE)
UNKNOWN = Validators(None, None)


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
        ("*", []),
        (" *\t", []),
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


def test_a_weak_tag_is_the_same_as_none() -> None:
    assert A.is_same(A)
    assert not A.is_same(B)
    assert not A.is_same(WEAK_A)
    assert not WEAK_A.is_same(A)
    assert not WEAK_A.is_same(WEAK_A)


# If-None-Match, If-Modified-Since.


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
    conditions = Conditions(if_modified_since=format_date(DATE + seconds))
    assert failed_status(conditions, NOW, reading=True) == status


def test_a_date_is_for_those_who_read() -> None:
    conditions = Conditions(if_modified_since=format_date(DATE))
    assert failed_status(conditions, NOW, reading=False) is None


def test_a_date_that_is_none_is_ignored() -> None:
    assert failed_status(Conditions(if_modified_since="yesterday"), NOW, reading=True) is None


def test_a_condition_on_tags_hides_the_one_on_dates() -> None:
    conditions = Conditions(if_none_match='"b"', if_modified_since=format_date(DATE))
    assert failed_status(conditions, NOW, reading=True) is None


def test_what_is_weak_is_known_by_a_strong_tag_too() -> None:
    assert failed_status(Conditions(if_none_match='"a"'), WEAK, reading=True) == 304


@pytest.mark.parametrize("reading", [True, False])
def test_what_has_no_tag_and_no_date_is_not_known(reading: bool) -> None:
    for conditions in (
        Conditions(if_none_match='"a"'),
        Conditions(if_none_match=""),
        Conditions(if_modified_since=format_date(DATE)),
    ):
        assert failed_status(conditions, UNKNOWN, reading=reading) is None


def test_who_wants_none_at_all_is_told_that_there_is_one() -> None:
    assert failed_status(Conditions(if_none_match="*"), UNKNOWN, reading=True) == 304
    assert failed_status(Conditions(if_none_match="*"), UNKNOWN, reading=False) == 412


# If-Match, If-Unmodified-Since.


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize("value", ['"a"', '"b", "a"', 'W/"a", "a"', "*"])
def test_who_wants_this_state_goes_on(value: str, reading: bool) -> None:
    assert failed_status(Conditions(if_match=value), NOW, reading=reading) is None


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize("value", ['"b"', 'W/"a"', "", "a", '"a" "b"', '"a", b', '"A"', '"a", *'])
def test_who_wants_another_state_is_told_412(value: str, reading: bool) -> None:
    assert failed_status(Conditions(if_match=value), NOW, reading=reading) == 412


@pytest.mark.parametrize("current", [WEAK, UNKNOWN])
def test_only_any_state_is_that_of_what_has_no_strong_tag(current: Validators) -> None:
    for value in ('"a"', 'W/"a"'):
        assert failed_status(Conditions(if_match=value), current, reading=True) == 412
    assert failed_status(Conditions(if_match="*"), current, reading=True) is None


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize(("seconds", "status"), [(-1, 412), (0, None), (1, None)])
def test_who_wants_no_change_since_is_told_412(
    seconds: int, status: int | None, reading: bool
) -> None:
    conditions = Conditions(if_unmodified_since=format_date(DATE + seconds))
    assert failed_status(conditions, NOW, reading=reading) == status


@pytest.mark.parametrize("value", ["yesterday", "", format_date(0)[:-4]])
def test_no_change_since_nobody_knows_when_is_ignored(value: str) -> None:
    assert failed_status(Conditions(if_unmodified_since=value), NOW, reading=True) is None


def test_no_change_of_what_has_no_date_is_ignored() -> None:
    conditions = Conditions(if_unmodified_since=format_date(0))
    assert failed_status(conditions, UNKNOWN, reading=True) is None


# Several of them.

OLDER = format_date(DATE - 1)


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        (Conditions(if_match='"a"', if_unmodified_since=OLDER), None),
        (Conditions(if_match="*", if_unmodified_since=OLDER), None),
        (Conditions(if_match='"b"', if_unmodified_since=format_date(DATE)), 412),
        (Conditions(if_match='"b"', if_none_match='"a"'), 412),
        (Conditions(if_match='"a"', if_none_match='"a"'), 304),
        (Conditions(if_match='"a"', if_none_match='"b"'), None),
        (Conditions(if_unmodified_since=OLDER, if_none_match='"a"'), 412),
        (Conditions(if_unmodified_since=format_date(DATE), if_none_match='"a"'), 304),
        (Conditions(if_match='"a"', if_modified_since=format_date(DATE)), 304),
        (Conditions(if_match='"b"', if_modified_since=format_date(DATE)), 412),
        (Conditions(if_unmodified_since=OLDER, if_modified_since=format_date(DATE)), 412),
    ],
)
def test_each_has_its_turn(conditions: Conditions, status: int | None) -> None:
    assert failed_status(conditions, NOW, reading=True) == status


def test_without_conditions_all_goes_on() -> None:
    assert failed_status(Conditions(), NOW, reading=True) is None


# If-Range.


@pytest.mark.parametrize(
    "value",
    ['"a"', format_date(DATE), "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_the_rest_is_for_who_has_a_part_of_this_state(value: str) -> None:
    assert holds_if_range(value, NOW)


@pytest.mark.parametrize(
    "value",
    ['"b"', 'W/"a"', '"a", "b"', '"a",', '"a" ', "*", "", "a", '"a', OLDER, format_date(DATE + 1),
     "yesterday"],
)  # fmt: skip
def test_the_rest_is_for_nobody_else(value: str) -> None:
    assert not holds_if_range(value, NOW)


def test_a_part_of_what_is_weak_has_no_rest() -> None:
    assert not holds_if_range('"a"', WEAK)
    assert not holds_if_range('W/"a"', WEAK)


@pytest.mark.parametrize("value", ['"a"', 'W/"a"', '""', format_date(DATE), "", "None"])
def test_a_part_of_what_nobody_knows_has_no_rest(value: str) -> None:
    assert not holds_if_range(value, UNKNOWN)


@given(st.text("!#ab").map('"{}"'.format), st.integers(0, 2**33))
def test_what_we_say_of_a_state_holds_for_it(opaque: str, modified: int) -> None:
    current = Validators(EntityTag(opaque), modified)
    said = [opaque, format_date(modified)]
    assert all(holds_if_range(value, current) for value in said)
    conditions = Conditions(if_match=said[0], if_unmodified_since=said[1])
    assert failed_status(conditions, current, reading=True) is None
    for known in (Conditions(if_none_match=said[0]), Conditions(if_modified_since=said[1])):
        assert failed_status(known, current, reading=True) == 304
