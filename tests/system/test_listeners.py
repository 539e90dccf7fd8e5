"""The TCP listener: its sockets are real, and so is the crowd."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.net.turns import counted_turns
from trio_httpd import Connection, serve
from trio_httpd._net.listeners import SocketListener, open_listeners


async def listening() -> tuple[SocketListener, tuple[str, int]]:
    [listener] = await open_listeners(0, host="127.0.0.1")
    return listener, listener.socket.getsockname()


async def test_a_crowd_comes_in_many_at_a_turn() -> None:
    listener, address = await listening()
    crowd = [socket.create_connection(address) for _ in range(40)]
    async with listener, counted_turns() as turns:
        streams = [await listener.accept() for _ in crowd]
        assert turns.count <= 3
    for stream in streams:
        await stream.aclose()
    for peer in crowd:
        peer.close()


async def test_who_is_cancelled_takes_nobody_away() -> None:
    listener, address = await listening()
    async with listener:
        with trio.move_on_after(0) as scope:
            await listener.accept()
        assert scope.cancelled_caught
        with socket.create_connection(address) as peer:
            async with await listener.accept() as stream:
                assert stream.socket.getpeername() == peer.getsockname()


async def test_who_waits_is_told_when_it_closes(nursery: trio.Nursery) -> None:
    listener, _ = await listening()

    async def accept() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()

    nursery.start_soon(accept)
    await wait_all_tasks_blocked()
    await listener.aclose()
    await listener.aclose()
    await accept()


class FailingSocket(socket.socket):
    """Fails to accept, in turn, with the errors it was given."""

    problems: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.problems:
            raise OSError(self.problems.pop(0), "accept")
        return super().accept()


async def failing(*problems: int) -> tuple[SocketListener, tuple[str, int]]:
    listener, address = await listening()
    listener.socket = FailingSocket(fileno=listener.socket.detach())
    listener.socket.problems = list(problems)
    return listener, address


async def test_a_peer_that_left_before_is_nobody() -> None:
    listener, address = await failing(errno.ECONNABORTED, errno.EPROTO)
    async with listener:
        with socket.create_connection(address):
            await (await listener.accept()).aclose()


async def test_a_lack_of_descriptors_is_told() -> None:
    listener, _ = await failing(errno.EMFILE)
    async with listener:
        with pytest.raises(OSError, match="accept"):
            await listener.accept()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_all_interfaces_share_the_port_that_the_system_chose() -> None:
    listeners = await open_listeners(0, host=None)
    ports = {listener.socket.getsockname()[1] for listener in listeners}
    for listener in listeners:
        await listener.aclose()
    assert len(ports) == 1
    assert len(listeners) == (2 if has_ipv6() else 1)


Named = Callable[..., None]
FailingAt = dict[str, list[int]]


class Names(trio.abc.HostnameResolver):
    """Knows one name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def getaddrinfo(self, host: bytes | None, port: Any, *_: int) -> Any:
        return [
            info
            for address in self._addresses
            for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@pytest.fixture
async def named() -> AsyncIterator[Named]:
    """Give a function that says which addresses all names have."""
    before = trio.socket.set_custom_hostname_resolver(None)

    def name(*addresses: str) -> None:
        trio.socket.set_custom_hostname_resolver(Names(*addresses))

    yield name
    trio.socket.set_custom_hostname_resolver(before)


async def where(port: int = 0) -> list[tuple[str, int]]:
    """Return where we listen for the name of the test, and listen no more."""
    listeners = await open_listeners(port, host="of-the-test")
    addresses = [listener.socket.getsockname()[:2] for listener in listeners]
    for listener in listeners:
        await listener.aclose()
    return addresses


async def test_all_addresses_of_a_name_share_the_port_that_the_system_chose(
    named: Named,
) -> None:
    named("127.0.0.1", "127.0.0.2", "127.0.0.1")
    (one, port), (two, other) = await where()
    assert (one, two, other) == ("127.0.0.1", "127.0.0.2", port)


class Unbindable(socket.socket):
    """Fails to be bound to some addresses, in turn, with the errors it was given."""

    problems: ClassVar[dict[str, list[int]]] = {}

    def bind(self, address: Any, /) -> None:
        if self.problems.get(address[0]):
            raise OSError(self.problems[address[0]].pop(0), "bind")
        super().bind(address)


@pytest.fixture
def failing_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingAt]:
    """Give the errors that each address is to fail with."""
    monkeypatch.setattr(socket, "socket", Unbindable)
    yield Unbindable.problems
    Unbindable.problems.clear()


async def test_a_port_that_is_taken_at_another_address_is_given_up(
    named: Named, failing_at: FailingAt
) -> None:
    named("127.0.0.1", "127.0.0.2")
    failing_at["127.0.0.2"] = [errno.EADDRINUSE] * 7
    (_, one), (_, two) = await where()
    assert one == two
    assert not failing_at["127.0.0.2"]


@pytest.mark.parametrize("problems", [[errno.EADDRINUSE] * 8, [errno.EMFILE]])
async def test_ports_that_cannot_be_had_are_told(
    problems: list[int], named: Named, failing_at: FailingAt
) -> None:
    named("127.0.0.1", "127.0.0.2")
    failing_at["127.0.0.2"] = problems
    with pytest.raises(OSError, match="bind"):
        await where()
    assert not problems


async def test_a_port_of_ones_own_is_tried_once(named: Named, failing_at: FailingAt) -> None:
    named("127.0.0.1", "127.0.0.2")
    failing_at["127.0.0.2"] = [errno.EADDRINUSE] * 2
    with pytest.raises(OSError, match="bind"):
        await where(free_port())
    assert len(failing_at["127.0.0.2"]) == 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("problem", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize("port", [0, None])
async def test_without_ipv6_the_other_addresses_are_left(
    problem: int, port: int | None, named: Named, failing_at: FailingAt
) -> None:
    named("::1", "127.0.0.1")
    failing_at["::1"] = [problem]
    [(address, _)] = await where(free_port() if port is None else port)
    assert address == "127.0.0.1"


async def test_without_any_address_that_is_told(named: Named, failing_at: FailingAt) -> None:
    named("::1")
    failing_at["::1"] = [errno.EAFNOSUPPORT]
    with pytest.raises(OSError, match="bind"):
        await where()


async def test_an_address_of_another_machine_is_told(named: Named, failing_at: FailingAt) -> None:
    named("127.0.0.1", "2001:db8::1")
    failing_at["2001:db8::1"] = [errno.EADDRNOTAVAIL]
    with pytest.raises(OSError, match="bind"):
        await where()


@pytest.mark.parametrize("after", range(12))
async def test_who_is_cancelled_leaves_nothing_open(after: int) -> None:
    before = open_descriptors()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve, unasked, 0, host=None))
        for _ in range(after):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert open_descriptors() == before


async def unasked(conn: Connection) -> None:
    raise AssertionError


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("port", [-1, 65536, 70000])
@pytest.mark.parametrize("host", ["127.0.0.1", None])
async def test_a_port_that_there_is_not_is_refused(port: int, host: str | None) -> None:
    with pytest.raises(ValueError, match=f"0 to 65535, not {port}"):
        await open_listeners(port, host=host)
