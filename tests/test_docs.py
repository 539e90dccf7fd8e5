"""The code in the documentation and the README is code."""

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
        pattern = _MARKDOWN if page.suffix == ".md" else _RST
        for match in pattern.finditer(page.read_text()):
            number = page.read_text()[: match.start()].count("\n") + 1
            yield f"{page.relative_to(ROOT)}:{number}", textwrap.dedent(match[1])


@pytest.mark.parametrize(("place", "code"), [pytest.param(*b, id=b[0]) for b in blocks()])
def test_a_block_of_code_compiles_and_its_imports_exist(place: str, code: str) -> None:
    compile(code, place, "exec")
    imports = [line for line in code.splitlines() if re.match(r"(from|import) ", line)]
    exec("\n".join(line for line in imports if not line.endswith("(")), {})
