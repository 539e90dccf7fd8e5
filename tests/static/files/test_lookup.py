"""Which file a path names: nothing outside the folder, nothing that blocks."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.static.published import descriptors, few_descriptors, make_pipe_and_socket
from trio_httpd import Docroot, HTTPError
from trio_httpd._static.files.lookup import FoundFile, OpenFolder, open_path
from trio_httpd._static.files.open_file import OpenFile
from trio_httpd._static.rules.url_paths import FilePath, parse_path

NOBODY = 65534


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that one should not find in one."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("secret")
    (outside / "index.html").write_text("secret")
    root = outside / "root"
    root.mkdir()
    (root / "a.txt").write_text("inside")
    (root / "folder").mkdir()
    (root / "folder" / "index.html").write_text("inside")
    (root / ".hidden").write_text("secret")
    (root / "empty").mkdir()
    (root / "odd").mkdir()
    (root / "odd" / "index.html").mkdir()
    (root / "odd" / "index.htm").write_text("inside")
    (root / "linked").mkdir()
    (root / "linked" / "index.html").symlink_to(outside / "secret")
    (root / "out").symlink_to(outside / "secret")
    (root / ".dark").mkdir()
    (root / ".dark" / "a").write_text("secret")
    (root / "unseen").symlink_to(".hidden")
    (root / "hall").symlink_to(".dark")
    (root / "cellar").symlink_to(outside)
    (root / "device").symlink_to("/dev/null")
    (root / "drain").symlink_to("pipe")
    (root / "plug").symlink_to("socket")
    (root / "up").symlink_to("..")
    (root / "beside").symlink_to("folder")
    (root / "same").symlink_to("a.txt")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    make_pipe_and_socket(root)
    return root


def find(root: Path, raw: str, *index: str, **options: Any) -> FoundFile | OpenFolder | None:
    path = parse_path(raw)
    assert path is not None
    return open_path(Docroot(root, index or ("index.html",), **options), path)


def content(found: FoundFile | OpenFolder | OpenFile | None) -> bytes:
    """Return what is in a file, which is closed."""
    if isinstance(found, FoundFile):
        for _, sidecar in found.sidecars:
            sidecar.release()
        found = found.file
    assert isinstance(found, OpenFile)
    with found:
        return os.read(found.fd, 100)


def sidecars(found: FoundFile | OpenFolder | None) -> dict[str, bytes]:
    """Return what is in the sidecars of a file, by coding; all of it is closed."""
    assert isinstance(found, FoundFile)
    found.file.release()
    return {coding: content(sidecar) for coding, sidecar in found.sidecars}


def refusal(root: Path, raw: str, *index: str, **options: Any) -> int:
    """Return the status of the refusal; no descriptor may be left open by it."""
    before = descriptors()
    with pytest.raises(HTTPError) as caught:
        find(root, raw, *index, **options)
    assert descriptors() == before
    return caught.value.status


# What is there.


def test_a_file_is_found(hostile: Path) -> None:
    found = find(hostile, "/a.txt")
    assert isinstance(found, FoundFile)
    file = found.file
    assert found.names == (b"a.txt",)
    assert (file.name, file.size) == ("a.txt", 6)
    assert not os.get_inheritable(file.fd)
    assert content(found) == b"inside"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.fd)


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "100%",
        "%41",
        '"quoted"',
        "it's",
        "a+b&c=d",
        "caf\xe9",
        "\u2603",
        "a:b",
        "~",
        "?#",
        "a\nb\r\x1b",
    ],
)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / os.fsencode(name).decode()).write_text(name)
    raw = "/" + "".join(f"%{byte:02x}" for byte in name.encode())
    file = find(tmp_path, raw)
    assert content(file) == name.encode()


def test_the_root_itself_may_be_a_link(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(hostile)
    assert content(find(tmp_path / "current", "/a.txt")) == b"inside"


def test_a_folder_with_a_slash_is_its_index(hostile: Path) -> None:
    assert content(find(hostile, "/folder/")) == b"inside"


def test_the_first_index_that_is_a_file_counts(hostile: Path) -> None:
    assert content(find(hostile, "/odd/", "no.html", "index.html", "index.htm")) == b"inside"


@pytest.mark.parametrize("raw", ["/folder", "/empty", ""])
def test_a_folder_without_a_slash_is_told_from_a_file(hostile: Path, raw: str) -> None:
    before = descriptors()
    assert find(hostile, raw) is None
    assert descriptors() == before


# What is not.


@pytest.mark.parametrize(
    "raw",
    [
        "/nothing",
        "/a.txt/",
        "/a.txt/b",
        "/nothing/b",
        "/" + "n" * 300,
        "/empty/",
        "/odd/",
        "/linked/",
    ],
)
def test_what_is_not_there_is_404(hostile: Path, raw: str) -> None:
    assert refusal(hostile, raw) == 404


@pytest.mark.parametrize(
    "raw",
    [
        "/out",
        "/up/",
        "/up/secret",
        "/up",
        "/beside/index.html",
        "/same",
        "/loop",
        "/loop/",
        "/gone",
    ],
)
def test_no_link_below_the_root_is_followed(hostile: Path, raw: str) -> None:
    assert refusal(hostile, raw) == 404


@pytest.mark.parametrize("raw", ["/pipe", "/socket", "/pipe/", "/socket/"])
def test_what_is_no_regular_file_is_404_at_once(hostile: Path, raw: str) -> None:
    assert refusal(hostile, raw) == 404


def test_a_pipe_is_no_index(hostile: Path) -> None:
    assert refusal(hostile, "/", "pipe", "socket", "loop", "folder") == 404


def test_devices_are_not_published() -> None:
    assert refusal(Path("/dev"), "/null") == 404


@given(
    st.lists(
        st.sampled_from(
            ["a.txt", "folder", "index.html", "up", "beside", "out", "loop", "gone", "secret", "..",
             "%2e%2e", ".", "", "pipe", "socket", "%2f", "..%2f", ".hidden", "%00", "root",
             "\\..", "odd", "linked", "a.txt%00", "%c0%ae%c0%ae", "....", "etc"],
        ),
        max_size=6,
    ).map("/".join)
    | st.text(max_size=20)
)  # fmt: skip
def test_nothing_outside_the_root_is_ever_opened(hostile: Path, raw: str) -> None:
    path, refused = parse_path(raw), None
    try:
        found = None if path is None else open_path(Docroot(hostile), path)
    except HTTPError as problem:
        found, refused = None, problem.status
    assert refused in (None, 404)
    assert found is None or content(found) == b"inside"


def test_a_folder_swapped_for_a_link_is_not_followed(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    file = find(tmp_path, "/a/b")
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "a").symlink_to(hostile)
    assert content(file) == b"x"
    assert refusal(tmp_path, "/a/a.txt") == 404


# What may not be opened.


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody whom permissions bind, also where tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def forbidding() -> Iterator[Path]:
    """Give a folder with things for which there is no permission."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "file").write_text("x")
        (root / "folder").mkdir()
        (root / "folder" / "file").write_text("x")
        (root / "search").mkdir()
        (root / "search" / "file").write_text("x")
        (root / "link").symlink_to("file")
        (root / "beyond").symlink_to("folder/file")
        (root / "file").chmod(0)
        (root / "folder").chmod(0)
        (root / "search").chmod(0o111)
        root.chmod(0o755)
        yield root
        (root / "folder").chmod(0o700)
        (root / "search").chmod(0o700)


