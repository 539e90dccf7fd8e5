"""A listing in a real browser: what it shows, where its links lead, how it looks."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
import trio

from tests.system.browser import Browser, open_browser
from trio_httpd import Connection, Docroot, Mounts, serve

NAMES = [
    "plain.txt",
    "<script>alert(1)<",
    "<!--",
    "&amp;&lt;",
    "'single' \"double\" `back`",
    "100%",
    "%2e%2e",
    "%41.txt",
    "two  blanks.txt",
    " blanks around ",
    "  ",
    "a+b=c;d,e",
    "a#b",
    "a?b=c&d",
    "a:b",
    "javascript:alert(1)",
    "http:",
    "line\nbreak",
    "carriage\rreturn\ttab",
    "bell\x07del\x7f",
    "...",
    "~",
    "@",
    "ünïcödé.txt",
    "u\u0308.txt",
    "日本語.txt",
    "\U0001f469\u200d\U0001f467.txt",
    "שלום.txt",
    "evil\u202egpj.txt",
    "isolate\u2066\u2067",
    "zero\u200bwidth\ufeff",
    "\u2028",
    "[brackets] {braces} |pipe| ^caret",
    "long " + "x" * 250,
]
TEXTS = "[...document.querySelectorAll('tbody a')].map(each => each.textContent)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


class Site:
    """A folder on a server, below a prefix too, and what has been asked of it."""

    def __init__(self, root: Path) -> None:
        docroot = Docroot(root, listing=True, hidden=True)
        self.mounts = Mounts({"/": docroot, "/below/a prefix": docroot})
        self.url = ""
        self.asked: list[str] = []

    def __call__(self, conn: Connection) -> Awaitable[None]:
        self.asked.append(conn.request.target)
        return self.mounts(conn)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files, and one of folders, that are called as nothing should be."""
    root = tmp_path_factory.mktemp("site")
    for number, name in enumerate(NAMES):
        (root / "folders" / name).mkdir(parents=True)
        (root / "folders" / name / content_of(name)).touch()
        (root / "files").mkdir(exist_ok=True)
        file = root / "files" / name
        file.write_text(content_of(name))
        os.utime(file, (number * 10**7, number * 10**7))
    (root / "favicon.ico").touch()  # It is asked for where a file of text is shown.
    (root / "empty").mkdir()
    (root / "sizes").mkdir()
    for name, size in {"a10": 3, "a9": 2000, "B": 5_000_000}.items():
        (root / "sizes" / name).write_bytes(b"x" * size)
    return root


def content_of(name: str) -> str:
    """Return something that no file of another name has in it."""
    return f"this is number {NAMES.index(name)}"


@pytest.fixture
async def site(root: Path) -> AsyncIterator[Site]:
    site = Site(root)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, site, 0))
        site.url = server.url
        yield site
        nursery.cancel_scope.cancel()


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture
async def browser(chromium: str, tmp_path: Path) -> AsyncIterator[Browser]:
    async with open_browser(chromium, tmp_path) as browser:
        yield browser
    assert browser.complaints == []


async def test_every_link_leads_to_its_file(site: Site, browser: Browser) -> None:
    listing = f"{site.url}/files/"
    await browser.go(listing)
    links = await browser.evaluate("[...document.links].map(each => each.href)")
    followed = set()
    for number, link in enumerate(links):
        if not link.startswith(listing) or "?sort=" in link:
            continue
        name = unquote_to_bytes(link.removeprefix(listing)).decode()
        content = await browser.follow(number)
        if content is None:
            content = (await browser.evaluate("document.body.textContent")).encode()
            await browser.go(listing)
        assert content.decode() == content_of(name)
        followed.add(name)
    assert followed == set(NAMES)


