"""The work: what a server reads and answers for one request, and where."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "127.0.0.1"
CONTENT = b"Hello, world!"

_UPLOADED = 1024
_DOWNLOADED = 100 * 1024

UPLOAD = (
    b"POST / HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (_UPLOADED, b"u" * _UPLOADED)
)
"""The request with content, whole."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a server does for one request.

    Args:
        reads: bytes of content that its handler reads before it answers.
        answer: the content of the answer.
        whole: bytes after which a server that knows no HTTP answers. A request without
            content is in one piece, so that any byte will do.
    """

    reads: int = 0
    answer: bytes = CONTENT
    whole: int = 1


HELLO = Work()

WORKS = {
    "hello": HELLO,
    "browser": HELLO,
    "post": Work(reads=_UPLOADED, whole=len(UPLOAD)),
    "large": Work(answer=b"d" * _DOWNLOADED),
}
