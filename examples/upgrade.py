"""Another protocol on the same port: what is said comes back in capitals.

Run it, then type these lines, an empty one, and more: nc -C 127.0.0.1 8080
GET / HTTP/1.1
Host: a
Connection: upgrade
Upgrade: shout
"""

import trio_httpd


async def shout(conn: trio_httpd.Connection) -> None:
    """Switch to the protocol ``shout``."""
    stream = await conn.upgrade([("Upgrade", "shout")])
    async with stream:
        async for data in stream:
            await stream.send_all(data.upper())


if __name__ == "__main__":
    trio_httpd.run(shout, 8080)