async def test_every_link_leads_to_its_folder_and_back(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/folders/")
    count = await browser.evaluate("document.links.length")
    found = set()
    for number in range(count - len(NAMES), count):
        assert await browser.follow(number) is None
        parent, file = await browser.evaluate(TEXTS)
        found.add(file)
        assert parent == "Parent folder"
        assert await browser.evaluate("document.links[1].textContent") == "folders"
        assert await browser.follow(1) is None
        assert await browser.evaluate("document.title") == "Index of /folders/"
    assert found == {content_of(name) for name in NAMES}


async def test_a_page_is_all_that_is_asked_for(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/files/")
    await browser.screenshot()
    assert site.asked == ["/files/"]


async def test_every_name_is_shown(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/files/")
    shown = await browser.evaluate(TEXTS)
    assert len(shown) == 1 + len(NAMES)
    assert {name for name in NAMES if name.isprintable() and name == name.strip()} < set(shown)
    assert {r"line\nbreak", "evilU+202Egpj.txt", "\u2423blanks around\u2423"} < set(shown)
    heights = await browser.evaluate(
        "[...document.querySelectorAll('tbody tr')].map(each => each.offsetHeight)"
    )
    assert [height > 50 for height in heights].count(True) == 1  # The long name's.


async def test_headings_sort_and_sort_the_other_way(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/sizes/")
    assert await browser.evaluate(TEXTS) == ["Parent folder", "a9", "a10", "B"]
    size = 2  # Of the links: after the root and the heading of names.
    await browser.follow(size)
    assert await browser.evaluate(TEXTS) == ["Parent folder", "B", "a9", "a10"]
    await browser.follow(size)
    assert await browser.evaluate(TEXTS) == ["Parent folder", "a10", "a9", "B"]
    sorted_by = "document.querySelector('[aria-sort]')"
    assert await browser.evaluate(f"{sorted_by}.ariaSort") == "ascending"
    assert await browser.evaluate(f"{sorted_by}.textContent") == "Size"


async def test_the_keyboard_reaches_every_link_and_one_sees_where_it_is(
    site: Site, browser: Browser
) -> None:
    await browser.go(f"{site.url}/sizes/")
    reached = []
    for _ in range(await browser.evaluate("document.links.length")):
        await browser.press("Tab", 9)
        reached.append(await browser.evaluate("document.activeElement.textContent"))
        outline = "getComputedStyle(document.activeElement).outline"
        assert "solid 2px" in await browser.evaluate(outline)
    assert reached == ["/", "Name", "Size", "Modified (UTC)", "Parent folder", "a9", "a10", "B"]


async def test_a_page_is_as_dark_or_light_as_one_likes(site: Site, browser: Browser) -> None:
    pictures = set()
    for scheme, background in {"light": "rgb(252, 252, 251)", "dark": "rgb(21, 24, 29)"}.items():
        await browser.show_as(scheme)
        await browser.go(f"{site.url}/files/")
        assert await browser.evaluate(BACKGROUND) == background
        pictures.add(await browser.screenshot())
    assert len(pictures) == 2


@pytest.mark.parametrize("width", [320, 1000])
async def test_a_page_fits_on_any_screen(site: Site, browser: Browser, width: int) -> None:
    await browser.resize(width, 700)
    await browser.go(f"{site.url}/files/")
    assert await browser.evaluate("document.documentElement.scrollWidth") <= width
    dates = "[...document.querySelectorAll('time')].filter(each => each.offsetWidth).length"
    assert await browser.evaluate(dates) == (len(NAMES) if width == 1000 else 0)


async def test_an_empty_folder_says_so(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/empty/")
    assert "This folder is empty." in await browser.evaluate("document.body.innerText")


async def test_a_listing_below_a_prefix_stays_there(site: Site, browser: Browser) -> None:
    await browser.go(f"{site.url}/below/a%20prefix/folders/plain.txt/")
    assert await browser.evaluate("document.title") == "Index of /below/a prefix/folders/plain.txt/"
    assert await browser.follow(0) is None
    assert await browser.evaluate("location.pathname") == "/below/a%20prefix/"
    assert await browser.evaluate("document.querySelector('nav').innerText") == "/below/a prefix/"
    assert await browser.evaluate(TEXTS) == [
        "empty/",
        "files/",
        "folders/",
        "sizes/",
        "favicon.ico",
    ]
