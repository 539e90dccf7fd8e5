"""A folder as it is published: each option, seen from outside."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.static.published import (
    descriptors,
    few_descriptors,
    make_pipe_and_socket,
    until_the_clock_ticks,
)
from trio_httpd import Connection, Docroot
from trio_httpd._message.errors import HeaderItems
from trio_httpd._static.files.cache import OpenFileCache
from trio_httpd._static.files.lookup import open_path
from trio_httpd._static.files.open_file import OpenFile
from trio_httpd.testing import Client, ClientResponse, connect

pytestmark = pytest.mark.usefixtures("fresh_files_too")

BIG = b"0123456789abcdef" * 40_000
LIE = Path("/sys/kernel/profiling")
"""It says that it has a page of bytes, as each file there does."""
OF_A_FILE = {"ETag", "Last-Modified", "Accept-Ranges", "Content-Encoding", "Cache-Control"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with all that options are about."""
    root = tmp_path / "root"
    for name in ("docs", "bare/deep", ".dark", ".well-known", "shut"):
        (root / name).mkdir(parents=True)
    for name in (
        "index.html", "a.txt", "a.txt.gz", "a.txt.br", "b.css", "docs/index.html", "bare/b.txt",
        "bare/deep/c.txt", ".dark/404.html", ".secret", ".well-known/a", "old~", "error.html",
    ):  # fmt: skip
        (root / name).write_text(f"this is {name}")
    (root / "big.bin").write_bytes(BIG)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return root


@asynccontextmanager
async def publishing(folder: Path, **options: Any) -> AsyncIterator[Client]:
    async with connect(Docroot(folder, **options)) as client:
        yield client


async def answers(
    folder: Path, target: str, method: str = "GET", fields: HeaderItems = (), **options: Any
) -> ClientResponse:
    """Return the answer to a request, which is the same for who asks again."""
    async with publishing(folder, **options) as client:
        response = await client.request(method, target, headers=fields)
        again = await client.request(method, target, headers=fields)
        assert again.status == response.status
        if not response.headers.get("Content-Type", "").startswith("multipart/"):
            assert again.body == response.body
            before, after = dict(response.headers), dict(again.headers)
            before["date"] = after["date"]
            assert after == before
    return response


# Index.


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        ("/", {}, (200, "this is index.html")),
        ("/docs/", {}, (200, "this is docs/index.html")),
        ("/docs", {}, (301, "")),
        ("/bare/", {}, (404, "Not Found\n")),
        ("/", {"index": ("none", "b.css", "a.txt")}, (200, "this is b.css")),
        ("/", {"index": ()}, (404, "Not Found\n")),
    ],
)
async def test_an_index_stands_for_its_folder(
    folder: Path, target: str, options: dict[str, Any], expected: tuple[int, str]
) -> None:
    response = await answers(folder, target, **options)
    assert (response.status, response.text()) == expected


# Fields.


async def test_fields_go_with_every_answer_errors_too(folder: Path) -> None:
    options: dict[str, Any] = {
        "headers": [("X-Own", "1"), ("X-Own", "2")], "listing": True, "cors": True,
        "error_pages": {405: "error.html"},
    }  # fmt: skip
    for method, target, fields, status in [
        ("GET", "/a.txt", {}, 200),
        ("HEAD", "/a.txt", {}, 200),
        ("GET", "/a.txt", {"If-None-Match": "*"}, 304),
        ("GET", "/a.txt", {"Range": "bytes=0-0"}, 206),
        ("GET", "/a.txt", {"Range": "bytes=0-0,2-2"}, 206),
        ("GET", "/a.txt", {"Range": "bytes=99-"}, 416),
        ("GET", "/a.txt", {"If-Match": '"x"'}, 412),
        ("GET", "/nothing", {}, 404),
        ("GET", "/docs", {}, 301),
        ("GET", "/bare/", {}, 200),
        ("POST", "/a.txt", {}, 405),
        ("OPTIONS", "/", {"Access-Control-Request-Method": "GET"}, 204),
    ]:
        response = await answers(folder, target, method, fields, **options)
        assert response.status == status
        assert response.headers.getall("X-Own") == ["1", "2"]
        if status != 405:
            assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]


