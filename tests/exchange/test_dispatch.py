"""What handlers return and raise, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
import trio
from trio.testing import MockClock

from trio_httpd import (
    Connection,
    Handler,
    HTTPError,
    PeerError,
    PeerGone,
    Response,
    Timeouts,
)
from trio_httpd._exchange.dispatch import answer_to
from trio_httpd._exchange.failures import FailurePolicy
from trio_httpd.testing import ClientResponse, connect

pytestmark = pytest.mark.usefixtures("any_stream")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer_of(handler: Handler, **options: Any) -> ClientResponse:
    async with connect(handler, **options) as client:
        return await client.get("/")


def returning(result: Any) -> Handler:
    async def handler(conn: Connection) -> Any:
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
        ({"a": [1, "é"]}, 200, '{"a":[1,"é"]}', "application/json"),
        ([], 200, "[]", "application/json"),
    ],
)
async def test_what_a_handler_returns_is_the_response(
    result: Any, status: int, content: str, content_type: str | None
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


async def test_returned_json_keeps_the_status_and_type_that_were_set() -> None:
    async def handler(conn: Connection) -> dict[str, int]:
        conn.set_status(400)
        conn.add_header("Content-Type", "application/problem+json")
        return {"status": 400}

    response = await answer_of(handler)
    assert (response.status, response.json()) == (400, {"status": 400})
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("result", [{"a": float("nan")}, [object()], {(1, 2): 3}])
async def test_what_is_no_json_is_a_500(result: Any) -> None:
    assert (await answer_of(returning(result), on_error=None)).status == 500


async def test_false_closes_after_what_was_sent() -> None:
    async def handler(conn: Connection) -> Literal[False]:
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


# Whose client has gone? (A chat: a handler sends on what another connection has become.)

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


class Chat:
    """A handler whose `/chat` hands out its stream to all others, and stays."""

    def __init__(self, tell: Callable[[Connection, trio.abc.Stream], Awaitable[None]]) -> None:
        self._tell = tell
        self.told: list[Exception] = []

    async def __call__(self, conn: Connection) -> None:
        if conn.request.path == "/chat":
            self._stream = await conn.upgrade()
            await trio.sleep_forever()
        await self._tell(conn, self._stream)

    def note(self, problem: Exception, conn: object, doing: str) -> None:
        self.told.append(problem)

    async def answer(self, *, other_leaves: bool = True, own_leaves: bool = False) -> bytes:
        """Return what a client hears whose handler tells the other one something."""
        async with connect(self, on_error=self.note) as client:
            other = client.open()
            await other.say(UPGRADE)
            await other.hear()
            if other_leaves:
                other.close()
            await client.raw.say(GET)
            if own_leaves:
                client.leave()
                for _ in range(3):
                    await trio.testing.wait_all_tasks_blocked()
                return b""
            return await client.raw.hear()


async def tell_other(conn: Connection, other: trio.abc.Stream) -> None:
    await trio.testing.wait_all_tasks_blocked()
    await other.send_all(b"hello")


async def test_another_client_that_left_is_a_failure_of_the_handler() -> None:
    chat = Chat(tell_other)
    assert (await chat.answer()).startswith(b"HTTP/1.1 500 ")
    assert [type(problem) for problem in chat.told] == [PeerGone]


async def tell_other_in_a_group(conn: Connection, other: trio.abc.Stream) -> None:
    try:
        await tell_other(conn, other)
    except PeerGone as problem:
        raise ExceptionGroup("", [problem, ExceptionGroup("", [PeerGone()])]) from None


async def test_a_group_of_other_clients_that_left_is_a_failure_of_the_handler() -> None:
    chat = Chat(tell_other_in_a_group)
    assert (await chat.answer()).startswith(b"HTTP/1.1 500 ")
    assert [type(problem) for problem in chat.told] == [ExceptionGroup]


async def tell_both(conn: Connection, other: trio.abc.Stream) -> None:
    await trio.testing.wait_all_tasks_blocked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.send_all, b"hello")
        nursery.start_soon(conn.flush)


async def test_of_ones_own_client_that_left_nothing_is_said() -> None:
    own_only = Chat(tell_both)
    await own_only.answer(other_leaves=False, own_leaves=True)
    assert own_only.told == []


async def test_of_both_clients_that_left_nothing_is_said() -> None:
    both = Chat(tell_both)
    await both.answer(own_leaves=True)
    assert both.told == []


async def fail_as_it_leaves(conn: Connection, other: trio.abc.Stream) -> None:
    await trio.testing.wait_all_tasks_blocked()
    try:
        await conn.flush()
    except PeerGone as problem:
        raise ExceptionGroup("", [problem, ValueError("why")]) from None


async def test_a_failure_beside_ones_own_client_that_left_is_reported() -> None:
    chat = Chat(fail_as_it_leaves)
    await chat.answer(own_leaves=True)
    [problem] = chat.told
    assert isinstance(problem, ExceptionGroup)


def test_what_is_no_answer_is_a_500() -> None:
    assert answer_to(PeerGone()).status == 500
    assert answer_to(ExceptionGroup("", [HTTPError(404)])).status == 404
    assert answer_to(ExceptionGroup("", [HTTPError(404), ValueError()])).status == 500


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


def sole(problem: BaseException) -> BaseException:
    """Return the one exception in groups of one."""
    while isinstance(problem, BaseExceptionGroup):
        [problem] = problem.exceptions
    return problem


async def test_what_is_let_out_keeps_its_cause_and_its_context() -> None:
    why, where = KeyError("why"), LookupError("where")

    async def handler(conn: Connection) -> None:
        try:
            raise where
        except LookupError:
            if conn.request.path == "/cause":
                raise ValueError from why
            raise ValueError  # noqa: B904 -- its context is what counts

    for path, cause in (("/cause", why), ("/", None)):
        with pytest.RaisesGroup(ValueError, flatten_subgroups=True) as caught:
            async with connect(handler) as client:
                await client.get(path)
        problem = sole(caught.value)
        assert problem.__cause__ is cause
        assert problem.__context__ is where


async def test_what_on_error_raises_has_the_failure_as_its_cause() -> None:
    failure, own_cause = ValueError("why"), KeyError()

    def decide(problem: Exception, conn: Connection, doing: str) -> None:
        raise LookupError

    def decide_why(problem: Exception, conn: Connection, doing: str) -> None:
        raise LookupError from own_cause

    for on_error, cause in ((decide, failure), (decide_why, own_cause)):
        with pytest.RaisesGroup(LookupError, flatten_subgroups=True) as caught:
            await answer_of(raising(failure), on_error=on_error)
        assert sole(caught.value).__cause__ is cause


async def test_on_error_may_change_while_serving() -> None:
    async with connect(raising(ValueError("why"))) as client:
        assert client.server.on_error == "raise"
        client.server.on_error = None
        assert (await client.get("/")).status == 500
        with pytest.raises(TypeError, match="on_error is None, 'raise' or a callable"):
            client.server.on_error = "ignore"  # type: ignore[assignment]


async def test_on_error_cannot_be_async() -> None:
    async def decide(problem: Exception, conn: object, doing: str) -> None:
        pass

    with pytest.raises(TypeError, match="cannot be an async function"):
        FailurePolicy(decide)


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


# What is no `Exception`.


def stale_cancelled() -> trio.Cancelled:
    """Return what a task was once cancelled by, as a memoizer may keep it."""
    kept: list[trio.Cancelled] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled as problem:
                kept.append(problem)
                raise

    trio.run(main)
    return kept[0]


STALE = stale_cancelled()
ODD = [
    STALE,
    SystemExit(2),
    GeneratorExit(),
    asyncio.CancelledError(),
    BaseExceptionGroup("", [ValueError(), SystemExit(2)]),
    BaseExceptionGroup("", [HTTPError(404), STALE]),
    BaseExceptionGroup("", [PeerGone(), BaseExceptionGroup("", [asyncio.CancelledError()])]),
]


def name_of(problem: BaseException) -> str:
    """Return the types in ``problem``, the same in each process."""
    if isinstance(problem, BaseExceptionGroup):
        return f"group of {' and '.join(map(name_of, problem.exceptions))}"
    return type(problem).__name__


def raising_oddly(problem: BaseException) -> Handler:
    async def handler(conn: Connection) -> str | None:
        if conn.request.path == "/next":
            return "still here"
        raise problem

    return handler


@pytest.mark.parametrize("problem", ODD, ids=name_of)
async def test_what_is_no_exception_is_a_failure_of_the_handler(
    problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(raising_oddly(problem), on_error=None) as client:
        raw = client.raw
        response = await client.get("/")
        assert (response.status, response.text()) == (500, "Internal Server Error\n")
        assert (await client.get("/next")).text() == "still here"
        assert client.raw is raw
    [record] = caplog.records
    assert record.exc_info is not None
    logged = record.exc_info[1]
    assert str(logged) == f"a handler raised {type(problem).__name__}, which ends nothing here"
    assert isinstance(logged, RuntimeError)
    assert logged.__cause__ is problem


@pytest.mark.parametrize("problem", ODD, ids=name_of)
async def test_on_error_may_let_it_out_as_an_exception(problem: BaseException) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(RuntimeError, check=lambda out: out.__cause__ is problem),
        flatten_subgroups=True,
    ):
        async with connect(raising_oddly(problem), on_error="raise") as client:
            await client.get("/")


@pytest.mark.parametrize("problem", ODD, ids=name_of)
async def test_on_error_may_be_called_with_it(problem: BaseException) -> None:
    told: list[Exception] = []
    async with connect(raising_oddly(problem), on_error=lambda each, *_: told.append(each)) as c:
        assert (await c.get("/")).status == 500
    assert [each.__cause__ for each in told] == [problem]


@pytest.mark.parametrize(
    "problem", [KeyboardInterrupt(), BaseExceptionGroup("", [ValueError(), KeyboardInterrupt()])]
)
async def test_ctrl_c_ends_the_server(problem: BaseException) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        async with connect(raising_oddly(problem), on_error=None) as client:
            await client.get("/")
    assert caught.value.subgroup(KeyboardInterrupt) is not None


async def sleep_in_two_tasks(conn: Connection) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(trio.sleep_forever)


async def test_a_cancellation_of_ours_passes(caplog: pytest.LogCaptureFixture) -> None:
    async with connect(sleep_in_two_tasks, on_error=None) as client:
        await client.raw.say(GET)
        await trio.testing.wait_all_tasks_blocked()
    assert not caplog.records


async def test_a_handler_that_ran_out_of_time_is_cancelled(autojump_clock: MockClock) -> None:
    async with connect(sleep_in_two_tasks, timeouts=Timeouts(handler=5)) as client:
        assert (await client.get("/")).status == 503
        assert trio.current_time() == 5


@pytest.mark.parametrize(
    ("problem", "is_reported"),
    [
        (ValueError("why"), True),
        (HTTPError(404), False),
        (SystemExit(2), True),
        (BaseExceptionGroup("", [HTTPError(404), ValueError()]), True),
    ],
    ids=repr,
)
async def test_a_failure_beside_a_cancellation_of_ours_is_reported(
    problem: BaseException, is_reported: bool
) -> None:
    told: list[Exception] = []

    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise problem

    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(trio.sleep_forever)

    async with connect(handler, on_error=lambda each, *_: told.append(each)) as client:
        await client.raw.say(GET)
        await trio.testing.wait_all_tasks_blocked()
    assert len(told) == is_reported


async def test_a_handler_that_fails_beside_a_task_that_waits_spares_the_response_before(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> str:
        if conn.request.path == "/first":
            return "1" * 15_000

        async def send() -> None:
            with suppress(trio.BrokenResourceError):
                await conn.send(b"2" * 80_000)

        left.start_soon(send)
        await trio.sleep(1)
        raise ValueError

    async with (
        trio.open_nursery() as left,
        connect(handler, window=1000, on_error=lambda *_: None) as client,
    ):
        await client.raw.say(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        await client.raw.say(GET)
        await trio.sleep(2)
        heard = await client.raw.hear_rest()
    assert heard.count(b"1" * 15_000) == 1
    assert not heard.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("content", [{"a": [1]}, ["a", 1]])
@pytest.mark.parametrize("headers", [(), ([("X-A", "b")],)])
async def test_json_may_have_a_status_and_fields(
    content: Any, headers: tuple[list[tuple[str, str]], ...]
) -> None:
    async def handler(conn: Connection) -> Any:
        return (content, 201, *headers)

    async with connect(handler) as client:
        response = await client.get("/")
    assert (response.status, response.json()) == (201, content)
    assert response.headers["content-type"] == "application/json"
    assert ("x-a" in response.headers) == bool(headers)
