"""A response that is sent as it happens: a countdown, a line a second.

Run it, then: curl -N 'http://127.0.0.1:8080/?from=5'
"""

import trio

import trio_httpd


async def count_down(conn: trio_httpd.Connection) -> None:
    """Send the numbers from ?from= to nought."""
    start = conn.request.query.get("from", "3")
    if not (start.isascii() and start.isdigit() and len(start) < 4):
        raise trio_httpd.HTTPError(400, "from is a number below 1000")
    conn.add_header("Content-Type", "text/plain")
    for number in range(int(start), -1, -1):
        await conn.send(f"{number}\n")
        await conn.flush()
        if number:
            await trio.sleep(1)


if __name__ == "__main__":
    trio_httpd.run(count_down, 8080)
