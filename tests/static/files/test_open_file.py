"""Regular files, opened, and what tells one state of them from another."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.static.published import descriptors, few_descriptors, until_the_clock_ticks
from trio_httpd import HTTPError
from trio_httpd._static.files.open_file import OpenFile, closed_on_error, open_file

# Opening.


@pytest.mark.parametrize("kind", [Path, str])
def test_a_file_of_ours_is_found_through_links_too(
    tmp_path: Path, kind: Callable[[Path], str]
) -> None:
    (tmp_path / "a.txt").write_text("ours")
    (tmp_path / "link.html").symlink_to("a.txt")
    with open_file(kind(tmp_path / "link.html")) as file:
        assert (file.name, file.size) == ("link.html", 4)
        assert os.read(file.fd, 9) == b"ours"
        assert not os.get_inheritable(file.fd)


def test_a_file_of_ours_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = descriptors()
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match="not a regular file") as caught:
            open_file(path)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "nothing")
    assert descriptors() == before


def test_without_descriptors_a_file_of_ours_is_503(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("ours")
    with few_descriptors(0), pytest.raises(HTTPError, match="503"):
        open_file(tmp_path / "a")


def test_a_failure_closes_what_it_leaves() -> None:
    before = descriptors()
    fd = os.open("/", os.O_RDONLY)
    with closed_on_error(fd):
        pass
    with pytest.raises(KeyboardInterrupt), closed_on_error(fd):
        raise KeyboardInterrupt
    assert descriptors() == before


def test_the_last_release_closes_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("ours")
    before = descriptors()
    with open_file(tmp_path / "a") as file:
        file.retain()
    assert os.read(file.fd, 9) == b"ours"
    file.release()
    assert descriptors() == before


# Facts.


def facts(
    changed_ns: int = 2**40, size: int = 2, inode: int = 3, mtime_ns: int = 2**40
) -> OpenFile:
    """Return a file of which no more is known."""
    times = {"st_ctime_ns": changed_ns, "st_mtime_ns": mtime_ns}
    return OpenFile(-1, "a", os.stat_result((0, inode, 0, 1, 0, 0, size, 0, 0, 0), times))


def tag_of(file: OpenFile) -> str:
    return str(file.validators().etag)


def test_a_tag_is_strong_and_of_time_size_and_inode() -> None:
    assert tag_of(facts(0xABCDEF012, 0xDEF, 0x123)) == '"abcdef012-def-123"'
    tags = {tag_of(facts()), tag_of(facts(2**41)), tag_of(facts(size=9)), tag_of(facts(inode=9))}
    assert len(tags) == 4


@pytest.mark.parametrize(
    ("mtime_ns", "modified"), [(7_999_999_999, 7), (10_000_000_000, 10), (11_000_000_000, 10)]
)
def test_no_file_has_changed_in_the_future(mtime_ns: int, modified: int) -> None:
    assert facts(mtime_ns=mtime_ns).validators(now=10.9).modified == modified


@pytest.mark.parametrize("time_ns", [-(2**62), -1, 0, 1, 1_000_000_000])
def test_where_no_times_are_kept_a_tag_is_weak_and_no_change_is_told(time_ns: int) -> None:
    assert facts(mtime_ns=time_ns).validators().modified is None
    assert facts(mtime_ns=time_ns).validators().etag == facts().validators().etag
    etag = facts(time_ns).validators().etag
    assert etag is not None
    assert etag.weak


def test_a_file_whose_date_was_set_back_has_another_tag(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    with open_file(path) as file:
        before = file.validators()
    until_the_clock_ticks(tmp_path)
    path.write_bytes(b"two")
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
    with open_file(path) as file:
        assert file.validators().modified == before.modified
        assert file.validators().etag != before.etag


def test_what_time_it_is_is_known() -> None:
    now = time.time()
    modified = facts(mtime_ns=2**62).validators().modified
    assert modified is not None
    assert now - 2 < modified < now + 60


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[tuple[Path, OpenFile]]:
    """Give a file and itself open, from before the next tick of the file system's clock."""
    path = tmp_path / "mine"
    path.write_text("mine")
    with open_file(path) as file:
        until_the_clock_ticks(tmp_path)
        yield path, file


def copied(path: Path) -> Path:
    return Path(shutil.copy(path, f"{path}.copy"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda path: path.write_text("yours"),
    "content of the same size": lambda path: path.write_text("ours"),
    "permissions": lambda path: path.chmod(0o600),
    "name": lambda path: path.rename(path.with_name("yours")),
    "no name": Path.unlink,
    "another in its place": lambda path: copied(path).replace(path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_a_file_is_known(
    mine: tuple[Path, OpenFile], change: Callable[[Path], object]
) -> None:
    path, file = mine
    assert file.is_as_opened()
    change(path)
    assert not file.is_as_opened()


def test_a_file_that_only_grows_was_not_rewritten(mine: tuple[Path, OpenFile]) -> None:
    path, file = mine
    assert not file.was_rewritten()
    with path.open("a") as end:
        end.write("more")
    assert not file.was_rewritten()


@pytest.mark.parametrize("text", ["ours", "us", ""])
def test_a_file_that_changes_or_shrinks_was_rewritten(
    mine: tuple[Path, OpenFile], text: str
) -> None:
    path, file = mine
    path.write_text(text)
    assert file.was_rewritten()


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENOTCONN])
def test_a_file_that_cannot_be_asked_is_not_as_it_was(
    mine: tuple[Path, OpenFile], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(fd: int) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    _, file = mine
    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fail)
        assert not file.is_as_opened()
        assert file.was_rewritten()


def test_a_failure_to_close_is_none(
    mine: tuple[Path, OpenFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = mine
    real = os.close
    before = descriptors()

    def close(fd: int) -> None:
        real(fd)
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        open_file(path).release()
        with pytest.raises(KeyError), closed_on_error(os.open(path, os.O_RDONLY)):
            raise KeyError
    assert descriptors() == before


def test_closing_twice_is_a_fault(mine: tuple[Path, OpenFile]) -> None:
    path, _ = mine
    file = open_file(path)
    os.close(file.fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.release()
