"""A strict reader of responses: what stands on a wire, response by response.

h11's client reads; what it lets pass is checked here. Nothing is repaired: what does not
belong to the response of its request is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import h11

_CUT_SHORT = re.compile("closed connection|event type ConnectionClosed")


class End(Enum):
    """How a wire ended."""

    CLOSED = auto()
    RESET = auto()
    LEFT = auto()  # The client went first.


@dataclass
class Answer:
    """One final response, as far as it came."""

    status: int
    headers: dict[bytes, bytes]
    interim: list[int] = field(default_factory=list)
    content: bytes = b""
    is_whole: bool = False
    is_delimited: bool = True
    """Whether a length said where it ends, not a last chunk or the end of the wire."""
    says_close: bool = False
    rest: bytes = b""
    """What follows a 101."""


class Fault(AssertionError):
    """Something on the wire that must not be there."""


def read_wire(data: bytes, methods: Sequence[str], end: End) -> list[Answer]:
    """Return the responses to requests with ``methods``; only the last may be cut.

    Raises:
        Fault: bytes that are part of no response, or come after one that closes.
    """
    answers: list[Answer] = []
    for method in methods:
        if not data:
            break
        answer, data = _read_answer(data, method, end)
        if answer is None:
            break
        answers.append(answer)
        if answer.status == 101:
            answer.rest = data
            break
        if not answer.is_whole or answer.says_close:
            if data:
                raise Fault(f"after a response that ends the connection: {data[:80]!r}")
            break
    else:
        if data and not _is_final_refusal(data, end):
            raise Fault(f"after the last response: {data[:80]!r}")
    return answers


def _is_final_refusal(data: bytes, end: End) -> bool:
    """Whether it is the one answer to what was no whole request: 400 or 408."""
    answer, rest = _read_answer(data, "GET", end)
    return not rest and (answer is None or (answer.status in (400, 408) and answer.says_close))


def _read_answer(data: bytes, method: str, end: End) -> tuple[Answer | None, bytes]:
    """Return the response at the beginning of ``data``, None where its head was cut; the rest."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    fields = [("Host", "a"), ("Connection", "upgrade"), ("Upgrade", "x")]
    reader.send(h11.Request(method=method, target="/", headers=fields))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    if end is End.CLOSED:
        reader.receive_data(b"")
    interim: list[int] = []
    answer: Answer | None = None
    while True:
        match _next_event(reader, data, end):
            case None:
                return answer, b""
            case h11.InformationalResponse(status_code=status) if status != 101:
                interim.append(status)
            case h11.InformationalResponse() as event:
                answer = Answer(101, dict(event.headers), interim, is_whole=True)
                return answer, reader.trailing_data[0]
            case h11.Response() as event:
                answer = _begun(event, interim, method)
            case h11.Data(data=piece):
                assert answer is not None
                answer.content += piece
            case event:
                assert answer is not None
                assert isinstance(event, h11.EndOfMessage)
                answer.is_whole = True
                return answer, reader.trailing_data[0]


def _next_event(reader: h11.Connection, data: bytes, end: End) -> object:
    """Return what comes next, None where it was cut short."""
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError as problem:
        if end is End.CLOSED and _CUT_SHORT.search(str(problem)):
            return None
        raise Fault(f"{problem}: {data[:200]!r}") from problem
    return None if event is h11.NEED_DATA else event


def _begun(event: h11.Response, interim: list[int], method: str) -> Answer:
    names = [name for name, _ in event.headers]
    for name in (b"content-length", b"transfer-encoding", b"connection", b"x-of"):
        if names.count(name) > 1:
            raise Fault(f"{name!r} twice: {event!r}")
    headers = dict(event.headers)
    is_framed = b"content-length" in headers, b"transfer-encoding" in headers
    if all(is_framed):
        raise Fault(f"framed in two ways: {event!r}")
    if event.status_code in (204, 304) and is_framed[1]:
        raise Fault(f"framed, although it has no content: {event!r}")
    is_bodiless = method == "HEAD" or event.status_code in (204, 304)
    return Answer(
        event.status_code,
        headers,
        interim,
        is_delimited=is_framed[0] or is_bodiless,
        says_close=b"close" in headers.get(b"connection", b""),
    )