async def test_fields_of_the_docroot_stand_in_for_those_of_the_server(folder: Path) -> None:
    docroot = Docroot(folder, headers={"Server": "mine", "X-Frame-Options": "DENY"})
    async with connect(docroot, static_headers={"X-Frame-Options": "SAMEORIGIN"}) as client:
        for target in ("/a.txt", "/big.bin", "/nothing"):
            response = await client.get(target)
            assert response.headers.getall("Server") == ["mine"]
            assert response.headers.getall("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/a.txt", "no-store"), ("/b.css", "max-age=60"), ("/bare/b.txt", "no-store"), ("/", None)],
)
async def test_how_long_a_file_is_kept_is_told_by_pattern(
    folder: Path, target: str, expected: str | None
) -> None:
    rules = (("*.txt", "no-store"), ("/*.css", "max-age=60"), ("*.css", "max-age=1"))
    for fields in ({}, {"If-None-Match": "*"}):
        response = await answers(folder, target, fields=fields, cache_control=rules)
        assert response.headers.get("Cache-Control") == expected


async def test_charset_and_download_are_told(folder: Path) -> None:
    response = await answers(folder, "/a.txt", charset="latin-1", download=("*.txt",))
    assert response.headers["Content-Type"] == "text/plain; charset=latin-1"
    assert response.headers["Content-Disposition"] == 'attachment; filename="a.txt"'
    response = await answers(folder, "/b.css", charset=None, download=("*.txt",))
    assert response.headers["Content-Type"] == "text/css"
    assert "Content-Disposition" not in response.headers
    response = await answers(folder, "/a.txt", fields={"If-None-Match": "*"}, download=True)
    assert response.status == 304
    assert "Content-Disposition" not in response.headers


# Errors.


PAGES = {404: ".dark/404.html", 401: "error.html", 416: "error.html", 412: "error.html",
         405: "error.html", 406: "error.html"}  # fmt: skip


@pytest.mark.parametrize(
    ("request_line", "fields", "status", "added"),
    [
        ("GET /nothing", {}, 404, {}),
        ("HEAD /nothing", {}, 404, {}),
        ("GET /nothing", {"If-None-Match": "*", "Range": "bytes=0-0"}, 404, {}),
        ("GET /.secret", {}, 404, {}),
        ("GET /a.txt", {"If-Match": '"x"'}, 412, {}),
        ("GET /a.txt", {"Range": "bytes=99-"}, 416, {"content-range": "bytes */13"}),
        ("POST /a.txt", {}, 405, {"allow": "GET, HEAD"}),
        ("GET /a.txt", {"Accept-Encoding": "identity;q=0"}, 406, {"vary": "Accept-Encoding"}),
    ],
)
async def test_a_page_for_an_error_has_nothing_of_the_file_that_was_asked_for(
    folder: Path, request_line: str, fields: dict[str, str], status: int, added: dict[str, str]
) -> None:
    method, target = request_line.split()
    response = await answers(
        folder,
        target,
        method,
        fields,
        error_pages=PAGES,
        cache_control="max-age=9",
        precompressed=("zstd",),
    )
    page = PAGES[status]
    assert response.status == status
    assert response.text() == ("" if method == "HEAD" else f"this is {page}")
    assert response.headers["Content-Length"] == str(len(f"this is {page}"))
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers.keys().isdisjoint(OF_A_FILE)
    assert {name: response.headers.get(name) for name in added} == added


async def test_the_page_for_those_who_may_not_come_in_asks_for_a_password(folder: Path) -> None:
    response = await answers(folder, "/a.txt", error_pages=PAGES, auth={"ann": "secret"})
    assert (response.status, response.text()) == (401, "this is error.html")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_a_page_that_is_missing_is_told_to_the_log_once_and_the_status_stays(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "link.html").symlink_to("error.html")
    for page in ("nowhere.html", "docs", "link.html"):
        response = await answers(folder, "/nothing", error_pages={404: page})
        assert (response.status, response.text()) == (404, "Not Found\n")
    assert caplog.messages[0] == f"no page for an error in '{folder}': 'nowhere.html'"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3


async def test_a_page_for_an_error_empties_the_cache_if_descriptors_run_out(folder: Path) -> None:
    async with publishing(folder, error_pages={404: "error.html"}) as client:
        await client.get("/a.txt")
        with few_descriptors(1):
            response = await client.get("/nothing")
    assert (response.status, response.text()) == (404, "this is error.html")


