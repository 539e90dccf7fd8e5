"""A hostile tree under load: links out, FIFOs, and a second process that swaps things.

Whoever can write to a docroot, and whoever can ask for anything, work together here. The
laws that have to hold all the same:

1. Nothing from outside the docroot is ever sent.
2. Each request is answered in time; nothing in the tree can make a worker wait.
3. Each response is whole, or visibly cut; and cut only where a file is rewritten in place.
4. Nothing is logged as an error of ours, and no descriptor is left.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells where an open file lies"
)

SECRET = b"what-is-outside-stays-outside"
NOBODY = 65534
CONNECTIONS = 16
REQUESTS = 80  # On each connection.
PATIENCE = 5  # Seconds for one answer.
PLAIN = b"<p>inside\n" * 40
LARGE = 400_000  # More than one window, and more than a socket holds.
LONG = "n" * 250

# The command, after what it needs is imported: nobody may not even be able to read that.
SERVER = f"""
import encodings.idna, os, sys
from trio_httpd._cli.main import main
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
sys.exit(main())
"""

# Exchanges what is there for what is not to be sent, without a moment in between, so that
# only an opened file can tell which one it is; and rewrites files in place. All in a loop,
# until somebody closes its standard input, or for half a minute.
SWAPPER = f"""
import ctypes, os, select, sys, time
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def exchange(one, other):
    at_cwd, exchanged = -100, 2
    if libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchanged):
        raise OSError(ctypes.get_errno(), "renameat2", one)
end = time.monotonic() + 30
turn = 0
while time.monotonic() < end and not select.select([0], [], [], 0)[0]:
    turn += 1
    for _ in range(33):
        for name in ("file.txt", "file.txt.gz", "folder", "index/index.html", "kind.txt", "a-or-b"):
            exchange("root/swapped/" + name, "parked/" + name.replace("/", "-"))
    letter = b"xy"[turn % 2 : turn % 2 + 1]
    with open("root/rewritten/small", "r+b") as file:
        file.truncate(10 * (turn % 3))
        file.write(letter * 2000)
    if turn % 5 == 0:
        with open("root/rewritten/large.bin", "r+b") as file:
            file.truncate(turn % {LARGE})
            file.truncate(0)
            file.write(letter * {LARGE})
