"""Which file a path names: nothing outside the folder, nothing that blocks."""

from __future__ import annotations

import errno
import os
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd import Docroot, HTTPError
from trio_httpd._syntax.paths import parse_path
from trio_httpd.files import OpenFile, open_file, open_path

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
    (root / "up").symlink_to("..")
    (root / "beside").symlink_to("folder")
    (root / "same").symlink_to("a.txt")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    # The path of a socket may be too long for its address: so it is bound from within.
    here = Path.cwd()
    os.chdir(root)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
    os.chdir(here)
    return root


def find(root: Path, raw: str, index: tuple[str, ...] = ("index.html",)) -> OpenFile | None:
    path = parse_path(raw)
    assert path is not None
    return open_path(Docroot(root, index), path)


def content(file: OpenFile | None) -> bytes:
    assert file is not None
    with file:
        return os.read(file.fd, 100)


def descriptors() -> list[Path]:
    """Return the descriptors of this process."""
    return sorted(Path("/dev/fd").iterdir())


def refusal(root: Path, raw: str, index: tuple[str, ...] = ("index.html",)) -> int:
    """Return the status of the refusal; no descriptor may be left open by it."""
    before = descriptors()
    with pytest.raises(HTTPError) as caught:
        find(root, raw, index)
    assert descriptors() == before
    return caught.value.status


# What is there.


def test_a_file_is_found(hostile: Path) -> None:
    file = find(hostile, "/a.txt")
    assert file is not None
    assert (file.name, file.size) == ("a.txt", 6)
    assert not os.get_inheritable(file.fd)
    assert content(file) == b"inside"
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
    ],
)
def test_a_file_may_have_any_printable_name(tmp_path: Path, name: str) -> None:
    (tmp_path / os.fsencode(name).decode()).write_text(name)
    raw = "/" + "".join(f"%{byte:02x}" for byte in name.encode())
    file = find(tmp_path, raw)
    assert content(file) == name.encode()


def test_a_name_with_a_line_break_cannot_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_text("x")
    assert parse_path("/a%0Ab") is None


def test_the_root_itself_may_be_a_link(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(hostile)
    assert content(find(tmp_path / "current", "/a.txt")) == b"inside"


def test_a_folder_with_a_slash_is_its_index(hostile: Path) -> None:
    assert content(find(hostile, "/folder/")) == b"inside"


def test_the_first_index_that_is_a_file_counts(hostile: Path) -> None:
    assert content(find(hostile, "/odd/", ("no.html", "index.html", "index.htm"))) == b"inside"


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
    assert refusal(hostile, "/", ("pipe", "socket", "loop", "folder")) == 404


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
        file = None if path is None else open_path(Docroot(hostile), path)
    except HTTPError as problem:
        file, refused = None, problem.status
    assert refused in (None, 404)
    assert file is None or content(file) == b"inside"


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
        assert refusal(forbidding, "/", ("file", "other")) == 403


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="folders have to be readable there")
def test_a_folder_need_not_be_listed_to_be_searched(forbidding: Path) -> None:
    with as_nobody():
        assert content(find(forbidding, "/search/file")) == b"x"


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Let only so many more files be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("raw", ["/a.txt", "/folder/", "/folder/index.html"])
def test_without_descriptors_it_is_503(hostile: Path, raw: str, more: int) -> None:
    with few_descriptors(more), pytest.raises(HTTPError, match="503"):
        find(hostile, raw)


def test_without_descriptors_a_file_of_ours_is_503(hostile: Path) -> None:
    with few_descriptors(0), pytest.raises(HTTPError, match="503"):
        open_file(hostile / "a.txt")


def test_a_root_that_is_not_there_is_a_failure_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find(tmp_path / "nowhere", "/a")


def test_what_has_no_status_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        find(tmp_path / "file", "/a")


# Files of our own choice.


def test_a_file_of_ours_may_be_a_link(hostile: Path) -> None:
    assert content(open_file(hostile / "out")) == b"secret"
    assert content(open_file(os.fspath(hostile / "same"))) == b"inside"


def test_a_file_of_ours_is_a_regular_file(hostile: Path) -> None:
    before = descriptors()
    with pytest.raises(IsADirectoryError):
        open_file(hostile)
    with pytest.raises(OSError, match="not a regular file") as caught:
        open_file(hostile / "pipe")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(FileNotFoundError):
        open_file(hostile / "nothing")
    assert descriptors() == before


# Facts.


def facts(mtime_ns: int = 1, size: int = 2, inode: int = 3) -> OpenFile:
    return OpenFile(-1, "a", size, mtime_ns, inode)


def test_a_tag_is_strong_and_of_time_size_and_inode() -> None:
    assert str(facts(0xABC, 0xDEF, 0x123).etag) == '"abc-def-123"'
    tags = {facts().etag, facts(mtime_ns=9).etag, facts(size=9).etag, facts(inode=9).etag}
    assert len(tags) == 4


@pytest.mark.parametrize(
    ("mtime_ns", "modified"),
    [(7_999_999_999, 7), (10_000_000_000, 10), (11_000_000_000, 10), (-1, 0), (-(2**62), 0)],
)
def test_no_file_has_changed_in_the_future_or_before_the_epoch(
    mtime_ns: int, modified: int
) -> None:
    assert facts(mtime_ns).validators(now=10.9).modified == modified


def test_what_time_it_is_is_known() -> None:
    now = time.time()
    assert now - 2 < facts(2**62).validators().modified < now + 60
