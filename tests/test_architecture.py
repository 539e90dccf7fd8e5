"""The floors of the house: a room imports only from below, or from its own folder.

Every import counts, those for type checkers and those inside functions too, so that no
circle hides behind them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import trio_httpd

ROOT = Path(trio_httpd.__file__).parent

FLOORS = [
    {"_syntax", "abc"},
    {"_net"},
    {"_message"},
    {"_static"},
    {"_exchange"},
    {"_http1"},
    {"_server"},
    {"_cli", "testing"},
    {"__init__", "__main__"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

DOORS = {
    "h11": {"_http1/heads", "testing/_client"},
    "multidict": {"_message/headers", "_message/request"},
}
"""Where a library enters."""

PURE = [
    "_static/rules/patterns",
    "_static/rules/url_paths",
    "_syntax",
    "_http1/strictness",
    "_http1/framing",
    "_http1/parser",
    "_http1/heads",
    "_http1/writer",
    "_net/data_rates",
    "_static/listing/as_json",
    "_static/listing/page",
    "_static/listing/style",
]
"""Rooms that know no trio: bytes and values only."""

FILES = sorted(ROOT.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).with_suffix("").as_posix()


def room_of(name: str) -> str:
    return name.partition("/")[0]


def floor_of(name: str) -> int:
    return FLOOR_OF[room_of(name)]


def imports_of(file: Path) -> Iterator[str]:
    """Yield what ``file`` imports: absolute names, those of the project with slashes."""
    folder = ["", *file.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert not str(node.module).startswith("trio_httpd"), "imports here are relative"
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) - node.level + 1]
            modules = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ("/".join([*start, *module.split(".")]) for module in modules)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_room_imports_only_from_below_or_its_own_folder(file: Path) -> None:
    name = name_of(file)
    for imported in imports_of(file):
        if imported.startswith("/"):
            target = imported.strip("/")
            same_folder = "/" in name and room_of(target) == room_of(name)
            below = floor_of(target) < floor_of(name)
            assert same_folder or below, f"{name} imports {target}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_library_enters_by_its_door(file: Path) -> None:
    for imported in imports_of(file):
        doors = DOORS.get(imported.split(".")[0])
        assert doors is None or name_of(file) in doors, f"{imported} enters at {name_of(file)}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_pure_room_knows_no_trio(file: Path) -> None:
    name = name_of(file)
    if name.startswith(tuple(PURE)):
        assert not {"trio", "socket"} & {i.split(".")[0] for i in imports_of(file)}


def test_the_page_on_architecture_has_these_floors() -> None:
    page = ROOT.parent / "docs" / "explanation" / "architecture.rst"
    table = page.read_text().partition("* - Floor")[2].partition("\n\n")[0]
    floors: dict[int, set[str]] = {}
    number = 0
    for floor, rooms in re.findall(r"\* -(?: ([0-9]+))?\n +- (``.*``)\n", table):
        number = int(floor or number)
        floors.setdefault(number, set()).update(re.findall(r"``([\w/]+)``", rooms))
    assert floors == dict(enumerate(FLOORS, 1))


def test_the_page_on_architecture_names_rooms_that_there_are() -> None:
    page = ROOT.parent / "docs" / "explanation" / "architecture.rst"
    named = set(re.findall(r"``(_\w+(?:/\w+)+)``", page.read_text()))
    assert len(named) > 50
    assert named <= {name_of(file) for file in FILES}


def test_rooms_of_one_folder_import_in_no_circle() -> None:
    graph = {
        name_of(file): {target.strip("/") for target in imports_of(file) if target[:1] == "/"}
        for file in FILES
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {path}"
        if name not in done:
            for target in graph.get(name, ()):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_group_of_a_pattern_repeats_possessively(file: Path) -> None:
    # CPython before 3.11.5 mismatches them (gh-106052).
    assert not re.search(r"\)(?:[*+?]|\{[0-9,]+\})\+(?![ =,])", file.read_text())


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_room_is_no_longer_than_a_room(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
