from __future__ import annotations

import pytest

from trio_httpd import Request
from trio_httpd._message.request import RequestHead
from trio_httpd._syntax.fields import format_fields


def request(target: str = "/", *fields: tuple[bytes, bytes], length: int | None = 0) -> Request:
    return Request(RequestHead("GET", target, "1.1", format_fields(fields), length))


def test_a_request_says_what_was_sent() -> None:
    asked = request("/a%20b?x=1")
    assert (asked.method, asked.target, asked.http_version, asked.scheme) == (
        "GET",
        "/a%20b?x=1",
        "1.1",
        "http",
    )
    assert repr(asked) == "<Request GET '/a%20b?x=1'>"


def test_a_long_request_is_shown_cut() -> None:
    asked = Request(RequestHead("A" * 8000, "/" + "a" * 8000, "1.1", b""))
    assert repr(asked) == f"<Request {'A' * 1024}... '/{'a' * 1023}'...>"


@pytest.mark.parametrize(
    ("target", "raw_path", "path", "query_string"),
    [
        ("/a%2Fb%20c", "/a%2Fb%20c", "/a/b c", ""),
        ("/%C3%A9", "/%C3%A9", "/é", ""),
        ("/%ff/%zz", "/%ff/%zz", "/\ufffd/%zz", ""),
        ("/..%2f../x?", "/..%2f../x", "/../../x", ""),
        ("*", "*", "*", ""),
        ("http://h/p?a?b", "/p", "/p", "a?b"),
    ],
)
def test_the_path_is_decoded_once(target: str, raw_path: str, path: str, query_string: str) -> None:
    asked = request(target)
    assert (asked.raw_path, asked.path, asked.query_string) == (raw_path, path, query_string)
    assert asked.path is asked.path  # Decoded once.


def test_a_path_can_always_be_sent_and_logged() -> None:
    request("/%ed%a0%80%ff").path.encode()


def test_the_query_is_a_multi_dict() -> None:
    query = request("/?a=1&a=2&b=&c=%C3%A9+x&d=%ff").query
    assert query.getall("a") == ["1", "2"]
    assert (query["b"], query["c"], query["d"]) == ("", "é x", "\ufffd")


def test_fields_are_text_without_loss() -> None:
    headers = request("/", (b"x-a", b"caf\xe9")).headers
    assert headers["X-A"].encode("latin-1") == b"caf\xe9"


def test_cookies_of_all_lines_are_one_multi_dict() -> None:
    cookies = request("/", (b"cookie", b"a=1; b=2"), (b"cookie", b"a=3")).cookies
    assert cookies.getall("a") == ["1", "3"]
    assert request("/").cookies == {}


def test_what_was_asked_once_is_kept() -> None:
    asked = request("/?a=1", (b"cookie", b"a=1"))
    assert asked.headers is asked.headers
    assert asked.query is asked.query
    assert asked.cookies is asked.cookies


def test_the_host_of_the_target_beats_the_field() -> None:
    host = (b"host", b"field.test:1")
    assert request("/", host).host == "field.test:1"
    assert request("http://target.test/", host).host == "target.test"
    assert request("/").host is None


@pytest.mark.parametrize(
    ("values", "content_type"),
    [
        ([b"Text/HTML; charset=utf-8"], "text/html"),
        ([b"a/b", b"c/d"], None),
        ([b""], None),
        ([b";x"], None),
        ([], None),
    ],
)
def test_the_content_type_is_the_bare_media_type(
    values: list[bytes], content_type: str | None
) -> None:
    fields = [(b"content-type", value) for value in values]
    assert request("/", *fields).content_type == content_type


def test_the_content_length_is_none_when_only_the_end_tells() -> None:
    assert request(length=5).content_length == 5
    assert request(length=None).content_length is None


@pytest.mark.parametrize("name", ["method", "path", "scheme", "headers", "anything"])
def test_a_request_cannot_change(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(request(), name, "x")


@pytest.mark.parametrize(
    ("target", "raw_path"),
    [
        ("/", "/"), ("/a%20b/c?d?e", "/a%20b/c"), ("//a", "//a"), ("/?", "/"), ("*", "*"),
        ("http://a.test/b%2fc?d", "/b%2fc"), ("http://a.test", "/"),
    ],
)  # fmt: skip
def test_a_raw_path_is_as_it_was_sent(target: str, raw_path: str) -> None:
    assert Request(RequestHead("GET", target, "1.1", b"")).raw_path == raw_path


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"", False), (b"Host: a\r\nAccept: range: if-\r\n", False), (b"X-Range: 1\r\n", False),
        (b"Accept-Ranges: bytes\r\nNotif-Match: x\r\n", False),
        (b"Range: bytes=0-\r\n", True), (b"Host: a\r\nRANGE: bytes=0-\r\n", True),
        (b"If-Match: x\r\n", True), (b"a: b\r\nif-none-match: *\r\n", True),
        (b"a: b\r\nIF-Modified-Since: x\r\n", True), (b"If-Range: x\r\n", True),
    ],
)  # fmt: skip
def test_conditions_and_ranges_are_seen_in_the_lines(lines: bytes, expected: bool) -> None:
    assert Request(RequestHead("GET", "/", "1.1", lines))._is_conditional_or_range == expected


@pytest.mark.parametrize(
    ("head", "is_plain"),
    [
        (RequestHead("GET", "/", "1.1", b"Host: a\r\nAccept: range: if-"), True),
        (RequestHead("GET", "/", "1.1", b"Host: a\r\nRANGE: bytes=0-1"), False),
        (RequestHead("GET", "/", "1.1", b"If-None-Match: x"), False),
        (RequestHead("GET", "/", "1.1", b"", length=1), False),
        (RequestHead("GET", "/", "1.1", b"", keep_alive=False), False),
        (RequestHead("GET", "/", "1.0", b"", asks_keep_alive=True), False),
        (RequestHead("GET", "/", "1.1", b"", expectations=(b"100-continue",)), False),
    ],
)
def test_a_plain_head_asks_for_nothing_special(head: RequestHead, is_plain: bool) -> None:
    assert head.is_plain == is_plain