print(turn)
"""


@dataclass
class Tree:
    """A folder ``root`` to serve, beside what nobody is to see.

    ``expected`` has the status for each path that nobody swaps, where links are not
    followed, and where they are.
    """

    base: Path
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)
    swapped: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.base / "root"

    def expect(self, path: str, status: int, followed: int | None = None) -> Path:
        self.expected[path] = (status, status if followed is None else followed)
        return self.root / path.strip("/")


@pytest.fixture
def tree() -> Iterator[Tree]:
    # Not `tmp_path`: that is for its owner only, and the server is nobody.
    base = Path(tempfile.mkdtemp(prefix="hostile-tree-"))
    try:
        base.chmod(0o755)
        tree = Tree(base)
        plant_outside(base / "outside")
        plant_inside(tree)
        plant_links(tree)
        plant_oddities(tree)
        plant_swapped(tree)
        yield tree
    finally:
        for name in ("closed", "searched"):  # Else who is not root cannot remove them.
            with suppress(FileNotFoundError):
                (base / "root" / name).chmod(0o755)
        shutil.rmtree(base)


def plant_outside(outside: Path) -> None:
    """Make what is not to be seen; each file, and the name that nobody asks for, tells it."""
    (outside / "inner").mkdir(parents=True)
    secret = SECRET.decode()
    names = ["passwd", "passwd.gz", "passwd.br", "index.html", "inner/index.html", f"{secret}.txt"]
    for name in names:
        (outside / name).write_bytes(SECRET * 1000)


def plant_inside(tree: Tree) -> None:
    tree.expect("/sub/deep/", 200).mkdir(parents=True)
    tree.expect("/sub/deep", 301)
    tree.expect("/", 200)
    for path in ("/plain.html", "/index.html", "/sub/deep/file", f"/{LONG}", "/404.html"):
        tree.expect(path, 200).write_bytes(PLAIN)
    for name in ("new\nline.txt", "<b>&amp;%41.txt", "x:y", "é", " "):
        (tree.root / name).write_bytes(PLAIN)
    for path in ("/new%0Aline.txt", "/%3Cb%3E&amp;%2541.txt", "/x:y", "/%C3%A9", "/%20"):
        tree.expect(path, 200)
    for suffix in ("gz", "br", "zst"):
        (tree.root / f"plain.html.{suffix}").write_bytes(suffix.encode() + PLAIN)
    tree.expect("/large.bin", 200).write_bytes(b"l" * LARGE)
    tree.expect("/.hidden", 404).write_bytes(SECRET)
    tree.expect(f"/{'n' * 256}", 404)
    tree.expect("/" + "sub/deep/" * 400, 404)


def plant_links(tree: Tree) -> None:
    outside = tree.base / "outside"
    links = {
        "/link-in": ("plain.html", 200),
        "/link-to-link-in": ("link-in", 200),
        "/link-to-folder/file": ("sub/deep", 200),
        "/link-out": (outside / "passwd", 404),
        "/link-out-relative": ("../outside/passwd", 404),
        "/link-to-link-out": ("link-out", 404),
        "/link-to-hidden": (".hidden", 404),
        "/link-out-and-in/plain.html": ("../../../../.." / tree.root.relative_to("/"), 200),
        "/folder-out/passwd": (outside, 404),
        "/folder-out/inner/": (outside, 404),
        "/folder-out/": (outside, 404),
        "/folder-up/outside/passwd": ("..", 404),
        "/folder-system/": ("/", 404),
        "/folder-system/etc/passwd": ("/", 404),
        "/link-to-itself": ("link-to-itself", 404),
        "/folder-itself/" + "folder-itself/" * 50: ("folder-itself", 404),
        "/dot/dot/dot/plain.html": (".", 200),
        "/dangling": ("nothing", 404),
        "/link-to-device": ("/dev/zero", 404),
        "/link-to-descriptor": ("/proc/self/fd/1", 404),
        "/index-out/": None,
        "/sidecars-out.html": None,
    }  # fmt: skip
    for path, link in links.items():
        if link is not None:
            target, followed = link
            tree.expect(path, 404, followed)
            with suppress(FileExistsError):
                (tree.root / path.split("/")[1]).symlink_to(target)
    tree.expect("/index-out/", 200).mkdir()  # A listing, as there is no index.
    (tree.root / "index-out/index.html").symlink_to(outside / "index.html")
    tree.expect("/sidecars-out.html", 200).write_bytes(PLAIN)
    for suffix in ("gz", "br", "zst"):
        (tree.root / f"sidecars-out.html.{suffix}").symlink_to(outside / "passwd")


def plant_oddities(tree: Tree) -> None:
    """Make what is neither file nor folder, and what the server may not read."""
    os.mkfifo(tree.expect("/fifo", 404))
    tree.expect("/index-fifo/", 200).mkdir()
    os.mkfifo(tree.root / "index-fifo/index.html")
    tree.expect("/sidecar-fifo.html", 200).write_bytes(PLAIN)
    os.mkfifo(tree.root / "sidecar-fifo.html.gz")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tree.expect("/socket", 404)))
    try:
        os.mknod(tree.expect("/device", 404), 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # zero
    except PermissionError:
        sys.stderr.write("no device in the tree: mknod is not permitted here\n")
    unreadable = tree.expect("/unreadable", 403)
    unreadable.write_bytes(SECRET)
    unreadable.chmod(0)
    closed = tree.expect("/closed/", 403)
    closed.mkdir()
    (closed / "file").write_bytes(SECRET)
    closed.chmod(0)
    tree.expect("/closed/file", 403)
    # May be searched, but not listed.
    tree.expect("/searched/file", 200).parent.mkdir()
    (tree.root / "searched/file").write_bytes(PLAIN)
    tree.expect("/searched/", 403).chmod(0o311)


def plant_swapped(tree: Tree) -> None:
    """Make pairs of what is to be sent and what is not, or not with the other."""
    parked, swapped, outside = tree.base / "parked", tree.root / "swapped", tree.base / "outside"
    for folder in (parked, swapped, swapped / "folder", swapped / "index"):
        folder.mkdir()
    for name in ("file.txt", "file.txt.gz", "folder/passwd", "index/index.html", "kind.txt"):
        (swapped / name).write_bytes(PLAIN)
    for name in ("file.txt", "file.txt.gz", "index-index.html"):
        (parked / name).symlink_to(outside / "passwd")
    (parked / "folder").symlink_to(outside)
    os.mkfifo(parked / "kind.txt")
    (swapped / "a-or-b").write_bytes(b"a" * LARGE)
    (parked / "a-or-b").write_bytes(b"b" * (LARGE - 1000))
    (tree.root / "rewritten").mkdir()
    (tree.root / "rewritten/small").write_bytes(b"x" * 2000)
    (tree.root / "rewritten/large.bin").write_bytes(b"x" * LARGE)
    paths = [
        "file.txt",
        "folder",
        "folder/",
        "folder/passwd",
        "folder/inner/",
        "index/",
        "kind.txt",
        "a-or-b",
    ]
    tree.swapped = [f"/swapped/{path}" for path in (*paths, "")]
    tree.swapped += ["/rewritten/small", "/rewritten/large.bin"] * 2
    tree.swapped += ["/swapped/kind.txt", "/swapped/file.txt"] * 4


ESCAPES = [
    "/../outside/passwd",
    "/sub/../../outside/passwd",
    "/%2e%2e/outside/passwd",
    "/.%2E/outside/passwd",
    "/..%2foutside%2fpasswd",
    "/%2e%2e%2foutside/passwd",
    "/%252e%252e/outside/passwd",
    "/%252e%252e%252foutside/passwd",
    "/%c0%ae%c0%ae/outside/passwd",
    "/%c0%ae%c0%ae%c0%afoutside%c0%afpasswd",
    "/%e0%80%ae%e0%80%ae/outside/passwd",
    "/..%c0%afoutside/passwd",
    "/%uff0e%uff0e/outside/passwd",
    "/%EF%BC%8E%EF%BC%8E/outside/passwd",
    "/..\\outside\\passwd",
    "/..%5coutside%5cpasswd",
    "/sub\\..\\..\\outside\\passwd",
    "/plain.html%00.txt",
    "/..%00/outside/passwd",
    "/%00",
    "/C:/outside/passwd",
    "/C:%5coutside%5cpasswd",
    "/plain.html::$DATA",
    "/CON",
    "//outside/passwd",
    "//../outside/passwd",
    "///etc/passwd",
    "/sub//../../outside/passwd",
    "/%2fetc%2fpasswd",
    "//etc/passwd",
    "/....//outside/passwd",
    "/..;/outside/passwd",
    "/sub/..%3b/..%3b/outside/passwd",
    "/link-out/../outside/passwd",
    "/link-out%2f",
    "/plain.html/",
    "/plain.html/../../outside/passwd",
    "/%",
    "/%zz",
    "/%2",
    "/%ff%fe",
    "/proc/self/environ",
    "/.%2f.%2f",
    "http://a/../outside/passwd",
    "http://a/%2e%2e/outside/passwd",
    "http://a/folder-out/passwd",
    "http://a//folder-out/passwd",
    "http://../outside/passwd",
    "http://a",
    "*",
    "outside/passwd",
    "../outside/passwd",
    "file:///etc/passwd",
    "/?/../outside/passwd",
    "/plain.html?../../outside/passwd",
    "/folder-out?sort=size",
]
HARMLESS = ("http://a", "/?/../outside/passwd", "/plain.html?../../outside/passwd")
FIELDS = [
    "Accept-Encoding: gzip, br, zstd",
    "Accept-Encoding: br;q=0.1, gzip",
    "Accept-Encoding: identity;q=0, *",
    "Accept: application/json",
    "Range: bytes=0-",
    "Range: bytes=5-9",
    "Range: bytes=0-0, -1, 10-20",
    "Range: bytes=-100000",
    "Range: bytes=99999999999999999999-",
    "If-None-Match: *",
    'If-None-Match: "x"',
    "If-Match: *",
    'If-Range: "x"',
    "If-Modified-Since: Thu, 01 Jan 2032 00:00:00 GMT",
    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "Connection: close",
]
METHODS = ["GET"] * 8 + ["HEAD", "OPTIONS", "DELETE"]


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", *command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def port_of(server: subprocess.Popen[bytes]) -> int:
    assert server.stdout is not None
    line = server.stdout.readline()
    match = re.search(rb"http://127\.0\.0\.1:([0-9]+)/", line)
    assert match, line
    return int(match[1])


class Cut(Exception):
    """The end came before the end of the response."""


@dataclass
class Answer:
    status: int
    head: bytes
    content: bytes


class Peer:
    """One who asks, and reads each answer to its end."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._unread = bytearray()

    async def ask(self, method: str, target: str, fields: list[str]) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields, "", ""]
        try:
            await self._stream.send_all("\r\n".join(lines).encode())
            head = await self._read_to(b"\r\n\r\n")
        except trio.BrokenResourceError as problem:
            raise Cut from problem
        status = int(head[9:12])
        content = await self._content(head, none=method == "HEAD" or status == 304)
        return Answer(status, head, content)

    async def _content(self, head: bytes, *, none: bool) -> bytes:
        if none or head.startswith(b"HTTP/1.1 204"):
            return b""
        if match := re.search(rb"\r\nContent-Length: ([0-9]+)\r\n", head):
            return await self._read(int(match[1]))
        assert b"\r\nTransfer-Encoding: chunked\r\n" in head
        content = b""
        while size := int(await self._read_to(b"\r\n"), 16):
            content += (await self._read(size + 2))[:-2]
        await self._read(2)
        return content

    async def _read_to(self, ending: bytes) -> bytes:
        while ending not in self._unread:
            await self._receive()
        return await self._read(self._unread.index(ending) + len(ending))

    async def _read(self, count: int) -> bytes:
        while len(self._unread) < count:
            await self._receive()
        data = bytes(self._unread[:count])
        del self._unread[:count]
        return data

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some()
        except trio.BrokenResourceError as problem:
            raise Cut from problem
        if not data:
            raise Cut
        assert SECRET not in self._unread + data  # However much of it there is.
        self._unread += data


