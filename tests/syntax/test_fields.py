from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._syntax.fields import encode_field, encode_unframed, is_token, split_list


@pytest.mark.parametrize("name", ["X-A", "!#$%&'*+-.^_`|~09aZ", "a"])
def test_a_token_is_made_of_tchars(name: str) -> None:
    assert is_token(name)


@pytest.mark.parametrize("name", ["", "a b", "a:", "ä", "a\n", "(a)", "a\x00"])
def test_anything_else_is_no_token(name: str) -> None:
    assert not is_token(name)


def test_a_field_is_encoded_byte_for_character() -> None:
    assert encode_field("X-Name", " caf\xe9\t") == (b"X-Name", b"caf\xe9")


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nX: y", "a\x00", "\x7f", "\x01", "€"])
def test_a_value_that_could_forge_or_not_be_encoded_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a value for the field X"):
        encode_field("X", value)


def test_a_long_value_that_is_refused_is_shown_cut() -> None:
    with pytest.raises(ValueError, match="not a value for the field X") as caught:
        encode_field("X", "\n" * 30_000 + "a")
    assert len(str(caught.value)) < 5000


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(ValueError, match="not a field name"):
        encode_field("X Y", "a")


@given(st.text())
def test_no_encoded_value_holds_a_line_end(value: str) -> None:
    try:
        _, encoded = encode_field("X", value)
    except ValueError:
        return
    assert not set(encoded) & set(b"\r\n\0")


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        (" , ,a,, ", ["a"]),
        ("a, b\t,c", ["a", "b", "c"]),
        ('a="1,2", b', ['a="1,2"', "b"]),
        (r'"x\",y", z', [r'"x\",y"', "z"]),
        ('"open, a', ['"open, a']),
    ],
)
def test_a_list_splits_at_commas_outside_quotes(value: str, elements: list[str]) -> None:
    assert split_list(value) == elements


@pytest.mark.parametrize(
    "name", ["Connection", "content-length", "Keep-Alive", "TRANSFER-ENCODING"]
)
def test_a_field_that_frames_is_not_the_callers(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        encode_unframed(name, "a")
    assert encode_unframed("X-" + name, "a") == (b"X-" + name.encode(), b"a")