@pytest.mark.parametrize("raw", ["/file", "/folder/file", "/folder/"])
def test_without_permission_it_is_403(forbidding: Path, raw: str) -> None:
    with as_nobody():
        assert refusal(forbidding, raw) == 403


def test_an_index_without_permission_is_403(forbidding: Path) -> None:
    with as_nobody():
        assert refusal(forbidding, "/", "file", "other") == 403


@pytest.mark.parametrize("follow", [True, "anywhere"])
@pytest.mark.parametrize("raw", ["/link", "/beyond", "/beyond/", "/beyond/file"])
def test_of_what_a_link_leads_to_nobody_is_told_that_it_may_not_be_seen(
    forbidding: Path, raw: str, follow: Any
) -> None:
    with as_nobody():
        assert refusal(forbidding, raw, follow_symlinks=follow) == 404
        assert refusal(forbidding, "/folder/file", follow_symlinks=follow) == 403


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="folders have to be readable there")
def test_a_folder_need_not_be_listed_to_be_searched(forbidding: Path) -> None:
    with as_nobody():
        assert content(find(forbidding, "/search/file")) == b"x"


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("raw", ["/a.txt", "/folder/", "/folder/index.html"])
def test_without_descriptors_it_is_503(hostile: Path, raw: str, more: int) -> None:
    with few_descriptors(more), pytest.raises(HTTPError, match="503"):
        find(hostile, raw)