@dataclass
class Attack:
    """All who ask at once; ``seen`` counts the answers by path and status."""

    tree: Tree
    port: int
    is_followed: bool
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)

    async def look_around(self) -> None:
        """Ask once for all that stays as it is, and for what has never been there."""
        for target in [*self.tree.expected, *ESCAPES]:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await self._ask(Peer(stream), "GET", target, [])

    async def carry_out(self) -> None:
        """Ask for everything at random, on many connections."""
        async with trio.open_nursery() as nursery:
            for seed in range(CONNECTIONS):
                nursery.start_soon(self._attack, random.Random(seed))

    async def _attack(self, chance: random.Random) -> None:
        left = REQUESTS
        while left:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                if chance.random() < 0.1:  # Who asks and leaves.
                    await stream.send_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
                    await stream.receive_some(1000)
                    continue
                peer = Peer(stream)
                keeps = True
                while left and keeps:
                    left -= 1
                    keeps = await self._ask_anything(peer, chance)

    async def _ask_anything(self, peer: Peer, chance: random.Random) -> bool:
        known = [*self.tree.expected]
        target = chance.choice(chance.choice([known, ESCAPES, self.tree.swapped]))
        fields = chance.sample(FIELDS, chance.randrange(4))
        return await self._ask(peer, chance.choice(METHODS), target, fields)

    async def _ask(self, peer: Peer, method: str, target: str, fields: list[str]) -> bool:
        """Ask once; return whether one can ask again."""
        with trio.fail_after(PATIENCE):
            try:
                answer = await peer.ask(method, target, fields)
            except Cut:
                self.cuts[target] += 1
                return False
        self.seen[target, answer.status] += 1
        self._check(target, answer)
        if method != "HEAD":
            self._check_content(target, answer)
        return b"\r\nConnection: close\r\n" not in answer.head

    def _check(self, target: str, answer: Answer) -> None:
        status = answer.status
        expected = self.tree.expected.get(target, (404, 404))[self.is_followed]
        allowed = {expected, 400 if target in ESCAPES else expected}
        if expected == 200 or target in HARMLESS:
            allowed = {200, 206, 304, 406, 412, 416}
        elif target in self.tree.swapped:
            allowed = {200, 206, 301, 304, 404, 406, 412, 416}
            allowed |= {503} if target.startswith("/rewritten/") else set()
        assert status in allowed | {405}, (target, status)

    def _check_content(self, target: str, answer: Answer) -> None:
        if answer.status != 200 or target.endswith("/"):
            return
        if target == "/swapped/a-or-b":
            assert answer.content in (b"a" * LARGE, b"b" * (LARGE - 1000))
        elif target == "/large.bin":
            assert answer.content == b"l" * LARGE
        elif not target.startswith("/rewritten/"):
            assert answer.content.endswith(PLAIN), target


