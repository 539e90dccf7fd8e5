"""A folder's listing as a response: its fields, and who is sent what."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import pytest
import trio
from trio.testing import MockClock

from tests.static.published import descriptors, until_the_clock_ticks
from trio_httpd import Connection, Docroot, Mounts, Request
from trio_httpd._static.files.page_cache import SECONDS, Page
from trio_httpd._static.listing.entries import parse_order, read_entries
from trio_httpd._static.listing.response import make_page, send_listing
from trio_httpd._static.listing.style import POLICY
from trio_httpd.testing import Client, ClientResponse, connect

JSON = {"Accept": "application/json"}


class Lister:
    """A handler that lists a folder, after it has set some fields."""

    def __init__(self, folder: Path, *fields: tuple[str, str]) -> None:
        self.folder = folder
        self.fields = fields
        self.names: tuple[bytes, ...] = ()

    async def __call__(self, conn: Connection) -> None:
        for name, value in self.fields:
            conn.add_header(name, value)
        page = await self.read(conn.request) if conn.request.method == "GET" else None
        await send_listing(conn._responder, conn.request, page)

    async def read(self, request: Request) -> Page:
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            contents = await read_entries(
                fd, lambda name: os.stat(name, dir_fd=fd), parse_order(request.query)
            )
        finally:
            os.close(fd)
        return await make_page(request, contents, names=self.names, root="/")


@pytest.fixture
def lister(tmp_path: Path) -> Lister:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "c.txt").write_text("abcd")
    return Lister(tmp_path)


@pytest.fixture
async def client(lister: Lister) -> AsyncIterator[Client]:
    async with connect(lister) as client:
        yield client


async def answer(lister: Lister, **headers: str) -> ClientResponse:
    async with connect(lister) as client:
        return await client.get("/", headers=headers)


def names(response: ClientResponse) -> list[str]:
    return [entry["name"] for entry in response.json()]


async def test_a_page_is_sent_with_fields_that_keep_it_safe(client: Client) -> None:
    response = await client.get("/")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == POLICY
    assert "etag" not in response.headers
    assert '<a href="./a.txt"><bdi>a.txt</bdi></a>' in response.text()


async def test_json_is_sent_to_who_prefers_it(client: Client) -> None:
    response = await client.get("/", headers=JSON)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in response.headers
    assert names(response) == ["b", "a.txt", "c.txt"]


async def test_a_query_decides_whatever_is_preferred(client: Client) -> None:
    assert names(await client.get("/?format=json")) == ["b", "a.txt", "c.txt"]
    response = await client.get("/?format=html", headers=JSON)
    assert response.text().startswith("<!DOCTYPE html>")
    response = await client.get("/?format=xml", headers=JSON)
    assert response.headers["content-type"] == "application/json"


async def test_both_forms_are_in_the_order_that_is_asked_for(client: Client) -> None:
    query = "?sort=size&order=desc"
    assert names(await client.get(f"/{query}&format=json")) == ["b", "c.txt", "a.txt"]
    page = (await client.get(f"/{query}")).text()
    assert page.index("./b/") < page.index("./c.txt") < page.index("./a.txt")
    assert 'aria-sort="descending"' in page


async def test_the_path_is_shown_as_text(lister: Lister) -> None:
    lister.names = ("é".encode(), b"<b>")
    assert "<title>Index of /é/&lt;b&gt;/</title>" in (await answer(lister)).text()


async def test_who_asks_head_gets_the_fields(client: Client) -> None:
    whole = await client.get("/")
    response = await client.request("HEAD", "/")
    assert response.status == 200
    assert response.body == b""
    told = dict(response.headers)
    assert told == {name: value for name, value in whole.headers.items() if name in told}
    assert set(whole.headers) - set(told) <= {"content-length", "transfer-encoding"}


async def test_what_is_set_stays_but_for_the_type(lister: Lister) -> None:
    lister.fields = (
        ("Content-Type", "text/plain"),
        ("Vary", "Origin"),
        ("Cache-Control", "max-age=60"),
        ("Content-Security-Policy", "sandbox"),
    )
    headers = (await answer(lister)).headers
    assert headers.getall("content-type") == ["text/html; charset=utf-8"]
    assert headers.elements("vary") == ["Origin", "Accept"]
    assert headers.getall("cache-control") == ["max-age=60"]
    assert headers.getall("content-security-policy") == ["sandbox"]


async def test_what_goes_with_every_answer_of_the_server_stays(lister: Lister) -> None:
    async with connect(lister, static_headers=[("Cache-Control", "no-store")]) as client:
        headers = (await client.get("/")).headers
    assert headers.getall("cache-control") == ["no-store"]


async def test_a_status_that_was_set_stays(lister: Lister) -> None:
    async def forbid(conn: Connection) -> None:
        conn.set_status(403)
        await lister(conn)

    async with connect(forbid) as client:
        assert (await client.get("/")).status == 403


async def test_a_huge_folder_is_sent_in_pieces(lister: Lister, client: Client) -> None:
    for number in range(2000):
        (lister.folder / f"{number}.jpg").touch()
    response = await client.get("/")
    assert "content-length" not in response.headers
    assert response.text().count("<tr>") == 1 + 2003
    assert response.text().endswith("</html>\n")
    assert len(names(await client.get("/", headers=JSON))) == 2003


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a folder with what is served, and what is not, or only sometimes."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "index.html").touch()
    (root / ".folder").mkdir()
    for name in (
        "a.txt",
        ".hidden",
        "back\\slash",
        "draft.part",
        "line\nbreak",
        " ",
        os.fsdecode(b"\xff"),
    ):
        (root / name).touch()
    (root / "inside").symlink_to("a.txt")
    (root / "inside folder").symlink_to("folder")
    (root / "to hidden").symlink_to(".hidden")
    (root / "outside").symlink_to(tmp_path / "secret")
    (root / "nowhere").symlink_to("gone")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


def names_in(folder: Path) -> list[bytes]:
    return [os.fsencode(each.name) for each in folder.iterdir()]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("hide", [(), ("*.part",), ("/folder/",)])
@pytest.mark.parametrize("follow", [False, True, "anywhere"])
async def test_a_listing_has_what_is_served_and_nothing_else(
    mixed: Path, follow: bool | Literal["anywhere"], hide: tuple[str, ...], *, hidden: bool
) -> None:
    docroot = Docroot(mixed, listing=True, follow_symlinks=follow, hide=hide, hidden=hidden)
    served = set()
    async with connect(docroot) as client:
        for name in names_in(mixed):
            response = await client.get(f"/{quote(name)}")
            if response.status in (200, 301):
                served.add(f"{name.decode()}{'/' if response.status == 301 else ''}")
        listed = (await client.get("/?format=json")).json()
    found = {entry["name"] + "/" * (entry["type"] == "directory") for entry in listed}
    assert found == served
    assert {unquote(entry["url"][2:]) for entry in listed} == served


# Large folders, whose pages are kept for a moment.


MANY = 500


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a folder that is large enough for its page to be kept, and no longer fresh."""
    root = tmp_path / "large"
    root.mkdir()
    for number in range(MANY):
        (root / f"{number}.jpg").touch()
    (root / "link").symlink_to("0.jpg")
    until_the_clock_ticks(tmp_path)
    return root


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows each time that a folder is read."""
    times: list[int] = []
    real = os.scandir

    def scandir(fd: int) -> Any:
        times.append(fd)
        return real(fd)

    monkeypatch.setattr(os, "scandir", scandir)
    return times


QUERIES = [f"?sort={key}&order={order}&format={form}"
           for key in ("name", "size", "modified") for order in ("asc", "desc")
           for form in ("html", "json")]  # fmt: skip


@pytest.mark.usefixtures("fresh_files_too")
async def test_a_large_folder_is_read_once_in_a_second_for_each_page(
    large: Path, reading: list[int], autojump_clock: MockClock
) -> None:
    (large / "100.jpg").write_text("larger")
    os.utime(large / "200.jpg", (0, 0))
    async with connect(Docroot(large, listing=True)) as client:
        first = [(await client.get(f"/{query}")).body for query in QUERIES]
        assert len(reading) == len(set(first)) == len(QUERIES)
        assert [(await client.get(f"/{query}")).body for query in QUERIES] == first
        assert len(reading) == len(QUERIES)
        await trio.sleep(SECONDS)
        await client.get("/")
        assert len(reading) == len(QUERIES) + 1


@pytest.mark.usefixtures("fresh_files_too")
async def test_who_asks_at_once_gets_one_page(
    large: Path, reading: list[int], autojump_clock: MockClock
) -> None:
    before = descriptors()
    async with connect(Docroot(large, listing=True), on_error="raise") as client:
        raws = [client.open() for _ in range(5)]
        for raw in raws:
            await raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        pages = {await raw.hear(b"\r\n0\r\n\r\n") for raw in raws}
    assert len({page.partition(b"\r\n\r\n")[2] for page in pages}) == 1
    assert len(reading) == 1
    assert descriptors() == before


@pytest.mark.usefixtures("fresh_files_too")
@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "new").touch(),
        lambda root: (root / "1.jpg").unlink(),
        lambda root: (root / "1.jpg").rename(root / "one.jpg"),
        lambda root: root.chmod(0o750),
        lambda root: (root.rename(root.with_name("old")), root.mkdir()),
    ],
    ids=["added", "removed", "renamed", "permissions", "another"],
)
async def test_a_change_of_the_folder_itself_is_seen_at_once(
    large: Path, change: Callable[[Path], object]
) -> None:
    async with connect(Docroot(large, listing=True)) as client:
        before = names(await client.get("/", headers=JSON))
        change(large)
        after = names(await client.get("/", headers=JSON))
    assert len(before) == MANY
    there = [os.fsdecode(name) for name in names_in(large)]
    assert sorted(after) == sorted(name for name in there if name != "link")


@pytest.mark.usefixtures("fresh_files_too")
async def test_a_file_that_grows_is_seen_after_a_second(
    large: Path, autojump_clock: MockClock
) -> None:
    async with connect(Docroot(large, listing=True)) as client:

        async def size() -> int:
            entries = (await client.get("/", headers=JSON)).json()
            return sum(entry["size"] for entry in entries)

        assert await size() == 0
        (large / "0.jpg").write_text("abc")
        await trio.sleep(SECONDS / 2)
        assert await size() == 0
        await trio.sleep(SECONDS / 2)
        assert await size() == 3


async def test_a_folder_that_was_just_changed_is_read_each_time(
    large: Path, reading: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_httpd._static.files.cache.FRESH_NS", math.inf)
    async with connect(Docroot(large, listing=True)) as client:
        for _ in range(3):
            await client.get("/")
    assert len(reading) == 3


@pytest.mark.usefixtures("fresh_files_too")
async def test_a_small_folder_is_read_each_time(mixed: Path, reading: list[int]) -> None:
    async with connect(Docroot(mixed, listing=True)) as client:
        for _ in range(3):
            await client.get("/")
    assert len(reading) == 3


@pytest.mark.usefixtures("fresh_files_too")
async def test_each_docroot_has_pages_of_its_own(large: Path) -> None:
    every = Docroot(large, listing=True)
    some = Docroot(large, listing=True, hide=("1*",), follow_symlinks=True)

    async def choose(conn: Connection) -> None:
        await conn.serve_file(docroot=some if "some" in conn.request.headers else every)

    async with connect(choose) as client:
        for _ in range(2):
            assert "1.jpg" in names(await client.get("/", headers=JSON))
            found = names(await client.get("/", headers={**JSON, "Some": "1"}))
            assert "1.jpg" not in found
            assert "link" in found


@pytest.mark.usefixtures("fresh_files_too")
async def test_a_page_says_below_which_prefix_it_is(large: Path) -> None:
    docroot = Docroot(large, listing=True)
    async with connect(Mounts({"/a": docroot, "/b": docroot})) as client:
        for _ in range(2):
            for prefix in "ab":
                assert f"Index of /{prefix}/</title>" in (await client.get(f"/{prefix}/")).text()


@pytest.mark.usefixtures("fresh_files_too")
async def test_a_page_that_is_very_large_is_made_as_it_is_taken(
    large: Path, reading: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(Docroot(large, listing=True)) as client:
        whole = [(await client.get("/")).body, (await client.get("/", headers=JSON)).body]
    monkeypatch.setattr("trio_httpd._static.listing.response._MOST_MADE", 20_000)
    async with connect(Docroot(large, listing=True)) as client:
        for _ in range(2):
            assert [
                (await client.get("/")).body,
                (await client.get("/", headers=JSON)).body,
            ] == whole
    assert len(reading) == 2 + 4
