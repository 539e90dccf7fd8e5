"""Two tasks of one handler on one response: whoever comes second is told, and nothing is forged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest
import trio
from trio.testing import MockClock

from tests.laws.wire import End, read_wire
from tests.net.turns import counted_turns
from trio_httpd import Connection, Response
from trio_httpd._message.responder import Responder
from trio_httpd._message.response import RenderedFields
from trio_httpd._syntax.ranges import ByteRange
from trio_httpd.testing import Raw, connect

pytestmark = pytest.mark.usefixtures("any_stream")

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
MANY = b"~" * 70_000
"""More than a turn: whoever sends it lets others run first."""

Call = Callable[[], Awaitable[object]]


async def heard_of_two(
    one: Callable[[Connection], Call], other: Callable[[Connection], Call]
) -> bytes:
    """Return all that is heard when two tasks begin at once, and whose second was refused."""
    refused: list[str] = []

    async def handler(conn: Connection) -> str | None:
        if conn.request.path == "/next":
            return "the true answer"

        async def attempt(name: str, call: Call) -> None:
            try:
                await call()
            except (trio.BusyResourceError, RuntimeError):  # Busy, or finished by then.
                refused.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt, "one", one(conn))
            nursery.start_soon(attempt, "other", other(conn))
        return None

    async with connect(handler, on_error=lambda *_: None) as client:
        for path in ("/", "/next"):
            await client.raw.say(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.raw.say_eof()
        heard = await client.raw.hear_rest()
    assert len(refused) == 1
    return heard


@pytest.mark.parametrize("_", range(8))  # Which of two tasks runs first is random.
async def test_content_that_comes_after_the_end_is_refused(_: int) -> None:
    def writer(conn: Connection) -> Call:
        async def write() -> None:
            await conn.send(MANY)
            await conn.send(FORGED)

        return write

    heard = await heard_of_two(writer, lambda conn: conn.finish)
    end = heard.rindex(b"HTTP/1.1 200 OK", 0, heard.rindex(b"the true answer"))
    assert b"forged" not in heard[end:]
    assert heard[:end].endswith((b"0\r\n\r\n", b"Content-Length: 0\r\n\r\n"))
    assert b"\r\n0\r\n\r\n" not in heard[: end - 5]
    assert heard.endswith(b"\r\n\r\nthe true answer")


@pytest.mark.parametrize("_", range(8))
async def test_one_response_ends_once(_: int) -> None:
    def twice(conn: Connection) -> Call:
        async def finish() -> None:
            await conn.send(MANY)
            await conn.finish()

        return finish

    heard = await heard_of_two(twice, twice)
    assert heard.count(b"0\r\n\r\n") == 1
    assert heard.endswith(b"\r\n\r\nthe true answer")


async def test_a_file_beside_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MANY)

    def sending(conn: Connection) -> Call:
        conn.set_header("Content-Length", str(len(MANY)))
        return lambda: conn.send(MANY)

    heard = await heard_of_two(sending, lambda conn: lambda: conn.send_file(tmp_path / "file"))
    assert heard.count(b"~") == len(MANY)
    assert heard.endswith(b"\r\n\r\nthe true answer")


@pytest.mark.parametrize("json", [False, True])
async def test_what_was_refused_is_not_sent_later(json: bool) -> None:
    async def handler(conn: Connection) -> None:
        conn.set_header("Content-Length", "2")
        try:
            await (conn.send_json(["forged"]) if json else conn.respond(Response(b"ok" + FORGED)))
        finally:
            await conn.flush()

    async with connect(handler, on_error=lambda *_: None) as client:
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        heard = await client.raw.hear_rest()
    assert b"forged" not in heard
    assert heard.endswith(b"\r\n\r\n")


# Every pair of methods.

SIZE = 3000


def named(name: str) -> Callable[[Connection, Path], Awaitable[object]]:
    """Return a call of the method of that name."""
    data = b"~" * SIZE
    calls: dict[str, Callable[[Connection, Path], Awaitable[object]]] = {
        "send": lambda conn, _: conn.send(b"~"),
        "send much": lambda conn, _: conn.send(data),
        "flush": lambda conn, _: conn.flush(),
        "finish": lambda conn, _: conn.finish(),
        "respond": lambda conn, _: conn.respond(Response(data)),
        "json": lambda conn, _: conn.send_json("~" * SIZE),
        "error": lambda conn, _: conn.send_error(500, content=data),
        "redirect": lambda conn, _: conn.redirect("/" + "~" * SIZE),
        "send_file": lambda conn, folder: conn.send_file(folder / "large"),
        "send_file, small": lambda conn, folder: conn.send_file(folder / "small"),
        "serve_file": lambda conn, folder: conn.serve_file("/large", docroot=folder),
        "read_body": lambda conn, _: conn.read_body(),
        "discard_body": lambda conn, _: conn.discard_body(),
        "upgrade": lambda conn, _: upgrade(conn, data),
        "abort": lambda conn, _: abort(conn),
        "set": lambda conn, _: change(conn),
    }
    return calls[name]


async def upgrade(conn: Connection, data: bytes) -> None:
    await (await conn.upgrade()).send_all(data)


async def abort(conn: Connection) -> None:
    conn.abort()


async def change(conn: Connection) -> None:
    """Say what the response is, when it may be under way."""
    conn.set_status(204)
    conn.set_header("Content-Length", "1")


METHODS = (
    "send", "send much", "flush", "finish", "respond", "json", "error", "redirect", "send_file",
    "send_file, small", "serve_file", "read_body", "discard_body", "upgrade", "abort", "set",
)  # fmt: skip
REFUSED = (
    RuntimeError, trio.BusyResourceError, trio.BrokenResourceError, trio.ClosedResourceError,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "large").write_bytes(b"~" * 200_000)
    (folder / "small").write_bytes(b"~" * SIZE)
    return folder


@pytest.mark.parametrize("before", ["nothing", "held", "out"])
@pytest.mark.parametrize("one", METHODS)
async def test_no_two_methods_at_once_forge_a_response(one: str, before: str, folder: Path) -> None:
    for other in METHODS:
        await play_two(named(one), named(other), before, 3 if before == "out" else 0, folder)


async def play_two(
    one: Callable[[Connection, Path], Awaitable[object]],
    other: Callable[[Connection, Path], Awaitable[object]],
    before: str,
    pause: int,
    folder: Path,
) -> None:
    """Let two tasks call a method each, one a few steps after the other; check the wire."""

    async def attempt(
        call: Callable[[Connection, Path], Awaitable[object]], conn: Connection, pause: int
    ) -> None:
        for _ in range(pause):
            await trio.lowlevel.checkpoint()
        with suppress(*REFUSED):
            await call(conn, folder)

    async def handler(conn: Connection) -> str | None:
        if conn.request.path == "/next":
            return "the true answer"
        if before != "nothing":
            await conn.send(b"~~")
        if before == "out":
            await conn.flush()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt, one, conn, 0)
            nursery.start_soon(attempt, other, conn, pause)
        return None

    async with (
        connect(handler, window=1000, on_error=lambda *_: None) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(say_all, client.raw)
        heard, end = await hear_all(client.raw)
        nursery.cancel_scope.cancel()
    for place, answer in enumerate(read_wire(heard, ["POST", "GET"], end)):
        content = answer.content
        if place:
            assert content == b"the true answer"[: None if answer.is_whole else len(content)]
        else:
            assert not answer.rest.strip(b"~")
            assert not content.strip(b'~"') or answer.status >= 400


async def hear_all(raw: Raw) -> tuple[bytes, End]:
    heard = b""
    try:
        while data := await raw.stream.receive_some():
            heard += data
    except trio.BrokenResourceError:
        return heard, End.RESET
    return heard, End.CLOSED


async def say_all(raw: Raw) -> None:
    with suppress(trio.BrokenResourceError):
        await raw.say(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
            b"Content-Length: 2000\r\n\r\n" + b"c" * 2000 + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        await raw.say_eof()


# A response that failed.


async def test_a_failure_while_a_task_that_was_left_behind_is_sending_cuts_the_response(
    autojump_clock: MockClock,
) -> None:
    problems: list[BaseException] = []

    async def send_slowly(conn: Connection) -> None:
        try:
            await conn.send(MANY)
        except trio.BrokenResourceError as problem:
            problems.append(problem)

    async def handler(conn: Connection) -> None:
        outer.start_soon(send_slowly, conn)
        await trio.sleep(1)
        raise ValueError

    async with (
        trio.open_nursery() as outer,
        connect(handler, window=100, on_error=lambda *_: None) as client,
    ):
        await client.raw.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        await trio.sleep(2)
        heard = await client.raw.hear_rest()
    assert len(problems) == 1
    assert heard.count(b"HTTP/1.1 ") == 1
    assert not heard.endswith(b"0\r\n\r\n")


async def test_a_failure_while_a_task_that_was_left_behind_is_about_to_send_ends_the_connection(
    autojump_clock: MockClock,
) -> None:
    problems: list[BaseException] = []

    async def upgrade_later(conn: Connection) -> None:
        try:
            await conn.upgrade()  # It waits for the content first.
        except (trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            problems.append(problem)

    async def handler(conn: Connection) -> None:
        outer.start_soon(upgrade_later, conn)
        await trio.sleep(1)
        raise ValueError

    async with (
        trio.open_nursery() as outer,
        connect(handler, on_error=lambda *_: None) as client,
    ):
        await client.raw.say(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
            b"Content-Length: 5\r\n\r\n"
        )
        assert await client.raw.hear_rest() == b""
        assert trio.current_time() == 1
    assert len(problems) == 1


async def test_a_response_that_is_whole_stays_so_whatever_the_handler_does_then() -> None:
    async def handler(conn: Connection) -> None:
        await conn.respond(Response("whole"))
        raise ValueError

    async with connect(handler, on_error=lambda *_: None) as client:
        raw = client.raw
        for _ in range(2):
            assert (await client.get("/")).text() == "whole"
        assert client.raw is raw


# What stands below a connection sends through its responder.

SHARED = RenderedFields([(b"ETag", b'"1"')])
CONTENT = b"x" * 200


async def send_in_pieces(responder: Responder) -> None:
    for _ in range(200):
        await responder.send(b"x")


async def send_unread(responder: Responder) -> None:
    responder.reply.set_header("Content-Length", "200")
    if not responder.reply.takes_files:
        await responder.send(CONTENT)
        return
    with TemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        await responder.send_file(file.fileno(), ByteRange(0, 150))
        await responder.send_file(file.fileno(), ByteRange(150, 200))


@pytest.mark.parametrize("window", [10, 100_000])
@pytest.mark.parametrize(
    "send",
    [
        send_in_pieces,
        send_unread,
        lambda responder: responder.send_whole(CONTENT),
        lambda responder: responder.send_shared(SHARED, CONTENT),
    ],
)
async def test_what_has_no_room_is_waited_for(
    send: Callable[[Responder], Awaitable[None]], window: float
) -> None:
    async def handler(conn: Connection) -> None:
        with conn._responder.claimed() if conn.request.path == "/claimed" else nullcontext():
            await send(conn._responder)

    async with connect(handler, window=window) as client:
        for path in ("/", "/claimed"):
            response = await client.get(path)
            assert response.body == CONTENT
            assert response.headers["content-length"] == "200"


async def test_sending_in_pieces_lets_others_run() -> None:
    async def handler(conn: Connection) -> None:
        async with counted_turns() as turns:
            await send_in_pieces(conn._responder)
            assert turns.count >= 10

    async with connect(handler) as client:
        assert (await client.get("/")).body == CONTENT
