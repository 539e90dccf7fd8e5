from __future__ import annotations

from pathlib import Path

import pytest

from trio_httpd import Docroot
from trio_httpd.docroot import docroot_of


def test_a_docroot_is_a_value(tmp_path: Path) -> None:
    assert Docroot(tmp_path) == Docroot(str(tmp_path)) == docroot_of(tmp_path)
    assert len({Docroot(tmp_path), Docroot(tmp_path, index=())}) == 2
    with pytest.raises(AttributeError):
        Docroot(tmp_path).path = tmp_path  # type: ignore[misc]


def test_a_docroot_stays_where_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    docroot = Docroot("public")
    monkeypatch.chdir("/")
    assert docroot.path == tmp_path / "public"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0b"])
def test_an_index_is_the_name_of_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file"):
        Docroot(".", index=("index.html", name))


def test_an_index_is_a_tuple() -> None:
    with pytest.raises(TypeError, match="tuple of names"):
        Docroot(".", index="index.html")  # type: ignore[arg-type]


def test_a_docroot_is_itself() -> None:
    docroot = Docroot(".")
    assert docroot_of(docroot) is docroot
    with pytest.raises(RuntimeError, match="no docroot"):
        docroot_of(None)
