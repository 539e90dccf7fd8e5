"""A folder as JSON, for programs."""

from __future__ import annotations

import json

import pytest

from trio_httpd._static.listing.as_json import format_json
from trio_httpd._static.listing.entries import Entry


def test_entries_are_objects_as_those_of_nginx_with_a_link() -> None:
    entries = [Entry("a b", True, None, 784_111_777), Entry("é\n:.txt", False, 5, 0)]
    assert json.loads("".join(format_json(entries))) == [
        {
            "name": "a b",
            "type": "directory",
            "mtime": "Sun, 06 Nov 1994 08:49:37 GMT",
            "url": "./a%20b/",
        },
        {
            "name": "é\n:.txt",
            "type": "file",
            "mtime": "Thu, 01 Jan 1970 00:00:00 GMT",
            "size": 5,
            "url": "./%C3%A9%0A%3A.txt",
        },
    ]


@pytest.mark.parametrize("count", [0, 1, 200, 201, 1000])
def test_any_number_of_entries_is_one_list_of_a_line_each(count: int) -> None:
    pieces = list(format_json([Entry(str(number), False, 1, 0) for number in range(count)]))
    text = "".join(pieces)
    assert [entry["name"] for entry in json.loads(text)] == [str(n) for n in range(count)]
    assert text.count("\n") == (count + 2 if count else 1)
    assert max(map(len, pieces)) < 30_000