def test_a_root_that_is_not_there_is_a_failure_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find(tmp_path / "nowhere", "/a")


def test_what_has_no_status_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        find(tmp_path / "file", "/a")


# Links, where they are followed.


@pytest.mark.parametrize("follow", [True, "anywhere"])
@pytest.mark.parametrize(
    "raw", ["/a.txt", "/same", "/beside/index.html", "/beside/", "/folder/", "/odd/"]
)
def test_a_link_to_what_is_inside_leads_there(hostile: Path, raw: str, follow: Any) -> None:
    found = find(hostile, raw, "index.html", "index.htm", follow_symlinks=follow)
    assert content(found) == b"inside"


@pytest.mark.parametrize("raw", ["/out", "/up/secret", "/up/", "/linked/", "/unseen", "/hall/a"])
def test_a_link_to_what_is_not_published_is_followed_only_by_who_may_go_anywhere(
    hostile: Path, raw: str
) -> None:
    assert refusal(hostile, raw, follow_symlinks=True) == 404
    assert content(find(hostile, raw, follow_symlinks="anywhere")) == b"secret"


@pytest.mark.parametrize("follow", [True, "anywhere"])
@pytest.mark.parametrize(
    "raw", ["/loop", "/loop/", "/loop/a", "/gone", "/gone/", "/device", "/pipe", "/drain", "/plug"]
)
def test_a_link_to_what_is_no_file_is_404_at_once(hostile: Path, raw: str, follow: Any) -> None:
    assert refusal(hostile, raw, follow_symlinks=follow) == 404


def test_a_link_to_a_hidden_file_is_followed_where_such_are_published(hostile: Path) -> None:
    assert content(find(hostile, "/unseen", hidden=True, follow_symlinks=True)) == b"secret"
    assert refusal(hostile, "/unseen", hidden=True) == 404


def test_what_is_hidden_is_found_for_us_through_no_link_and_with_them(hostile: Path) -> None:
    for follow in (False, True, "anywhere"):
        docroot = Docroot(hostile, follow_symlinks=follow)
        path = FilePath((b".hidden",), is_folder=False)
        assert content(open_path(docroot, path, hidden_too=True)) == b"secret"


def test_the_whole_system_can_be_a_docroot(hostile: Path) -> None:
    raw = f"{hostile}/same"
    assert content(find(Path("/"), raw, follow_symlinks=True)) == b"inside"


# What is hidden.


@pytest.mark.parametrize("raw", ["/.hidden", "/.dark/", "/.dark/a", "/.nothing"])
def test_what_is_hidden_is_404(hostile: Path, raw: str) -> None:
    assert refusal(hostile, raw) == 404


def test_a_hidden_index_is_none(hostile: Path) -> None:
    assert refusal(hostile, "/", ".hidden") == 404
    assert content(find(hostile, "/", ".hidden", hidden=True)) == b"secret"
    assert refusal(hostile, "/folder/", hide=("index.html",)) == 404


