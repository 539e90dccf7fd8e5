"""The table of probes: what a peer may send, and what it may then be told.

Each row of ``probes.json`` has a name, a group, a level (must, should, may), the
section that decides, what is sent, and what is expected of the answers:

``send``    text (ISO-8859-1), or a list of text and of steps: ``delay`` seconds,
            ``repeat`` a text so many ``times``, ``half_close``, ``wait_bytes``: some
            answer must come within so many seconds.
``expect``  ``status``: the codes allowed for every final response, or a list of such
            lists, one for each; 0 is no response at all. ``closes``: true, false or
            null for either. ``responses``: how many, or a least and a most.
            ``contains``, ``lacks``: text in the content of a first 200.
            ``no_interim``; ``refuse_or_close``: an error, or a close after the answer.
            ``methods``: of the requests, where they cannot be read off ``send``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11

Step = tuple[str, Any]

_METHOD = re.compile(r"(?:^|\n)([A-Z]+) [^\r\n]* HTTP/1")


@dataclass(frozen=True)
class Probe:
    """A row of the table."""

    name: str
    group: str
    level: str
    section: str
    send: Any
    expect: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.group}/{self.name}"

    @property
    def steps(self) -> list[Step]:
        """What is sent, as (kind, value) pairs; bytes are ("say", bytes)."""
        pieces = [self.send] if isinstance(self.send, str) else self.send
        return [_step(piece) for piece in pieces]

    @property
    def size(self) -> int:
        """How many bytes are sent in all."""
        return sum(len(value) for kind, value in self.steps if kind == "say")

    @property
    def methods(self) -> list[bytes]:
        """The methods of the requests, in order."""
        text = b"".join(value for kind, value in self.steps if kind == "say").decode("latin-1")
        found: list[str] = self.expect.get("methods") or _METHOD.findall(text)
        return [method.encode() for method in found]


@dataclass
class Answer:
    """One response, as far as it came."""

    status: int
    content: bytes = b""
    whole: bool = False


def _step(piece: Any) -> Step:
    if isinstance(piece, str):
        return "say", piece.encode("latin-1")
    if "repeat" in piece:
        return "say", piece["repeat"].encode("latin-1") * piece["times"]
    [(kind, value)] = piece.items()
    return kind, value


def load() -> list[Probe]:
    """Return all probes."""
    rows = json.loads(Path(__file__).with_name("probes.json").read_text())
    return [Probe(**row) for row in rows]


def parse_answers(data: bytes, methods: list[bytes], *, closed: bool) -> list[Answer]:
    """Return all responses in ``data``, interim ones too, as h11's client reads them.

    Raises:
        h11.RemoteProtocolError: something in ``data`` is no response.
    """
    answers: list[Answer] = []
    pending = list(methods)
    while data:
        reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        method = pending.pop(0) if pending else b"GET"
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(data)
        if closed:
            reader.receive_data(b"")
        before = len(answers)
        _read_answer(reader, answers)
        if len(answers) == before or not answers[-1].whole:
            break
        data = reader.trailing_data[0]
    return answers


def _read_answer(reader: h11.Connection, answers: list[Answer]) -> None:
    """Read one final response and the interim ones before it."""
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            if answers and not answers[-1].whole:
                return  # Cut short by the end.
            raise
        match event:
            case h11.InformationalResponse(status_code=status):
                answers.append(Answer(status, whole=True))
                if status == 101:
                    return
            case h11.Response(status_code=status):
                answers.append(Answer(status))
            case h11.Data(data=data):
                answers[-1].content += data
            case h11.EndOfMessage():
                answers[-1].whole = True
                return
            case _:
                return


def faults(probe: Probe, answers: list[Answer], *, closed: bool) -> list[str]:
    """Return what is wrong with ``answers``; nothing if they are as expected."""
    expect = probe.expect
    final = [answer for answer in answers if answer.status >= 200 or answer.status == 101]
    rows = expect["status"] if isinstance(expect["status"][0], list) else [expect["status"]]
    found = _faults_of_statuses(final, rows)
    found += _faults_of_number(expect["responses"], len(final), rows)
    if expect["closes"] not in (None, closed):
        found.append("closed" if closed else "left open")
    if expect.get("refuse_or_close") and final and final[0].status < 400 and not closed:
        found.append("neither refused nor closed")
    if expect.get("no_interim") and len(final) < len(answers):
        found.append("an interim response was sent")
    if final and final[0].status == 200:
        found += _faults_of_content(expect, final[0].content.decode("latin-1"))
    return found


def _faults_of_statuses(final: list[Answer], rows: list[list[int]]) -> list[str]:
    found = [] if final or 0 in rows[0] else ["no response"]
    for place, answer in enumerate(final):
        allowed = rows[min(place, len(rows) - 1)]
        if answer.status not in allowed:
            found.append(f"response {place + 1} is {answer.status}, not of {allowed}")
        if not answer.whole:
            found.append(f"response {place + 1} is cut short")
    return found


def _faults_of_content(expect: dict[str, Any], text: str) -> list[str]:
    found = []
    if expect.get("contains", "") not in text:
        found.append(f"{text!r} lacks {expect['contains']!r}")
    if expect.get("lacks") and expect["lacks"] in text:
        found.append(f"{text!r} contains {expect['lacks']!r}")
    return found


def _faults_of_number(wanted: Any, number: int, rows: list[list[int]]) -> list[str]:
    if wanted is None or (number == 0 and 0 in rows[0]):
        return []
    least, most = (wanted, wanted) if isinstance(wanted, int) else wanted
    none_is_fine = 0 in rows[min(number, len(rows) - 1)]
    if number > most or (number < least and not none_is_fine):
        return [f"{number} responses, not {wanted}"]
    return []