async def test_a_page_is_not_missing_if_descriptors_run_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(folder, error_pages={404: "error.html"}) as client:
        assert (await client.get("/nothing")).text() == "this is error.html"
        with few_descriptors(1):
            response = await client.get("/nothing")
    assert (response.status, response.text()) == (404, "Not Found\n")
    assert caplog.messages == []


@pytest.mark.parametrize("follow", [False, True, "anywhere"])
async def test_a_hidden_page_is_sent_whatever_links_are_followed(folder: Path, follow: Any) -> None:
    response = await answers(
        folder, "/nothing", error_pages={404: ".dark/404.html"}, follow_symlinks=follow
    )
    assert (response.status, response.text()) == (404, "this is .dark/404.html")


async def test_an_error_without_a_page_keeps_its_fields(folder: Path) -> None:
    response = await answers(folder, "/a.txt", fields={"Range": "bytes=99-"})
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */13"


@pytest.mark.skipif(not LIE.is_file(), reason="there is no such file")
@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=30-31"}, {"Range": "bytes=0-1,30-31"}])
async def test_the_page_for_a_file_that_ended_too_soon_has_nothing_of_it(
    folder: Path, fields: dict[str, str]
) -> None:
    (folder / "lie").symlink_to(LIE)
    response = await answers(
        folder,
        "/lie",
        fields=fields,
        error_pages={503: "error.html"},
        cache_control="max-age=9",
        cors=True,
        follow_symlinks="anywhere",
    )
    assert (response.status, response.text()) == (503, "this is error.html")
    assert response.headers.getall("Content-Type") == ["text/html; charset=utf-8"]
    assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]
    assert response.headers.keys().isdisjoint(OF_A_FILE | {"Content-Range"})


# One page for all paths.


@pytest.mark.parametrize("target", ["/route", "/route/", "/docs/route", "/bare/", "/a.txt/x"])
async def test_an_application_answers_where_there_is_no_file(folder: Path, target: str) -> None:
    response = await answers(folder, target, spa=True)
    assert (response.status, response.text()) == (200, "this is index.html")
    assert "ETag" in response.headers


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a.txt", (200, "this is a.txt")), ("/docs/", (200, "this is docs/index.html")),
        ("/bare", (301, "")), ("/gone.js", (404, "Not Found\n")),
        ("/docs/gone.png", (404, "Not Found\n")), ("/.secret", (404, "Not Found\n")),
        ("/.dark/route", (404, "Not Found\n")), ("/bare/route", (404, "Not Found\n")),
        ("/%", (404, "Not Found\n")), ("/a%2fb", (404, "Not Found\n")),
    ],
)  # fmt: skip
async def test_an_application_answers_for_nothing_else(
    folder: Path, target: str, expected: tuple[int, str]
) -> None:
    hide = () if target == "/bare" else ("/bare/",)
    response = await answers(folder, target, spa=True, hide=hide)
    assert (response.status, response.text()) == expected


async def test_an_application_without_its_page_is_404(folder: Path) -> None:
    (folder / "index.html").unlink()
    assert (await answers(folder, "/route", spa=True)).status == 404


async def test_an_application_comes_before_a_page_for_404(folder: Path) -> None:
    options: dict[str, Any] = {"spa": True, "error_pages": {404: "error.html"}}
    assert (await answers(folder, "/route", **options)).text() == "this is index.html"
    assert (await answers(folder, "/gone.js", **options)).text() == "this is error.html"


# Who asks.


ORIGIN = "https://a.test"


async def test_a_page_for_an_error_may_be_read_by_scripts_too(folder: Path) -> None:
    response = await answers(
        folder, "/nothing", fields={"Origin": ORIGIN}, cors=(ORIGIN,), error_pages=PAGES
    )
    assert response.status == 404
    assert response.headers.getall("Access-Control-Allow-Origin") == [ORIGIN]
    assert response.headers.getall("Vary") == ["Origin"]


async def test_any_script_may_read_where_all_may(folder: Path) -> None:
    for target, status in (("/a.txt", 200), ("/big.bin", 200), ("/nothing", 404), ("/docs", 301)):
        for fields in ({}, {"Origin": ORIGIN}):
            response = await answers(folder, target, fields=fields, cors=True)
            assert response.status == status
            assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]


