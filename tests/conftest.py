"""What all tests share: pytester, and no skipping for lack of tools in CI."""

from __future__ import annotations

import gc
import logging
import math
import os
import resource
from collections.abc import Generator, Iterator

import pytest

from tests.net.plain import plain_memory_streams
from tests.net.taking import fileless_streams
from trio_httpd.testing import memory_streams

pytest_plugins = ["pytester"]

if "PYTEST_XDIST_WORKER" in os.environ:
    # Coverage is that of the processes of pytest-xdist, not of the programs that tests run.
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what lives as long as the tests do."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip for a missing tool a failure in CI, where every tool is installed."""
    report = yield
    if report.skipped and os.environ.get("CI") and "is not installed" in str(report.longrepr):
        report.outcome = "failed"
    return report


@pytest.fixture(params=["prompt", "plain"])
def any_stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test twice: over streams as ours are, and over plain ones."""
    if request.param == "plain":
        monkeypatch.setattr("trio_httpd.testing._client.memory_streams", plain_memory_streams)


@pytest.fixture
def fresh_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache keep files that a test has just written, however new they are."""
    monkeypatch.setattr("trio_httpd._static.files.cache.FRESH_NS", -math.inf)


@pytest.fixture(params=["taking files", "prompt", "plain"])
def any_file_stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test three times: also over streams that take no files."""
    kinds = {"prompt": fileless_streams, "plain": plain_memory_streams}
    streams = kinds.get(request.param, memory_streams)
    monkeypatch.setattr("trio_httpd.testing._client.memory_streams", streams)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Undo in the end what a test has the command do with the loggers."""
    loggers = [logging.getLogger(name) for name in ("trio_httpd", "trio_httpd.access")]
    before = [(each, each.handlers, each.level, each.propagate) for each in loggers]
    yield
    for each, handlers, level, propagate in before:
        each.handlers = handlers
        each.setLevel(level)
        each.propagate = propagate


@pytest.fixture
def descriptors_as_before() -> Iterator[None]:
    """Undo in the end what a test has the command do with the limit of descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
