"""Several folders, each below a path of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from trio_httpd import Docroot, Mounts
from trio_httpd.testing import Client, connect


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Return a folder of folders, each with a file that says where it is."""
    for name in ("top", "files", "deep", "odd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(f"{name} index")
        (tmp_path / name / "a.txt").write_text(f"{name} a")
    (tmp_path / "top" / "files").mkdir()
    (tmp_path / "top" / "files" / "only.txt").write_text("never seen")
    (tmp_path / "top" / "filesystem").write_text("top filesystem")
    (tmp_path / "files" / "b").mkdir()
    (tmp_path / "files" / "b" / "index.html").write_text("files b")
    (tmp_path / "secret").write_text("secret")
    return tmp_path


@pytest.fixture
async def client(folders: Path) -> AsyncIterator[Client]:
    """Give a client of four mounts."""
    mounts = Mounts(
        {
            "/": folders / "top",
            "/files/": Docroot(folders / "files"),
            "/files/very/deep": str(folders / "deep"),
            "/caf\xe9%20bar": folders / "odd",
        }
    )
    async with connect(mounts) as client:
        yield client


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("/", "top index"), ("/a.txt", "top a"), ("/filesystem", "top filesystem"),
        ("/files/", "files index"), ("/files/a.txt?x", "files a"), ("/files/b/", "files b"),
        ("/%66iles/a.txt", "files a"), ("http://x.test/files/a.txt", "files a"),
        ("/files/very/deep/", "deep index"), ("/files/very/deep/a.txt", "deep a"),
        ("/caf%c3%a9%20bar/a.txt", "odd a"), ("/c%61f%C3%A9%20bar/", "odd index"),
    ],
)  # fmt: skip
async def test_the_longest_prefix_has_the_request(
    client: Client, target: str, content: str
) -> None:
    response = await client.get(target)
    assert (response.status, response.text()) == (200, content)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/files", "./files/"), ("/files?x=y", "./files/?x=y"), ("/files/b", "./b/"),
        ("/files/very/deep", "./deep/"), ("/%66iles", "./%66iles/"),
    ],
)  # fmt: skip
async def test_a_mount_without_its_slash_is_redirected(
    client: Client, target: str, location: str
) -> None:
    response = await client.get(target)
    assert (response.status, response.headers["location"]) == (301, location)


@pytest.mark.parametrize(
    "target",
    [
        "//files/a.txt", "/files//a.txt", "/files/../a.txt", "/files/%2e%2e/a.txt",
        "/./files/a.txt",
        "/a/../files/a.txt", "/files%2fa.txt", "/files%2Fvery/deep/a.txt", "/files/..%2fsecret",
        "/Files/a.txt", "/files/only.txt", "/files/very/", "/files/very/a.txt",
        "/files/../../secret",
        "/caf%c3%a9+bar/a.txt", "/cafe%cc%81%20bar/a.txt", "/%00files/a.txt",
        "/files/very/deep/../../a.txt", "/files\\a.txt", "/%", "//", "/files/%",
    ],
)  # fmt: skip
async def test_what_looks_like_another_mount_is_404(client: Client, target: str) -> None:
    assert (await client.get(target)).status == 404


async def test_without_a_folder_at_the_top_the_rest_is_404(folders: Path) -> None:
    async with connect(Mounts({"/files": folders / "files"})) as client:
        assert (await client.get("/files/a.txt")).status == 200
        for target in ("/", "/a.txt", "/filesystem", "//", "/file"):
            assert (await client.get(target)).status == 404
        assert (await client.request("OPTIONS", "*")).status == 404


async def test_a_mount_may_be_hidden_by_its_name(folders: Path) -> None:
    for prefix in ("/.well-known/acme-challenge/", "/.builds/"):
        async with connect(Mounts({prefix: folders / "files", "/": folders / "top"})) as client:
            assert (await client.get(f"{prefix}a.txt")).text() == "files a"


async def test_another_method_is_the_folders_to_refuse(client: Client) -> None:
    for target in ("/", "/files/a.txt", "/files"):
        assert (await client.post(target, b"x")).status == 405


def test_mounts_are_a_value(tmp_path: Path) -> None:
    given: dict[str, Any] = {"/": tmp_path, "/caf\xe9": Docroot(tmp_path, listing=True)}
    mounts = Mounts(given)
    same = Mounts({"/caf%C3%A9/": Docroot(tmp_path, listing=True), "/": str(tmp_path)})
    assert mounts == same
    assert len({mounts, same, Mounts({"/": tmp_path})}) == 2
    given["/b"] = tmp_path
    assert list(mounts.docroots) == ["/", "/caf%C3%A9/"]
    assert mounts.docroots["/"] == Docroot(tmp_path)
    assert str(tmp_path) in repr(mounts)
    with pytest.raises(AttributeError):
        mounts.docroots = {}  # type: ignore[misc]


@pytest.mark.parametrize(
    "prefix",
    ["", "files", "files/", "//", "/a//b", "/a/../b", "/.", "/a%2fb", "/%", "/%zz/", "/a\\b",
     "/%00", "/%ff", "/\udcff", "http://a/b"],
)  # fmt: skip
def test_what_no_path_begins_with_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a prefix") as caught:
        Mounts({prefix: "."})
    assert repr(prefix) in str(caught.value)


@pytest.mark.parametrize("again", ["/files", "/files/", "/%66iles/"])
def test_a_prefix_has_one_folder(again: str) -> None:
    folders = {"/files/": "a", again: "b", "/files": "c"}
    with pytest.raises(ValueError, match="two folders for one prefix"):
        Mounts(folders)


def test_there_is_something_to_mount() -> None:
    with pytest.raises(ValueError, match="without a folder"):
        Mounts({})


@pytest.mark.parametrize("folders", [None, "public", [("/", "public")], {"/": None}, {b"/": "a"}])
def test_mounts_are_paths_to_folders(folders: Any) -> None:
    with pytest.raises(TypeError, match=r"mapping from prefixes|Docroot or a path|a prefix is"):
        Mounts(folders)