async def test_scripts_of_some_sites_may_read(folder: Path) -> None:
    for target in ("/a.txt", "/nothing"):
        response = await answers(folder, target, fields={"Origin": ORIGIN}, cors=(ORIGIN,))
        assert response.headers.getall("Access-Control-Allow-Origin") == [ORIGIN]
        assert "Origin" in response.headers.elements("Vary")
        other = await answers(folder, target, fields={"Origin": "https://b.test"}, cors=(ORIGIN,))
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.headers.elements("Vary")


async def test_what_differs_by_origin_and_coding_says_both(folder: Path) -> None:
    response = await answers(
        folder,
        "/a.txt",
        fields={"Origin": ORIGIN, "Accept-Encoding": "br"},
        cors=(ORIGIN,),
        precompressed=("br",),
    )
    assert response.text() == "this is a.txt.br"
    assert set(response.headers.elements("Vary")) == {"Origin", "Accept-Encoding"}


async def test_a_browser_is_told_what_its_script_may_ask(folder: Path) -> None:
    fields = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    for auth in (None, {"ann": "secret"}):
        response = await answers(folder, "/a.txt", "OPTIONS", fields, cors=(ORIGIN,), auth=auth)
        assert (response.status, response.body) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "GET" in response.headers["Access-Control-Allow-Methods"]


async def test_options_are_for_browsers_only(folder: Path) -> None:
    response = await answers(folder, "/a.txt", "OPTIONS", {"Origin": ORIGIN}, cors=True)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    fields = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    response = await answers(folder, "/a.txt", "OPTIONS", fields)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("target", ["/a.txt", "/big.bin", "/docs/", "/docs"])
async def test_a_folder_with_passwords_opens_to_those_who_have_one(
    folder: Path, target: str
) -> None:
    async with publishing(folder, auth={"ann": "secret"}) as client:
        for fields in ({}, basic("ann", "x"), basic("bob", "secret"), {"Authorization": "?"}):
            response = await client.get(target, headers=fields)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
            assert response.headers.keys().isdisjoint(OF_A_FILE)
            response = await client.get(target, headers=basic("ann", "secret"))
            assert response.status == (301 if target == "/docs" else 200)


async def test_who_may_not_come_in_is_not_told_what_is_there(folder: Path) -> None:
    async with publishing(folder, auth={"ann": "secret"}) as client:
        for method in ("GET", "POST", "OPTIONS"):
            for target in ("/", "/nothing", "/docs"):
                assert (await client.request(method, target)).status == 401


# What is published.


@pytest.mark.parametrize(
    ("target", "options", "status"),
    [
        ("/.secret", {}, 404), ("/.dark/404.html", {}, 404), ("/.well-known/a", {}, 200),
        ("/.secret", {"hidden": True}, 200), ("/.dark/404.html", {"hidden": True}, 200),
        ("/old~", {}, 200), ("/old~", {"hide": ("*~",)}, 404),
        ("/bare/deep/c.txt", {"hide": ("/bare/",)}, 404), ("/bare", {"hide": ("bare",)}, 404),
        ("/bare/b.txt", {"hide": ("/b.txt",)}, 200),
        ("/docs/", {"hide": ("index.html",)}, 404),
    ],
)  # fmt: skip
async def test_what_is_hidden_is_404(
    folder: Path, target: str, options: dict[str, Any], status: int
) -> None:
    assert (await answers(folder, target, **options)).status == status


@pytest.fixture
def odd(folder: Path) -> Path:
    """Return that folder with what is no file in it."""
    make_pipe_and_socket(folder)
    (folder / "device").symlink_to("/dev/zero")
    (folder / "drain").symlink_to("pipe")
    (folder / "a.css").write_text("this is a.css")
    os.mkfifo(folder / "a.css.gz")
    return folder


