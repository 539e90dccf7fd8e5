"""The smallest server: one handler, one port, one nursery.

Run it, on another port if you name one, then: curl http://127.0.0.1:8080/
"""

import sys

import trio

import trio_httpd


async def hello(conn: trio_httpd.Connection) -> None:
    """Greet whoever asks."""
    conn.add_header("Content-Type", "text/plain")
    await conn.send("Hello, world!\n")


async def main(port: int) -> None:
    """Serve until cancelled."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_httpd.serve, hello, port)
        print(f"Serving on {server.url}")


if __name__ == "__main__":
    try:
        trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
    except* KeyboardInterrupt:
        pass
