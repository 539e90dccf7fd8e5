"""Content that is sent back while it still comes: both directions stream at once.

Run it, then: curl -sT some-file http://127.0.0.1:8080/ | cmp - some-file
"""

import math

import trio_httpd


async def echo(conn: trio_httpd.Connection) -> None:
    """Send each piece of the content back before the next one is read."""
    if conn.request.method not in ("POST", "PUT"):
        raise trio_httpd.HTTPError(405, headers=[("Allow", "POST, PUT")])
    conn.body_limit = math.inf  # Nothing of it is kept.
    conn.add_header("Content-Type", "application/octet-stream")
    async for chunk in conn.body:
        await conn.send(chunk)
        await conn.flush()  # Else up to 16 KiB would be held for company.


if __name__ == "__main__":
    trio_httpd.run(echo, 8080)
