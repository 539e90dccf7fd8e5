"""Every example runs, and does what it says."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
import trio
from trio.testing import MockClock

from trio_httpd.testing import connect

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.py"))


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_one_idea(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert len(text.splitlines()) < 60
    assert f"def test_{name}" in Path(__file__).read_text()


async def test_hello() -> None:
    async with connect(example("hello").hello) as client:
        response = await client.get("/")
    assert response.text() == "Hello, world!\n"


async def test_streaming(autojump_clock: MockClock) -> None:
    async with (
        connect(example("streaming").count_down) as client,
        client.stream("GET", "/?from=3") as response,
    ):
        seen = [(trio.current_time(), chunk) async for chunk in response]
    assert seen == [(0, b"3\n"), (1, b"2\n"), (2, b"1\n"), (3, b"0\n")]


async def test_streaming_refuses_nonsense() -> None:
    async with connect(example("streaming").count_down) as client:
        assert (await client.get("/?from=x")).status == 400


async def test_upload() -> None:
    async with connect(example("upload").digest) as client:
        response = await client.post("/", b"x" * 1_000_000)
        assert response.json()["bytes"] == 1_000_000
        assert (await client.get("/")).status == 405


async def test_echo() -> None:
    heard = trio.Event()

    async def words() -> AsyncIterator[bytes]:
        yield b"one "
        await heard.wait()  # The rest is not sent before the beginning has come back.
        yield b"two"

    async with (
        connect(example("echo").echo) as client,
        client.stream("PUT", "/", body=words()) as response,
    ):
        echoed = b""
        async for chunk in response:
            echoed += chunk
            heard.set()
    assert echoed == b"one two"


async def test_echo_wants_content() -> None:
    async with connect(example("echo").echo) as client:
        assert (await client.get("/")).status == 405


async def test_background(autojump_clock: MockClock) -> None:
    background = example("background")
    done: list[str] = []

    async def work(name: str) -> None:
        await trio.sleep(5)
        done.append(name)

    async with trio.open_nursery() as nursery:
        async with connect(background.accepting(nursery, work)) as client:
            assert (await client.post("/one")).status == 202
        assert done == []
    assert done == ["/one"]


async def test_upgrade() -> None:
    async with connect(example("upgrade").shout) as client:
        await client.raw.say(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n"
        )
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 101 ")
        await client.raw.say(b"hello")
        assert await client.raw.hear(b"O") == b"HELLO"


async def test_folder(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("index")
    async with connect(example("folder").app, docroot=tmp_path) as client:
        assert (await client.get("/files")).headers["Location"] == "./files/"
        page = await client.get("/files/")
        assert (page.text(), page.headers["Cache-Control"]) == ("index", "no-cache")
        known = await client.get("/files/", headers={"If-None-Match": page.headers["ETag"]})
        assert known.status == 304
        assert (await client.get("/files/no")).status == 404
        for elsewhere in ("/", "/filesystem", "/other/files/"):
            assert (await client.get(elsewhere)).text().startswith("Hello!")


async def test_site(tmp_path: Path) -> None:
    files = {
        "pages/index.html": "welcome", "pages/404.html": "not here",
        "pages/assets/site.css": "css", "pages/assets/site.css.br": "br",
        "downloads/a.txt": "a", "downloads/b.txt.part": "b",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    async with connect(example("site").site(tmp_path)) as client:
        page = await client.get("/")
        assert (page.text(), page.headers["Cache-Control"]) == ("welcome", "no-cache")
        asset = await client.get("/assets/site.css", headers={"Accept-Encoding": "br"})
        assert (asset.text(), asset.headers["Content-Encoding"]) == ("br", "br")
        assert asset.headers["Cache-Control"] == "max-age=31536000, immutable"
        missing = await client.get("/nothing")
        assert (missing.status, missing.text()) == (404, "not here")
        download = await client.get("/downloads/a.txt")
        assert download.headers["Content-Disposition"] == 'attachment; filename="a.txt"'
        assert "a.txt" in (await client.get("/downloads/")).text()
        assert (await client.get("/downloads/b.txt.part")).status == 404


def test_testing_a_handler(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    pytester.makepyfile((EXAMPLES / "testing_a_handler.py").read_text())
    pytester.runpytest_inprocess("-q").assert_outcomes(passed=3)
