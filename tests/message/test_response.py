from __future__ import annotations

import pytest

from trio_httpd import HTTPError, PeerError, Response
from trio_httpd._message.errors import pairs_of
from trio_httpd._message.response import DefaultHeaders, RenderedFields, require_status


def test_a_bare_answer_is_a_line_of_text() -> None:
    assert Response.text(404) == Response("Not Found\n", 404)
    assert Response.text(413).content == "Content Too Large\n"
    assert Response.text(599).content == "599\n"
    assert Response.text(400, "why").content == "why\n"


@pytest.mark.parametrize("headers", [{"A": "1"}, [("A", "1")]])
def test_headers_are_a_mapping_or_pairs(headers: dict[str, str] | list[tuple[str, str]]) -> None:
    assert pairs_of(Response(headers=headers).headers) == (("A", "1"),)


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_a_status_that_ends_nothing_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="200 to 599"):
        require_status(status)


def test_standing_fields_are_rendered_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 784111777.9
    monkeypatch.setattr("time.time", lambda: now)
    standing = DefaultHeaders([("X-A", "1")])
    first = standing.now().pairs
    assert first == [
        (b"Date", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"X-A", b"1"),
        (b"Server", b"trio-httpd"),
    ]
    assert standing.now().pairs is first
    assert standing.now().lines.startswith(b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-A: 1\r\n")
    now += 0.2
    assert standing.now().pairs[0] == (b"Date", b"Sun, 06 Nov 1994 08:49:38 GMT")


def test_shared_fields_are_rendered_once_for_who_asks_again() -> None:
    first, second = RenderedFields([(b"Date", b"1")]), RenderedFields([(b"Date", b"2")])
    shared = RenderedFields([(b"ETag", b"x"), (b"vary", b"y")])
    assert shared.names == {b"etag", b"vary"}
    joined = shared.after(first)
    assert joined.pairs == [(b"Date", b"1"), (b"ETag", b"x"), (b"vary", b"y")]
    assert joined.lines == b"Date: 1\r\nETag: x\r\nvary: y\r\n"
    assert shared.after(first) is joined
    assert shared.after(second).lines == b"Date: 2\r\nETag: x\r\nvary: y\r\n"
    assert joined.without({b"etag", b"date"}).pairs == [(b"vary", b"y")]


def test_static_headers_cannot_forge_a_response() -> None:
    with pytest.raises(ValueError, match="not a value"):
        DefaultHeaders([("X", "a\r\nb")])


def test_static_headers_stand_in_for_date_and_server() -> None:
    standing = DefaultHeaders({"date": "d", "SERVER": "s"})
    assert standing.now().pairs == [(b"date", b"d"), (b"SERVER", b"s")]


@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "Connection", "Keep-Alive"]
)
def test_static_headers_cannot_frame(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be set here"):
        DefaultHeaders([(name, "1")])


def test_an_http_error_takes_headers_as_a_response_does() -> None:
    assert HTTPError(401, headers={"A": "1"}).headers == (("A", "1"),)


def test_an_http_error_has_the_status_of_an_error() -> None:
    assert str(HTTPError(404)) == "404"
    assert str(PeerError(400, "why")) == "400 why"
    with pytest.raises(ValueError, match="from 400 to 599"):
        HTTPError(200)