@pytest.mark.parametrize("follow", [False, True, "anywhere"])
async def test_what_could_block_is_never_opened(
    odd: Path, follow: Any, autojump_clock: MockClock
) -> None:
    before = descriptors()
    for name in ("pipe", "socket", "device", "drain"):
        for target in (f"/{name}", f"/{name}/", f"/{name}/x"):
            assert (await answers(odd, target, follow_symlinks=follow)).status == 404
    fields = {"Accept-Encoding": "gzip"}
    response = await answers(
        odd, "/a.css", fields=fields, follow_symlinks=follow, precompressed=("gzip",)
    )
    assert response.text() == "this is a.css"
    response = await answers(odd, "/", index=("pipe", "device", "a.css"), follow_symlinks=follow)
    assert response.text() == "this is a.css"
    assert descriptors() == before


@pytest.fixture
def linked(folder: Path) -> Path:
    """Return that folder with links in it."""
    for name, target in {
        "inside": "a.txt", "folder": "docs", "out": "../outside/secret", "outer": "../outside",
        "unseen": ".secret", "dark": ".dark", "gone": "nowhere", "loop": "loop", "ring": "gnir",
        "gnir": "ring", "absolute": str(folder / "a.txt"), "top": ".",
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)
    return folder


@pytest.mark.parametrize(
    ("target", "inside", "anywhere"),
    [
        ("/inside", 200, 200), ("/folder/", 200, 200), ("/folder", 301, 301),
        ("/folder/index.html", 200, 200), ("/absolute", 200, 200), ("/top/top/a.txt", 200, 200),
        ("/out", 404, 200), ("/outer/secret", 404, 200), ("/outer", 404, 301),
        ("/outer/", 404, 404), ("/unseen", 404, 200), ("/dark/404.html", 404, 200),
        ("/gone", 404, 404), ("/loop", 404, 404), ("/loop/", 404, 404), ("/ring/x", 404, 404),
    ],
)  # fmt: skip
async def test_links_are_followed_as_far_as_is_wanted(
    linked: Path, target: str, inside: int, anywhere: int
) -> None:
    assert (await answers(linked, target)).status == 404
    assert (await answers(linked, target, follow_symlinks=True)).status == inside
    assert (await answers(linked, target, follow_symlinks="anywhere")).status == anywhere


async def test_the_docroot_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    for follow in (False, True):
        response = await answers(tmp_path / "current", "/a.txt", follow_symlinks=follow)
        assert response.text() == "this is a.txt"


# Compressed variants.


@pytest.mark.parametrize(
    ("accepted", "status", "text", "coding"),
    [
        ("", 200, "this is a.txt", None),
        ("gzip", 200, "this is a.txt.gz", "gzip"),
        ("gzip, br", 200, "this is a.txt.br", "br"),
        ("gzip, br;q=0.5", 200, "this is a.txt.gz", "gzip"),
        ("zstd", 200, "this is a.txt", None),
        ("identity;q=0, gzip", 200, "this is a.txt.gz", "gzip"),
        ("identity;q=0", 406, "Not Acceptable\n", None),
        ("*;q=0", 406, "Not Acceptable\n", None),
    ],
)
async def test_the_form_is_sent_that_the_peer_likes_best(
    folder: Path, accepted: str, status: int, text: str, coding: str | None
) -> None:
    response = await answers(
        folder, "/a.txt", fields={"Accept-Encoding": accepted}, precompressed=("br", "gzip", "zstd")
    )
    assert (response.status, response.text()) == (status, text)
    assert response.headers.get("Content-Encoding") == coding
    assert response.headers.elements("Vary") == ["Accept-Encoding"]
    if status == 200:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("follow", "text"), [(False, "plain"), (True, "packed")])
async def test_a_link_to_a_compressed_variant_is_one_where_links_are_followed(
    folder: Path, follow: bool, text: str
) -> None:
    (folder / "c.txt").write_text("plain")
    (folder / "packed").write_text("packed")
    (folder / "c.txt.gz").symlink_to("packed")
    (folder / "c.txt.br").symlink_to("../outside/secret")
    response = await answers(
        folder,
        "/c.txt",
        fields={"Accept-Encoding": "br, gzip"},
        follow_symlinks=follow,
        precompressed=("br", "gzip"),
    )
    assert response.text() == text


