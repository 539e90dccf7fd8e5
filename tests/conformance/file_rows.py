"""The rows of conditions and ranges: what is asked of files, and what RFC 9110 answers.

A row says which fields are sent and which status comes back. What follows from the
status is not said again in each row: `faults` checks it for all. A field may hold
``{tag}``, the entity tag of what is asked for, or ``{gzip}``, that of its gzip sidecar;
how the tags look is the server's own business, so they are asked for first. Where the
standard leaves a choice, the row has ours.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

from trio_httpd._message.errors import HeaderItems, pairs_of

CHANGED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
RFC_850 = "Sunday, 06-Nov-94 08:49:37 GMT"
ASCTIME = "Sun Nov  6 08:49:37 1994"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"

WHOLE = b"".join(b"%04d" % number for number in range(250))
"""A thousand bytes, in which every place looks different."""

FILES = {
    "/file.txt": WHOLE,
    "/empty.txt": b"",
    "/docs/index.html": b"<!doctype html><title>docs</title>",
    "/app.js": WHOLE,
    "/app.js.gz": gzip.compress(WHOLE, mtime=0),
    "/app.js.br": b"Any bytes will do: nobody decodes them here.",
}
CONTENT: dict[tuple[str, str | None], bytes] = {
    **{(target, None): content for target, content in FILES.items()},
    ("/docs/", None): FILES["/docs/index.html"],
    ("/app.js", "gzip"): FILES["/app.js.gz"],
    ("/app.js", "br"): FILES["/app.js.br"],
}
"""What is there, by target and coding."""
TYPES = {"txt": "text/plain", "js": "text/javascript", "/": "text/html"}

Tags = dict[tuple[str, str | None], str]


@dataclass(frozen=True)
class Row:
    """A rule, a request that it is about, and the answer."""

    name: str
    section: str
    fields: HeaderItems
    status: int
    parts: tuple[tuple[int, int], ...] = ()
    """The first and last places of what a 206 has."""
    method: str = "GET"
    target: str = "/file.txt"
    coding: str | None = None
    expect: Mapping[str, str | None] | None = None
    """More response fields; None for one that must not be there."""

    def __str__(self) -> str:
        return f"{self.section} {self.name}"

    @property
    def whole(self) -> bytes:
        """All of what is asked for."""
        return CONTENT.get((self.target, self.coding), b"")

    def filled(self, tags: Tags) -> list[tuple[str, str]]:
        """Return the fields to send, with the tags in their places."""
        tag = tags.get((self.target, self.coding), "")
        zipped = tags.get((self.target, "gzip"), "")
        return [
            (name, value.replace("{tag}", tag).replace("{gzip}", zipped))
            for name, value in pairs_of(self.fields)
        ]


@dataclass(frozen=True)
class Answer:
    """A response; the names of its fields are in lower case."""

    status: int
    fields: Mapping[str, str]
    content: bytes


def write_files(folder: Path) -> None:
    """Put the files of the rows into ``folder``, all of the same age."""
    for target, content in FILES.items():
        path = folder / target[1:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (CHANGED, CHANGED))


def faults(row: Row, answer: Answer, tags: Tags) -> list[str]:
    """Return what is wrong with an answer; nothing if it is as the row has it."""
    if answer.status != row.status:
        return [f"{answer.status}, not {row.status}"]
    expected = {**_expected_fields(row, tags), **(row.expect or {})}
    found = [
        f"{name}: {answer.fields.get(name.lower())}, not {value}"
        for name, value in expected.items()
        if answer.fields.get(name.lower()) != value
    ]
    return found + _faults_of_content(row, answer)


def _expected_fields(row: Row, tags: Tags) -> dict[str, str | None]:
    """Return the fields that the status asks for by itself."""
    size = len(row.whole)
    known = {"ETag": tags.get((row.target, row.coding)), "Last-Modified": DATE}
    coded = {"Content-Encoding": row.coding}
    match row.status:
        case 200:
            return {**known, **coded, "Content-Length": str(size), "Content-Range": None}
        case 206 if len(row.parts) == 1:
            [(first, last)] = row.parts
            about = {
                "Content-Length": str(last - first + 1),
                "Content-Range": f"bytes {first}-{last}/{size}",
            }
            return {**known, **coded, **about}
        case 206:
            return {**known, **coded, "Content-Range": None}
        case 304:
            return {**known, **dict.fromkeys(("Content-Type", "Content-Encoding", "Content-Range"))}
        case 416:
            return {"Content-Range": f"bytes */{size}", "Content-Encoding": None}
        case _:
            return {"Content-Range": None, "Content-Encoding": None}


def _faults_of_content(row: Row, answer: Answer) -> list[str]:
    if row.method == "HEAD" or row.status == 304:
        return ["content where none may be"] if answer.content else []
    match row.status:
        case 200:
            same = answer.content == row.whole
        case 206 if len(row.parts) == 1:
            [(first, last)] = row.parts
            same = answer.content == row.whole[first : last + 1]
        case 206:
            return _faults_of_parts(row, answer)
        case _:
            same = not row.whole or row.whole not in answer.content
    return [] if same else ["not the content"]


def _faults_of_parts(row: Row, answer: Answer) -> list[str]:
    """Check multipart/byteranges (§14.6, §15.3.7.2)."""
    kind = answer.fields.get("content-type", "")
    found = []
    if answer.fields.get("content-length") != str(len(answer.content)):
        found.append("not the length")
    if not kind.startswith("multipart/byteranges;"):
        return [*found, f"not multipart: {kind}"]
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + answer.content)
    parts = list(message.walk())[1:]
    if len(parts) != len(row.parts):
        return [*found, f"{len(parts)} parts, not {len(row.parts)}"]
    for part, (first, last) in zip(parts, row.parts, strict=True):
        if part["Content-Range"] != f"bytes {first}-{last}/{len(row.whole)}":
            found.append(f"a part that is {part['Content-Range']}")
        if part.get_content_type() != _type_of(row.target):
            found.append(f"a part of type {part['Content-Type']}")
        if part.get_payload(decode=True) != row.whole[first : last + 1]:
            found.append(f"a part with other bytes than {first}-{last}")
    return found


def _type_of(target: str) -> str:
    return TYPES[target.rpartition(".")[2] if "." in target else target[-1]]


_STATE = [
    # Nothing asked: what there is to refer to.
    Row("a file has a strong tag, a date and can be had in parts", "§8.8", {}, 200,
        expect={"Accept-Ranges": "bytes"}),
    Row("HEAD has the fields of GET", "§9.3.2", {}, 200, method="HEAD",
        expect={"Accept-Ranges": "bytes"}),
    Row("what may not be done comes with what may", "§15.5.6", {}, 405, method="POST",
        expect={"Allow": "GET, HEAD"}),
]  # fmt: skip

_IF_MATCH = [
    Row("the tag itself", "§13.1.1", {"If-Match": "{tag}"}, 200),
    Row("any tag", "§13.1.1", {"If-Match": "*"}, 200),
    Row("a list with the tag", "§13.1.1", {"If-Match": '"a", {tag} ,"b"'}, 200),
    Row("two lines are a list", "§13.1.1", [("If-Match", '"a"'), ("If-Match", "{tag}")], 200),
    Row("another tag", "§13.1.1", {"If-Match": '"a"'}, 412),
    Row("a list without the tag", "§13.1.1", {"If-Match": '"a", "b"'}, 412),
    Row("a weak tag is no match", "§8.8.3.2", {"If-Match": "W/{tag}"}, 412),
    Row("a tag without quotes is no tag", "§13.1.1", {"If-Match": "abc"}, 412),
    Row("an empty list", "§13.1.1", {"If-Match": ""}, 412),
    Row("HEAD too", "§13.1.1", {"If-Match": '"a"'}, 412, method="HEAD"),
    Row("what is not there is not matched first", "§13.2.1", {"If-Match": "*"}, 404,
        target="/nothing"),
    Row("nor what is elsewhere", "§13.2.1", {"If-Match": '"a"'}, 301, target="/docs"),
    Row("nor what may not be done", "§13.2.1", {"If-Match": '"a"'}, 405, method="POST"),
]  # fmt: skip

_IF_UNMODIFIED_SINCE = [
    Row("the date itself", "§13.1.4", {"If-Unmodified-Since": DATE}, 200),
    Row("a later date", "§13.1.4", {"If-Unmodified-Since": AFTER}, 200),
    Row("an earlier date", "§13.1.4", {"If-Unmodified-Since": BEFORE}, 412),
    Row("an earlier date as in RFC 850", "§5.6.7",
        {"If-Unmodified-Since": "Sunday, 06-Nov-94 08:49:36 GMT"}, 412),
    Row("no date", "§13.1.4", {"If-Unmodified-Since": "long ago"}, 200),
    Row("two dates are no date", "§13.1.4",
        [("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)], 200),
    Row("HEAD too", "§13.1.4", {"If-Unmodified-Since": BEFORE}, 412, method="HEAD"),
]  # fmt: skip

_IF_NONE_MATCH = [
    Row("the tag itself", "§13.1.2", {"If-None-Match": "{tag}"}, 304),
    Row("any tag", "§13.1.2", {"If-None-Match": "*"}, 304),
    Row("a weak tag is a match", "§8.8.3.2", {"If-None-Match": "W/{tag}"}, 304),
    Row("a list with the tag", "§13.1.2", {"If-None-Match": '"a",W/"b",,{tag}'}, 304),
    Row("two lines are a list", "§13.1.2",
        [("If-None-Match", '"a"'), ("If-None-Match", "{tag}")], 304),
    Row("another tag", "§13.1.2", {"If-None-Match": '"a"'}, 200),
    Row("a tag without quotes is no tag", "§13.1.2", {"If-None-Match": "abc"}, 200),
    Row("of a broken list no tag counts", "§13.1.2", {"If-None-Match": '{tag}, "a'}, 200),
    Row("an empty list", "§13.1.2", {"If-None-Match": ""}, 200),
    Row("HEAD too", "§13.1.2", {"If-None-Match": "{tag}"}, 304, method="HEAD"),
    Row("a folder's index too", "§13.1.2", {"If-None-Match": "{tag}"}, 304, target="/docs/"),
    Row("what is not there stays so", "§13.2.1", {"If-None-Match": "*"}, 404, target="/nothing"),
    Row("what is elsewhere stays so", "§13.2.1", {"If-None-Match": "*"}, 301, target="/docs"),
    Row("what may not be done stays so", "§13.2.1", {"If-None-Match": "*"}, 405, method="POST"),
]  # fmt: skip

_IF_MODIFIED_SINCE = [
    Row("the date itself", "§13.1.3", {"If-Modified-Since": DATE}, 304),
    Row("the date as in RFC 850", "§5.6.7", {"If-Modified-Since": RFC_850}, 304),
    Row("the date as of asctime", "§5.6.7", {"If-Modified-Since": ASCTIME}, 304),
    Row("a later date", "§13.1.3", {"If-Modified-Since": AFTER}, 304),
    Row("a date to come", "§13.1.3", {"If-Modified-Since": "Fri, 31 Dec 9999 23:59:59 GMT"}, 304),
    Row("an earlier date", "§13.1.3", {"If-Modified-Since": BEFORE}, 200),
    Row("no date", "§13.1.3", {"If-Modified-Since": "yesterday"}, 200),
    Row("a date in another zone is no date", "§5.6.7",
        {"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 CET"}, 200),
    Row("a number of seconds is no date", "§5.6.7", {"If-Modified-Since": "784111777"}, 200),
    Row("two dates are no date", "§13.1.3",
        [("If-Modified-Since", DATE), ("If-Modified-Since", DATE)], 200),
    Row("HEAD too", "§13.1.3", {"If-Modified-Since": DATE}, 304, method="HEAD"),
]  # fmt: skip

_ORDER = [
    Row("If-Match hides If-Unmodified-Since", "§13.2.2",
        {"If-Match": "{tag}", "If-Unmodified-Since": BEFORE}, 200),
    Row("If-Match fails whatever the date", "§13.2.2",
        {"If-Match": '"a"', "If-Unmodified-Since": DATE}, 412),
    Row("If-Match comes before If-None-Match", "§13.2.2",
        {"If-None-Match": "{tag}", "If-Match": '"a"'}, 412),
    Row("If-None-Match comes after an If-Match that holds", "§13.2.2",
        {"If-None-Match": "{tag}", "If-Match": "{tag}"}, 304),
    Row("If-Unmodified-Since comes before If-None-Match", "§13.2.2",
        {"If-None-Match": "{tag}", "If-Unmodified-Since": BEFORE}, 412),
    Row("If-Unmodified-Since comes before If-Modified-Since", "§13.2.2",
        {"If-Modified-Since": DATE, "If-Unmodified-Since": BEFORE}, 412),
    Row("If-None-Match hides an If-Modified-Since that fails", "§13.1.3",
        {"If-None-Match": '"a"', "If-Modified-Since": DATE}, 200),
    Row("If-None-Match hides an If-Modified-Since that holds", "§13.1.3",
        {"If-None-Match": "{tag}", "If-Modified-Since": BEFORE}, 304),
    Row("a broken If-None-Match hides it too", "§13.1.3",
        {"If-None-Match": "abc", "If-Modified-Since": DATE}, 200),
    Row("412 comes before a part", "§13.2.2", {"If-Match": '"a"', "Range": "bytes=0-9"}, 412),
    Row("304 comes before a part", "§13.2.2",
        {"If-None-Match": "{tag}", "Range": "bytes=0-9"}, 304),
    Row("304 comes before 416", "§14.2", {"If-None-Match": "{tag}", "Range": "bytes=1000-"}, 304),
    Row("412 comes before 416", "§14.2", {"If-Match": '"a"', "Range": "bytes=1000-"}, 412),
    Row("a part comes after conditions that hold", "§13.2.2",
        {"If-Match": "{tag}", "If-None-Match": '"a"', "Range": "bytes=0-9"}, 206, ((0, 9),)),
    Row("304 comes before If-Range", "§13.2.2",
        {"If-None-Match": "{tag}", "If-Range": "{tag}", "Range": "bytes=0-9"}, 304),
]  # fmt: skip

_IF_RANGE = [
    Row("the tag itself", "§13.1.5", {"If-Range": "{tag}", "Range": "bytes=0-9"}, 206, ((0, 9),)),
    Row("another tag", "§13.1.5", {"If-Range": '"a"', "Range": "bytes=0-9"}, 200),
    Row("a weak tag is no match", "§13.1.5", {"If-Range": "W/{tag}", "Range": "bytes=0-9"}, 200),
    Row("a list is no tag", "§13.1.5", {"If-Range": '"a", {tag}', "Range": "bytes=0-9"}, 200),
    Row("a star is no tag", "§13.1.5", {"If-Range": "*", "Range": "bytes=0-9"}, 200),
    Row("two lines are no tag", "§13.1.5",
        [("If-Range", "{tag}"), ("If-Range", "{tag}"), ("Range", "bytes=0-9")], 200),
    Row("the date itself", "§13.1.5", {"If-Range": DATE, "Range": "bytes=0-9"}, 206, ((0, 9),)),
    Row("the date as in RFC 850", "§5.6.7",
        {"If-Range": RFC_850, "Range": "bytes=0-9"}, 206, ((0, 9),)),
    Row("an earlier date", "§13.1.5", {"If-Range": BEFORE, "Range": "bytes=0-9"}, 200),
    Row("a later date", "§13.1.5", {"If-Range": AFTER, "Range": "bytes=0-9"}, 200),
    Row("no date", "§13.1.5", {"If-Range": "soon", "Range": "bytes=0-9"}, 200),
    Row("several parts too", "§13.1.5", {"If-Range": "{tag}", "Range": "bytes=0-9,20-29"}, 206,
        ((0, 9), (20, 29))),
    Row("416 is for those who have a part", "§14.2",
        {"If-Range": "{tag}", "Range": "bytes=1000-"}, 416),
    Row("and not for those who have another", "§14.2",
        {"If-Range": '"a"', "Range": "bytes=1000-"}, 200),
    Row("without a range it says nothing", "§13.1.5", {"If-Range": '"a"'}, 200),
]  # fmt: skip

_ONE_RANGE = [
    Row("the first ten bytes", "§14.1.2", {"Range": "bytes=0-9"}, 206, ((0, 9),),
        expect={"Content-Type": "text/plain; charset=utf-8"}),
    Row("one byte", "§14.1.2", {"Range": "bytes=500-500"}, 206, ((500, 500),)),
    Row("from a place on", "§14.1.2", {"Range": "bytes=990-"}, 206, ((990, 999),)),
    Row("all from the first on", "§14.1.2", {"Range": "bytes=0-"}, 206, ((0, 999),)),
    Row("the last byte", "§14.1.2", {"Range": "bytes=999-999"}, 206, ((999, 999),)),
    Row("more than there is", "§14.1.2", {"Range": "bytes=990-2000"}, 206, ((990, 999),)),
    Row("far more than there is", "§14.1.2", {"Range": f"bytes=990-{'9' * 50}"}, 206,
        ((990, 999),)),
    Row("zeros in front", "§14.1.2", {"Range": "bytes=0000-0009"}, 206, ((0, 9),)),
    Row("the last ten", "§14.1.2", {"Range": "bytes=-10"}, 206, ((990, 999),)),
    Row("the last of more than there is", "§14.1.2", {"Range": "bytes=-2000"}, 206, ((0, 999),)),
    Row("the unit has no case", "§14.1", {"Range": "Bytes=0-9"}, 206, ((0, 9),)),
    Row("empty elements", "§5.6.1", {"Range": "bytes=,0-9 ,,"}, 206, ((0, 9),)),
    Row("a folder's index", "§14.2", {"Range": "bytes=0-8"}, 206, ((0, 8),), target="/docs/"),
]  # fmt: skip

_UNSATISFIABLE = [
    Row("from behind the end on", "§15.5.17", {"Range": "bytes=1000-"}, 416),
    Row("all behind the end", "§15.5.17", {"Range": "bytes=1000-2000"}, 416),
    Row("far behind the end", "§15.5.17", {"Range": f"bytes={'9' * 50}-"}, 416),
    Row("the last none", "§14.1.2", {"Range": "bytes=-0"}, 416),
    Row("several behind the end", "§15.5.17", {"Range": "bytes=1000-,-0,2000-2001"}, 416),
    Row("any byte of nothing", "§14.1.2", {"Range": "bytes=0-"}, 416, target="/empty.txt"),
]  # fmt: skip

_IGNORED = [
    Row("another unit", "§14.2", {"Range": "lines=0-9"}, 200),
    Row("no unit", "§14.2", {"Range": "0-9"}, 200),
    Row("no range", "§14.2", {"Range": "bytes="}, 200),
    Row("only empty elements", "§5.6.1", {"Range": "bytes=,,"}, 200),
    Row("a lone hyphen", "§14.1.2", {"Range": "bytes=-"}, 200),
    Row("a number alone", "§14.1.2", {"Range": "bytes=5"}, 200),
    Row("no number", "§14.1.2", {"Range": "bytes=a-b"}, 200),
    Row("a space inside", "§14.1.2", {"Range": "bytes=0 - 9"}, 200),
    Row("a last before the first", "§14.1.1", {"Range": "bytes=9-0"}, 200),
    Row("a last before the first, among others", "§14.1.1", {"Range": "bytes=0-9,29-20"}, 200),
    Row("a last before the first, behind the end", "§14.1.1", {"Range": "bytes=3000-2000"}, 200),
    Row("a broken one among others", "§14.2", {"Range": "bytes=0-9,x"}, 200),
    Row("two lines", "§14.2", [("Range", "bytes=0-9"), ("Range", "bytes=20-29")], 200),
    Row("HEAD", "§14.2", {"Range": "bytes=0-9"}, 200, method="HEAD"),
    Row("HEAD behind the end", "§14.2", {"Range": "bytes=1000-"}, 200, method="HEAD"),
    Row("HEAD with If-Range", "§14.2", {"Range": "bytes=0-9", "If-Range": "{tag}"}, 200,
        method="HEAD"),
    Row("the last bytes of nothing", "§14.1.2", {"Range": "bytes=-5"}, 200, target="/empty.txt"),
    Row("of what is not there", "§14.2", {"Range": "bytes=0-9"}, 404, target="/nothing"),
    Row("of what is elsewhere", "§14.2", {"Range": "bytes=0-9"}, 301, target="/docs"),
    Row("of what may not be done", "§14.2", {"Range": "bytes=0-9"}, 405, method="POST"),
]  # fmt: skip

_SEVERAL_RANGES = [
    Row("two parts", "§14.6", {"Range": "bytes=0-9,20-29"}, 206, ((0, 9), (20, 29))),
    Row("in the order asked", "§15.3.7.2", {"Range": "bytes=20-29, 0-9"}, 206,
        ((20, 29), (0, 9))),
    Row("of all kinds", "§14.1.2", {"Range": "bytes=0-0,500-509,990-,-5"}, 206,
        ((0, 0), (500, 509), (990, 999), (995, 999))),
    Row("neighbours", "§15.3.7.2", {"Range": "bytes=0-9,10-19"}, 206, ((0, 9), (10, 19))),
    Row("an overlap", "§15.3.7.2", {"Range": "bytes=0-499,250-749"}, 206, ((0, 499), (250, 749))),
    Row("the same twice", "§15.3.7.2", {"Range": "bytes=0-9,0-9"}, 206, ((0, 9), (0, 9))),
    Row("one behind the end is left out", "§15.3.7.2", {"Range": "bytes=0-9,1000-,20-29"}, 206,
        ((0, 9), (20, 29))),
    Row("if one is left it comes alone", "§15.3.7.2", {"Range": "bytes=1000-,0-9"}, 206,
        ((0, 9),)),
    Row("as much as the whole", "§14.2", {"Range": "bytes=500-,0-499"}, 206,
        ((500, 999), (0, 499))),
    Row("more than the whole", "§14.2", {"Range": "bytes=0-500,500-999"}, 200),
    Row("the whole twice", "§14.2", {"Range": "bytes=0-,0-"}, 200),
    Row("a hundred", "§14.2", {"Range": f"bytes={','.join(['0-0'] * 100)}"}, 206,
        ((0, 0),) * 100),
    Row("a hundred and one", "§14.2", {"Range": f"bytes={','.join(['0-0'] * 101)}"}, 200),
]  # fmt: skip

_PLAIN = {"Vary": "Accept-Encoding", "Content-Encoding": None}
_CODED = {"Vary": "Accept-Encoding", "Content-Type": "text/javascript; charset=utf-8"}
_VARY = {"Vary": "Accept-Encoding"}


def _sidecar(
    name: str,
    section: str,
    fields: dict[str, str],
    status: int,
    parts: tuple[tuple[int, int], ...] = (),
    *,
    coding: str | None = "gzip",
    method: str = "GET",
    expect: Mapping[str, str | None] | None = None,
) -> Row:
    if expect is None:
        expect = _VARY if coding is None or status == 304 else _CODED
    return Row(name, section, fields, status, parts, method, "/app.js", coding, expect)


_SIZE = len(FILES["/app.js.gz"])

_SIDECARS = [
    _sidecar("no coding is asked for", "§12.5.3", {}, 200, coding=None),
    _sidecar("an empty list asks for none", "§12.5.3", {"Accept-Encoding": ""}, 200, coding=None),
    _sidecar("a coding", "§12.5.3", {"Accept-Encoding": "gzip"}, 200),
    _sidecar("its name has no case", "§8.4.1", {"Accept-Encoding": "GZIP"}, 200),
    _sidecar("its old name", "§8.4.1.3", {"Accept-Encoding": "x-gzip"}, 200),
    _sidecar("the best of those accepted", "§12.5.3",
             {"Accept-Encoding": "gzip, deflate, br, zstd"}, 200, coding="br"),
    _sidecar("the one with more weight", "§12.4.2", {"Accept-Encoding": "br;q=0.5, gzip"}, 200),
    _sidecar("any", "§12.5.3", {"Accept-Encoding": "*"}, 200, coding="br"),
    _sidecar("any but one", "§12.5.3", {"Accept-Encoding": "*, br;q=0"}, 200),
    _sidecar("a coding refused", "§12.4.2", {"Accept-Encoding": "gzip;q=0"}, 200, coding=None),
    _sidecar("a coding that is not there", "§12.5.3", {"Accept-Encoding": "deflate"}, 200,
             coding=None),
    _sidecar("none is wanted more", "§12.5.3",
             {"Accept-Encoding": "identity, gzip;q=0.5"}, 200, coding=None),
    _sidecar("none is refused", "§12.5.3", {"Accept-Encoding": "identity;q=0, gzip"}, 200),
    _sidecar("none is refused, and so is the rest", "§12.5.3",
             {"Accept-Encoding": "identity;q=0, *;q=0"}, 406, coding=None),
    Row("none is refused, of a file that has no other", "§12.5.3",
        {"Accept-Encoding": "identity;q=0"}, 406, expect={"Vary": "Accept-Encoding"}),
    _sidecar("HEAD too", "§9.3.2", {"Accept-Encoding": "gzip"}, 200, method="HEAD"),
    _sidecar("the tag of a coding", "§8.8.3.3",
             {"Accept-Encoding": "gzip", "If-None-Match": "{gzip}"}, 304),
    _sidecar("the tag of another coding", "§8.8.3.3",
             {"Accept-Encoding": "br", "If-None-Match": "{gzip}"}, 200, coding="br"),
    _sidecar("the tag of a coding, when none is asked for", "§8.8.3.3",
             {"If-None-Match": "{gzip}"}, 200, coding=None),
    _sidecar("If-Match of another coding", "§8.8.3.3",
             {"If-Match": "{gzip}"}, 412, coding=None, expect={}),
    _sidecar("a part of what is coded", "§14.2",
             {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}, 206, ((0, 9),)),
    _sidecar("parts of what is coded", "§14.2",
             {"Accept-Encoding": "gzip", "Range": "bytes=0-9,20-29"}, 206, ((0, 9), (20, 29)),
             expect=_VARY),
    _sidecar("the rest of a coding", "§13.1.5",
             {"Accept-Encoding": "gzip", "If-Range": "{gzip}", "Range": "bytes=10-"}, 206,
             ((10, _SIZE - 1),), expect=_VARY),
    _sidecar("the rest of another coding is the whole", "§13.1.5",
             {"If-Range": "{gzip}", "Range": "bytes=10-"}, 200, coding=None),
    _sidecar("behind the end of what is coded", "§15.5.17",
             {"Accept-Encoding": "gzip", "Range": "bytes=999-"}, 416, expect={}),
]  # fmt: skip

_GROUPS = {
    "a file": _STATE,
    "If-Match": _IF_MATCH,
    "If-Unmodified-Since": _IF_UNMODIFIED_SINCE,
    "If-None-Match": _IF_NONE_MATCH,
    "If-Modified-Since": _IF_MODIFIED_SINCE,
    "order": _ORDER,
    "If-Range": _IF_RANGE,
    "one range": _ONE_RANGE,
    "no byte there": _UNSATISFIABLE,
    "Range ignored": _IGNORED,
    "several ranges": _SEVERAL_RANGES,
    "sidecar": _SIDECARS,
}
ROWS = {f"{group}: {row.name}": row for group, rows in _GROUPS.items() for row in rows}
"""Every row by its full name, which no other row has."""
assert len(ROWS) == sum(map(len, _GROUPS.values()))
