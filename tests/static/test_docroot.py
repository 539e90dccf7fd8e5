from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trio_httpd import Docroot
from trio_httpd._static.docroot import docroot_of
from trio_httpd.testing import connect


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


def test_docroots_differ_in_each_option(tmp_path: Path) -> None:
    options: list[dict[str, Any]] = [
        {}, {"index": ()}, {"listing": True}, {"precompressed": ("br",)},
        {"follow_symlinks": True}, {"follow_symlinks": "anywhere"}, {"hidden": True},
        {"hide": ("a",)}, {"cache_control": "no-store"}, {"spa": True},
        {"error_pages": {404: "a"}}, {"headers": {"X": "a"}}, {"headers": {"X": "b"}},
        {"cors": True}, {"cors": ("https://a.test",)}, {"charset": None}, {"download": True},
        {"auth": {"a": "b"}}, {"auth": {"a": "c"}},
    ]  # fmt: skip
    docroots = [Docroot(tmp_path, **each) for each in options]
    assert len(set(docroots)) == len(options)
    assert docroots == [Docroot(tmp_path, **each) for each in options]
    assert [replace(docroot) for docroot in docroots] == docroots
    assert Docroot("a", headers={"X": "a"}) == Docroot("a", headers=iter([("X", "a")]))


def test_a_docroot_does_not_change_with_what_it_was_made_from() -> None:
    auth, pages, headers = {"a": "b"}, {404: "a"}, [("X", "a")]
    docroot = Docroot(".", auth=auth, error_pages=pages, headers=headers)
    before = replace(docroot)
    auth["c"], pages[403] = "d", "b"
    headers.clear()
    assert docroot == before
    assert not docroot._rules.admits("Basic Yzpk")
    with pytest.raises(TypeError):
        docroot.auth["c"] = "d"  # type: ignore[index]
    with pytest.raises(TypeError):
        docroot.error_pages[403] = "b"  # type: ignore[index]


def test_a_password_is_not_shown() -> None:
    docroot = Docroot(".", auth={"ann": "secret"})
    assert "secret" not in repr(docroot)
    assert "secret" not in repr(docroot._rules)


def test_the_path_is_one() -> None:
    with pytest.raises(ValueError, match=r"^path: not one of a folder"):
        Docroot("a\0b")
    with pytest.raises(TypeError):
        Docroot(1)  # type: ignore[arg-type]


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


async def test_a_docroot_is_a_handler(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    async with connect(Docroot(tmp_path)) as client:
        assert (await client.get("/a")).text() == "x"


def test_cache_rules_may_be_a_mapping(tmp_path: Path) -> None:
    rules = {"*.css": "max-age=60", "**": "no-cache"}
    assert Docroot(tmp_path, cache_control=rules) == Docroot(
        tmp_path, cache_control=tuple(rules.items())
    )


def test_a_path_is_the_same_docroot_each_time(tmp_path: Path) -> None:
    assert docroot_of(tmp_path) is docroot_of(str(tmp_path))
