"""Every row of conditions and ranges, over memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.file_rows import (
    CONTENT,
    ROWS,
    WHOLE,
    Answer,
    Row,
    Tags,
    faults,
    write_files,
)
from trio_httpd import Docroot
from trio_httpd._message.errors import HeaderItems
from trio_httpd.testing import Client, connect


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a client of the files of the rows."""
    write_files(tmp_path)
    async with connect(Docroot(tmp_path, precompressed=("br", "gzip"))) as client:
        yield client


async def ask(client: Client, method: str, target: str, fields: HeaderItems) -> Answer:
    response = await client.request(method, target, headers=fields)
    named = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, named, response.body)


async def tags_of(client: Client) -> Tags:
    """Return the tag of each content that there is."""
    return {
        (target, coding): (
            await ask(client, "GET", target, {"Accept-Encoding": coding or "identity"})
        ).fields["etag"]
        for target, coding in CONTENT
    }


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_file_is_answered_as_the_standard_has_it(client: Client, row: Row) -> None:
    tags = await tags_of(client)
    answer = await ask(client, row.method, row.target, row.filled(tags))
    assert faults(row, answer, tags) == []


async def test_each_coding_has_a_strong_tag_of_its_own(client: Client) -> None:
    tags = await tags_of(client)
    assert len({tags["/app.js", coding] for coding in (None, "gzip", "br")}) == 3
    assert all(tag.startswith('"') for tag in tags.values())


@pytest.mark.parametrize("step", [7, 333, 1000, 5000])
async def test_a_download_in_pieces_is_the_file(client: Client, step: int) -> None:
    tag = (await tags_of(client))["/file.txt", None]
    content = b""
    while len(content) < len(WHOLE):
        last = len(content) + step - 1
        fields = {"Range": f"bytes={len(content)}-{last}", "If-Range": tag}
        answer = await ask(client, "GET", "/file.txt", fields)
        assert answer.status == 206
        content += answer.content
    assert content == WHOLE
