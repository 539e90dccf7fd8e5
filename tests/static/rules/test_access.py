"""Who is let in, and whose scripts may read."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_httpd._static.rules.access import CrossOrigin, Passwords

AUTH = {
    "ann": "open sesame",
    "bob": "sha256:" + hashlib.sha256(b"b:o b").hexdigest(),
    "caf\xe9": "sha512:" + hashlib.sha512("\u2603".encode()).hexdigest().upper(),
}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# Passwords.


def test_without_passwords_everybody_is_admitted() -> None:
    for authorization in (None, "", "Basic x", basic("a", "b")):
        assert Passwords(None).admits(authorization)
    assert Passwords(None).challenge == ""


@pytest.mark.parametrize(
    ("user", "password"), [("ann", "open sesame"), ("bob", "b:o b"), ("caf\xe9", "\u2603")]
)
def test_who_knows_the_password_is_admitted(user: str, password: str) -> None:
    assert Passwords(AUTH).admits(basic(user, password))


@pytest.mark.parametrize(
    "authorization",
    [
        None, "", "Bearer x", "Basic x",
        basic("ann", ""), basic("ann", "Open sesame"), basic("ann", "b:o b"),
        basic("Ann", "open sesame"),
        basic("bob", AUTH["bob"]), basic("bob", "o b"), basic("", ""), basic("eve", "open sesame"),
        basic("eve", ""), basic("caf\xe9", "\u2604"),
        "Basic " + base64.b64encode("caf\xe9:\u2603".encode("utf-16")).decode(),
    ],
)  # fmt: skip
def test_nobody_else_is_admitted(authorization: str | None) -> None:
    assert not Passwords(AUTH).admits(authorization)
    assert not Passwords({"ann": "open sesame 2"}).admits(authorization)


@given(st.text(), st.text())
def test_guessing_is_no_use(user: str, password: str) -> None:
    secret = "ab" * 8
    try:
        authorization = basic(user, password)
    except UnicodeEncodeError:
        return
    assert not Passwords({"ann": secret}).admits(authorization)
    assert not Passwords({"ann": secret}).admits(password)


def test_who_is_not_admitted_is_asked_for_utf_8() -> None:
    assert Passwords(AUTH).challenge == 'Basic realm="files", charset="UTF-8"'


def test_a_user_who_is_not_there_costs_the_same_digests() -> None:
    passwords = Passwords(AUTH)
    asked: list[str] = []

    def counting(kind: str) -> object:
        def digest(data: bytes) -> object:
            asked.append(kind)
            return hashlib.new(kind, data)

        return digest

    passwords._digests = {kind: counting(kind) for kind in passwords._digests}  # type: ignore[misc]
    for user in ("ann", "bob", "caf\xe9", "eve"):
        asked.clear()
        assert not passwords.admits(basic(user, "x"))
        assert sorted(asked) == ["sha256", "sha512"]


@pytest.mark.parametrize("user", ["a:b", "a\n", "\0", "\x7f", "\x9f", "\udcff"])
def test_a_user_that_nobody_can_be_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match=r"^auth: not a user") as caught:
        Passwords({user: "x"})
    assert repr(user) in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [
        "", "secret\n", "secret\0", "secret\udcff", "sha256:", "sha256:secret",
        "sha512:" + "0" * 64,
        "sha256:" + "0" * 63 + "g", "sha256:" + "0" * 65, "sha256:" + "0" * 64 + "\n",
        "sha256:" + "\u0660" * 64,
    ],
)  # fmt: skip
def test_a_password_that_cannot_be_one_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ValueError, match=r"^auth: the .* of 'ann' is ") as caught:
        Passwords({"ann": password})
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_passwords_that_let_nobody_in_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^auth: there is no user"):
        Passwords({})


@pytest.mark.parametrize(
    "auth", ["ann:secret", [("ann", "secret")], {"ann": b"secret"}, {1: "secret"}]
)
def test_passwords_are_a_mapping_of_texts(auth: object) -> None:
    with pytest.raises(TypeError, match=r"^auth: a mapping from users to passwords") as caught:
        Passwords(auth)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


# Origins.

HERE = "https://a.test"
EXPOSED = (
    "Access-Control-Expose-Headers",
    "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Range, ETag",
)
SENDABLE = (
    "Cache-Control, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, "
    "Pragma, Range, X-Requested-With"
)


@pytest.mark.parametrize("origin", [None, "https://a.test", "null", ""])
@pytest.mark.parametrize("cors", [False, ()])
def test_without_cors_nothing_is_said(cors: bool | tuple[str, ...], origin: str | None) -> None:
    nobody = CrossOrigin(cors, authenticated=True)
    assert nobody.answer_fields(origin) == nobody.preflight_fields(origin) == []


@pytest.mark.parametrize("origin", [None, "https://a.test", "null"])
def test_all_origins_are_told_the_same_so_that_caches_can_keep_it(origin: str | None) -> None:
    anybody = CrossOrigin(True, authenticated=False)
    assert anybody.answer_fields(origin) == [("Access-Control-Allow-Origin", "*"), EXPOSED]
    assert anybody.preflight_fields(origin) == [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD"),
        ("Access-Control-Allow-Headers", SENDABLE),
        ("Access-Control-Max-Age", "7200"),
    ]


def test_an_origin_of_several_is_told_itself() -> None:
    some = CrossOrigin((HERE, "http://b.test:8080"), authenticated=False)
    assert some.answer_fields(HERE) == [
        ("Access-Control-Allow-Origin", HERE),
        ("Vary", "Origin"),
        EXPOSED,
    ]
    assert some.preflight_fields("http://b.test:8080") == [
        ("Access-Control-Allow-Origin", "http://b.test:8080"),
        ("Vary", "Origin"),
        ("Access-Control-Allow-Methods", "GET, HEAD"),
        ("Access-Control-Allow-Headers", SENDABLE),
        ("Access-Control-Max-Age", "7200"),
    ]


@pytest.mark.parametrize(
    "origin", [None, "null", "https://a.test.evil", "https://a.test:8080", "*", ""]
)
def test_others_are_told_only_that_it_depends(origin: str | None) -> None:
    some = CrossOrigin((HERE,), authenticated=True)
    assert some.answer_fields(origin) == some.preflight_fields(origin) == [("Vary", "Origin")]


def test_what_is_told_is_the_callers() -> None:
    some = CrossOrigin((HERE,), authenticated=False)
    some.answer_fields(None).clear()
    some.answer_fields(HERE).clear()
    assert some.answer_fields(None) == [("Vary", "Origin")]
    assert len(some.answer_fields(HERE)) == 3


def test_scripts_may_send_passwords_where_there_are_some() -> None:
    anybody = dict(CrossOrigin(True, authenticated=True).preflight_fields(HERE))
    assert anybody["Access-Control-Allow-Headers"] == "Authorization, " + SENDABLE
    assert "Access-Control-Allow-Credentials" not in anybody


def test_passwords_that_the_browser_keeps_go_to_origins_that_are_named() -> None:
    some = CrossOrigin((HERE,), authenticated=True)
    for fields in (some.answer_fields(HERE), some.preflight_fields(HERE)):
        assert dict(fields)["Access-Control-Allow-Credentials"] == "true"
    for open_to in (
        CrossOrigin(True, authenticated=True),
        CrossOrigin((HERE,), authenticated=False),
    ):
        assert "Access-Control-Allow-Credentials" not in dict(open_to.answer_fields(HERE))


@pytest.mark.parametrize(
    ("origin", "sent"),
    [
        ("HTTPS://A.Test", "https://a.test"),
        ("https://a.test:443", "https://a.test"),
        ("http://a.test:80", "http://a.test"),
        ("http://a.test:443", "http://a.test:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("chrome-extension://abc", "chrome-extension://abc"),
    ],
)
def test_an_origin_is_meant_as_browsers_write_it(origin: str, sent: str) -> None:
    assert len(CrossOrigin((origin,), authenticated=False).answer_fields(sent)) == 3


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "", "a.test", "//a.test", "https://", "https://a.test/", "https://a.test/b",
     "https://u@a.test", "https://a.test:", "https://a.test:x", "https://*.a.test", "https://a.test\n",
     "https://\xe9.test", "https://a b", "https://a?b"],
)  # fmt: skip
def test_what_no_browser_writes_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match=r"^cors: not an origin") as caught:
        CrossOrigin((HERE, origin), authenticated=False)
    assert repr(origin) in str(caught.value)


@pytest.mark.parametrize("cors", [HERE, [HERE], (1,), None, 1])
def test_origins_are_a_tuple_of_texts(cors: object) -> None:
    with pytest.raises(TypeError, match=r"^cors: a tuple of origins"):
        CrossOrigin(cors, authenticated=False)  # type: ignore[arg-type]
