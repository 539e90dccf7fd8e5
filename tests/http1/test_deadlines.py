"""The phases of a transport and of a handler: exact times, and what is said at their end."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.http1.exchanges import GET, POST, get, path, sleepy
from trio_httpd import (
    Connection,
    HTTPError,
    Limits,
    Options,
    PeerError,
    PeerGone,
    Timeouts,
)
from trio_httpd._http1.lane import Http1Lane
from trio_httpd._http1.parser import Http1Parser
from trio_httpd._net.coalescing import WriteBatch
from trio_httpd._net.data_rates import ReceiveRate
from trio_httpd._net.deadlines import DeadlineWatcher
from trio_httpd._net.transport import Transport
from trio_httpd._server.options import context_of
from trio_httpd.testing import MisbehavingStream, Raw, connect, memory_streams

pytestmark = pytest.mark.usefixtures("any_stream")

# Deadlines.


async def test_a_connection_that_says_nothing_is_closed(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(connection_setup=4)) as client:
        await client.raw.hear_end()
        assert trio.current_time() == 4


async def test_empty_lines_do_not_prolong_anything(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        for _ in range(9):
            await client.raw.say(b"\r\n")
            await trio.sleep(1)
        await client.raw.hear_end()
        assert trio.current_time() == 10


async def test_a_head_that_drips_is_told_408_in_time(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(connection_setup=5, header=7)) as client:
        await trio.sleep(3)
        for byte in b"GET / HTTP/1.1\r\nHost"[:7]:
            await client.raw.say(bytes([byte]))
            await trio.sleep(0.9)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 10
    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in heard


async def test_the_head_of_a_later_request_has_its_own_time(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(header=7)) as client:
        await client.raw.say(GET + b"G")
        await client.raw.hear()
        await client.raw.hear(b"/")
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == 7


async def test_an_idle_connection_ends_without_a_word(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(keep_alive=20)) as client:
        await trio.sleep(5)
        await client.get("/")
        await trio.sleep(19)
        await client.get("/")
        await client.raw.hear_end()
        assert trio.current_time() == 44


async def test_a_handler_that_takes_too_long_is_503(autojump_clock: MockClock) -> None:
    async with connect(sleepy, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 8
    assert heard.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nConnection: close\r\n" in heard


async def test_a_handler_in_time_is_not_watched_any_more(autojump_clock: MockClock) -> None:
    async with connect(path, timeouts=Timeouts(handler=8)) as client:
        await client.get("/")
        await trio.sleep(20)
        assert (await client.get("/")).status == 200


async def test_a_response_that_takes_too_long_is_cut(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("some")
        await conn.flush()
        await trio.sleep_forever()

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n4\r\nsome\r\n")
        assert trio.current_time() == 8


async def test_what_a_handler_does_while_it_must_die_harms_nobody(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise HTTPError(404)

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET)
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 503 ")
        assert trio.current_time() == 8


async def flood(conn: Connection) -> None:
    while True:
        await conn.send(b"x" * 10_000)


async def test_a_reader_that_stops_is_reset(autojump_clock: MockClock) -> None:
    async with connect(flood, window=65536, timeouts=Timeouts(send=60)) as client:
        await client.raw.say(GET)
        await trio.sleep(59.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty
        await client.raw.hear_exactly(65536)
        await client.raw.hear_reset()


async def test_a_reader_that_stops_raises_in_the_handler(autojump_clock: MockClock) -> None:
    raised_at: list[float] = []

    async def handler(conn: Connection) -> None:
        try:
            await flood(conn)
        except trio.BrokenResourceError:
            raised_at.append(trio.current_time())
            raise

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await trio.sleep(100)
    assert raised_at == [60]


async def test_a_slow_reader_that_makes_progress_is_served(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        return b"x" * 100_000

    async with connect(handler, window=65536) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        for _ in range(20):
            await trio.sleep(50)
            await client.raw.hear_exactly(5_000)


async def test_a_slow_reader_without_progress_is_reset(autojump_clock: MockClock) -> None:
    async with connect(flood, window=65536) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        for _ in range(5):
            await trio.sleep(10)
            await client.raw.hear_exactly(100)
        await trio.sleep(10)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_stalled_stream_ends_on_time_even_with_a_last_word(
    autojump_clock: MockClock,
) -> None:
    def stall(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream, stall_after=10)

    async with connect(path, wrap=stall) as client:
        await client.raw.say(b"nonsense\r\n\r\n")
        await trio.sleep(60)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_broken_stream_ends_the_connection_at_once(autojump_clock: MockClock) -> None:
    def broken(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream, break_after=10)

    for request, start in ((GET, b"HTTP/1.1 2"), (b"nonsense\r\n\r\n", b"HTTP/1.1 4")):
        async with connect(path, wrap=broken) as client:
            await client.raw.say(request)
            assert await client.raw.hear_rest() == start
            await wait_all_tasks_blocked()
            assert client.server.empty
            assert trio.current_time() == 0


# Handlers that must die, and what is said for them.


async def test_a_handler_that_outlives_its_time_is_503_all_the_same(
    autojump_clock: MockClock,
) -> None:
    async def shielded(conn: Connection) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)
        return "late"

    async def cleaning_up(conn: Connection) -> str:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    async def just_in_time(conn: Connection) -> str:
        await trio.sleep(8)
        return "just"

    for handler, seconds in ((shielded, 20), (cleaning_up, 8)):
        began = trio.current_time()
        async with connect(handler, timeouts=Timeouts(handler=8), on_error=None) as client:
            assert (await client.get("/")).status == 503
        assert trio.current_time() == began + seconds
    for _ in range(10):  # Which of the two is first is for the scheduler to say.
        async with connect(just_in_time, timeouts=Timeouts(handler=8)) as client:
            response = await client.get("/")
        assert (response.status, response.text()) in ((200, "just"), (503, "Service Unavailable\n"))


async def test_what_a_handler_returned_is_sent_in_its_own_time(autojump_clock: MockClock) -> None:
    async def handler(conn: Connection) -> bytes:
        return b"x" * 100_000

    async with connect(handler, window=65536, timeouts=Timeouts(handler=5)) as client:
        await client.raw.say(GET)
        await client.raw.hear()
        await trio.sleep(50)
        await client.raw.hear_exactly(100_000)


@pytest.mark.parametrize("use", ["read", "upgrade"])
async def test_who_is_cancelled_before_a_byte_has_left_can_still_be_answered(use: str) -> None:
    async def handler(conn: Connection) -> None:
        with trio.move_on_after(0):
            if use == "read":
                await conn.read_body()
            else:
                await conn.upgrade()
        await conn.send_error(503)

    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    more = {
        "read": b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "upgrade": b"Connection: upgrade\r\nUpgrade: x\r\n\r\n",
    }
    async with connect(handler) as client:
        await client.raw.say(head + more[use])
        heard = await client.raw.hear(b"Service Unavailable\n")
    # Where nothing has to wait, 100 leaves before anybody looks for a cancellation.
    assert heard.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(b"HTTP/1.1 503 ")


async def test_a_send_that_is_cancelled_behind_an_interim_response_is_the_last(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, conn)
            await trio.sleep(1)
            with trio.move_on_after(1):
                await conn.send("x" * 20_000)
            with pytest.raises(trio.BrokenResourceError):
                await conn.send("y" * 20_000)

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await conn.read_body()

    request = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with connect(handler, window=100) as client:
        client.raw.stream._incoming.data += b"x" * 99  # Nearly full: the 100 has to wait.
        await client.raw.say(request)
        await trio.sleep(5)
        client.leave()


async def test_a_caught_fault_of_content_still_closes() -> None:
    async def handler(conn: Connection) -> str:
        with pytest.raises(PeerError):
            await conn.read_body()
        return "caught"

    async with connect(handler) as client:
        await client.raw.say(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
        )
        assert b"\r\nConnection: close\r\n" in await client.raw.hear()


async def test_a_time_below_a_second_is_not_announced_as_none() -> None:
    async with connect(path, timeouts=Timeouts(keep_alive=0.5)) as client:
        headers = (await client.get("/", headers={"Connection": "keep-alive"})).headers
    assert "keep-alive" not in headers


async def test_a_whole_response_stays_whole_though_its_handler_takes_too_long(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("whole")
        await conn.finish()
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(GET + GET)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 20
    assert heard.endswith(b"\r\n\r\nwhole")
    assert heard.count(b"HTTP/1.1") == 1


async def test_a_task_that_outlives_a_cut_cannot_mend_it(autojump_clock: MockClock) -> None:
    async def late(conn: Connection) -> None:
        await trio.sleep(10)
        await conn.send("late")
        with pytest.raises(trio.ClosedResourceError):
            await conn.finish()

    async def handler(conn: Connection) -> None:
        await conn.send("partial")
        await conn.flush()
        nursery.start_soon(late, conn)
        await trio.sleep_forever()

    def no_half_close(stream: trio.abc.Stream) -> trio.abc.Stream:
        return MisbehavingStream(stream)

    async with trio.open_nursery() as nursery:
        timeouts = Timeouts(handler=8, linger=5)
        async with connect(handler, timeouts=timeouts, wrap=no_half_close) as client:
            await client.raw.say(GET)
            assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n7\r\npartial\r\n")
            await trio.sleep(10)


async def test_failures_beside_a_cancellation_are_reported_and_not_let_out(
    autojump_clock: MockClock,
) -> None:
    told: list[Exception] = []

    async def failing() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("beside")

    async def handler(conn: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing)
            nursery.start_soon(trio.sleep_forever)

    def tell(problem: Exception, conn: object, doing: str) -> None:
        told.append(problem)

    async with connect(handler, timeouts=Timeouts(handler=8), on_error=tell) as client:
        assert (await client.get("/")).status == 503
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
    assert [problem.split(ValueError)[1] for problem in told if isinstance(problem, ExceptionGroup)]
    assert len(told) == 2


async def test_what_is_neither_failure_nor_cancellation_is_not_held_back() -> None:
    async def handler(conn: Connection) -> None:
        raise BaseExceptionGroup("", [KeyboardInterrupt(), ValueError()])

    with pytest.RaisesGroup(KeyboardInterrupt, ValueError, flatten_subgroups=True):
        async with connect(handler, on_error=None) as client:
            await client.get("/")


# Deadlines that cannot be talked out of.


async def test_a_line_that_is_begun_and_ended_does_not_prolong_anything(
    autojump_clock: MockClock,
) -> None:
    async with connect(path) as client:
        for byte in b"\r\n\r\n":
            await client.raw.say(bytes([byte]))
            await trio.sleep(2.4)
        await client.raw.hear_end()
        assert trio.current_time() == 10


async def test_a_head_that_was_refused_late_is_lingered_on_in_full(
    autojump_clock: MockClock,
) -> None:
    async with connect(path) as client:
        await client.raw.say(b"GET ")
        await trio.sleep(9.5)
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        await trio.sleep(1.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_lingering_after_a_drain_has_its_full_time(autojump_clock: MockClock) -> None:
    async with connect(path) as client:
        await client.post("/", b"unread")
        await trio.sleep(5)
        await client.raw.say(b"nonsense\r\n\r\n")
        await client.raw.hear_rest()
        await trio.sleep(1.9)
        assert client.server.connections == 1


async def test_a_late_loop_does_not_fail_a_slow_upload() -> None:
    rate = ReceiveRate(1, 10)
    rate.waited(5)
    near, far = memory_streams()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            lane = lane_on(near, nursery)
            lane._rate = rate
            with pytest.raises(PeerError, match="408"):
                await lane.receive()
    far.close()


@pytest.mark.parametrize("begun", [b"", GET, b"GET / HTTP/1.1\r\nHo", POST % 5 + b"12"])
async def test_what_comes_in_time_counts_though_a_handler_held_the_loop(
    begun: bytes, autojump_clock: MockClock
) -> None:
    """The client sends the rest after 9 of 10 seconds; the loop is held from 8 to 12."""

    async def handler(conn: Connection) -> bytes:
        if conn.request.path == "/hold":
            await rest_of(begun)
            autojump_clock.jump(4)
        return await conn.read_body()

    async def rest_of(begun: bytes) -> None:
        whole = POST % 5 + b"12345" if begun.startswith(b"POST") else GET
        late.stream.send_nowait(whole[0 if begun in (b"", GET) else len(begun) :])

    limits = Timeouts(connection_setup=10, header=10, body=10, keep_alive=10)
    async with connect(handler, timeouts=limits) as client:
        holding = client.open()
        late = client.open()
        await late.say(begun)
        if begun == GET:
            await late.hear(b"\r\n\r\n")
        await trio.sleep(8)
        await holding.say(get("/hold"))
        assert (await late.hear()).startswith(b"HTTP/1.1 200 ")
        assert trio.current_time() == 12


@pytest.mark.parametrize("does", ["sends", "resets"])
async def test_a_late_loop_looks_once_more_at_the_client(does: str, nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    lane = lane_on(near, nursery)
    lane._rate = ReceiveRate(1, 10)
    lane._rate.waited(5)
    if does == "sends":
        far.send_nowait(b"12345")
        assert await lane.receive() == b"12345"
    else:
        far.abort()
        with pytest.raises(PeerGone):
            await lane.receive()


async def test_nothing_is_read_once_the_exchange_is_over(nursery: trio.Nursery) -> None:
    lane = lane_on(memory_streams()[0], nursery)
    lane.stop_reading()
    with pytest.raises(trio.ClosedResourceError, match="the exchange is over"):
        await lane.receive()


def lane_on(stream: trio.abc.Stream, nursery: trio.Nursery) -> Http1Lane:
    context = context_of(path, Options())
    parser = Http1Parser(context.limits)
    parser.receive_data(POST % 5)
    head = parser.next_head()
    assert head is not None
    deadlines = DeadlineWatcher(context.timeouts)
    transport = Transport(stream, deadlines, WriteBatch(), nursery.start_soon)
    return Http1Lane(transport, parser, context, head)


# Deadlines that find others on the transport.


async def test_a_whole_response_that_a_task_left_behind_still_sends_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send(b"x" * 2_000)
        outer.start_soon(conn.finish)
        await trio.sleep_forever()

    timeouts = Timeouts(handler=5)
    async with (
        trio.open_nursery() as outer,
        connect(handler, window=100, timeouts=timeouts) as client,
    ):
        await client.raw.say(GET)
        await trio.sleep(10)
        assert await client.raw.hear(b"x" * 2_000)
        await client.raw.hear_end()
        assert trio.current_time() == 10


async def test_a_response_of_http_1_0_that_takes_too_long_never_looks_whole(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("some")
        await conn.flush()
        await trio.sleep_forever()

    async with connect(handler, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        await client.raw.hear(b"\r\n\r\nsome")
        await client.raw.hear_reset()
        assert trio.current_time() == 8


async def test_a_task_that_still_reads_as_its_handler_takes_too_long_is_told(
    autojump_clock: MockClock,
) -> None:
    told: list[float] = []

    async def handler(conn: Connection) -> None:
        nursery.start_soon(swallow, conn)
        await trio.sleep_forever()

    async def swallow(conn: Connection) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await conn.read_body()
        told.append(trio.current_time())

    async with (
        trio.open_nursery() as nursery,
        connect(handler, timeouts=Timeouts(handler=8)) as client,
    ):
        await client.raw.say(POST % 5)
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 503 ")
        await client.raw.say(b"late")
        await trio.sleep(1.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty
        assert not client.raw.stream._incoming.was_reset
    assert told == [8]


async def answer(conn: Connection) -> bytes:
    """Answer with more than there is room for; take for ever for ``/slow``."""
    if conn.request.target == "/slow":
        await trio.sleep_forever()
    return LARGE


LARGE = b"x" * 10_000
_WINDOW = 1000


async def hear_large(raw: Raw) -> None:
    """Hear a whole response of `answer`."""
    assert (await raw.hear()).startswith(b"HTTP/1.1 200 ")
    assert await raw.hear_exactly(len(LARGE)) == LARGE


@pytest.fixture
def is_plain(request: pytest.FixtureRequest) -> bool:
    """Whether an exchange on the streams of this test lasts until its response is out."""
    kind: str = request.node.callspec.params["any_stream"]
    return kind == "plain"


async def test_408_waits_for_the_response_before_it(
    is_plain: bool, autojump_clock: MockClock
) -> None:
    async with connect(answer, window=_WINDOW, timeouts=Timeouts(header=7)) as client:
        await client.raw.say(GET)
        await trio.sleep(1)
        await client.raw.say(b"GET / HT")
        await trio.sleep(20)
        await hear_large(client.raw)
        assert (await client.raw.hear_rest()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == (21 + 7 if is_plain else 21)


async def test_408_for_a_client_that_takes_nothing_is_a_reset(autojump_clock: MockClock) -> None:
    timeouts = Timeouts(header=7, send=30)
    async with connect(answer, window=10, timeouts=timeouts) as client:
        await client.raw.say(b"GET / HT")
        await trio.sleep(7 + 30)
        await wait_all_tasks_blocked()
        assert client.server.empty
        assert await client.raw.hear_exactly(10) == b"HTTP/1.1 4"
        await client.raw.hear_reset()


async def test_a_connection_is_idle_once_its_response_is_out(autojump_clock: MockClock) -> None:
    async with connect(answer, window=_WINDOW, timeouts=Timeouts(keep_alive=20)) as client:
        await client.raw.say(GET)
        await trio.sleep(50)
        await hear_large(client.raw)
        await client.raw.hear_end()
        assert trio.current_time() == 50 + 20


async def test_an_idle_client_that_takes_nothing_is_reset(autojump_clock: MockClock) -> None:
    async with connect(answer, window=_WINDOW, timeouts=Timeouts(keep_alive=20)) as client:
        await client.raw.say(GET)
        await trio.sleep(59.9)
        assert client.server.connections == 1
        await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert client.server.empty
        await client.raw.hear_exactly(_WINDOW)
        await client.raw.hear_reset()


@pytest.mark.parametrize("tries", [False, True])
async def test_503_waits_for_the_response_before_it(
    tries: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(conn: Connection) -> bytes:
        if conn.request.target == "/slow":
            if tries:
                await conn.send("never out")
                await conn.flush()
            await trio.sleep_forever()
        return LARGE

    near, far = memory_streams(window=_WINDOW)
    raw = Raw(far)
    async with connect(handler, timeouts=Timeouts(handler=5)) as client:
        client.server.add_stream(near)
        await raw.say(GET)
        await trio.sleep(1)
        await raw.say(get("/slow"))
        await trio.sleep(20)
        await hear_large(raw)
        heard = await raw.hear_rest()
        assert trio.current_time() == 21
    assert heard.startswith(b"HTTP/1.1 503 ")
    assert heard.count(b"HTTP/1.1") == 1
    assert [each.rpartition("> ")[2] for each in caplog.messages] == ["took too long"]


async def test_503_for_a_client_that_takes_nothing_is_a_reset(autojump_clock: MockClock) -> None:
    timeouts = Timeouts(handler=8, send=30)
    async with connect(answer, window=10, timeouts=timeouts) as client:
        await client.raw.say(get("/slow"))
        await trio.sleep(8 + 30)
        await wait_all_tasks_blocked()
        assert client.server.empty
        assert await client.raw.hear_exactly(10) == b"HTTP/1.1 5"
        await client.raw.hear_reset()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_handler_that_is_cut_in_the_middle_of_a_send(
    version: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(flood, window=65536, timeouts=Timeouts(handler=8)) as client:
        await client.raw.say(get("/", "Connection: keep-alive", version=version))
        await trio.sleep(9)
        if version == "1.0":
            await client.raw.hear_exactly(65536)
            await client.raw.hear_reset()
            assert client.server.empty
        else:
            heard = await client.raw.hear_rest()
            assert len(heard) == 65536
            assert not heard.endswith(b"0\r\n\r\n")
            assert client.server.connections == 1  # It lingers.
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert client.server.empty
    assert [each.rpartition("> ")[2] for each in caplog.messages] == ["took too long"]


async def test_a_handler_that_fails_after_its_time_behind_a_whole_response(
    autojump_clock: MockClock,
) -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("whole")
        await conn.finish()
        with trio.CancelScope(shield=True):
            await trio.sleep(20)
        raise ValueError

    async with connect(handler, timeouts=Timeouts(handler=8), on_error=None) as client:
        await client.raw.say(GET + GET)
        heard = await client.raw.hear_rest()
        assert trio.current_time() == 20
    assert heard.endswith(b"\r\n\r\nwhole")
    assert heard.count(b"HTTP/1.1") == 1


async def test_who_is_turned_away_and_takes_nothing_is_reset(autojump_clock: MockClock) -> None:
    limits = Limits(connections=1)
    async with connect(path, window=10, limits=limits, overflow="reject") as client:
        client.open()
        refused = client.open()
        tasks = trio.lowlevel.current_statistics().tasks_living
        await trio.sleep(60)
        await wait_all_tasks_blocked()
        assert await refused.hear_exactly(10) == b"HTTP/1.1 5"
        await refused.hear_reset()
        assert trio.lowlevel.current_statistics().tasks_living <= tasks - 2
