"""A folder on the web, under a path of its own, with something to say of caching.

Run it, naming a folder if you like, then: curl -i http://127.0.0.1:8080/files/
"""

import sys

import trio_httpd


async def app(conn: trio_httpd.Connection) -> str | None:
    """Serve the folder below /files, greet everywhere else."""
    path = conn.request.raw_path
    if path != "/files" and not path.startswith("/files/"):
        return "Hello! There are files at /files/\n"
    conn.add_header("Cache-Control", "no-cache")  # To be asked for anew; a 304 costs little.
    await conn.serve_file(path.removeprefix("/files"))
    return None


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    trio_httpd.run(app, 8080, docroot=folder)
