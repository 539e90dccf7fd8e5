"""Strategies: requests that must be accepted, and where to split them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

TCHAR = "!#$%&'*+-.^_`|~0123456789ABCDEFXYZabcdefxyz"
SPECIAL = {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}

tokens = st.text(TCHAR, min_size=1, max_size=12)
values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
    max_size=30,
).map(lambda value: value.strip(" \t"))
fields = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() not in SPECIAL), values), max_size=6
)
paths = st.text('abc/%.~*=&;:@|{}"<>[]^`\\', max_size=20).map(lambda rest: "/" + rest)
queries = st.one_of(st.just(""), st.text("ab=&+%?/", max_size=20).map(lambda rest: "?" + rest))
quoted = st.text('ab \t;,="\\'.replace('"', "").replace("\\", ""), max_size=6).map(
    lambda text: f'"{text}"'
)
extensions = st.lists(
    st.one_of(tokens, st.tuples(tokens, st.one_of(tokens, quoted)).map("=".join)), max_size=2
).map(lambda parts: "".join(f";{part}" for part in parts))


@dataclass(frozen=True)
class Message:
    """A request as it travels, and what it says."""

    data: bytes
    method: str
    target: str
    fields: list[tuple[bytes, bytes]]
    content: bytes


@st.composite
def chunked(draw: st.DrawFn, content: bytes) -> bytes:
    """Frame ``content`` in chunks of any sizes, with extensions and trailers."""
    framed = bytearray()
    while content:
        size = draw(st.integers(1, len(content)))
        digits = draw(st.sampled_from(["%x", "%X", "%04x"])) % size
        framed += f"{digits}{draw(extensions)}\r\n".encode() + content[:size] + b"\r\n"
        content = content[size:]
    trailers = "".join(f"{name}: {value}\r\n" for name, value in draw(fields))
    return bytes(framed) + f"0{draw(extensions)}\r\n{trailers}\r\n".encode("latin-1")


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any request that a server must take."""
    method = draw(tokens.filter(lambda method: method != "CONNECT"))
    target = draw(paths) + draw(queries)
    pairs = [("Host", "example.test"), *draw(fields)]
    content = draw(st.binary(max_size=60))
    framed = content
    match draw(st.sampled_from(["none", "length", "chunked"])):
        case "none":
            content = framed = b""
        case "length":
            pairs.append(("Content-Length", str(len(content))))
        case _:
            pairs.append(("transfer-encoding", "Chunked"))
            framed = draw(chunked(content))
    spaces = draw(st.sampled_from(["", " ", "\t "]))
    lines = "".join(f"{name}:{spaces}{value}{spaces}\r\n" for name, value in pairs)
    head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    expected = [(n.lower().encode(), v.encode("latin-1")) for n, v in pairs]
    return Message(head + framed, method, target, expected, content)


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut ``data`` anywhere, any number of times."""
    places = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=12)))
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]