# Compressed variants.


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Return a folder with a file and what else may lie beside it."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("a", "a.br", "a.gz", "b", "c.br", "d", "index.html", "index.html.gz"):
        (root / name).write_text(name)
    (root / "b.br").symlink_to("a.br")
    (root / "b.zst").symlink_to("/etc/hostname")
    (root / "b.gz").mkdir()
    os.mkfifo(root / "d.br")
    (root / "d.gz").symlink_to("d.gz")
    return root


CODINGS = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("raw", "codings", "expected"),
    [
        ("/a", CODINGS, {"br": b"a.br", "gzip": b"a.gz"}),
        ("/a", ("gzip", "br"), {"gzip": b"a.gz", "br": b"a.br"}),
        ("/a", ("gzip",), {"gzip": b"a.gz"}),
        ("/a", (), {}),
        ("/b", CODINGS, {}),
        ("/d", CODINGS, {}),
        ("/", CODINGS, {"gzip": b"index.html.gz"}),
    ],
)
def test_compressed_variants_are_those_beside_a_file(
    packed: Path, raw: str, codings: tuple[str, ...], expected: dict[str, bytes]
) -> None:
    before = descriptors()
    found = sidecars(find(packed, raw, precompressed=codings))
    assert list(found.items()) == list(expected.items())
    assert descriptors() == before


def test_a_link_to_a_compressed_variant_is_like_any_other(packed: Path) -> None:
    found = find(packed, "/b", precompressed=CODINGS, follow_symlinks=True)
    assert sidecars(found) == {"br": b"a.br"}


@pytest.mark.parametrize("follow", [False, True])
def test_a_compressed_variant_may_be_hidden_by_its_name(packed: Path, follow: bool) -> None:
    options: dict[str, Any] = {"precompressed": ("gzip",), "hide": ("*.gz",)}
    assert refusal(packed, "/a.gz", follow_symlinks=follow, **options) == 404
    found = find(packed, "/a", follow_symlinks=follow, **options)
    assert sidecars(found) == {"gzip": b"a.gz"}


def test_a_file_that_is_only_there_compressed_is_not_there(packed: Path) -> None:
    assert refusal(packed, "/c", precompressed=CODINGS) == 404


def test_exhaustion_while_a_compressed_variant_is_opened_is_503(packed: Path) -> None:
    with few_descriptors(2), pytest.raises(HTTPError, match="503"):
        find(packed, "/a", precompressed=CODINGS)


def test_a_compressed_variant_that_may_not_be_read_is_passed_by(forbidding: Path) -> None:
    (forbidding / "file").chmod(0o644)
    (forbidding / "file.gz").write_text("x")
    (forbidding / "file.gz").chmod(0)
    with as_nobody():
        assert sidecars(find(forbidding, "/file", precompressed=("gzip",))) == {}


# Folders that are listed.


@contextmanager
def listed(root: Path, raw: str = "/", **options: Any) -> Iterator[OpenFolder]:
    """Give a folder without index."""
    before = descriptors()
    folder = find(root, raw, "no", listing=True, **options)
    assert isinstance(folder, OpenFolder)
    with folder:
        yield folder
    assert descriptors() == before


def test_a_folder_without_index_is_given_to_be_listed(hostile: Path) -> None:
    with listed(hostile, "/folder/") as folder:
        assert folder.names == (b"folder",)
        fd = folder.open_to_list()
        assert [entry.name for entry in os.scandir(fd)] == ["index.html"]
        os.close(fd)
    assert content(find(hostile, "/folder/", listing=True)) == b"inside"


def seen(folder: OpenFolder, *names: str) -> set[str]:
    """Return those of ``names`` that are published."""
    return {name for name in names if folder.facts_of(name.encode()) is not None}


def test_what_is_published_in_a_folder_has_facts(hostile: Path) -> None:
    with listed(hostile) as folder:
        facts = folder.facts_of(b"a.txt")
        assert facts is not None
        assert facts.st_size == 6
        assert seen(folder, "a.txt", "folder", ".hidden", "same", "out", "gone", "nothing") == {
            "a.txt", "folder",
        }  # fmt: skip


