from __future__ import annotations

import pytest

from trio_httpd._static.rules.checks import (
    mapping_in,
    naming,
    pairs_in,
    require_flag,
    require_texts,
)


def test_a_complaint_begins_with_the_option() -> None:
    with pytest.raises(ValueError, match=r"^colour: no such one$"), naming("colour"):
        raise ValueError("no such one")


def test_a_flag_is_true_or_false() -> None:
    require_flag("a", True)
    for value in (1, "yes", None):
        with pytest.raises(TypeError, match=r"^a: True or False, not "):
            require_flag("a", value)


def test_texts_are_a_tuple() -> None:
    require_texts("a", ("x", "y"))
    for value in ("x", ["x"], (1,), None):
        with pytest.raises(TypeError, match=r"^a: a tuple of texts, not "):
            require_texts("a", value)


@pytest.mark.parametrize(
    "value", [{"x": "y"}, [("x", "y")], (["x", "y"],), iter([("x", "y")]), {"x": "y"}.items()]
)
def test_pairs_come_in_many_forms(value: object) -> None:
    assert pairs_in("a", value) == (("x", "y"),)
    assert pairs_in("a", ()) == ()


@pytest.mark.parametrize("value", ["xy", b"xy", ["xy"], 1, None, {"x": 1}, {1: "x"}, [("x",)], [1]])
def test_what_has_no_pairs_of_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"^a: a mapping or pairs of text, not "):
        pairs_in("a", value)


def test_a_mapping_has_keys_of_one_type() -> None:
    mapping_in("a", {400: "x"}, int, "b to c")
    for value in ([(400, "x")], {400: 1}, {"400": "x"}, {True: "x"}, None):
        with pytest.raises(TypeError, match=r"^a: a mapping from b to c, "):
            mapping_in("a", value, int, "b to c")
