"""Content that is used while it arrives, whatever its size.

Run it, then: curl -T some-file http://127.0.0.1:8080/
"""

import hashlib
import math

import trio_httpd


async def digest(conn: trio_httpd.Connection) -> None:
    """Answer with the size and SHA-256 of what is sent."""
    if conn.request.method not in ("POST", "PUT"):
        raise trio_httpd.HTTPError(405, headers=[("Allow", "POST, PUT")])
    conn.body_limit = math.inf  # Nothing of it is kept.
    size, checksum = 0, hashlib.sha256()
    async for chunk in conn.body:
        size += len(chunk)
        checksum.update(chunk)
    await conn.send_json({"bytes": size, "sha256": checksum.hexdigest()})


if __name__ == "__main__":
    trio_httpd.run(digest, 8080)