async def descriptors_come_back(folder: str, before: int) -> None:
    """Wait until as many as before are open: files are kept for a second."""
    with trio.fail_after(PATIENCE):
        while len(os.listdir(folder)) > before:  # noqa: PTH208
            await trio.testing.wait_all_tasks_blocked(0.01)


@pytest.mark.parametrize("is_followed", [False, True], ids=["links refused", "links followed"])
async def test_a_hostile_tree_gives_nothing_away(tree: Tree, is_followed: bool) -> None:
    flags = ["--listing", "--precompressed=br,zstd,gzip", "--error-page=404=404.html"]
    flags += ["--error-page=503=404.html", *["--follow-symlinks"] * is_followed]
    with running(SERVER, *flags, "--no-access-log", "-p0", str(tree.root)) as server:
        port = port_of(server)
        descriptors = f"/proc/{server.pid}/fd"
        before = len(os.listdir(descriptors))  # noqa: PTH208
        with running(SWAPPER, str(tree.base)) as swapper:
            attack = Attack(tree, port, is_followed)
            await attack.look_around()
            await attack.carry_out()
            turns, complaints = swapper.communicate()
        await descriptors_come_back(descriptors, before)
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate()
    assert not complaints
    assert int(turns) > 10
    assert attack.seen["/swapped/file.txt", 200]
    assert attack.seen["/swapped/file.txt", 404]
    assert all(target.startswith("/rewritten/") for target in attack.cuts), attack.cuts
    assert not re.search(rb"ERROR|CRITICAL|Traceback", log), log.decode()
    assert server.returncode == 0