async def test_each_form_has_a_tag_and_ranges_of_its_own(folder: Path) -> None:
    async with publishing(folder, precompressed=("br", "gzip")) as client:
        tags = {}
        for coding in ("br", "gzip", "identity"):
            response = await client.get("/a.txt", headers={"Accept-Encoding": coding})
            tags[coding] = response.headers["ETag"]
        assert len(set(tags.values())) == 3
        fields = {"Accept-Encoding": "gzip", "If-None-Match": tags["br"], "Range": "bytes=-2"}
        response = await client.get("/a.txt", headers=fields)
        assert (response.status, response.text()) == (206, "gz")
        fields["If-None-Match"] = tags["gzip"]
        response = await client.get("/a.txt", headers=fields)
        assert response.status == 304
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"


# Listings.


JSON = {"Accept": "application/json"}


def names(response: ClientResponse) -> set[str]:
    return {entry["name"] for entry in response.json()}


async def test_a_folder_without_index_is_listed_where_that_is_wanted(folder: Path) -> None:
    assert (await answers(folder, "/bare/")).status == 404
    response = await answers(folder, "/bare/", listing=True)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "b.txt" in response.text()
    response = await answers(folder, "/bare/", fields=JSON, listing=True)
    assert names(response) == {"b.txt", "deep"}
    response = await answers(folder, "/bare", listing=True)
    assert (response.status, response.headers["Location"]) == (301, "./bare/")
    response = await answers(folder, "/docs/", listing=True)
    assert response.text() == "this is docs/index.html"


async def test_a_listing_has_what_is_published_and_nothing_else(linked: Path) -> None:
    options: dict[str, Any] = {"index": (), "listing": True, "hide": ("old~", "bare")}
    response = await answers(linked, "/", fields=JSON, **options)
    shown = {"a.txt", "a.txt.gz", "a.txt.br", "b.css", "docs", "index.html", "big.bin",
             "error.html", ".well-known", "shut"}  # fmt: skip
    assert names(response) == shown
    response = await answers(linked, "/", fields=JSON, follow_symlinks=True, **options)
    assert names(response) == shown | {"inside", "folder", "absolute", "top"}
    response = await answers(linked, "/", fields=JSON, follow_symlinks="anywhere", **options)
    assert names(response) == shown | {
        "inside", "folder", "absolute", "top", "out", "outer", "unseen", "dark",
    }  # fmt: skip


async def test_a_link_to_a_folder_outside_is_not_listed(linked: Path) -> None:
    for target in ("/outer/", "/dark/"):
        response = await answers(linked, target, listing=True, follow_symlinks=True)
        assert response.status == 404
        response = await answers(linked, target, listing=True, follow_symlinks="anywhere")
        assert response.status == 200


