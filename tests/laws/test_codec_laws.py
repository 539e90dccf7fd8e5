"""Laws of reading: no split matters, and h11 reads what we read."""

from __future__ import annotations

from collections.abc import Iterable

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.conveyor import BROWSER, TINY
from tests.laws.messages import Message, chunked, messages, splits
from trio_httpd import Limits, PeerError
from trio_httpd._http1.framing import ChunkedReader
from trio_httpd._http1.heads import parse_fast, parse_strict
from trio_httpd._http1.parser import Http1Parser
from trio_httpd._http1.strictness import check_head
from trio_httpd._message.request import RequestHead
from trio_httpd._syntax.fields import split_fields

Exchange = tuple[RequestHead, bytes]


def read_all(pieces: Iterable[bytes]) -> list[Exchange]:
    """Return all requests in ``pieces``, fed one after the other."""
    parser, found = Http1Parser(Limits()), list[Exchange]()
    head: RequestHead | None = None
    content = b""
    for piece in pieces:
        parser.receive_data(piece)
        while True:
            if head is None and (head := parser.next_head()) is None:
                break
            while data := parser.next_content():
                content += data
            if not parser.content.ended:
                break
            found.append((head, content))
            head, content = None, b""
    return found


@given(st.data(), st.lists(messages(), min_size=1, max_size=3))
def test_any_split_of_accepted_messages_gives_the_same_requests(
    data: st.DataObject, sent: list[Message]
) -> None:
    stream = b"".join(message.data for message in sent)
    whole = read_all([stream])
    assert read_all(data.draw(splits(stream))) == whole
    assert [content for _, content in whole] == [message.content for message in sent]


@given(messages())
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    [(head, content)] = read_all([message.data])
    assert (head.method, head.target) == (message.method, message.target)
    # h11 writes the one coding in lower case.
    assert [
        (n, v.lower() if n == b"transfer-encoding" else v) for n, v in split_fields(head.lines)
    ] == [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in message.fields]
    assert content == message.content


def mutations(base: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes with a few places overwritten, dropped or inserted."""
    alphabet = st.sampled_from(
        [b"\r", b"\n", b" ", b"\t", b":", b"\0", b"a", b"5", b";", b",", b""]
    )
    edits = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), alphabet), max_size=3)

    def edit(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for place, dropped, inserted in changes:
            at = place % (len(data) + 1)
            data = data[:at] + inserted + data[at + dropped :]
        return data

    return st.builds(edit, base, edits)


@given(mutations(messages().map(lambda m: m.data[: m.data.index(b"\r\n\r\n") + 4])))
def test_a_head_that_passes_the_gate_is_read_alike_by_h11(head: bytes) -> None:
    if head.find(b"\r\n\r\n") != len(head) - 4:
        return  # Not one whole head any more.
    try:
        check_head(head, Limits())
    except PeerError:
        return
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    reader.receive_data(head)
    event = reader.next_event()
    assert isinstance(event, h11.Request)
    line, *lines = head[:-4].split(b"\r\n")
    assert line == b"%b %b HTTP/%b" % (event.method, event.target, event.http_version)
    assert [name for name, _ in event.headers] == [li.split(b":")[0].lower() for li in lines]


def heads() -> st.SearchStrategy[bytes]:
    """Heads of requests, most of them ordinary, some of them broken in a few places."""
    whole = messages().map(lambda m: m.data[: m.data.index(b"\r\n\r\n") + 4])
    return st.one_of(whole, mutations(whole), mutations(st.sampled_from(ODD_HEADS)))


TIGHT = Limits(request_line=20, header_bytes=30, header_count=2)
ODD_HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHOST:[::1]:80 \r\nConnection: Close, x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n",
    b"POST /a?b HTTP/1.1\r\nHost: a:\r\nContent-Length: 05\r\nConnection:\tkeep-alive \r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
    b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /# HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
]


@settings(max_examples=500)
@given(heads(), st.sampled_from([Limits(), TIGHT]))
def test_a_head_that_the_fast_reader_takes_is_read_alike_by_the_law(
    head: bytes, limits: Limits
) -> None:
    found = parse_fast(b"--" + head + b"--", 2, 2 + len(head), limits)
    if found is not None:
        assert found == parse_strict(head, limits)


def test_the_fast_reader_takes_what_nearly_everybody_sends() -> None:
    for head in (TINY, BROWSER, ODD_HEADS[1], ODD_HEADS[3]):
        assert parse_fast(head, 0, len(head), Limits()) is not None
    for head in ODD_HEADS[4:]:
        assert parse_fast(head, 0, len(head), Limits()) is None


@given(mutations(st.binary(max_size=40).flatmap(chunked)))
def test_chunks_that_we_accept_are_read_alike_by_h11(data: bytes) -> None:
    reader = ChunkedReader(Limits())
    try:
        content, end = reader.read(data, 0)
    except PeerError:
        return
    law = h11.Connection(h11.SERVER)
    law.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    law.next_event()
    law.receive_data(data[:end])
    found = b""
    while isinstance(event := law.next_event(), h11.Data):
        found += event.data
    assert found == content
    assert isinstance(event, h11.EndOfMessage) == reader.ended
