"""The rows of conditions and ranges, asked of nginx: where does it answer otherwise?

Run by hand, with nginx installed: ``python -m tests.conformance.against_nginx``. It prints
each row that nginx answers otherwise than we do; `docs/explanation/conformance.rst` says why.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.file_rows import CONTENT, ROWS, Answer, Row, Tags, faults, write_files

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/plain txt; text/javascript js; }}
    charset utf-8;
    charset_types text/plain text/javascript;
    gzip_static on;
    gzip_vary on;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/public;
    }}
}}
"""


def main() -> None:
    """Print where nginx differs."""
    with nginx() as port:
        tags = tags_of(port)
        for name, row in ROWS.items():
            found = faults(row, ask(port, row, row.filled(tags)), tags)
            if found:
                print(f"{name} ({row.section}): {'; '.join(found)}")


@contextlib.contextmanager
def nginx() -> Iterator[int]:
    """Run nginx with the files of the rows; give its port."""
    command = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        raise SystemExit("nginx is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        public = folder / "public"
        public.mkdir()
        write_files(public)
        file = folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(folder=folder, port=port))
        with subprocess.Popen([command, "-p", folder, "-c", file, "-e", "stderr"]) as process:
            try:
                wait_for(port)
                yield port
            finally:
                process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise SystemExit("nginx does not listen")


def tags_of(port: int) -> Tags:
    """Return the tag of each content that there is, as far as nginx knows the coding."""
    tags: Tags = {}
    for target, coding in CONTENT:
        row = Row("", "", {}, 200, target=target)
        answer = ask(port, row, [("Accept-Encoding", coding or "identity")])
        if answer.fields.get("content-encoding") == coding:
            tags[target, coding] = answer.fields["etag"]
    return tags


def ask(port: int, row: Row, fields: list[tuple[str, str]]) -> Answer:
    """Ask nginx once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(row.method, row.target, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())


if __name__ == "__main__":
    main()
