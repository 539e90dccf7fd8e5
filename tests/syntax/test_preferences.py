from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.preferences import (
    choose_coding,
    parse_weights,
    prefers_json,
)

CODINGS = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("value", "weights"),
    [
        ("gzip", {"gzip": 1}),
        ("GZip, BR;Q=0.5", {"gzip": 1, "br": 0.5}),
        ("a;q=0.125 ,\tb ; q=0, c;\tq=1.000,d;q=1.,e;q=0.",
         {"a": 0.125, "b": 0, "c": 1, "d": 1, "e": 0}),
        (", ,a,,b, ", {"a": 1, "b": 1}),
        ("a;q=0.2, a;q=0.7, A;q=0.1", {"a": 0.7}),
        ("text/html;level=1;q=0.3", {"text/html": 0.3}),
        ("text/html;q=0.3;level=1", {"text/html": 0.3}),
        ("text/html;q=0.3;q=0.4", {"text/html": 0.3}),
        ("text/html;;q=0.3;", {"text/html": 0.3}),
        ('text/html;a="x,;q=0\\"";q=0.3', {"text/html": 0.3}),
        ("*/*, text/*;q=0.1, *;q=0.2", {"*/*": 1, "text/*": 0.1, "*": 0.2}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_list_is_read_with_its_weights(value: str, weights: dict[str, float]) -> None:
    assert parse_weights(value) == weights


@pytest.mark.parametrize(
    "element",
    ["a;q=2", "a;q=1.001", "a;q=0.1234", "a;q=-1", "a;q=.5", "a;q=", "a;q", "a;q=x", "a; q =0.5",
     "a;q= 0.5", 'a;q="0.5"', "a b", "a/b/c", "/b", "a/", ";q=1", "a=1", '"a"', 'a;b="', "\xe4",
     "a;q=\xb2", "a;b=c d", "a;q=1e0", "a;q=00.1"],
)  # fmt: skip
def test_what_breaks_the_grammar_is_as_if_it_were_not_there(element: str) -> None:
    assert parse_weights(f"x;q=0.5, y, {element}") == {"x": 0.5, "y": 1}
    if '"' not in element:
        assert parse_weights(f"{element}, x;q=0.5, y") == {"x": 0.5, "y": 1}


@given(
    st.dictionaries(
        st.from_regex(r"[a-z*+]{1,4}(/[a-z*.-]{1,4})?", fullmatch=True),
        st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
    )
)
def test_what_is_written_can_be_read(weights: dict[str, float]) -> None:
    value = ", ".join(f"{name};q={weight}" for name, weight in weights.items())
    assert parse_weights(value) == weights


@pytest.mark.parametrize(
    "piece",
    [
        " ",
        ",",
        ";",
        "; ",
        '"',
        '";',
        "a/",
        "q=",
        ";q=0",
        ";a=b",
        ';a="',
        ';a="\\"',
        "\\",
        "a;q=0.1,",
    ],
)
def test_a_long_hostile_list_is_read_in_no_time(piece: str) -> None:
    # Were its work quadratic, nobody would see the end of it.
    value = "a" + piece * (200_000 // len(piece)) + "\x00"
    assert set(parse_weights(value)) <= {"a", "aa"}


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        # No field; an empty one.
        (None, "identity"),
        ("", "identity"),
        (",", "identity"),
        # What is named, and what is best of it.
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.5", "br"),
        ("GZIP", "gzip"),
        ("deflate", "identity"),
        # Another name.
        ("x-gzip", "gzip"),
        ("X-Gzip;q=0.5, br;q=0.4", "gzip"),
        ("x-gzip;q=0.1, gzip;q=0.5, br;q=0.4", "gzip"),
        ("gzip;q=0.1, x-gzip;q=0.5, br;q=0.4", "gzip"),
        ("x-gzip;q=0", "identity"),
        # Anything.
        ("*", "br"),
        ("*;q=0.1", "br"),
        ("br;q=0, *", "zstd"),
        ("br;q=0.1, *;q=0.5", "zstd"),
        ("gzip, *;q=0.5", "gzip"),
        ("gzip;q=0.5, *;q=0", "gzip"),
        # None.
        ("gzip;q=0", "identity"),
        ("identity", "identity"),
        ("identity, gzip", "gzip"),
        ("identity;q=0.5, gzip;q=0.4", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0.001, gzip;q=0.001", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("identity, *;q=0.9", "identity"),
        ("identity;q=0.5, *;q=0", "identity"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0, *", "br"),
        # Not even none.
        ("identity;q=0", None),
        ("*;q=0", None),
        ("*;q=0, identity;q=0", None),
        ("deflate, identity;q=0", None),
        ("br;q=0, zstd;q=0, gzip;q=0, *;q=0", None),
        # Broken elements.
        ("br;q=2, gzip", "gzip"),
        ("br;q=, *;q=x", "identity"),
        ("identity;q=oh", "identity"),
        ("gzip;q=0, gzip;q=1", "gzip"),
    ],
)
def test_the_coding_is_the_one_wanted_most(field: str | None, coding: str | None) -> None:
    assert choose_coding(field, CODINGS) == coding


def test_a_field_too_long_to_be_remembered_is_read_all_the_same() -> None:
    field = "gzip" + " " * 1000
    assert choose_coding(field, CODINGS) == choose_coding(field, ["gzip"]) == "gzip"
    assert choose_coding(field, ()) == "identity"


@pytest.mark.parametrize("element", ["identity;q=0", "", 'a;b=","'])
def test_a_list_of_more_than_100_elements_is_as_if_it_were_not_there(element: str) -> None:
    for first in ("gzip", "application/json", "image/png"):
        excessive = ",".join([first, *[element] * 100])
        assert choose_coding(excessive, CODINGS) == choose_coding(None, CODINGS)
        assert not prefers_json(excessive)


def test_a_list_of_100_elements_is_read() -> None:
    assert choose_coding(",".join(["gzip"] * 100), CODINGS) == "gzip"
    assert prefers_json(",".join(["application/json"] * 100))


@pytest.mark.parametrize(("length", "is_read"), [(4096, True), (4097, False)])
def test_more_than_4096_characters_are_as_if_they_were_not_there(
    length: int, *, is_read: bool
) -> None:
    assert choose_coding("gzip".ljust(length), CODINGS) == ("gzip" if is_read else "identity")
    assert prefers_json("application/json".ljust(length)) is is_read


@pytest.mark.parametrize("field", [None, "", "gzip", "*", "gzip, *;q=0.5"])
def test_where_nothing_is_available_it_is_identity(field: str | None) -> None:
    assert choose_coding(field, ()) == "identity"


@pytest.mark.parametrize("field", ["identity;q=0", "gzip, *;q=0", "*, identity;q=0"])
def test_where_nothing_is_available_identity_can_be_refused(field: str) -> None:
    assert choose_coding(field, ()) is None


elements = st.tuples(
    st.sampled_from([*CODINGS, "x-gzip", "deflate", "identity", "*"]),
    st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", ";q=9"]),
).map("".join)


@given(st.lists(elements).map(", ".join), st.permutations(CODINGS))
def test_a_refused_coding_is_never_chosen(field: str, available: list[str]) -> None:
    coding = choose_coding(field, available)
    weights = parse_weights(field)
    match coding:
        case None:
            assert weights.get("identity", weights.get("*")) == 0
        case "identity":
            assert weights.get("identity", weights.get("*", 1)) > 0
        case "gzip" if "x-gzip" in weights:
            assert max(weights["x-gzip"], weights.get("gzip", 0)) > 0
        case _:
            assert weights.get(coding, weights.get("*", 0)) > 0


@pytest.mark.parametrize(
    "field",
    ["application/json", "Application/JSON;q=0.1", "application/json, text/html;q=0.9",
     "application/*", "application/json, text/plain, */*", "application/json, text/*",
     "application/json, */*;q=0.5", "text/html;q=0, */*"],
)  # fmt: skip
def test_programs_prefer_json(field: str) -> None:
    assert prefers_json(field)


@pytest.mark.parametrize(
    "field",
    [None, "", "*/*", "text/html", "text/html, application/json", "application/json, text/html",
     "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json;q=0",
     "application/json;q=0.9, */*", "application/json;q=0.1, text/*;q=0.2", "application/xml",
     "application/json;q=7"],
)  # fmt: skip
def test_browsers_and_others_do_not(field: str | None) -> None:
    assert not prefers_json(field)
