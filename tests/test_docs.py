"""The code in the documentation and the README runs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.rst")), ROOT / "README.md"]
_RST = re.compile(r"^\.\. code-block:: python\n\n((?:(?:   .*)?\n)+)", re.MULTILINE)
_MARKDOWN = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text()
        pattern = _MARKDOWN if page.suffix == ".md" else _RST
        for match in pattern.finditer(text):
            number = text[: match.start()].count("\n") + 1
            yield f"{page.relative_to(ROOT)}:{number}", textwrap.dedent(match[1])


BLOCKS = list(blocks())
TESTS = [block for block in BLOCKS if "async def test_" in block[1]]
OTHERS = [block for block in BLOCKS if block not in TESTS]


@pytest.mark.parametrize(("place", "code"), OTHERS, ids=[place for place, _ in OTHERS])
def test_a_block_of_code_runs(place: str, code: str) -> None:
    # Servers that a page starts would run for ever; what they serve is defined all the same.
    code = re.sub(r"^trio(?:_httpd)?\.run\(.*$", "", code, flags=re.MULTILINE)
    exec(compile(code, place, "exec"), {"__name__": "documentation"})


@pytest.mark.parametrize(("place", "code"), TESTS, ids=[place for place, _ in TESTS])
def test_a_block_of_tests_passes(place: str, code: str, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    pytester.makepyfile(code)
    pytester.runpytest_inprocess("-q").assert_outcomes(passed=code.count("async def test_"))
