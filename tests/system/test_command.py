"""The command as a process: what it prints, how it ends."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PYTHON = [sys.executable, "-X", "dev", "-W", "error"]
COMMAND = [*PYTHON, "-m", "trio_httpd"]
GET = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
APP = """
async def hello(conn):
    return "hello"


async def fail(conn):
    raise LookupError("mine")
"""

Process = subprocess.Popen[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<p>home\n")
    (tmp_path / "hall_app.py").write_text(APP)
    return tmp_path


@contextmanager
def running(
    *arguments: str, folder: Path, command: list[str] = COMMAND
) -> Iterator[tuple[Process, int, str]]:
    """Run the command until it has said where it serves."""
    with subprocess.Popen(
        [*command, *arguments, "--port", "0"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r"http://127\.0\.0\.1:([0-9]+)/", line)
            yield process, int(match[1]) if match else 0, line
        finally:
            process.kill()


def asked(port: int, target: bytes = b"/") -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(GET % target)
        with peer.makefile("rb") as reading:
            return reading.read()


def answered(
    port: int, target: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return status, fields with names in lower case, and content."""
    peer = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        peer.request("GET", target, headers=headers or {})
        response = peer.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read()
    finally:
        peer.close()


def ended(process: Process, by: signal.Signals) -> tuple[int, str]:
    process.send_signal(by)
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def script() -> list[str]:
    """Return the command by its own name, run as the others are."""
    found = shutil.which("trio-httpd", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("the command is not installed")
    return [*PYTHON, found]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["module", "script"])
def test_a_folder_is_served_until_a_signal(name: str, by: signal.Signals, folder: Path) -> None:
    command = COMMAND if name == "module" else script()
    with running(folder=folder, command=command) as (process, port, line):
        assert line == f"Serving {folder} on http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
        assert asked(port).endswith(b"<p>home\n")
        assert ended(process, by) == (0, "")


def test_a_handler_is_served_and_its_failure_is_told(folder: Path) -> None:
    with running("hall_app:fail", folder=folder) as (process, port, line):
        assert line.startswith("Serving hall_app:fail on ")
        assert asked(port).startswith(b"HTTP/1.1 500 ")
        status, errors = ended(process, signal.SIGTERM)
    assert status == 0
    assert errors.startswith("ERROR trio_httpd.connection: handler failed")
    assert errors.endswith("\nLookupError: mine\n")


def test_flags_say_how_a_folder_is_published(folder: Path) -> None:
    (folder / "errors").mkdir()
    (folder / "errors" / "404.html").write_text("<p>gone\n")
    (folder / "a.css").write_text("p {}\n")
    (folder / "a.css.gz").write_bytes(gzip.compress(b"p {}\n"))
    flags = """--listing --precompressed br,gzip --header X-A:b --cors --charset none --hide *.py
        --cache-control no-cache --cache-control *.css:max-age=9 --error-page 404=errors/404.html
        --download=*.css"""
    with running(*flags.split(), folder=folder) as (process, port, _):
        status, fields, content = answered(port, "/errors/", {"Accept": "text/html"})
        assert status == 200
        assert b"404.html" in content
        status, fields, content = answered(port, "/a.css", {"Accept-Encoding": "br, gzip"})
        assert gzip.decompress(content) == b"p {}\n"
        assert fields["content-encoding"] == "gzip"
        assert fields["content-type"] == "text/css"
        assert fields["cache-control"] == "max-age=9"
        assert fields["x-a"] == "b"
        assert fields["access-control-allow-origin"] == "*"
        assert fields["content-disposition"].startswith("attachment")
        assert answered(port, "/")[1]["cache-control"] == "no-cache"
        status, _, content = answered(port, "/hall_app.py")
        assert (status, content) == (404, b"<p>gone\n")
        assert ended(process, signal.SIGTERM) == (0, "")


