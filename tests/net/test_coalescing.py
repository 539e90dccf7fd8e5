"""Responses that wait for their neighbours: nobody but the clock can tell, and hardly that."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.http1.exchanges import GET, get, path
from tests.net.senders import sender_on
from trio_httpd import Connection, Server, Timeouts
from trio_httpd._net.coalescing import MOST_WAITING, PATIENCE, WriteBatch
from trio_httpd._net.sending import FilePart, SenderState
from trio_httpd.testing import MemoryStream, Raw, connect, memory_streams

WINDOW = 64  # Less than any response.


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Answer:
    """Notes when it was ready, and when it went out."""

    def __init__(self, clock: Clock, cost: float = 0) -> None:
        self._clock = clock
        self._cost = cost
        self.ready = clock.now
        self.sent: list[float] = []

    @property
    def waited(self) -> float:
        [sent] = self.sent
        return round(sent - self.ready, 6)

    def flush_nowait(self) -> None:
        self.sent.append(self._clock.now)
        self._clock.now += self._cost


class Crowd:
    """Handlers whose requests have arrived together, each of which takes some time."""

    def __init__(self, batch: WriteBatch, clock: Clock) -> None:
        self._batch = batch
        self._clock = clock

    def answer(self, *seconds: float, size: int | None = None, cost: float = 0) -> list[Answer]:
        """Let the handlers run; each takes so long. Return their answers."""
        self._batch.begin_turn(len(seconds) if size is None else size)
        return [self._answer(each, cost) for each in seconds]

    def _answer(self, seconds: float, cost: float) -> Answer:
        self._clock.now += seconds
        answer = Answer(self._clock, cost)
        if not self._batch.add(answer):
            answer.flush_nowait()
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def batch(nursery: trio.Nursery, clock: Clock) -> WriteBatch:
    batch = WriteBatch(clock)
    batch.open(nursery)
    await wait_all_tasks_blocked()
    return batch


@pytest.fixture
def crowd(batch: WriteBatch, clock: Clock) -> Crowd:
    return Crowd(batch, clock)


# The batch itself.


async def test_what_waits_goes_out_in_the_next_turn(batch: WriteBatch, clock: Clock) -> None:
    answers = [Answer(clock), Answer(clock)]
    for answer in answers:
        assert batch.add(answer)
    assert [answer.sent for answer in answers] == [[], []]
    await wait_all_tasks_blocked()
    assert [answer.sent for answer in answers] == [[100], [100]]


async def test_no_more_than_sixteen_wait(batch: WriteBatch, clock: Clock) -> None:
    answer = Answer(clock)
    for _ in range(MOST_WAITING):
        assert batch.add(answer)
    assert answer.sent == []
    assert batch.add(answer)
    assert len(answer.sent) == MOST_WAITING
    await wait_all_tasks_blocked()
    assert len(answer.sent) == MOST_WAITING + 1


async def test_nothing_waits_before_it_opens_nor_after_it_closes(clock: Clock) -> None:
    batch, answer = WriteBatch(clock), Answer(clock)
    assert not batch.add(answer)
    async with trio.open_nursery() as nursery:
        batch.open(nursery)
        assert batch.add(answer)
        nursery.cancel_scope.cancel()
    assert answer.sent == [100]
    assert not batch.add(answer)


# The clock.


async def test_a_lone_request_waits_for_nobody(crowd: Crowd) -> None:
    for _ in range(3):
        assert [answer.waited for answer in crowd.answer(0.0001)] == [0]


async def test_slow_handlers_that_began_together_wait_for_nobody(crowd: Crowd) -> None:
    assert [answer.waited for answer in crowd.answer(*[0.03] * 10)] == [0] * 10


async def test_quick_handlers_that_began_together_leave_together(crowd: Crowd) -> None:
    answers = crowd.answer(*[0.00001] * 10)
    assert [answer.sent for answer in answers] == [[]] * 10
    await wait_all_tasks_blocked()
    assert len({answer.sent[0] for answer in answers}) == 1


async def test_none_of_many_quick_handlers_waits_for_long(crowd: Crowd) -> None:
    answers = crowd.answer(*[0.0003] * 40)
    await wait_all_tasks_blocked()
    waits = [answer.waited for answer in answers]
    assert PATIENCE < max(waits) < 2 * PATIENCE
    assert waits.count(0) <= 10


async def test_a_quick_handler_before_slow_ones_waits_for_one_of_them(crowd: Crowd) -> None:
    quick, *slow = crowd.answer(0.0001, *[0.03] * 9)
    assert quick.waited == 0.03
    assert [answer.waited for answer in slow] == [0] * 9


async def test_where_handlers_make_others_wait_again_and_again_nobody_waits(
    crowd: Crowd, clock: Clock
) -> None:
    waits = []
    for _ in range(4):
        quick, slow = crowd.answer(0.0001, 0.03)
        waits.append((quick.waited, slow.waited))
    assert waits == [(0.03, 0), (0.03, 0), (0, 0), (0, 0)]
    clock.now += 0.3  # Ten times as long as they waited.
    assert crowd.answer(0.0001, size=2)[0].sent == []


async def test_that_something_took_long_once_means_nothing(crowd: Crowd) -> None:
    for _ in range(3):
        crowd.answer(0.0001, 0.03)
        crowd.answer(0.0001, 0.0001)
        await wait_all_tasks_blocked()
    assert crowd.answer(0.0001, size=2)[0].sent == []


async def test_time_that_sending_took_is_not_that_of_a_handler(crowd: Crowd) -> None:
    full = crowd.answer(*[0.00001] * MOST_WAITING, 0.00001, cost=0.01)
    assert full[-2].sent != []
    assert full[-1].sent == []


# On senders.


async def test_what_was_batched_leaves_before_a_file_of_the_same_turn(
    tmp_path: Path, batch: WriteBatch, nursery: trio.Nursery
) -> None:
    (tmp_path / "file").write_bytes(b"file")
    near, far = memory_streams(WINDOW)
    sender = sender_on(near, nursery, batch=batch)
    with (tmp_path / "file").open("rb") as file:
        assert not sender.write_later(b"first,")
        assert sender.state is SenderState.BATCHED
        assert far.receive_nowait(99) is None
        assert not sender.write_file(b"second,", FilePart(file.fileno(), 0, 4))
    assert far.receive_nowait(99) == b"first,second,file"


async def test_what_was_batched_leaves_before_what_is_written_next(
    batch: WriteBatch, nursery: trio.Nursery
) -> None:
    near, far = memory_streams(WINDOW)
    sender = sender_on(near, nursery, batch=batch)
    assert not sender.write_later(b"first,")
    assert not sender.write(b"second,")
    assert not sender.write_later(b"third")
    await sender.flush()
    assert far.receive_nowait(99) == b"first,second,third"
    await wait_all_tasks_blocked()
    assert far.receive_nowait(99) is None


async def test_what_is_large_does_not_wait(batch: WriteBatch, nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    sender = sender_on(near, nursery, batch=batch)
    assert not sender.write_later(b"x" * 16385)
    assert sender.state is SenderState.IDLE
    assert far.receive_nowait(99_999) == b"x" * 16385


async def test_without_a_batch_that_is_open_it_goes_at_once(nursery: trio.Nursery) -> None:
    near, far = memory_streams()
    assert not sender_on(near, nursery).write_later(b"x")
    assert far.receive_nowait(9) == b"x"


# In a server.


async def test_a_response_for_which_there_is_no_room_goes_out_by_and_by() -> None:
    async with connect(path, window=WINDOW) as client:
        await client.raw.say(get("/1"))
        await wait_all_tasks_blocked()
        assert await client.raw.hear(b"\r\n\r\n/1")


async def test_the_next_response_waits_for_its_turn() -> None:
    async with connect(path, window=WINDOW) as client:
        for number in range(3):
            await client.raw.say(get(f"/{number}"))
            await wait_all_tasks_blocked()
        heard = [await client.raw.hear(b"\r\n\r\n/%d" % number) for number in range(3)]
        assert [part.count(b"HTTP/1.1 200") for part in heard] == [1, 1, 1]


async def test_a_peer_that_only_listens_any_more_gets_it_whole() -> None:
    async with connect(path, window=WINDOW) as client:
        await client.raw.say(get("/last"))
        await client.raw.say_eof()
        await wait_all_tasks_blocked()
        assert (await client.raw.hear_rest()).endswith(b"\r\n\r\n/last")


async def test_a_peer_that_takes_nothing_of_it_is_reset(autojump_clock: MockClock) -> None:
    async with connect(path, window=WINDOW, timeouts=Timeouts(send=5)) as client:
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
        await client.raw.say(GET)  # Its answer waits for the other, and falls with it.
        await trio.sleep(4.9)
        assert client.server.connections == 1
        await trio.sleep(0.2)
        assert client.server.connections == 0
        await client.raw.hear_exactly(WINDOW)
        await client.raw.hear_reset()


@pytest.mark.parametrize(("size", "status"), [(1, b"200"), (1_000_000, b"500")])
async def test_a_response_given_up_while_it_waits_for_its_turn_can_be_answered_for(
    size: int, status: bytes, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def handler(conn: Connection) -> str | None:
        if conn.request.target != "/1":
            return conn.request.target
        with trio.move_on_after(1):
            await conn.send_file(file)
            await conn.finish()
        return None

    file = tmp_path / "file"
    file.write_bytes(b"1" * size)
    async with connect(handler, window=WINDOW, on_error=lambda *_: None) as client:
        for number in range(3):
            await client.raw.say(get(f"/{number}"))
            await wait_all_tasks_blocked()
        await trio.sleep(2)
        assert await client.raw.hear(b"\r\n\r\n/0")
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 " + status)
        assert (await client.raw.hear(b"/2")).count(b"HTTP/1.1 200 ") == 1


async def test_a_file_waits_for_the_response_before(tmp_path: Path) -> None:
    async def handler(conn: Connection) -> str | None:
        if conn.request.target == "/first":
            return "first"
        await conn.send_file(tmp_path / "file")
        return None

    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    async with connect(handler, window=WINDOW) as client:
        for target in ("/first", "/file"):
            await client.raw.say(get(target))
            await wait_all_tasks_blocked()
        assert (await client.raw.hear(b"\r\n\r\nfirst")).startswith(b"HTTP/1.1 200 ")
        client.raw.stream._incoming.window = 65536
        assert (await client.raw.hear()).startswith(b"HTTP/1.1 200 ")
        assert await client.raw.hear_exactly(1_000_000) == b"x" * 1_000_000


async def test_a_response_that_a_handler_finishes_is_out_before_it_goes_on() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("done")
        await conn.finish()
        heard.append(client.raw.stream.receive_nowait(999))  # No checkpoint since then.

    heard: list[bytes | None] = []
    async with connect(handler) as client:
        for _ in range(2):
            await client.raw.say(GET)
            await wait_all_tasks_blocked()
    assert [data and data.endswith(b"\r\n\r\ndone") for data in heard] == [True, True]


async def test_a_peer_that_has_left_by_then_is_no_error() -> None:
    async def handler(conn: Connection) -> str:
        client.leave()
        return "too late"

    async with connect(handler) as client:
        await client.raw.say(GET)
        await wait_all_tasks_blocked()
        assert client.server.empty


async def test_a_server_that_closes_has_sent_what_was_answered() -> None:
    async def handler(conn: Connection) -> None:
        await conn.send("whole")
        await conn.finish()
        server.close()

    near, far = memory_streams()
    async with trio.open_nursery() as nursery:
        server: Server = Server(handler)
        await nursery.start(server.serve, ())
        server.add_stream(near)
        raw = Raw(far)
        await raw.say(GET)
        assert (await raw.hear_rest()).endswith(b"\r\n\r\nwhole")


def _callers() -> Iterator[str]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


class Odd(MemoryStream):
    """Raises what no stream should, where it is asked from one place."""

    asked_from = ""

    def send_nowait(self, data: bytes | memoryview) -> int:
        self._fail_if_asked_from()
        return super().send_nowait(data)

    def send_queue_size(self) -> int:
        self._fail_if_asked_from()
        return super().send_queue_size()

    def _fail_if_asked_from(self) -> None:
        if self.asked_from in _callers():
            raise ZeroDivisionError


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("flush_nowait", "a stream cannot send"),
        ("_send_overflow", "a stream cannot send"),
        ("is_fast_enough", "a stream does not tell what it has sent"),
    ],
)
async def test_a_stream_that_raises_oddly_harms_only_itself(
    place: str, said: str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with connect(path, timeouts=Timeouts(send=5)) as client:
        near, far = memory_streams(WINDOW)
        stream = Odd(near._outgoing, near._incoming)
        stream.asked_from = place
        client.server.add_stream(stream)
        await far.send_all(GET)
        await trio.sleep(6)
        assert client.server.empty
        assert (await client.get("/other")).text() == "/other"
    assert caplog.messages == [said]
    assert caplog.records[0].exc_info


class NeverWaiting(MemoryStream):
    """Finds nothing at first, and then does not wait at all."""

    found = False

    async def wait_receive_might_not_block(self) -> None:
        if not self._incoming.data:
            await super().wait_receive_might_not_block()

    def receive_nowait(self, max_bytes: int) -> bytes | None:
        if not self.found:
            self.found = True
            return None
        return super().receive_nowait(len(get("/a")))


async def test_responses_of_one_turn_keep_their_order() -> None:
    async with connect(path) as client:
        await client.get("/")  # The batch is open from now on.
        near, far = memory_streams()
        await far.send_all(get("/a") + get("/b"))
        client.server.add_stream(NeverWaiting(near._outgoing, near._incoming))
        heard = await Raw(far).hear(b"/b")
        assert heard.index(b"/a") < heard.index(b"/b")


async def test_a_crowd_is_answered_within_a_turn() -> None:
    async with connect(path) as client:
        crowd = [client.open() for _ in range(40)]
        await wait_all_tasks_blocked()
        for raw in crowd:
            raw.stream.send_nowait(get("/all"))
        for raw in crowd:
            assert (await raw.hear(b"/all")).startswith(b"HTTP/1.1 200 ")
