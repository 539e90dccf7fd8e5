"""A folder as a page: names are text, links lead there, headings sort."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._static.listing.entries import Contents, Entry, Order
from trio_httpd._static.listing.page import format_page

VOID = {"meta", "link"}
HERE = "http://a.test/x/y/"
NAMES = st.text(st.characters(exclude_characters="\0/\\", codec="utf-8"), min_size=1).filter(
    lambda name: name not in (".", "..")
)
Attributes = dict[str, str | None]


@dataclass
class Element:
    """An element, and the text in it and in those below."""

    tag: str
    attributes: Attributes
    within: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page as its elements, in order; whatever is not closed properly is an error."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), tuple(each.tag for each in self.open))
        assert len(element.attributes) == len(attrs)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, *, within: str | None = None) -> list[Element]:
        return [
            each
            for each in self.elements
            if each.tag == tag and (within is None or within in each.within)
        ]

    def links(self, *, within: str) -> list[tuple[str, str | None]]:
        return [(each.text, each.attributes["href"]) for each in self.all("a", within=within)]


def page_of(
    *entries: Entry, names: tuple[str, ...] = (), order: Order | None = None, root: str = "/"
) -> Page:
    return parsed(format_page(names, contents_of(entries), order or Order(), root=root))


def parsed(pieces: Iterable[str]) -> Page:
    page = Page()
    for piece in pieces:
        page.feed(piece)
    page.close()
    assert not page.open
    return page


def contents_of(entries: Sequence[Entry]) -> Contents:
    """Return the contents of a folder that has these entries only."""
    sizes = [entry.size for entry in entries if entry.size is not None]
    return Contents(entries, len(entries) - len(sizes), len(sizes), sum(sizes))


def file(name: str, size: int = 0, modified: int = 0) -> Entry:
    return Entry(name, False, size, modified)


def folder(name: str) -> Entry:
    return Entry(name, True, None, 0)


def cells(page: Page) -> list[str]:
    return [each.text for each in page.all("td", within="tbody")]


def test_a_page_says_what_it_is() -> None:
    page = page_of(names=("a", "b c"))
    assert page.all("html")[0].attributes == {"lang": "en"}
    assert page.all("title")[0].text == page.all("h1")[0].text == "Index of /a/b c/"
    assert page.all("meta")[0].attributes == {"charset": "utf-8"}


@pytest.mark.parametrize(
    ("root", "title"),
    [("/", "Index of /a/"), ("docs", "Index of docs/a/"), ("/docs/", "Index of /docs/a/")],
)
def test_a_root_is_called_what_it_is_told_to_be(root: str, title: str) -> None:
    page = page_of(names=("a",), root=root)
    assert page.all("title")[0].text == title
    assert page.links(within="nav") == [(root, "../")]


def test_a_page_needs_no_script_and_loads_nothing() -> None:
    page = page_of(file("a"), folder("b"), names=("x",))
    assert not page.all("script")
    assert not [name for each in page.elements for name in each.attributes if name[:2] == "on"]
    assert not [each for each in page.elements if "src" in each.attributes]
    assert [str(each.attributes["href"])[:5] for each in page.all("link")] == ["data:"]
    assert all(url[1:6] == "data:" for url in re.findall(r"url\((.{6})", page.all("style")[0].text))


def test_breadcrumbs_lead_up_to_the_root_and_no_farther() -> None:
    page = page_of(names=("a", "b", "<c>"))
    assert page.links(within="nav") == [("/", "../../../"), ("a", "../../"), ("b", "../")]
    [here] = [each for each in page.all("li") if each.attributes.get("aria-current") == "page"]
    assert here.text == "<c>"
    assert page.all("nav")[0].attributes["aria-label"]


@pytest.mark.parametrize("depth", [51, 52, 200])
def test_breadcrumbs_of_a_long_way_are_the_root_and_the_nearest(depth: int) -> None:
    names = tuple(map(str, range(depth)))
    page = page_of(names=names)
    (root, top), *nearest = page.links(within="nav")
    assert (root, top) == ("/", "../" * depth)
    assert nearest == [(names[-1 - up], "../" * up) for up in range(50, 0, -1)]
    shown = [each.text for each in page.all("li")]
    assert shown == ["/", *["…"] * (depth > 51), *names[-51:]]


def test_a_page_grows_only_as_the_path_does() -> None:
    short, long = (len("".join(page_below(count))) for count in (1000, 4000))
    assert long - short <= 3000 * (len("../") + 2 * len("x/"))


def page_below(count: int) -> Iterable[str]:
    return format_page(["x"] * count, contents_of([]), Order(), root="/")


def test_the_root_has_no_parent() -> None:
    assert page_of(file("a")).links(within="tbody") == [("a", "./a")]
    assert page_of(names=("x",)).links(within="tbody") == [("Parent folder", "../")]


def test_a_row_tells_name_size_and_time_of_a_file() -> None:
    page = page_of(file("a.txt", 1234567, 1_700_000_000))
    assert page.links(within="tbody") == [("a.txt", "./a.txt")]
    assert cells(page) == ["1.2 MiB", "2023-11-14 22:13"]
    assert page.all("td")[0].attributes == {"title": "1,234,567 bytes"}
    assert page.all("time")[0].attributes == {"datetime": "2023-11-14T22:13:20Z"}


def test_a_folder_has_a_slash_and_no_size() -> None:
    page = page_of(folder("a"))
    assert page.links(within="tbody") == [("a/", "./a/")]
    assert cells(page) == ["", "1970-01-01 00:00"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1000 * 1024, "1.0 MiB"),
        (999 * 1024, "999.0 KiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**63 - 1, "8.0 EiB"),
        (2**80, "1048576.0 EiB"),
    ],
)
def test_sizes_are_told_in_units_that_fit(size: int, text: str) -> None:
    assert cells(page_of(file("a", size)))[0] == text


def test_the_last_second_of_the_last_year_can_be_told() -> None:
    assert cells(page_of(file("a", 0, 253_402_300_799)))[1] == "9999-12-31 23:59"


@pytest.mark.parametrize(
    ("entries", "summary"),
    [
        ([], "This folder is empty."),
        ([file("a", 1)], "1 file, 1 B"),
        ([folder("a")], "1 folder"),
        (
            [folder("a"), folder("b"), file("c", 1024), file("d", 512)],
            "2 folders, 2 files, 1.5 KiB",
        ),
        ([file(str(number)) for number in range(1234)], "1,234 files, 0 B"),
    ],
)
def test_the_caption_counts(entries: list[Entry], summary: str) -> None:
    assert page_of(*entries).all("caption")[0].text == summary


def test_the_caption_counts_all_and_says_plainly_that_not_all_are_shown() -> None:
    shown = [file(str(number), 1) for number in range(1000)]
    contents = Contents(shown, folders=0, files=123_456, size=5 * 2**30)
    page = parsed(format_page((), contents, Order(), root="/"))
    assert page.all("caption")[0].text == (
        "123,456 files, 5.0 GiB. Only the first 1,000 are shown; another order has others in front."
    )
    assert len(page.links(within="tbody")) == 1000


@pytest.mark.parametrize(
    ("order", "sort", "links"),
    [
        (
            Order("name"),
            ["ascending", None, None],
            ["?sort=name&order=desc", "?sort=size&order=desc", "?sort=modified&order=desc"],
        ),
        (
            Order("size", True),
            [None, "descending", None],
            ["?sort=name&order=asc", "?sort=size&order=asc", "?sort=modified&order=desc"],
        ),
        (
            Order("modified"),
            [None, None, "ascending"],
            ["?sort=name&order=asc", "?sort=size&order=desc", "?sort=modified&order=desc"],
        ),
    ],
)
def test_headings_tell_the_order_and_lead_to_others(
    order: Order, sort: list[str | None], links: list[str]
) -> None:
    page = page_of(order=order)
    headings = page.all("th", within="thead")
    assert {each.attributes["scope"] for each in headings} == {"col"}
    assert [each.attributes.get("aria-sort") for each in headings] == sort
    assert page.links(within="thead") == list(
        zip(["Name", "Size", "Modified (UTC)"], links, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a<b>&amp;\"'", "a<b>&amp;\"'"),
        ("two  blanks", "two  blanks"),
        (" a ", "\u2423a\u2423"),
        ("   ", "\u2423\u2423\u2423"),
        ("a\u3000", "aU+3000"),
        ("a\nb", r"a\nb"),
        ("\r\t", r"\r\t"),
        ("a\x07\x7f\x85", "aU+0007U+007FU+0085"),
        ("evil\u202egpj.exe", "evilU+202Egpj.exe"),
        ("a\u2066b\u200f\u200b\ufeff", "aU+2066bU+200FU+200BU+FEFF"),
        ("na\u200cme \U0001f469\u200d\U0001f467", "na\u200cme \U0001f469\u200d\U0001f467"),
        ("שלום.txt", "שלום.txt"),
    ],
)
def test_a_name_is_shown_with_what_one_would_not_see(name: str, shown: str) -> None:
    page = page_of(file(name), names=("x", name))
    assert [text for text, _ in page.links(within="tbody")] == ["Parent folder", shown]
    assert page.all("title")[0].text == f"Index of /x/{shown}/"
    assert page.all("li")[-1].text == shown


def test_what_stands_for_the_unseen_is_told_from_what_is_written() -> None:
    page = page_of(file("a\nb U+000A"))
    assert [each.text for each in page.all("span", within="tbody")] == [r"\n"]
    assert page.all("span")[0].attributes == {"dir": "ltr"}


def test_a_name_that_runs_from_right_to_left_moves_nothing_around_it() -> None:
    page = page_of(folder("שלום"), names=("שלום", "b"), root="שלום")
    assert [each.text for each in page.all("bdi")] == ["שלום", "שלום", "b", "שלום"]


@given(name=NAMES, is_folder=st.booleans())
def test_any_name_leads_to_itself_and_stays_in_its_row(name: str, *, is_folder: bool) -> None:
    slash = "/" * is_folder
    page = page_of(Entry(name, is_folder, None if is_folder else 1, 0), folder("next"))
    assert [each.tag for each in page.elements if "tbody" in each.within].count("tr") == 2
    [(text, link), (_, following)] = page.links(within="tbody")
    assert following == "./next/"
    assert link is not None
    url = urljoin(HERE, link)
    assert url.startswith(HERE)
    assert unquote_to_bytes(url.removeprefix(HERE)) == f"{name}{slash}".encode()
    seen = [each.text for each in page.all("span", within="tbody")]
    if not seen:
        assert text == f"{name}{slash}"
    assert "\n" not in text


def test_a_huge_folder_is_never_one_huge_string() -> None:
    entries = [file(f"picture {number}.jpg", number, number) for number in range(10_000)]
    pieces = list(format_page((), contents_of(entries), Order(), root="/"))
    assert len(pieces) > 50
    assert max(map(len, pieces)) < 60_000
