"""The access log: what a line says, and that no peer can write one of its own."""

from __future__ import annotations

import locale
import logging
import os
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd import Address, Headers, Request
from trio_httpd._exchange.access_log import MOST_LOGGED, _stamp, escaped, log_exchange, logger
from trio_httpd._message.request import RequestHead

COMBINED = re.compile(
    r'(?P<host>\S+) - - \[(?P<time>[^\]]+)\] "(?P<line>[^"]*)" (?P<status>\d{3}|-) '
    r'(?P<size>\d+|-) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)
PEER = Address("127.0.0.1", 4711)


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


RECORDS = Records()


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    logger.addHandler(RECORDS)
    yield
    logger.removeHandler(RECORDS)


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a test choose a time zone, until it ends."""
    _stamp.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()
    _stamp.cache_clear()


def request(target: str = "/x?y", method: str = "GET", **fields: str) -> Request:
    asked = Request(RequestHead(method, target, "1.1", b""))
    # Set here, so that they may hold what no codec lets through.
    asked._headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    return asked


def logged(
    request: Request | None,
    *,
    status: int | None = 200,
    size: int = 2326,
    peer: Address | None = PEER,
) -> logging.LogRecord:
    RECORDS.kept.clear()
    log_exchange(request, status=status, size=size, seconds=0.25, peer=peer)
    [record] = RECORDS.kept
    return record


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    names = ("method", "path", "status", "bytes", "duration", "peer")
    return {name: getattr(record, name) for name in names}


def without_time(record: logging.LogRecord) -> str:
    return re.sub(r"\[[^]]*\]", "[]", record.getMessage())


def plain(text: str) -> str:
    """Undo the escapes of a line."""
    return re.sub(r"\\x([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), text)


def test_a_line_has_the_combined_format() -> None:
    record = logged(request(referer="http://a/", user_agent="curl/8"))
    assert without_time(record) == (
        '127.0.0.1 - - [] "GET /x?y HTTP/1.1" 200 2326 "http://a/" "curl/8"'
    )
    assert (record.name, record.levelno) == ("trio_httpd.access", logging.INFO)


def test_what_is_absent_is_a_dash() -> None:
    assert without_time(logged(request(), size=0)).endswith('HTTP/1.1" 200 - "-" "-"')
    nothing = logged(None, status=None, size=0, peer=None)
    assert without_time(nothing) == '- - - [] "-" - - "-" "-"'


def test_a_record_has_the_parts_as_fields() -> None:
    assert fields_of(logged(request("/%0A%22?y", "POST"), status=201)) == {
        "method": "POST",
        "path": "/%0A%22",
        "status": 201,
        "bytes": 2326,
        "duration": 0.25,
        "peer": "127.0.0.1",
    }


def test_what_is_absent_is_none_among_the_fields() -> None:
    assert fields_of(logged(None, status=None, size=0, peer=None)) == {
        "method": None,
        "path": None,
        "status": None,
        "bytes": 0,
        "duration": 0.25,
        "peer": None,
    }


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (Address("::1", 80), "::1"),
        (Address("fe80::1%a b", 80), "fe80::1%a\\x20b"),
        (Address(path="/run/client"), "/run/client"),
        (Address(path=os.fsdecode(b'/run/\xff\n"')), "/run/\\xFF\\x0A\\x22"),
        (Address(path=""), None),
    ],
)
def test_a_peer_is_one_word(peer: Address, name: str | None) -> None:
    record = logged(request(), peer=peer)
    assert record.getMessage().startswith(f"{name or '-'} - - [")
    assert fields_of(record)["peer"] == name


def test_a_character_that_is_no_byte_is_its_utf_8() -> None:
    assert escaped("a€\ud800") == r"a\xE2\x82\xAC\xED\xA0\x80"


MANY = 31_000
CUT = r"\..."


@pytest.mark.parametrize(
    ("character", "shown"), [("a", "a"), ('"', r"\x22"), ("\\", r"\x5C"), ("\xff", r"\xFF")]
)
def test_what_is_too_long_is_cut_before_it_is_escaped(character: str, shown: str) -> None:
    long = character * MANY
    line = without_time(logged(request(f"/{long}", "A" * MANY, referer=long, user_agent=long)))
    begun = shown * MOST_LOGGED + CUT
    target = "/" + shown * (MOST_LOGGED - 1) + CUT
    method = "A" * MOST_LOGGED + CUT
    assert line == f'127.0.0.1 - - [] "{method} {target} HTTP/1.1" 200 2326 "{begun}" "{begun}"'


def test_what_just_fits_is_whole() -> None:
    assert escaped('"' * MOST_LOGGED) == r"\x22" * MOST_LOGGED


def test_a_client_that_writes_the_mark_is_seen_to_have_written_it() -> None:
    assert escaped(CUT) == r"\x5C..."


def test_the_fields_of_a_record_are_whole() -> None:
    fields = fields_of(logged(request("/" + "a" * MANY, "A" * MANY)))
    assert (fields["path"], fields["method"]) == ("/" + "a" * MANY, "A" * MANY)


@pytest.mark.parametrize(
    ("zone", "stamp"),
    [
        ("UTC0", "21/Nov/2026:14:07:10 +0000"),
        ("XXX-5:30", "21/Nov/2026:19:37:10 +0530"),
        ("XXX+3:30", "21/Nov/2026:10:37:10 -0330"),
    ],
)
def test_the_time_is_local_with_its_offset(
    zone: str, stamp: str, in_zone: pytest.MonkeyPatch
) -> None:
    in_zone.setenv("TZ", zone)
    time.tzset()
    assert _stamp(1795270030) == stamp


def test_the_months_are_english_whatever_the_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    for name in ("de_DE.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            continue
        break
    try:
        _stamp.cache_clear()
        stamps = [_stamp(int(month * 30.44 * 86400 + 15 * 86400)) for month in range(12)]
    finally:
        locale.setlocale(locale.LC_TIME, before)
    months = [stamp.split("/")[1] for stamp in stamps]
    assert " ".join(months) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


targets = st.text(st.characters(max_codepoint=0xFF, exclude_characters="#")).map("/".__add__)
values = st.text(st.characters(max_codepoint=0xFF))
peers = st.none() | st.binary().map(lambda path: Address(path=os.fsdecode(path)))


@given(target=targets, referer=values, agent=values, peer=peers)
def test_no_peer_writes_a_line_of_its_own(
    target: str, referer: str, agent: str, peer: Address | None
) -> None:
    record = logged(request(target, referer=referer, user_agent=agent), peer=peer)
    line = record.getMessage()
    assert line.isascii()
    assert line.isprintable()
    assert line.count('"') == 6
    match = COMBINED.fullmatch(line)
    assert match is not None
    assert plain(match["line"]) == f"GET {target} HTTP/1.1"
    assert plain(match["referer"]) == referer
    assert plain(match["agent"]) == agent
    path = os.fsencode(peer.path or "").decode("latin-1") if peer else ""
    assert plain(match["host"]) == (path or "-")
    assert time.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")


@given(character=st.characters(max_codepoint=0xFF, exclude_characters="#"))
def test_a_line_has_a_longest_length(character: str) -> None:
    long = character * MANY
    record = logged(request(f"/{long}", "A" * MANY, referer=long, user_agent=long))
    line = record.getMessage()
    assert COMBINED.fullmatch(line)
    assert len(line) < 16 * 1024
