"""What a handler says, and the bytes that leave."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.net.turns import counted_turns
from trio_httpd import Connection, Docroot, Handler, HTTPError, Limits, Response, Timeouts
from trio_httpd.testing import connect

pytestmark = pytest.mark.usefixtures("any_stream")

OWN_TEXT = Path(__file__).read_bytes()
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def heard_from(handler: Handler, request: bytes = GET, **options: Any) -> bytes:
    """Return all that ``handler`` lets out for ``request``, the standing fields aside."""
    async with connect(handler, **options) as client:
        await client.raw.say(request)
        await client.raw.say_eof()
        heard = await client.raw.hear_rest()
    return re.sub(rb"(Date|Server): [^\r]*\r\n", b"", heard)


# Steps.


async def test_a_small_response_leaves_with_its_length() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(201)
        conn.add_header("X-A", "1")
        conn.add_header("X-A", "2")
        await conn.send("h\xe9")
        await conn.send(bytearray(b"llo"))
        await conn.send(memoryview(b"!"))

    assert await heard_from(handler) == (
        b"HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 7\r\n\r\nh\xc3\xa9llo!"
    )


async def test_a_handler_that_says_nothing_answers_empty() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(404, "Nothing Here")

    assert await heard_from(handler) == (b"HTTP/1.1 404 Nothing Here\r\nContent-Length: 0\r\n\r\n")


async def test_what_overflows_goes_in_chunks() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"a" * 4)
        await conn.send(b"b" * 5)
        await conn.send(b"c")

    assert await heard_from(handler, limits=Limits(send_chunk=8)) == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"9\r\naaaabbbbb\r\n1\r\nc\r\n0\r\n\r\n"
    )


async def test_what_just_fits_is_held() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"a" * 8)

    heard = await heard_from(handler, limits=Limits(send_chunk=8))
    assert heard.endswith(b"Content-Length: 8\r\n\r\naaaaaaaa")


async def test_flush_lets_out_what_is_held(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        await conn.flush()
        await trio.sleep(1)
        await conn.send("tick")
        await conn.flush()
        await conn.flush()
        await trio.sleep(1)
        await conn.finish()
        await conn.flush()
        await trio.sleep(1)

    async with connect(handler) as client:
        await client.raw.say(GET)
        assert b"Transfer-Encoding: chunked" in await client.raw.hear()
        assert trio.current_time() == 0
        assert await client.raw.hear(b"tick\r\n") == b"4\r\ntick\r\n"
        assert trio.current_time() == 1
        assert await client.raw.hear() == b"0\r\n\r\n"
        assert trio.current_time() == 2


async def test_finish_is_idempotent_and_final() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("a")
        await conn.finish()
        await conn.finish()
        with pytest.raises(RuntimeError, match="this response is finished"):
            await conn.send("b")

    assert (await heard_from(handler)).endswith(b"\r\n\r\na")


async def test_the_first_send_fixes_the_head() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"")
        for change in (
            partial(conn.set_status, 404),
            partial(conn.add_header, "A", "b"),
            partial(conn.set_header, "A", "b"),
        ):
            with pytest.raises(RuntimeError, match="head of this response is fixed"):
                change()
        for whole in (
            conn.respond(Response()),
            conn.send_json({}),
            conn.redirect("/"),
            conn.upgrade(),
        ):
            with pytest.raises(RuntimeError, match="head of this response is fixed"):
                await whole

    assert (await heard_from(handler)).startswith(b"HTTP/1.1 200 ")


async def test_holding_lets_others_run() -> None:
    async def handler(conn: Connection) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            for _ in range(16):
                await conn.send(b"x")
        assert scope.cancelled_caught

    assert (await heard_from(handler)).endswith(b"\r\n\r\n" + b"x" * 16)


async def test_sending_nothing_costs_nothing() -> None:
    async def handler(conn: Connection) -> None:
        for _ in range(100):
            await conn.send("")
        assert conn._responder.reply._held == []

    assert await heard_from(handler) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("data", [5, None, ["a"]])
async def test_only_bytes_and_text_can_be_sent(data: Any) -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(TypeError):
            await conn.send(data)

    await heard_from(handler)


# The head.


async def test_set_header_replaces() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("X-A", "1")
        conn.add_header("x-a", "2")
        conn.set_header("X-a", "3")
        conn.set_header("Content-Length", "9")
        conn.set_header("Content-Length", "0")

    assert await heard_from(handler) == b"HTTP/1.1 200 OK\r\nX-a: 3\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nSet-Cookie: b=c"),
        ("X", "a\nb"),
        ("X", "a\x00"),
        ("X: y\r\nZ", "a"),
        ("", "a"),
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "timeout=1"),
        ("Content-Length", "-1"),
        ("Content-Length", "1, 1"),
    ],
)
async def test_a_field_that_could_forge_is_refused(name: str, value: str) -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match=r"."):
            conn.add_header(name, value)
        with pytest.raises(ValueError, match=r"."):
            conn.set_header(name, value)

    assert await heard_from(handler) == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


async def test_a_second_length_is_refused() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "0")
        with pytest.raises(ValueError, match="not the one Content-Length"):
            conn.add_header("Content-Length", "0")

    await heard_from(handler)


@pytest.mark.parametrize("reason", ["a\r\nb: c", "\x00", "€"])
async def test_a_reason_that_could_forge_is_refused(reason: str) -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match="not a reason phrase"):
            conn.set_status(200, reason)

    await heard_from(handler)


@pytest.mark.parametrize("status", [100, 101, 600, 0])
async def test_a_status_that_is_not_final_is_refused(status: int) -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match="200 to 599"):
            conn.set_status(status)

    await heard_from(handler)


async def test_standing_fields_can_be_stood_in_for() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("date", "today")
        conn.add_header("SERVER", "me")
        conn.add_header("X-Frame", "mine")

    static = [("X-Frame", "deny"), ("X-Other", "1")]
    async with connect(handler, static_headers=static) as client:
        headers = (await client.get("/")).headers
    assert headers.getall("date") == ["today"]
    assert headers.getall("server") == ["me"]
    assert headers.getall("x-frame") == ["mine"]
    assert headers.getall("x-other") == ["1"]


async def test_responses_carry_date_and_server() -> None:
    async def handler(conn: Connection) -> None:
        pass

    async with connect(handler) as client:
        headers = (await client.get("/")).headers
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["date"])
    assert headers["server"] == "trio-httpd"


async def test_the_server_need_not_be_named() -> None:
    async def handler(conn: Connection) -> None:
        pass

    async with connect(handler, server_header=False) as client:
        assert "server" not in (await client.get("/")).headers


async def test_connection_options_are_heeded_or_passed_on() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Connection", "X-Old")
        conn.set_header("Connection", "X-Hop, keep-alive")
        conn.add_header("Connection", "Close")

    assert b"\r\nConnection: close, x-hop\r\n" in await heard_from(handler)


async def test_cookies_are_set_and_deleted() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_cookie("a", "1", httponly=True)
        conn.delete_cookie("b", path="/x")
        with pytest.raises(TypeError, match="flavour"):
            conn.set_cookie("c", "1", flavour="oat")  # type: ignore[call-arg]

    assert await heard_from(handler) == (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; SameSite=Lax; HttpOnly\r\n"
        b"Set-Cookie: b=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/x; "
        b"SameSite=Lax\r\nContent-Length: 0\r\n\r\n"
    )


# A declared length.


async def test_content_of_the_declared_length_goes_as_it_comes() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "10")
        await conn.send(b"hello")
        await conn.flush()
        await conn.send(b"world")

    assert await heard_from(handler) == (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld")


async def test_more_than_declared_is_refused_and_not_sent() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "3")
        await conn.send(b"ab")
        with pytest.raises(RuntimeError, match="more content than the declared 3 bytes"):
            await conn.send(b"cd")
        await conn.send(b"c")

    assert (await heard_from(handler)).endswith(b"\r\n\r\nabc")


async def test_less_than_declared_is_an_error_of_the_handler() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "3")
        await conn.send(b"ab")

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="2 bytes sent of 3 declared"),
                            flatten_subgroups=True):  # fmt: skip
        await heard_from(handler)


# Responses without content.


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_some_statuses_have_no_content(status: int) -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(status)
        await conn.send(b"dropped")
        await conn.flush()
        await conn.send(b"too")

    heard = await heard_from(handler)
    assert heard.endswith(b"\r\n\r\n")
    assert (b"Content-Length: 0\r\n" in heard) == (status == 205)
    assert b"Transfer-Encoding" not in heard


async def test_a_304_may_announce_what_a_200_would_have_sent() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(304)
        conn.add_header("Content-Length", "1234")

    assert b"Content-Length: 1234\r\n" in await heard_from(handler)


async def test_a_204_never_has_a_length() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(204)
        conn.add_header("Content-Length", "0")

    assert b"Content-Length" not in await heard_from(handler)


HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_the_answer_to_head_has_the_fields_of_the_answer_to_get() -> None:
    async def handler(conn: Connection) -> str:
        return "hello"

    get, head = await heard_from(handler), await heard_from(handler, HEAD)
    assert get == head + b"hello"


async def test_content_that_is_dropped_lets_others_run() -> None:
    async def handler(conn: Connection) -> None:
        await conn.flush()
        async with counted_turns() as turns:
            for _ in range(160):
                await conn.send(b"x" * 20_000)
            assert turns.count >= 9

    await heard_from(handler, HEAD)


async def test_the_answer_to_head_may_leave_the_length_open() -> None:
    async def streaming(conn: Connection) -> None:
        for _ in range(20):
            await conn.send(b"x" * 1000)

    async def silent(conn: Connection) -> None:
        pass

    for handler in (streaming, silent):
        assert await heard_from(handler, HEAD) == b"HTTP/1.1 200 OK\r\n\r\n"


async def test_the_answer_to_head_may_declare_what_it_does_not_send() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("Content-Length", "1234")

    assert await heard_from(handler, HEAD) == b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"


async def test_a_length_that_contradicts_the_content_fails_for_head_too() -> None:
    async def handler(conn: Connection) -> str:
        conn.add_header("Content-Length", "3")
        return "longer"

    for request in (GET, HEAD):
        assert (await heard_from(handler, request, on_error=None)).startswith(b"HTTP/1.1 500 ")


async def test_the_answer_to_head_may_be_declared_and_empty() -> None:
    async def handler(conn: Connection) -> bytes:
        conn.add_header("Content-Length", "1234")
        return b""

    assert await heard_from(handler, HEAD) == b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"


# Whole responses.


async def test_respond_replaces_fields_by_name() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(500)
        conn.add_header("X-A", "old")
        conn.add_header("X-B", "kept")
        await conn.respond(Response(b"x", 202, [("X-A", "1"), ("x-a", "2")]))

    assert await heard_from(handler) == (
        b"HTTP/1.1 202 Accepted\r\nX-B: kept\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 1\r\n\r\nx"
    )


async def test_a_large_whole_response_still_has_its_length() -> None:
    async def handler(conn: Connection) -> Response:
        return Response(b"x" * 100_000)

    assert b"Content-Length: 100000\r\n" in await heard_from(handler)


async def test_json_is_sent_as_json() -> None:
    async def handler(conn: Connection) -> None:
        conn.set_status(201)
        await conn.send_json({"a": [1, None, "é"]})

    assert await heard_from(handler) == (
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n"
        b'{"a":[1,null,"\xc3\xa9"]}'
    )


async def test_json_may_have_another_type() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("content-type", "application/problem+json")
        await conn.send_json(1)

    assert b"content-type: application/problem+json\r\nContent-Length" in await heard_from(handler)


@pytest.mark.parametrize("obj", [float("nan"), object()])
async def test_what_is_no_json_is_refused_and_nothing_is_sent(obj: object) -> None:
    async def handler(conn: Connection) -> str:
        with pytest.raises((TypeError, ValueError)):
            await conn.send_json(obj)
        return "fine"

    assert (await heard_from(handler)).endswith(b"fine")


async def test_send_error_forgets_what_was_held() -> None:
    async def handler(conn: Connection) -> None:
        conn.add_header("X-A", "1")
        conn.add_header("Content-Length", "100")
        await conn.send(b"never seen")
        await conn.send_error(403)

    assert await heard_from(handler) == (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 10\r\n\r\nForbidden\n"
    )


async def test_send_error_may_say_more() -> None:
    async def words(conn: Connection) -> None:
        await conn.send_error(404, "Gone Fishing")

    async def page(conn: Connection) -> None:
        await conn.send_error(404, content=b"<p>")

    heard = await heard_from(words)
    assert heard.startswith(b"HTTP/1.1 404 Gone Fishing\r\n")
    assert heard.endswith(b"\r\n\r\nGone Fishing\n")
    assert (await heard_from(page)).endswith(b"404 Not Found\r\nContent-Length: 3\r\n\r\n<p>")


async def test_send_error_comes_too_late_once_the_head_is_out() -> None:
    async def handler(conn: Connection) -> None:
        await conn.flush()
        with pytest.raises(RuntimeError, match="is out"):
            await conn.send_error(500)

    assert (await heard_from(handler)).endswith(b"\r\n\r\n0\r\n\r\n")


async def test_errors_and_redirections_keep_the_transport() -> None:
    async def handler(conn: Connection) -> None:
        if conn.request.path == "/error":
            await conn.send_error(404)
        else:
            conn.add_header("Set-Cookie", "a=b")
            await conn.redirect("/é x?q=%20#f", 303)

    async with connect(handler) as client:
        raw = client.raw
        assert (await client.get("/error")).status == 404
        response = await client.get("/")
        assert raw is client.raw
    assert (response.status, response.headers["location"]) == (303, "/%C3%A9%20x?q=%20#f")
    assert response.headers["set-cookie"] == "a=b"
    assert response.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("location", "status"), [("/\r\nX: y", 302), ("/\x00", 302), ("/", 200), ("/", 304)]
)
async def test_a_redirection_that_is_none_is_refused(location: str, status: int) -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match="not "):
            await conn.redirect(location, status)

    assert (await heard_from(handler)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("make", [Path, str, Docroot])
async def test_a_docroot_may_be_a_path(make: Callable[[Path], Any]) -> None:
    async def handler(conn: Connection) -> None:
        await conn.serve_file("/test_connection.py", docroot=make(Path(__file__).parent))

    assert (await heard_from(handler)).endswith(OWN_TEXT)


# The transport.


async def test_addresses_are_none_where_unknown() -> None:
    async def handler(conn: Connection) -> str:
        return repr((conn.remote_addr, conn.local_addr, conn.tls, conn))

    heard = await heard_from(handler)
    assert heard.endswith(b"(None, None, None, <Connection <Request GET '/'>>)")


async def test_close_after_finish_is_announced() -> None:
    async def handler(conn: Connection) -> None:
        conn.close_after_finish()

    async with connect(handler) as client:
        await client.raw.say(GET)
        assert b"\r\nConnection: close\r\n" in await client.raw.hear_rest()


USES: list[Callable[[Connection], Callable[[], Awaitable[object]]]] = [
    lambda conn: partial(conn.send, b"x"),
    lambda conn: conn.flush,
    lambda conn: conn.finish,
    lambda conn: partial(conn.respond, Response()),
    lambda conn: partial(conn.send_json, {}),
    lambda conn: partial(conn.send_error, 500),
    lambda conn: partial(conn.redirect, "/"),
    lambda conn: partial(conn.send_file, __file__),
    lambda conn: partial(conn.serve_file, "/test_connection.py", docroot=Path(__file__).parent),
    lambda conn: partial(conn.read_body, 1),
    lambda conn: conn.read_body,
    lambda conn: conn.discard_body,
    lambda conn: conn.body.receive_some,
    lambda conn: conn.upgrade,
]


@pytest.mark.parametrize("content", [b"", b"ab", b"abcde"])
@pytest.mark.parametrize("begun", ["nothing", "held", "out", "read"])
async def test_after_abort_nothing_works(begun: str, content: bytes) -> None:
    done: list[str] = []

    async def handler(conn: Connection) -> None:
        if begun in ("held", "out"):
            await conn.send(b"some")
        if begun == "out":
            await conn.flush()
        if begun == "read" and content:
            await conn.read_body(1)
        conn.abort()
        conn.abort()
        for use in (*USES, *reversed(USES)):
            with pytest.raises(trio.BrokenResourceError):
                await use(conn)()
        done.append("all")

    async with connect(handler) as client:
        await client.raw.say(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
            b"Content-Length: 5\r\n\r\n" + content
        )
        if begun == "out":
            await client.raw.hear(b"\r\n\r\n4\r\nsome\r\n")
        await client.raw.hear_reset()
    assert done == ["all"]


async def test_abort_ends_a_read_that_waits_and_what_is_sent_then(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def read() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await conn.read_body()

            await trio.sleep(1)
            conn.abort()
        with pytest.raises(trio.BrokenResourceError):
            await conn.send(b"x")

    async with connect(handler) as client:
        await client.raw.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        await client.raw.hear_reset()
        assert trio.current_time() == 1


async def test_the_object_of_an_exchange_that_is_over_is_dead() -> None:
    kept: list[Connection] = []

    async def handler(conn: Connection) -> None:
        kept.append(conn)

    async with connect(handler) as client:
        await client.get("/")
        [conn] = kept
        assert await conn.read_body() == b""
        conn.abort()
        conn.close_after_finish()
        assert conn.remote_addr is conn.local_addr is None
        await conn.finish()
        with pytest.raises(RuntimeError, match="finished"):
            await conn.send(b"late")
        raw = client.raw
        assert (await client.get("/")).status == 200
        assert raw is client.raw


async def test_tasks_that_outlive_their_exchange_reach_no_other() -> None:
    seen: list[str] = []

    async def late(conn: Connection) -> None:
        await trio.testing.wait_all_tasks_blocked()
        for call in (conn.upgrade(), conn.read_body(), conn.flush(), conn.send(b"x" * 99_999)):
            try:
                await call
                seen.append("nothing")
            except (trio.ClosedResourceError, RuntimeError) as problem:
                seen.append(str(problem))

    async def handler(conn: Connection) -> None:
        if conn.request.method == "POST":
            nursery.start_soon(late, conn)

    async with trio.open_nursery() as nursery, connect(handler) as client:
        await client.post("/", b"abc", headers={"Connection": "upgrade", "Upgrade": "x"})
        await client.raw.say(b"POST / HTTP/1.1\r\nHost: a\r\n")
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [
        "the head of this response is fixed",
        "the exchange is over",
        "nothing",
        "this response is finished",
    ]


# Upgrades.

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: Echo, x\r\n"


async def echo(conn: Connection) -> None:
    conn.add_header("X-A", "1")
    stream = await conn.upgrade([("Upgrade", "ECHO"), ("X-B", "2"), ("Connection", "Upgrade")])
    async with stream:
        while data := await stream.receive_some():
            await stream.send_all(data)


async def test_an_upgrade_hands_the_transport_over() -> None:
    async with connect(echo) as client:
        await client.raw.say(UPGRADE + b"\r\nearly")
        head = re.sub(rb"(Date|Server): [^\r]*\r\n", b"", await client.raw.hear())
        assert head == (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ECHO\r\n"
            b"X-A: 1\r\nX-B: 2\r\n\r\n"
        )
        assert await client.raw.hear(b"early") == b"early"
        await client.raw.say(b"\x00late")
        assert await client.raw.hear(b"late") == b"\x00late"
        await client.raw.say_eof()
        await client.raw.hear_end()


async def test_an_upgrade_drops_content_first() -> None:
    async with connect(echo) as client:
        await client.raw.say(UPGRADE + b"Content-Length: 3\r\n\r\nabcdef")
        await client.raw.hear()
        assert await client.raw.hear(b"f") == b"def"


async def test_an_upgrade_takes_the_first_protocol_unless_told() -> None:
    async def handler(conn: Connection) -> None:
        await conn.upgrade()

    async with connect(handler) as client:
        await client.raw.say(UPGRADE + b"\r\n")
        assert b"\r\nUpgrade: Echo\r\n" in await client.raw.hear()
        await client.raw.hear_end()


async def test_no_deadline_of_http_applies_after_an_upgrade(autojump_clock: MockClock) -> None:
    async with connect(echo, timeouts=Timeouts(handler=5)) as client:
        await client.raw.say(UPGRADE + b"\r\n")
        await client.raw.hear()
        await trio.sleep(1000)
        await client.raw.say(b"still here")
        assert await client.raw.hear(b"here") == b"still here"


@pytest.mark.parametrize(
    ("request_head", "status", "upgrade"),
    [
        (GET, 426, "ECHO"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n", 426, "ECHO"),
        (UPGRADE.replace(b"1.1", b"1.0") + b"\r\n", 426, "ECHO"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 426, "ECHO"),
    ],
)
async def test_a_protocol_that_is_not_offered_is_426(
    request_head: bytes, status: int, upgrade: str
) -> None:
    heard = await heard_from(echo, request_head)
    assert heard.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"\r\nUpgrade: ECHO\r\n" in heard
    assert re.search(rb"\r\nConnection: (close, )?upgrade\r\n", heard)


async def test_no_protocol_at_all_is_400() -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(HTTPError, match="400 no upgrade was asked for"):
            await conn.upgrade()

    await heard_from(handler)


async def test_upgrade_fields_cannot_forge() -> None:
    async def handler(conn: Connection) -> None:
        with pytest.raises(ValueError, match="not a value"):
            await conn.upgrade([("Upgrade", "a\r\nb: c")])
        with pytest.raises(ValueError, match="Content-Length cannot be set here"):
            await conn.upgrade([("Content-Length", "5")])

    assert (await heard_from(handler, UPGRADE + b"\r\n")).startswith(b"HTTP/1.1 200 ")
