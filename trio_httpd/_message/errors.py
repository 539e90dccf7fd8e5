"""Errors: what a handler or a peer can raise, and what each becomes.

An `HTTPError` is an answer, a `PeerError` is an answer followed by a close. `PeerGone`,
which a transport raises, is silence. Anything else that leaves a handler is its own
fault: logged, and a bare 500.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

HeaderItems = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header fields: a mapping, or (name, value) pairs, in which a name may come again."""


def pairs_of(headers: HeaderItems) -> tuple[tuple[str, str], ...]:
    """Return headers in either form as (name, value) pairs."""
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


class HTTPError(Exception):
    """An answer chosen by raising it.

    Args:
        status: the status code, 400 to 599.
        detail: one line for the log and for the peer; ``None`` sends the standard
            phrase of the status.
        headers: fields to send with the answer, a mapping or (name, value) pairs.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        headers: HeaderItems = (),
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"an HTTPError has a status from 400 to 599, not {status}")
        super().__init__(status, detail)
        self.status: int = status
        self.detail: str | None = detail
        self.headers: tuple[tuple[str, str], ...] = pairs_of(headers)

    def __str__(self) -> str:
        return f"{self.status} {self.detail}" if self.detail else str(self.status)


class PeerError(HTTPError):
    """The peer broke a rule: it is told which, and the transport closes.

    What follows the fault on the wire has no known meaning, so nothing more is read
    as a request (RFC 9112 §9.6).
    """
