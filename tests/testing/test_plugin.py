from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_httpd.testing.plugin
from trio_httpd import Connection, Timeouts
from trio_httpd.testing import OpenClient


async def greet(conn: Connection) -> str:
    return "hi"


async def test_the_fixture_opens_clients(
    open_client: OpenClient, autojump_clock: MockClock
) -> None:
    client = await open_client(greet, timeouts=Timeouts(keep_alive=3), window=65536)
    other = await open_client(greet)
    assert (await client.get("/")).text() == (await other.get("/")).text() == "hi"
    await client.raw.hear_end()
    assert trio.current_time() == 3


def test_without_pytest_trio_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> Any:
        return None

    plugin = trio_httpd.testing.plugin
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", find_nothing)
        patch.delattr(plugin, "open_client")
        spec = plugin.__spec__
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(plugin)
        assert not hasattr(plugin, "open_client")
    assert hasattr(plugin, "open_client")
