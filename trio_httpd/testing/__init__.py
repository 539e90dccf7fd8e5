r"""The testing kit: drive a handler with real HTTP bytes, in memory, on a fake clock.

    async def test_greeting(autojump_clock):
        async with connect(hello) as client:
            response = await client.get("/")
        assert response.text() == "Hello, world!\n"

With pytest-trio's ``autojump_clock`` every timeout is exact, and no test sleeps.
"""

from ._client import Body, Client, ClientResponse, OpenClient, Wrap
from ._connect import connect
from ._misbehaving import MisbehavingNowaitStream, MisbehavingStream
from ._raw import Raw
from ._streams import MemoryStream, memory_streams

__all__ = [
    "Body",
    "Client",
    "ClientResponse",
    "MemoryStream",
    "MisbehavingNowaitStream",
    "MisbehavingStream",
    "OpenClient",
    "Raw",
    "Wrap",
    "connect",
    "memory_streams",
]
