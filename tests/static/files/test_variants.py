"""A file with all its variants: the fields of each, and when it is closed."""

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


def name_of(variant: Representation | None) -> str | None:
    """Return the name of the file that a variant is."""
    if variant is None:
        return None
    name = variant.source.name
    assert os.pread(variant.source.fd, 99, variant.start) == name.encode()  # type: ignore[union-attr]
    return name


def test_all_fields_of_a_file_are_ready(folder: Path) -> None:
    options: dict[str, Any] = {
        "cache_control": "no-store", "headers": {"X-Own": "1"}, "download": True,
    }  # fmt: skip
    with publish(folder, **options) as variants:
        identity = variants.identity
        assert (identity.start, identity.size, identity.content) == (0, 5, None)
        assert identity.media_type == "text/css; charset=utf-8"
        assert identity.fields.pairs == [
            (b"Content-Type", b"text/css; charset=utf-8"),
            (b"ETag", str(identity.validators.etag).encode()),
            (b"Last-Modified", DATE),
            (b"Accept-Ranges", b"bytes"),
            (b"Cache-Control", b"no-store"),
            (b"Content-Disposition", b'attachment; filename="a.css"'),
            (b"X-Own", b"1"),
        ]
        assert not variants.is_negotiated


def test_the_variant_is_chosen_that_a_client_prefers(folder: Path) -> None:
    with publish(folder, precompressed=("br", "gzip", "zstd")) as variants:
        assert variants.is_negotiated
        assert variants.descriptors == 3
        chosen = [
            name_of(variants.choose(accepted))
            for accepted in (None, "", "gzip", "br, gzip", "zstd", "identity;q=0", "*")
        ]
    assert chosen == [
        "a.css", "a.css", "a.css.gz", "a.css.br", "a.css", None, "a.css.br",
    ]  # fmt: skip


def test_variants_differ_in_coding_and_tag_only(folder: Path) -> None:
    (folder / "a.css.gz").unlink()
    os.link(folder / "a.css.br", folder / "a.css.gz")  # Two variants in one file, by mistake.
    with publish(folder, precompressed=("br", "gzip")) as variants:
        chosen = [variants.choose(coding) for coding in ("br", "gzip", "identity")]
        fields = [dict(each.fields.pairs) for each in chosen if each is not None]
    assert [each.pop(b"Content-Encoding", None) for each in fields] == [b"br", b"gzip", None]
    tags = {each.pop(b"ETag") for each in fields}
    assert len(tags) == 3
    assert fields[0] == fields[1] == fields[2]
    assert fields[0][b"Vary"] == b"Accept-Encoding"
    assert fields[0][b"Content-Type"] == b"text/css; charset=utf-8"


def test_where_no_times_are_kept_each_variant_has_its_own_tag(folder: Path) -> None:
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    with publish(folder, precompressed=("br",)) as variants:
        for variant in (variants.identity, variants.choose("br")):
            assert variant is not None
            assert b"Last-Modified" not in dict(variant.fields.pairs)
            assert dict(variant.fields.pairs)[b"ETag"].endswith(
                b'"' if variant is variants.identity else b'-br"'
            )


@pytest.mark.parametrize("name", ["a.css", "a.css.br"])
def test_a_change_of_any_variant_is_known(folder: Path, name: str) -> None:
    with publish(folder, precompressed=("br",)) as variants:
        assert variants.is_as_opened()
        until_the_clock_ticks(folder)
        (folder / name).write_text("other")
        assert not variants.is_as_opened()


def test_the_last_release_closes_all_files(folder: Path) -> None:
    before = descriptors()
    variants = publish(folder, precompressed=("br", "gzip"))
    assert len(descriptors()) == len(before) + 3
    with variants, variants.retain():
        variants.retain()
        variants.release()
        assert len(descriptors()) == len(before) + 3
    assert descriptors() == before
