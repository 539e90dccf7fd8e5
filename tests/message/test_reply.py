"""The reply alone, against a naive model: what leaves, what is held, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from trio_httpd._message.lane import ClosedLane
from trio_httpd._message.reply import Reply, ReplyState
from trio_httpd._message.response import DefaultHeaders, RenderedFields, ResponseHead
from trio_httpd._net.sending import FilePart
from trio_httpd._syntax.ranges import ByteRange

CHUNK = 8


class Wire(ClosedLane):
    """A lane that takes everything, and asserts that it makes a response."""

    takes_files = True

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.length: int | None = None
        self.content = b""
        self.ended = False
        self.closes = False

    @property
    def is_bodiless(self) -> bool:
        return self.head is not None and self.head.bodiless

    def write(self, head: ResponseHead | None, data: bytes, end: bool, may_wait: bool) -> bool:
        self._begin(head)
        self._take(data)
        if end:
            self.ended = True
            if self.length is not None and not self.is_bodiless:
                assert len(self.content) == self.length
        return False

    def write_file(self, head: ResponseHead | None, part: FilePart) -> bool:
        self._begin(head)
        assert not self.is_bodiless
        self._take(b"f" * part.size)
        return False

    def close_after(self) -> None:
        self.closes = True

    def _begin(self, head: ResponseHead | None) -> None:
        assert not self.ended
        assert (head is not None) == (self.head is None)
        if head is not None:
            self.head, self.length = head, head.length

    def _take(self, data: bytes) -> None:
        if self.is_bodiless:
            assert not data
        self.content += data
        if self.length is not None and not self.is_bodiless:
            assert len(self.content) <= self.length


def reply_on(wire: ClosedLane, *, to_head: bool = False, defaults: Any = ()) -> Reply:
    return Reply(wire, DefaultHeaders(defaults), CHUNK, to_head, may_wait=False)


def all_of(reply: Reply) -> dict[str, Any]:
    """Return all that a reply knows."""
    names = [name for name in Reply.__slots__ if hasattr(reply, name)]
    values = {name: getattr(reply, name) for name in names}
    return {name: v.copy() if isinstance(v, list) else v for name, v in values.items()}


STATUSES = st.sampled_from([200, 200, 404, 204, 205, 304, 99, 600])
SIZES = st.sampled_from([0, 1, 2, 5, 20])


class ReplyMachine(RuleBasedStateMachine):
    """Says anything in any order."""

    @initialize(to_head=st.booleans())
    def begin(self, to_head: bool) -> None:
        self.wire = Wire()
        self.reply = reply_on(self.wire, to_head=to_head)
        self.to_head = to_head
        self.forget()
        self.latest = ReplyState.OPEN

    def forget(self) -> None:
        self.status = 200
        self.declared: int | None = None
        self.fields: list[tuple[bytes, bytes]] = []
        self.taken = b""  # Of the content that was said.

    # What the model expects.

    @property
    def is_open(self) -> bool:
        return self.reply.state is ReplyState.OPEN

    @property
    def is_bodiless(self) -> bool:
        return self.to_head or self.status in (204, 205, 304)

    def fits(self, size: int) -> bool:
        return self.declared is None or self.is_bodiless or size <= self.declared

    def call(self, may: bool, method: Any, *args: Any) -> bool:
        """Call a method; where it may not be called, it is refused and changes nothing."""
        if may:
            method(*args)
            return True
        before, written = all_of(self.reply), self.wire.content
        with pytest.raises((RuntimeError, ValueError)):
            method(*args)
        assert all_of(self.reply) == before
        assert self.wire.content == written
        return False

    # What a handler says.

    @rule(status=STATUSES)
    def set_status(self, status: int) -> None:
        may = self.is_open and 200 <= status <= 599
        if self.call(may, self.reply.set_status, status, None):
            self.status = status

    @rule(value=st.sampled_from(["1", "2", "a\nb"]), replace=st.booleans())
    def set_field(self, value: str, replace: bool) -> None:
        method = self.reply.set_header if replace else self.reply.add_header
        if self.call(self.is_open and "\n" not in value, method, "X-A", value):
            self.fields = [] if replace else self.fields
            self.fields.append((b"X-A", value.encode()))

    @rule(size=st.sampled_from(["0", "2", "5", "20", "-1", "1, 1"]), replace=st.booleans())
    def set_length(self, size: str, replace: bool) -> None:
        method = self.reply.set_header if replace else self.reply.add_header
        may = self.is_open and size.isdigit() and (replace or self.declared is None)
        if self.call(may, method, "Content-Length", size):
            self.declared = int(size)

    @rule(size=SIZES)
    def hold(self, size: int) -> None:
        data = b"h" * size
        total = len(self.taken) + size
        may = self.reply.state is not ReplyState.FINISHED and self.fits(total)
        if self.call(may, self.reply.hold, data):
            self.taken += data

    @rule(size=SIZES, text=st.booleans())
    def write_whole(self, size: int, text: bool) -> None:
        data = b"w" * size
        is_true = self.declared in (None, size) or (self.to_head and not size)
        may = self.is_open and (is_true or self.status in (204, 205, 304))
        if self.call(may, self.reply.write_whole, data.decode() if text else data):
            self.taken = data

    @rule(size=st.sampled_from([1, 2, 5, 20]))
    def write_file(self, size: int) -> None:
        total = len(self.taken) + size
        may = (
            self.reply.state is not ReplyState.FINISHED
            and self.declared is not None
            and not self.is_bodiless
            and self.fits(total)
        )
        if self.call(may, self.reply.write_file, 0, ByteRange(0, size)):
            self.taken += b"f" * size

    @rule()
    def flush(self) -> None:
        self.reply.flush()

    @rule()
    def finish(self) -> None:
        is_short = self.declared not in (None, len(self.taken)) and not self.is_bodiless
        self.call(not is_short or self.reply.is_finished, self.reply.finish)

    @rule()
    def reset(self) -> None:
        if self.call(not self.reply.is_out, self.reply.reset):
            self.forget()
            self.latest = ReplyState.OPEN

    @rule()
    @precondition(lambda self: self.wire.head is None)
    def switch(self) -> None:
        if self.call(self.is_open, self.reply.switch):
            self.wire.ended, self.status = True, 101

    # What is true at any time.

    @invariant()
    def the_state_goes_forward(self) -> None:
        assert self.reply.state >= self.latest
        self.latest = self.reply.state
        assert self.reply.is_out == (self.wire.head is not None or self.status == 101)
        assert self.reply.is_finished == self.wire.ended
        assert self.reply.is_fixed == (self.latest is not ReplyState.OPEN)

    @invariant()
    def what_was_said_is_what_is_known(self) -> None:
        assert self.reply.status == self.status
        assert [each for each in self.reply.fields if each[0] == b"X-A"] == self.fields

    @invariant()
    def what_left_is_what_was_said(self) -> None:
        if self.wire.is_bodiless:
            assert self.wire.content == b""
        else:
            assert self.taken.startswith(self.wire.content)
            if self.wire.ended and self.status != 101:
                assert self.wire.content == self.taken
        assert self.reply.content_out == len(self.wire.content)


ReplyMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)


TestReply = ReplyMachine.TestCase


# Fields that many replies share.

SHARED = RenderedFields(
    [(b"Content-Type", b"a/b"), (b"ETag", b'"1"'), (b"Vary", b"x"), (b"Server", b"s")]
)


def sent_fields(reply: Reply) -> list[tuple[bytes, bytes]]:
    wire = cast("Wire", reply.lane)
    assert wire.head is not None
    return [*wire.head.rendered.pairs, *wire.head.fields]


@pytest.mark.parametrize("with_own", [False, True])
def test_shared_fields_stand_beside_what_was_set(with_own: bool) -> None:
    reply = reply_on(Wire(), defaults=[("Date", "d"), ("Server", "t")])
    if with_own:
        reply.add_header("content-type", "c/d")
        reply.add_header("Etag", '"0"')
        reply.add_header("vary", "y")
    reply.write_shared(SHARED, b"content")
    own = [(b"content-type", b"c/d"), (b"vary", b"y")] if with_own else []
    shared = [field for field in SHARED.pairs if not (with_own and field[0] == b"Content-Type")]
    assert sent_fields(reply) == [(b"Date", b"d"), *own, *shared]
    assert cast("Wire", reply.lane).content == b"content"


def test_shared_fields_that_no_default_meets_are_not_rendered_anew() -> None:
    shared = RenderedFields([(b"ETag", b'"1"')])
    defaults = DefaultHeaders([("Date", "d")])
    heads = []
    for _ in range(2):
        wire = Wire()
        Reply(wire, defaults, CHUNK, to_head=False, may_wait=False).write_shared(shared, b"x")
        assert wire.head is not None
        heads.append(wire.head.rendered)
    assert heads[0] is heads[1]


def test_a_field_of_the_handlers_replaces_a_default_one() -> None:
    reply = reply_on(Wire(), defaults=[("Date", "d"), ("Server", "t"), ("X-A", "1")])
    reply.replace_headers([("x-a", "2"), ("x-a", "3")])
    assert reply.default_pairs() == [(b"Date", b"d"), (b"Server", b"t")]
    assert (reply.value_of(b"x-a"), reply.value_of(b"x-b")) == ("2", None)


def test_a_file_is_refused_where_another_task_has_changed_what_the_response_is() -> None:
    wire = Wire()
    reply = reply_on(wire)
    reply.set_header("Content-Length", "20")
    assert reply.takes_files
    reply.set_status(204, None)
    with pytest.raises(RuntimeError, match="another task changed"):
        reply.write_file(0, ByteRange(0, 20))
    assert wire.head is None


def test_what_is_held_goes_before_a_file() -> None:
    wire = Wire()
    reply = reply_on(wire)
    reply.set_header("Content-Length", "7")
    assert not reply.hold(b"ab")
    reply.write_file(0, ByteRange(0, 5))
    assert wire.content == b"abfffff"
    assert not reply.finish()
    assert wire.ended


def test_a_length_that_is_refused_leaves_the_one_that_was_set() -> None:
    reply = reply_on(Wire())
    reply.set_header("Content-Length", "5")
    with pytest.raises(ValueError, match="not the one Content-Length"):
        reply.set_header("Content-Length", "x")
    assert reply.declared == 5


def test_nothing_follows_a_whole_response() -> None:
    wire = Wire()
    reply = reply_on(wire)
    reply.write_whole(b"ab")
    assert not reply.flush()
    assert not reply.finish()
    for more in (partial(reply.hold, b"c"), partial(reply.write_file, 0, ByteRange(0, 1))):
        with pytest.raises(RuntimeError, match="finished"):
            more()
    with pytest.raises(RuntimeError, match="is out"):
        reply.reset()
    assert wire.content == b"ab"