def test_exhaustion_leaves_no_link_out_unseen(hostile: Path) -> None:
    with listed(hostile, follow_symlinks=True) as folder:
        with few_descriptors(0), pytest.raises(OSError, match="Too many open files"):
            folder.facts_of(b"beside")
        assert folder.facts_of(b"beside") is not None


def test_what_a_link_leads_to_has_facts_where_it_is_followed(hostile: Path) -> None:
    links = ("same", "beside", "out", "up", "gone", "loop", "unseen")
    with listed(hostile, follow_symlinks=True) as folder:
        facts = folder.facts_of(b"beside")
        assert facts is not None
        assert stat.S_ISDIR(facts.st_mode)
        assert seen(folder, *links) == {"same", "beside"}
    with listed(hostile, follow_symlinks="anywhere") as folder:
        assert seen(folder, *links) == {"same", "beside", "out", "up", "unseen"}


@pytest.mark.parametrize("raw", ["/hall/", "/cellar/"])
def test_a_folder_that_is_not_published_is_not_listed_through_a_link(
    hostile: Path, raw: str
) -> None:
    with pytest.raises(HTTPError, match="404"), listed(hostile, raw, follow_symlinks=True):
        pass
    with listed(hostile, raw, follow_symlinks="anywhere") as folder:
        os.close(folder.open_to_list())


def test_a_folder_that_may_only_be_searched_is_403(forbidding: Path) -> None:
    with (
        as_nobody(),
        listed(forbidding, "/search/") as folder,
        pytest.raises(HTTPError, match="403"),
    ):
        folder.open_to_list()


# Files that lose their name before it can be asked for.