async def test_a_listing_below_a_mount_links_to_its_top(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file(conn.request.raw_path.removeprefix("/f%c3%bcr"), docroot=docroot)

    docroot = Docroot(folder, listing=True)
    async with connect(handler) as client:
        response = await client.get("/f%c3%bcr/bare/deep/")
    assert "<title>Index of /für/bare/deep/</title>" in response.text()


async def test_head_of_a_listing_has_no_content(folder: Path) -> None:
    response = await answers(folder, "/bare/", "HEAD", listing=True)
    assert (response.status, response.body) == (200, b"")


async def test_a_listing_that_nobody_takes_has_no_descriptor_open(folder: Path) -> None:
    for number in range(1000):
        (folder / "bare" / str(number)).touch()
    async with connect(Docroot(folder, listing=True), window=4096) as client:
        await client.get("/a.txt")
        before = descriptors()
        raws = [client.open() for _ in range(3)]
        for raw in raws:
            await raw.say(b"GET /bare/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await raw.hear()).startswith(b"HTTP/1.1 200 ")
        await wait_all_tasks_blocked()
        assert descriptors() == before


@pytest.mark.parametrize("more", [2, 3])
async def test_a_listing_empties_the_cache_before_it_is_503(folder: Path, more: int) -> None:
    async with publishing(folder, listing=True) as client:
        for target in ("/a.txt", "/b.css"):
            await client.get(target)
        with few_descriptors(more):
            assert (await client.get("/bare/")).status == 200


@pytest.mark.parametrize("more", [0, 1, 2])
async def test_a_listing_is_503_if_descriptors_run_out(folder: Path, more: int) -> None:
    async with publishing(folder, listing=True, index=()) as client:
        await client.get("/a.txt")
        client.server._runtime.files.cache.clear()
        with few_descriptors(more):
            assert (await client.get("/")).status == 503
        assert (await client.get("/")).status == 200


# What is in the cache.


@pytest.mark.parametrize("is_handler", [False, True])
async def test_a_response_under_way_keeps_the_content_of_a_small_file(
    folder: Path, is_handler: bool
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file(docroot=docroot)

    docroot = Docroot(folder)
    (folder / "b.css").write_bytes(BIG[:100_000])
    until_the_clock_ticks(folder)
    async with connect(docroot if is_handler else handler, window=4096) as client:
        await client.get("/b.css")
        raws = [client.open() for _ in range(2)]
        for raw in raws:
            await raw.say(b"GET /b.css HTTP/1.1\r\nHost: a\r\n\r\n")
            await raw.hear()
        client.server._runtime.files.cache.clear()
        for raw in raws:
            assert await raw.hear_exactly(100_000) == BIG[:100_000]


async def test_a_handler_can_set_fields_for_a_cached_file(folder: Path) -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("X-Own", conn.request.query_string)
        conn.set_header("Server", "mine")
        await conn.serve_file(docroot=docroot)

    docroot = Docroot(folder)
    async with connect(handler) as client:
        for number in range(3):
            response = await client.get(f"/a.txt?{number}")
            assert response.text() == "this is a.txt"
            assert response.headers.getall("X-Own") == [str(number)]
            assert response.headers.getall("Server") == ["mine"]


class Calls:
    """Counts the calls of the functions of which a request shall need few."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        monkeypatch.setattr(OpenFileCache, "find", self._counted("find", OpenFileCache.find))
        monkeypatch.setattr(OpenFile, "is_as_opened", self._counted("ask", OpenFile.is_as_opened))
        opening = "trio_httpd._static.file_server.open_path"
        monkeypatch.setattr(opening, self._counted("open", open_path))

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **keywords: Any) -> Any:
            self.counts[name] += 1
            return function(*args, **keywords)

        return counting

    def taken(self) -> dict[str, int]:
        """Return how many there were since this was called last."""
        counts, self.counts = dict(self.counts), Counter()
        return counts


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


LOOKED_UP: list[tuple[str, dict[str, Any], int]] = [
    ("/a.txt", {}, 1),
    ("/big.bin", {}, 1),
    ("/docs/", {}, 1),
    ("/a.txt", {"precompressed": ("br", "gzip")}, 3),
    ("/a.txt", {"cors": True}, 1),
]
"""Targets, options, and how many files are open for one."""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("field", [{}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}])
@pytest.mark.parametrize("case", LOOKED_UP)
async def test_a_request_looks_up_its_file_once(
    folder: Path,
    calls: Calls,
    case: tuple[str, dict[str, Any], int],
    field: dict[str, str],
    method: str,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file(docroot=docroot)

    target, options, files = case
    docroot = Docroot(folder, **options)
    async with connect(handler) as client:
        await client.request(method, target, headers=field)
        assert calls.taken() == {"find": 1, "open": 1}
        for _ in range(3):
            await client.request(method, target, headers=field)
            assert calls.taken() == {"find": 1, "ask": files}


@pytest.mark.parametrize(("target", "options", "files"), LOOKED_UP)
async def test_a_docroot_as_the_handler_asks_once_whether_a_file_has_changed(
    folder: Path, calls: Calls, target: str, options: dict[str, Any], files: int
) -> None:
    async with publishing(folder, **options) as client:
        await client.get(target)
        assert calls.taken()["open"] == 1
        for _ in range(3):
            await client.get(target)
            counts = calls.taken()
            assert (counts["ask"], "open" in counts) == (files, False)


@pytest.mark.parametrize(
    ("target", "options", "status"),
    [
        ("/nothing", {}, 404),
        ("/docs", {}, 301),
        ("/bare/", {"listing": True}, 200),
        ("/a.txt/", {}, 404),
    ],
)
async def test_what_is_no_file_is_looked_up_each_time_and_once(
    folder: Path, calls: Calls, target: str, options: dict[str, Any], status: int
) -> None:
    async with publishing(folder, **options) as client:
        for _ in range(2):
            assert (await client.get(target)).status == status
            assert calls.taken()["open"] == 1
