"""What handlers return and raise, and who is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio

from trio_httpd import Connection, Handler, HTTPError, PeerError, PeerGone, Response
from trio_httpd._exchange.dispatch import answer_to, is_disconnect
from trio_httpd.testing import ClientResponse, connect

pytestmark = pytest.mark.usefixtures("any_stream")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer_of(handler: Handler, **options: Any) -> ClientResponse:
    async with connect(handler, **options) as client:
        return await client.get("/")


def returning(result: object) -> Handler:
    async def handler(conn: Connection) -> object:
        return result

    return handler


@pytest.mark.parametrize(
    ("result", "status", "content", "content_type"),
    [
        (None, 200, "", None),
        ("é", 200, "é", "text/plain; charset=utf-8"),
        (b"x", 200, "x", None),
        (("x", 201), 201, "x", "text/plain; charset=utf-8"),
        ((None, 204), 204, "", None),
        ((b"x", 404, {"Content-Type": "a/b"}), 404, "x", "a/b"),
        (("x", 200, [("Content-Type", "a/b")]), 200, "x", "a/b"),
        (Response("x", 202), 202, "x", "text/plain; charset=utf-8"),
    ],
)
async def test_what_a_handler_returns_is_the_response(
    result: object, status: int, content: str, content_type: str | None
) -> None:
    response = await answer_of(returning(result))
    assert (response.status, response.text()) == (status, content)
    assert response.headers.get("content-type") == content_type


async def test_returned_content_keeps_the_status_and_type_that_were_set() -> None:
    async def handler(conn: Connection) -> str:
        conn.set_status(418)
        conn.add_header("Content-Type", "text/html")
        return "<p>"

    response = await answer_of(handler)
    assert (response.status, response.headers["content-type"]) == (418, "text/html")


async def test_false_closes_after_what_was_sent() -> None:
    async def handler(conn: Connection) -> bool:
        await conn.send("bye")
        return False

    async with connect(handler) as client:
        await client.raw.say(GET + GET)
        heard = await client.raw.hear_rest()
    assert heard.count(b"bye") == 1
    assert b"Connection: close" in heard


@pytest.mark.parametrize("result", [True, 5, ("x",), ("x", "y"), (5, 200), object()])
async def test_another_result_is_the_handlers_fault(result: object) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(TypeError, match="a handler cannot return"), flatten_subgroups=True
    ):
        await answer_of(returning(result))


async def test_a_result_that_is_refused_is_shown_cut(caplog: pytest.LogCaptureFixture) -> None:
    await answer_of(returning(bytearray(1_000_000)), on_error=None)
    [record] = caplog.records
    assert record.exc_info is not None
    assert len(str(record.exc_info[1])) < 5000


async def test_content_returned_after_a_send_is_the_handlers_fault() -> None:
    async def handler(conn: Connection) -> str:
        await conn.send("a")
        return "b"

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError), flatten_subgroups=True):
        await answer_of(handler)


def raising(problem: Exception) -> Handler:
    async def handler(conn: Connection) -> None:
        conn.add_header("X-Secret", "1")
        await conn.send("held")
        raise problem

    return handler


async def test_an_http_error_is_the_answer_and_keeps_the_transport() -> None:
    async with connect(raising(HTTPError(404, "no such thing", [("X-A", "1")]))) as client:
        raw = client.raw
        response = await client.get("/")
        assert (response.status, response.text()) == (404, "no such thing\n")
        assert response.headers["x-a"] == "1"
        assert "x-secret" not in response.headers
        await client.get("/")
        assert client.raw is raw


async def test_an_http_error_alone_in_a_group_is_honoured() -> None:
    problem = ExceptionGroup("a", [ExceptionGroup("b", [HTTPError(402)])])
    assert (await answer_of(raising(problem))).status == 402


async def test_a_peer_error_closes() -> None:
    async with connect(raising(ExceptionGroup("", [PeerError(400, "bad")]))) as client:
        await client.raw.say(GET + GET)
        heard = await client.raw.hear_rest()
    assert heard.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in heard


async def test_anything_else_is_a_bare_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    problem = ValueError("secret")
    async with connect(raising(problem), on_error=None) as client:
        raw = client.raw
        response = await client.get("/")
        assert (response.status, response.text()) == (500, "Internal Server Error\n")
        assert (await client.get("/")).status == 500
        assert client.raw is raw
    record = caplog.records[0]
    assert (record.name, record.levelno) == ("trio_httpd.connection", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is problem


async def test_several_errors_are_a_500() -> None:
    problem = ExceptionGroup("", [HTTPError(404), ValueError()])
    assert (await answer_of(raising(problem), on_error=None)).status == 500


async def test_a_peers_bytes_reach_no_log_unescaped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trio_httpd.connection")

    async def handler(conn: Connection) -> None:
        raise PeerError(400, conn.request.path)

    async with connect(handler) as client:
        await client.get("/%0a%1b[31m%e2%80%a8")
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert caplog.messages[0].isascii()
    assert caplog.messages[0].isprintable()


async def test_a_peer_that_left_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "trio_httpd.connection")

    async def leave(conn: Connection) -> None:
        client.leave()
        await trio.testing.wait_all_tasks_blocked()
        await conn.flush()

    async with connect(leave) as client:
        await client.raw.say(GET)
        await trio.testing.wait_all_tasks_blocked()
    assert not caplog.records


async def test_a_failure_is_reported_though_nobody_is_left_to_tell() -> None:
    told: list[Exception] = []

    async def handler(conn: Connection) -> None:
        client.leave()
        raise ValueError("why")

    async with connect(handler, on_error=lambda problem, *_: told.append(problem)) as client:
        await client.raw.say(GET)
        await trio.testing.wait_all_tasks_blocked()
    assert [str(problem) for problem in told] == ["why"]


def test_several_goodbyes_are_one() -> None:
    goodbyes = ExceptionGroup("", [PeerGone(), ExceptionGroup("", [PeerGone()])])
    assert is_disconnect(goodbyes)
    assert answer_to(goodbyes) is None
    assert not is_disconnect(ExceptionGroup("", [PeerGone(), ValueError()]))


async def test_a_foreign_broken_resource_is_the_handlers_fault() -> None:
    response = await answer_of(raising(trio.BrokenResourceError("database")), on_error=None)
    assert response.status == 500


# A response that is under way.


def breaking_off(version: str = "1.1") -> tuple[Handler, bytes]:
    async def handler(conn: Connection) -> None:
        await conn.send("some")
        await conn.flush()
        raise HTTPError(404)

    return handler, f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode()


async def test_a_chunked_response_is_cut_before_its_last_chunk() -> None:
    handler, request = breaking_off()
    async with connect(handler) as client:
        await client.raw.say(request + GET)
        heard = await client.raw.hear_rest()
    assert heard.endswith(b"\r\n\r\n4\r\nsome\r\n")


async def test_a_response_with_a_length_is_cut_short_of_it() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "10")
        await conn.send("some")
        await conn.flush()
        raise ValueError

    async with connect(handler, on_error=None) as client:
        await client.raw.say(GET)
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\nsome")


async def test_a_response_that_ends_with_the_transport_is_reset() -> None:
    handler, request = breaking_off("1.0")
    async with connect(handler) as client:
        await client.raw.say(request)
        await client.raw.hear(b"\r\n\r\nsome")
        await client.raw.hear_reset()


# on_error.


async def test_on_error_may_let_the_exception_out_after_the_answer() -> None:
    heard = b""
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="why"), flatten_subgroups=True):
        async with connect(raising(ValueError("why")), on_error="raise") as client:
            await client.raw.say(GET)
            with trio.CancelScope(shield=True):
                heard = await client.raw.hear_rest()
    assert heard.startswith(b"HTTP/1.1 500 ")


async def test_on_error_may_be_told_what_was_going_on() -> None:
    told: list[tuple[object, ...]] = []

    async with connect(raising(ValueError("why")), on_error=lambda *what: told.append(what)) as c:
        assert (await c.get("/")).status == 500
    [(problem, conn, doing)] = told
    assert isinstance(problem, ValueError)
    assert isinstance(conn, Connection)
    assert doing == "handler"


async def test_what_on_error_raises_leaves_and_is_not_reported_again() -> None:
    def decide(problem: Exception, conn: Connection, doing: str) -> None:
        assert isinstance(problem, ValueError)
        raise KeyError(doing)

    with pytest.RaisesGroup(pytest.RaisesExc(KeyError), flatten_subgroups=True):
        await answer_of(raising(ValueError("why")), on_error=decide)


async def test_on_error_may_raise_what_it_was_given() -> None:
    def decide(problem: Exception, conn: Connection, doing: str) -> None:
        raise problem

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="why"), flatten_subgroups=True):
        await answer_of(raising(ValueError("why")), on_error=decide)


async def test_on_error_may_change_while_serving() -> None:
    async with connect(raising(ValueError("why"))) as client:
        assert client.server.on_error == "raise"
        client.server.on_error = None
        assert (await client.get("/")).status == 500
        with pytest.raises(TypeError, match="on_error is None, 'raise' or a callable"):
            client.server.on_error = "ignore"  # type: ignore[assignment]


async def test_answers_that_cannot_be_sent_are_faults_too() -> None:
    told: list[Exception] = []
    problem = HTTPError(404, headers=[("X", "a\r\nb")])
    handler = raising(problem)
    response = await answer_of(handler, on_error=lambda problem, *_: told.append(problem))
    assert response.status == 500
    assert [type(each) for each in told] == [ValueError]


async def test_failures_are_reported_even_to_those_who_are_being_cancelled() -> None:
    told: list[Exception] = []

    async def handler(conn: Connection) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("while being cancelled")

    async with connect(handler, on_error=lambda problem, *_: told.append(problem)) as client:
        await client.raw.say(GET)
        await trio.testing.wait_all_tasks_blocked()
    assert [str(each) for each in told] == ["while being cancelled"]
