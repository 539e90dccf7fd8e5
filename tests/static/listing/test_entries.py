"""What a listing shows of a folder, and in which order."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._static.listing.entries import (
    MOST_ENTRIES,
    Contents,
    Entry,
    Facts,
    Order,
    parse_order,
    read_entries,
    sort_entries,
)

LATEST = 253_402_300_799
NAMES = st.text(st.characters(exclude_characters="\0/\\", codec="utf-8"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def facts_in(folder: int) -> Facts:
    """Return what tells of everything in the folder but links, as `os.lstat` does."""
    return lambda name: os.stat(name, dir_fd=folder, follow_symlinks=False)


async def names_in(folder: int, facts_of: Facts | None = None) -> set[str]:
    contents = await read_entries(folder, facts_of or facts_in(folder), Order())
    return {entry.name for entry in contents.entries}


def files(*names: str) -> list[Entry]:
    return [Entry(name, False, 0, 0) for name in names]


async def names_sorted(entries: list[Entry], order: Order) -> list[str]:
    return [entry.name for entry in await sort_entries(entries, order)]


async def test_files_and_folders_are_told_with_their_facts(tmp_path: Path, folder: int) -> None:
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "b").mkdir()
    os.utime(tmp_path / "a.txt", (0, 1_700_000_000.9))
    os.utime(tmp_path / "b", (0, 1_600_000_000))
    entries = [Entry("b", True, None, 1_600_000_000), Entry("a.txt", False, 3, 1_700_000_000)]
    contents = await read_entries(folder, facts_in(folder), Order())
    assert contents == Contents(entries, folders=1, files=1, size=3)


async def test_a_folder_can_be_read_twice_by_one_descriptor(tmp_path: Path, folder: int) -> None:
    (tmp_path / "a").touch()
    assert await names_in(folder) == await names_in(folder) == {"a"}


async def test_what_is_not_served_is_left_out(tmp_path: Path, folder: int) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "gone").touch()
    facts_of = facts_in(folder)
    assert await names_in(folder, lambda n: None if n == b"gone" else facts_of(n)) == {"a"}


async def test_a_link_is_shown_as_what_it_leads_to(tmp_path: Path, folder: int) -> None:
    (tmp_path / "a").write_text("four")
    (tmp_path / "b").symlink_to("a")
    contents = await read_entries(folder, lambda name: os.stat(name, dir_fd=folder), Order())
    assert [entry.size for entry in contents.entries] == [4, 4]


async def test_what_is_neither_file_nor_folder_is_left_out(tmp_path: Path, folder: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    assert await names_in(folder) == set()


@pytest.mark.parametrize("name", [b"a\\b", b"\xff", b"\xed\xa0\x80"])
async def test_a_name_that_no_path_can_spell_is_left_out(
    tmp_path: Path, folder: int, name: bytes
) -> None:
    (tmp_path / os.fsdecode(name)).touch()
    assert await names_in(folder) == set()


@pytest.mark.parametrize(("time", "told"), [(-5, 0), (2**40, LATEST)])
async def test_times_that_http_cannot_tell_are_told_as_the_nearest(
    folder: int, tmp_path: Path, time: int, told: int
) -> None:
    (tmp_path / "a").touch()
    facts = list((tmp_path / "a").stat())
    facts[8] = time
    contents = await read_entries(folder, lambda _: os.stat_result(facts), Order())
    assert [entry.modified for entry in contents.entries] == [told]


async def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with (tmp_path / "a").open() as file, pytest.raises(NotADirectoryError):
        await read_entries(file.fileno(), facts_in(file.fileno()), Order())


@pytest.mark.parametrize("count", [25, 40, 63])
@pytest.mark.parametrize("order", [Order(), Order("name", True), Order("size", True)])
async def test_of_a_huge_folder_the_first_are_kept_and_all_are_counted(
    tmp_path: Path, folder: int, count: int, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_httpd._static.listing.entries.MOST_ENTRIES", 10)
    monkeypatch.setattr("trio_httpd._static.listing.entries._TURN", 7)
    for number in range(count):
        (tmp_path / f"{number}").write_bytes(b"x" * (number % 9))
    for name in "abc":
        (tmp_path / name).mkdir()
    contents = await read_entries(folder, facts_in(folder), order)
    entries = [Entry(f"{number}", False, number % 9, 0) for number in range(count)]
    expected = await names_sorted(entries, order)
    folders = ["c", "b", "a"] if order == Order("name", True) else ["a", "b", "c"]
    assert [entry.name for entry in contents.entries] == [*folders, *expected[:7]]
    size = sum(number % 9 for number in range(count))
    assert (contents.folders, contents.files, contents.size) == (3, count, size)


async def test_what_is_kept_while_a_huge_folder_is_read_is_bounded(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1000):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr("trio_httpd._static.listing.entries.MOST_ENTRIES", 50)
    monkeypatch.setattr("trio_httpd._static.listing.entries._TURN", 20)
    facts_of = facts_in(folder)
    living: list[int] = []

    def counted(name: bytes) -> os.stat_result | None:
        if name.endswith(b"77"):
            living.append(sum(type(each) is Entry for each in gc.get_objects()))
        return facts_of(name)

    gc.collect()
    contents = await read_entries(folder, counted, Order())
    assert len(living) == 10
    assert max(living) - living[0] <= 2 * 50 + 20
    assert (len(contents.entries), contents.files) == (50, 1000)
    assert MOST_ENTRIES == 10_000


async def test_others_have_their_turns_while_a_huge_folder_is_read(
    tmp_path: Path, folder: int
) -> None:
    for number in range(1000):
        (tmp_path / str(number)).touch()
    facts_of = facts_in(folder)
    stretch = longest = 0

    def counted(name: bytes) -> os.stat_result | None:
        nonlocal stretch, longest
        stretch += 1
        longest = max(longest, stretch)
        return facts_of(name)

    async def take_turns() -> None:
        nonlocal stretch
        while True:
            stretch = 0
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        assert (await read_entries(folder, counted, Order())).files == 1000
        nursery.cancel_scope.cancel()
    assert longest <= 2 * 256


async def test_others_have_their_turns_while_a_huge_folder_is_sorted() -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    entries = files(*(str(number) for number in reversed(range(5000))))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        names = await names_sorted(entries, Order())
        nursery.cancel_scope.cancel()
    assert names == [str(number) for number in range(5000)]
    assert turns >= 2 * 5000 // 256


async def test_names_are_sorted_as_people_do() -> None:
    names = ["a10", "B", "a2", "A1", "é", "f", "e", "a02", "a", "a0", "x1y10", "x1y9", "ж"]
    assert await names_sorted(files(*names), Order()) == [
        "a", "a0", "A1", "a02", "a2", "a10", "B", "e", "é", "f", "x1y9", "x1y10", "ж",
    ]  # fmt: skip


async def test_folders_come_first_whatever_the_order() -> None:
    entries = [Entry("a", False, 1, 1), Entry("z", True, None, 2), Entry("y", True, None, 3)]
    assert await names_sorted(entries, Order("name")) == ["y", "z", "a"]
    assert await names_sorted(entries, Order("name", True)) == ["z", "y", "a"]
    assert await names_sorted(entries, Order("size", True)) == ["y", "z", "a"]
    assert await names_sorted(entries, Order("modified")) == ["z", "y", "a"]


@pytest.mark.parametrize("descending", [False, True])
async def test_what_is_equally_large_is_in_the_order_of_names(*, descending: bool) -> None:
    sizes = {"b": 5, "c": 7, "a": 5, "d": 1}
    entries = [Entry(name, False, size, 0) for name, size in sizes.items()]
    names = ["c", "a", "b", "d"] if descending else ["d", "a", "b", "c"]
    assert await names_sorted(entries, Order("size", descending)) == names


@given(names=st.lists(NAMES), descending=st.booleans())
def test_sorting_loses_nothing_and_is_the_same_from_any_start(
    names: list[str], *, descending: bool
) -> None:
    order = Order("name", descending)
    unique = sorted(set(names))
    expected = trio.run(names_sorted, files(*unique), order)
    assert sorted(expected) == unique
    assert trio.run(names_sorted, files(*reversed(unique)), order) == expected


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ({}, Order("name", False)),
        ({"sort": "name", "order": "desc"}, Order("name", True)),
        ({"sort": "size"}, Order("size", False)),
        ({"sort": "size", "order": "asc"}, Order("size", False)),
        ({"sort": "modified", "order": "desc"}, Order("modified", True)),
        ({"order": "desc"}, Order("name", True)),
        ({"sort": "is_folder", "order": "down"}, Order("name", False)),
    ],
)
def test_an_order_is_what_the_query_says_and_else_by_name(
    query: dict[str, str], order: Order
) -> None:
    assert parse_order(query) == order


@given(name=NAMES, is_folder=st.booleans())
def test_a_link_leads_to_its_entry_whatever_that_is_called(name: str, *, is_folder: bool) -> None:
    link = Entry(name, is_folder, None, 0).link
    url = urljoin("http://a.test/x/y/?sort=size", link)
    assert url == f"http://a.test/x/y/{link[2:]}"
    assert unquote_to_bytes(url.removeprefix("http://a.test/x/y/")) == (
        name.encode() + b"/" * is_folder
    )