class Replacer:
    """Replaces a file each time that a name of a folder was opened."""

    def __init__(self, folder: Path, name: str, replaced: str, times: int) -> None:
        self.times = times
        self._folder = folder
        self._name = os.fsencode(name)
        self._replaced = replaced
        self._open = os.open

    def __call__(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        fd = self._open(path, flags, mode, **options)
        if path == self._name and self.times:
            self.times -= 1
            (self._folder / "new").write_text("new")
            (self._folder / "new").rename(self._folder / self._replaced)
        return fd


@pytest.fixture
def renaming(tmp_path: Path) -> Path:
    """Return a folder with a link to a hidden file, and one to a file that is not."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("db.bak", "a.txt", "a.txt.gz", "x (deleted)"):
        (root / name).write_text("old")
    (root / "latest.txt").symlink_to("db.bak")
    (root / "same.txt").symlink_to("a.txt")
    (root / "odd.txt").symlink_to("x (deleted)")
    return root


HIDE: dict[str, Any] = {"follow_symlinks": True, "hide": ("*.bak", "*.bak.*")}


@pytest.mark.parametrize("links", [0, 1])
def test_a_hidden_file_that_loses_its_name_stays_hidden(
    renaming: Path, monkeypatch: pytest.MonkeyPatch, links: int
) -> None:
    for number in range(links):
        os.link(renaming / "db.bak", renaming / f"db.bak.{number}")
    replacer = Replacer(renaming, "latest.txt", "db.bak", 1)
    monkeypatch.setattr(os, "open", replacer)
    assert refusal(renaming, "/latest.txt", **HIDE) == 404
    assert replacer.times == 0


def test_a_hidden_file_that_loses_its_name_is_not_taken_for_the_link_to_it(
    renaming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (renaming / "db.bak (deleted)").symlink_to("db.bak")
    monkeypatch.setattr(os, "open", Replacer(renaming, "db.bak (deleted)", "db.bak", 1))
    assert refusal(renaming, "/db.bak%20(deleted)", **HIDE) == 404


@pytest.mark.parametrize(("name", "replaced"), [("same.txt", "a.txt"), ("a.txt", "a.txt")])
def test_a_published_file_that_loses_its_name_is_opened_anew(
    renaming: Path, monkeypatch: pytest.MonkeyPatch, name: str, replaced: str
) -> None:
    monkeypatch.setattr(os, "open", Replacer(renaming, name, replaced, 3))
    assert content(find(renaming, f"/{name}", **HIDE)) == b"new"


def test_a_file_that_is_replaced_all_the_time_is_503(
    renaming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replacer = Replacer(renaming, "same.txt", "a.txt", 1000)
    monkeypatch.setattr(os, "open", replacer)
    assert refusal(renaming, "/same.txt", **HIDE) == 503
    assert replacer.times > 900


@pytest.mark.parametrize("times", [1, 1000])
def test_a_compressed_variant_that_loses_its_name_is_opened_anew_or_passed_by(
    renaming: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(os, "open", Replacer(renaming, "a.txt.gz", "a.txt.gz", times))
    found = sidecars(find(renaming, "/a.txt", precompressed=("gzip",), **HIDE))
    assert found == ({"gzip": b"new"} if times == 1 else {})


def test_a_folder_that_is_removed_while_it_is_entered_is_404(
    renaming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (renaming / "folder").mkdir()
    (renaming / "way").symlink_to("folder")
    real = os.open

    def removing(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        fd = real(path, flags, mode, **options)
        if path == b"way":
            (renaming / "folder").rmdir()
        return fd

    monkeypatch.setattr(os, "open", removing)
    assert refusal(renaming, "/way/a", **HIDE) == 404


def test_a_listing_shows_no_hidden_file_that_loses_its_name(
    renaming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listed(renaming, **HIDE) as folder:
        monkeypatch.setattr(os, "open", Replacer(renaming, "latest.txt", "db.bak", 1))
        assert seen(folder, "latest.txt", "same.txt", "odd.txt") == {"same.txt", "odd.txt"}


def test_a_file_may_be_called_deleted(renaming: Path) -> None:
    for raw in ("/x%20(deleted)", "/odd.txt"):
        assert content(find(renaming, raw, **HIDE)) == b"old"
        assert refusal(renaming, raw, follow_symlinks=True, hide=("x (deleted)",)) == 404


def test_the_root_may_be_called_deleted(renaming: Path) -> None:
    root = renaming.rename(renaming.with_name("root (deleted)"))
    assert content(find(root, "/same.txt", **HIDE)) == b"old"


# What fails on file systems of other machines.


def failing(number: int, name: bytes, times: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a system call that fails some times for one name."""
    left = [times]

    def call(path: Any, *args: Any, **options: Any) -> Any:
        if path == name and left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return real(path, *args, **options)

    return call


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EBUSY])
@pytest.mark.parametrize("call", ["stat", "open"])
def test_a_compressed_variant_that_cannot_be_asked_for_is_passed_by(
    packed: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    monkeypatch.setattr(os, call, failing(number, b"a.gz", 99, getattr(os, call)))
    assert sidecars(find(packed, "/a", precompressed=CODINGS)) == {"br": b"a.br"}


@pytest.mark.parametrize("name", [b"a.txt", b"folder", b"index.html"])
@pytest.mark.parametrize("call", ["stat", "open"])
def test_a_stale_handle_is_looked_up_once_more(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, call: str
) -> None:
    real = getattr(os, call)
    monkeypatch.setattr(os, call, failing(errno.ESTALE, name, 1, real))
    before = descriptors()
    assert content(find(hostile, "/a.txt")) == b"inside"
    assert content(find(hostile, "/folder/")) == b"inside"
    monkeypatch.setattr(os, call, failing(errno.ESTALE, b"a.txt", 2, real))
    with pytest.raises(OSError, match="tale"):
        find(hostile, "/a.txt")
    assert descriptors() == before


@pytest.mark.parametrize("call", ["stat", "open"])
def test_a_disk_that_fails_is_asked_once(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, failing(errno.EIO, b"a.txt", 1, getattr(os, call)))
    with pytest.raises(OSError, match="Input/output error"):
        find(hostile, "/a.txt")
