"""A file with all its forms: what is said of each, and when it is closed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.static.published import descriptors, until_the_clock_ticks
from trio_httpd import Docroot
from trio_httpd._static.files.lookup import FoundFile, open_path
from trio_httpd._static.files.representation import Representation
from trio_httpd._static.files.variants import FileVariants
from trio_httpd._static.rules.url_paths import parse_path

OLD = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("a.css", "a.css.br", "a.css.gz"):
        (root / name).write_text(name)
        os.utime(root / name, (OLD, OLD))
    return root


def publish(folder: Path, raw: str = "/a.css", **options: Any) -> FileVariants:
    docroot, path = Docroot(folder, **options), parse_path(raw)
    assert path is not None
    found = open_path(docroot, path)
    assert isinstance(found, FoundFile)
    return FileVariants(docroot, found)


def name_of(form: Representation | None) -> str | None:
    """Return the name of the file that a form is taken from."""
    if form is None:
        return None
    name = form.source.name
    assert os.pread(form.source.fd, 99, form.start) == name.encode()  # type: ignore[union-attr]
    return name


def test_all_that_is_said_of_a_file_is_ready(folder: Path) -> None:
    options: dict[str, Any] = {
        "cache_control": "no-store", "headers": {"X-Own": "1"}, "download": True,
    }  # fmt: skip
    with publish(folder, **options) as published:
        plain = published.plain
        assert (plain.start, plain.size, plain.content) == (0, 5, None)
        assert plain.media_type == "text/css; charset=utf-8"
        assert plain.fields.pairs == [
            (b"Content-Type", b"text/css; charset=utf-8"),
            (b"ETag", str(plain.validators.etag).encode()),
            (b"Last-Modified", DATE),
            (b"Accept-Ranges", b"bytes"),
            (b"Cache-Control", b"no-store"),
            (b"Content-Disposition", b'attachment; filename="a.css"'),
            (b"X-Own", b"1"),
        ]
        assert not published.is_negotiated


def test_the_form_is_chosen_that_a_peer_likes_best(folder: Path) -> None:
    with publish(folder, precompressed=("br", "gzip", "zstd")) as published:
        assert published.is_negotiated
        assert published.descriptors == 3
        chosen = [
            name_of(published.choose(accepted))
            for accepted in (None, "", "gzip", "br, gzip", "zstd", "identity;q=0", "*")
        ]
    assert chosen == [
        "a.css", "a.css", "a.css.gz", "a.css.br", "a.css", None, "a.css.br",
    ]  # fmt: skip


def test_forms_differ_in_coding_and_tag_only(folder: Path) -> None:
    (folder / "a.css.gz").unlink()
    os.link(folder / "a.css.br", folder / "a.css.gz")  # Two forms of one file, as a mistake.
    with publish(folder, precompressed=("br", "gzip")) as published:
        forms = [published.choose(coding) for coding in ("br", "gzip", "identity")]
        fields = [dict(form.fields.pairs) for form in forms if form is not None]
    assert [each.pop(b"Content-Encoding", None) for each in fields] == [b"br", b"gzip", None]
    tags = {each.pop(b"ETag") for each in fields}
    assert len(tags) == 3
    assert fields[0] == fields[1] == fields[2]
    assert fields[0][b"Vary"] == b"Accept-Encoding"
    assert fields[0][b"Content-Type"] == b"text/css; charset=utf-8"


def test_where_no_times_are_kept_each_form_has_its_own_tag(folder: Path) -> None:
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    with publish(folder, precompressed=("br",)) as published:
        for form in (published.plain, published.choose("br")):
            assert form is not None
            assert b"Last-Modified" not in dict(form.fields.pairs)
            assert dict(form.fields.pairs)[b"ETag"].endswith(
                b'"' if form is published.plain else b'-br"'
            )


@pytest.mark.parametrize("name", ["a.css", "a.css.br"])
def test_a_change_of_any_form_is_known(folder: Path, name: str) -> None:
    with publish(folder, precompressed=("br",)) as published:
        assert published.is_as_opened()
        until_the_clock_ticks(folder)
        (folder / name).write_text("other")
        assert not published.is_as_opened()


def test_the_last_who_holds_it_closes_it(folder: Path) -> None:
    before = descriptors()
    published = publish(folder, precompressed=("br", "gzip"))
    assert len(descriptors()) == len(before) + 3
    with published, published.hold():
        published.hold()
        published.close()
        assert len(descriptors()) == len(before) + 3
    assert descriptors() == before
