from __future__ import annotations

import pytest
import trio

from trio_httpd import Address
from trio_httpd._net.addresses import local_address, remote_address, socket_of
from trio_httpd.testing import memory_streams


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 80), "http://127.0.0.1:80"),
        (Address("::1", 8080), "http://[::1]:8080"),
        (Address("0.0.0.0", 1), "http://127.0.0.1:1"),
        (Address("::", 1), "http://[::1]:1"),
        (Address(path="/run/x"), None),
    ],
)
def test_an_address_of_tcp_has_a_url_that_reaches_it(address: Address, url: str | None) -> None:
    assert address.url == url


async def test_a_socket_that_is_closed_has_no_address() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    assert local_address(listener) is not None
    await listener.aclose()
    assert local_address(listener) is None


def test_a_stream_without_a_socket_has_no_address() -> None:
    near, _ = memory_streams()
    assert socket_of(near) is None
    assert local_address(near) is None
    assert remote_address(near) is None
