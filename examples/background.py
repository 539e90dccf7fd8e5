"""Work that outlives its request lives in a nursery of yours, not of the server's.

Run it, then: curl -i -X POST http://127.0.0.1:8080/tea
"""

from collections.abc import Awaitable, Callable

import trio

import trio_httpd


def accepting(nursery: trio.Nursery, work: Callable[[str], Awaitable[None]]) -> trio_httpd.Handler:
    """Return a handler that starts ``work`` in ``nursery`` and answers at once."""

    async def handler(conn: trio_httpd.Connection) -> tuple[str, int]:
        nursery.start_soon(work, conn.request.path)
        return "It is being done.\n", 202

    return handler


async def slow_work(name: str) -> None:
    """Take a while."""
    await trio.sleep(5)
    print(f"{name!a} is done.")


async def main() -> None:
    """Serve until cancelled; what was begun then is cancelled too."""
    async with trio.open_nursery() as nursery:
        await trio_httpd.serve(accepting(nursery, slow_work), 8080)


if __name__ == "__main__":
    try:
        trio.run(main)
    except* KeyboardInterrupt:
        pass