def test_each_folder_is_published_as_is_said_behind_its_mount(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("app", "files"):
        (folder / name).mkdir()
    (folder / "app" / "index.html").write_text("<p>app\n")
    (folder / "files" / ".a").write_text("a")
    users = tmp_path_factory.mktemp("secret") / "users"
    users.write_text("ann:secret\n")
    arguments = f""". --mount /app=app --spa
        --mount /files/=files --listing --hidden --auth-file {users}"""
    with running(*arguments.split(), folder=folder) as (process, port, line):
        url = f"http://127.0.0.1:{port}"
        assert process.stdout is not None
        assert (line, process.stdout.readline(), process.stdout.readline()) == (
            f"Serving {folder} on {url}/\n",
            f"Serving {folder}/app on {url}/app/\n",
            f"Serving {folder}/files with passwords on {url}/files/ (Ctrl-C ends it)\n",
        )
        assert answered(port, "/")[2] == b"<p>home\n"
        assert answered(port, "/nowhere")[0] == 404
        assert answered(port, "/app/nowhere")[2] == b"<p>app\n"
        status, fields, _ = answered(port, "/files/")
        assert status == 401
        assert fields["www-authenticate"].startswith("Basic realm=")
        wrong, right = (
            {"Authorization": f"Basic {base64.b64encode(text).decode()}"}
            for text in (b"ann:Secret", b"ann:secret")
        )
        assert answered(port, "/files/.a", wrong)[0] == 401
        assert answered(port, "/files/.a", right)[2] == b"a"
        assert b".a" in answered(port, "/files/", right)[2]
        assert ended(process, signal.SIGTERM) == (0, "")


def test_passwords_for_other_machines_are_warned_of(folder: Path) -> None:
    arguments = ["--auth", "ann:secret", "-b", "*"]
    with running(*arguments, folder=folder) as (process, _, _):
        status, errors = ended(process, signal.SIGTERM)
    assert status == 0
    assert errors.startswith("trio-httpd: warning: passwords go ")
    assert errors.count("\n") == 1


def test_a_way_around_passwords_is_warned_of(folder: Path) -> None:
    (folder / "private").mkdir()
    arguments = [".", "--mount", "/files=private", "--auth", "ann:secret"]
    with running(*arguments, folder=folder) as (process, _, _):
        status, errors = ended(process, signal.SIGTERM)
    assert status == 0
    assert errors.startswith(f"trio-httpd: warning: {folder}/private is at /private/ as well")
    assert errors.count("\n") == 1


def test_who_stays_but_does_not_read_stops_nothing(folder: Path) -> None:
    with running("hall_app:hello", folder=folder) as (process, port, _):
        for _ in range(20):  # More than a pipe holds.
            assert asked(port, b"/" + b"x" * 7000).endswith(b"hello")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_nobody_is_told_503_for_want_of_descriptors(folder: Path) -> None:
    few = ["sh", "-c", 'ulimit -n 32 && exec "$@"', "sh", *COMMAND]
    with running(folder=folder, command=few) as (process, port, _), ExitStack() as crowd:
        peers = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(40)
        ]
        for peer in peers:  # Those who wait have their turn as others leave.
            peer.sendall(GET % b"/")
            with peer.makefile("rb") as reading:
                assert reading.read().endswith(b"<p>home\n")
        assert ended(process, signal.SIGTERM) == (0, "")


def test_standard_descriptors_that_are_closed_take_no_socket(folder: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "-p", str(port)]
    with subprocess.Popen(closed, cwd=folder) as process:
        try:
            while True:
                try:
                    assert asked(port).endswith(b"<p>home\n")
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
            standard = [Path(f"/proc/{process.pid}/fd/{fd}").stat().st_rdev for fd in range(3)]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
    assert standard == [Path(os.devnull).stat().st_rdev] * 3


def test_who_reads_it_may_leave(folder: Path) -> None:
    with running("hall_app:hello", folder=folder) as (process, port, _):
        assert process.stdout is not None
        process.stdout.close()
        for _ in range(3):
            assert asked(port).endswith(b"hello")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "trio-httpd: no such folder: nowhere\n"),
        (["--mount", "/a=nowhere"], "trio-httpd: no such folder: nowhere\n"),
        (
            ["--spa", "hall_app:hello"],
            "trio-httpd: --spa applies to a folder, and hall_app:hello is a handler\n",
        ),
        (["-b", "192.0.2.1"], "trio-httpd: 192.0.2.1 is no address of this machine\n"),
    ],
)
def test_a_complaint_is_one_line(arguments: list[str], said: str, folder: Path) -> None:
    assert failed(*arguments, folder=folder) == said


def test_a_port_that_is_taken_is_one_line_too(folder: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        said = failed("-p", str(port), folder=folder)
    assert said == f"trio-httpd: port {port} of 127.0.0.1 is taken by another program\n"


def test_a_module_that_raises_shows_its_own_traceback_only(folder: Path) -> None:
    (folder / "hall_bad.py").write_text("import hall_none\n")
    said = failed("hall_bad:hello", folder=folder)
    assert re.findall(r'File "(.*)"', said) == [str(folder / "hall_bad.py")]
    assert said.endswith("ModuleNotFoundError: No module named 'hall_none'\n")


def failed(*arguments: str, folder: Path) -> str:
    """Return the complaint of a command that serves nothing."""
    result = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    return result.stderr
