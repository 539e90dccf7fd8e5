from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._static.rules.patterns import compile_patterns, path_text


def fits(pattern: str, path: str, *, below: bool = False) -> bool:
    return compile_patterns([pattern], below=below).match(path) is not None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a.js", "a.js"), ("a.js", "x/y/a.js"), ("*.js", "x/.js"), ("*", "x"), ("**", "x/y"),
        ("a?c", "abc"), ("a?c", "x/a\u2603c"), ("a?c", "a\udcffc"), ("a?c", "a\nc"),
        ("[ab]x", "ax"), ("[a-c]", "b"), ("[!a-c]", "d"), ("[^a]", "b"), ("[]]", "]"),
        ("[]a]", "a"), ("[!]]", "a"), ("[a-]", "-"), ("[*]", "*"), ("[[]", "["), ("[a^&~|-]", "^"),
        ("[{]", "{"),
        ("a.b", "a.b"), ("(+)", "(+)"),
        ("/a", "a"), ("a/b", "a/b"), ("/a/b", "a/b"), ("a/*", "a/b"), ("a/*/c", "a/b/c"),
        ("a/**", "a/b"), ("a/**", "a/b/c/d"), ("**/c", "c"), ("**/c", "a/b/c"), ("a/**/c", "a/c"),
        ("a/**/c", "a/b/b/c"), ("a/**.js", "a/b/c.js"), ("a**c/d", "a/b/c/d"), ("a**/c", "ab/c"),
        ("**/a*/**/b", "x/ay/z/b"), ("***/a", "x/a"), ("**/**/a", "a"),
        ("a/", "a/b"), ("a/", "x/a/b/c"), ("/a/", "a/b"), ("a*/", "x/ab/c"),
    ],
)  # fmt: skip
def test_a_pattern_fits(pattern: str, path: str) -> None:
    assert fits(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a.js", "abjs"), ("a.js", "a.jsx"), ("a.js", "a.js/b"), ("a.js", "ba.js"),
        ("a?c", "ac"), ("a?c", "a/c"), ("a*c", "a/c"), ("a", "A"), ("a", "a\n"),
        ("[ab]", "c"), ("[!a]", "a"), ("[a-c]", "-"), ("a[!b]c/d", "a/c/d"), ("x[+-9]a/b", "x/a/b"),
        ("/a", "x/a"), ("a/b", "x/a/b"), ("a/b", "a/b/c"), ("a/*", "a/b/c"), ("a/*", "a"),
        ("a/**", "a"), ("a/**", "b/a/c"), ("**/c", "xc"), ("a/**/c", "ac"), ("a/**/c", "a/bc"),
        ("a/", "a"), ("/a/", "x/a/b"), ("a/", "ba/b"),
    ],
)  # fmt: skip
def test_a_pattern_does_not_fit(pattern: str, path: str) -> None:
    assert not fits(pattern, path)


@pytest.mark.parametrize("path", ["a", "a/b", "a/b/c"])
def test_what_is_below_can_fit_too(path: str) -> None:
    assert fits("a", path, below=True)
    assert fits("x*/a/", f"xy/{path}/z", below=True)
    assert not fits("a", f"b{path}", below=True)


def test_one_of_several_is_enough() -> None:
    patterns = compile_patterns(["*.a", "/b", "c/*"])
    assert [path for path in ("x.a", "b", "c/d", "d/b", "c") if patterns.match(path)] == [
        "x.a", "b", "c/d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "fit"), ("/", "fit"), ("//", "fit"), ("a//b", "fit"), ("../a", "fit"),
        ("a/./b", "fit"), ("a/..", "fit"),
        ("[a", "open"), ("a]b[", "open"), ("a[b/c]", "open"), ("[!", "open"),
        ("[]", "empty"), ("[!]", "empty"), ("[z-a]", "empty"),
        ("*.{js,css}", "brace"), ("a\\*", "backslash"), ("a\0", "backslash"),
    ],
)  # fmt: skip
def test_what_can_fit_nothing_is_no_pattern(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        compile_patterns([pattern])
    assert repr(pattern) in str(caught.value)


def plainly(pattern: str) -> re.Pattern[str]:
    """Return what a pattern means, however long it takes."""
    steps = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    anchored = pattern if "/" in pattern else "**/" + pattern
    parts = re.findall(r"(?:(?<=/)|\A)\*\*/|\*\*|.", anchored, re.DOTALL)
    return re.compile("".join(steps.get(part) or re.escape(part) for part in parts), re.DOTALL)


_NAMES = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)
_PATTERNS = (
    st.lists(st.sampled_from(["a", "b", "*", "**", "?", "/", "/**/"]), min_size=1, max_size=9)
    .map(lambda parts: re.sub("/+", "/", re.sub(r"\*{3,}", "**", "".join(parts))).strip("/"))
    .filter(bool)
)


@given(_PATTERNS, _NAMES)
def test_haste_changes_no_meaning(pattern: str, path: str) -> None:
    expected = plainly(pattern).fullmatch(path) is not None
    assert fits(pattern, path) == expected
    prefixes = (path[:stop] for stop in range(len(path)) if path[stop] == "/")
    wanted = expected or any(plainly(pattern).fullmatch(prefix) for prefix in prefixes)
    assert fits(pattern, path, below=True) == wanted


@pytest.mark.parametrize(
    "pattern",
    ["a*a*a*a*b", "**a*b", "**a**a**a**b", "**/a*a/a*a/**/b", "*?*?*?*?b", "**/**/**/a/**/b"],
)
@pytest.mark.parametrize("name", ["a", "a/", "aa/", "aaaaaaaaa/"])
def test_no_path_takes_long(pattern: str, name: str) -> None:
    """Time the processor: what is not linear would take minutes here."""
    path = (name * 100_000)[:100_000] + "c"
    began = time.process_time()
    assert not fits(pattern, path)
    assert time.process_time() - began < 2


def test_the_names_of_a_path_are_text_with_slashes() -> None:
    assert path_text(()) == ""
    assert path_text((b"a b", "\u2603".encode(), b"\xff")) == "a b/\u2603/\udcff"
