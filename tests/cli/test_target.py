"""What a TARGET means: a folder, or a handler in a module."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_httpd import Docroot, Mounts
from trio_httpd._cli.docroot_options import Folder
from trio_httpd._cli.target import (
    UsageError,
    UserCodeError,
    find_handler,
    find_site,
    format_user_code,
    ways_around,
)

APP = '''
async def hello(conn):
    return "hello"


class Greeter:
    async def __call__(self, conn):
        return "hello"


class Exchange:
    """Awaited as it is: one for each request."""

    def __init__(self, conn):
        self.conn = conn

    def __await__(self):
        yield


class Demanding:
    def __init__(self, greeting):
        self.greeting = greeting


class Rooms:
    greeter = Greeter()


number = 1
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder of one's own; forget what is imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "hall_app.py").write_text(APP)
    (tmp_path / "a_file").touch()
    before = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - before:
        del sys.modules[name]


def complaint(target: str) -> str:
    with pytest.raises(UsageError) as caught:
        find_handler(target, Folder())
    return str(caught.value)


def site_complaint(target: str | None, *folders: Folder) -> str:
    with pytest.raises(UsageError) as caught:
        find_site(target, folders)
    return str(caught.value)


def about(**said: str) -> Folder:
    """Return what flags with one value each say of the TARGET."""
    return mount("", "", **said)


def mount(prefix: str, path: str, **said: str) -> Folder:
    folder = Folder(prefix, path)
    for keyword, value in said.items():
        folder.say(keyword, value)
        folder.flags.append(f"--{keyword}")
    return folder


def failure(target: str) -> str:
    with pytest.raises(UserCodeError) as caught:
        find_handler(target, Folder())
    return "".join(format_user_code(caught.value.cause))


@pytest.mark.parametrize("target", [".", "./", "sub/.."])
def test_a_folder_is_served_as_one(target: str, here: Path) -> None:
    (here / "sub").mkdir()
    assert find_handler(target, Folder()) == (Docroot(str(here)), str(here))


def test_a_folder_is_shown_as_it_was_named(here: Path) -> None:
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    assert find_handler("link", Folder())[1] == str(here / "link")


def test_what_is_said_of_a_folder_is_in_its_docroot(here: Path) -> None:
    docroot, _ = find_handler(".", about(listing="--listing", charset="none"))
    assert docroot == Docroot(here, listing=True, charset=None)


def test_a_folder_goes_before_a_module(here: Path) -> None:
    (here / "hall_app:hello").mkdir()
    assert isinstance(find_handler("hall_app:hello", Folder())[0], Docroot)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hello", "function"),
        ("Greeter", "Greeter"),
        ("Rooms.greeter", "Greeter"),
        ("Exchange", "type"),
    ],
)
def test_a_handler_is_what_has_the_name(name: str, kind: str) -> None:
    handler, shown = find_handler(f"hall_app:{name}", Folder())
    assert type(handler).__name__ == kind
    assert shown == f"hall_app:{name}"


def test_a_module_may_lie_in_a_package(here: Path) -> None:
    (here / "hall_package").mkdir()
    (here / "hall_package" / "app.py").write_text(APP)
    handler, _ = find_handler("hall_package.app:hello", Folder())
    assert handler.__module__ == "hall_package.app"
    assert sys.path.count(str(here)) == 1
    find_handler("hall_app:hello", Folder())
    assert sys.path.count(str(here)) == 1


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "the TARGET is empty; . is the current folder"),
        ("nowhere", "no such folder: nowhere"),
        ("no\0where", "no such folder: no\0where"),
        ("a_file", "not a folder: a_file"),
        ("a_file/x", "not a folder: a_file/x"),
        ("hall_app", "no such folder: hall_app"),
        ("hall_app:", "no such folder, and no module:name either: hall_app:"),
        (":hello", "no such folder, and no module:name either: :hello"),
        ("hall-app:hello", "no such folder, and no module:name either: hall-app:hello"),
        ("hall_app:hello:x", "no such folder, and no module:name either: hall_app:hello:x"),
        ("hall_app:hello()", "no such folder, and no module:name either: hall_app:hello()"),
        ("hall_none:hello", "no such module: hall_none"),
        ("hall_app.sub:hello", "no such module: hall_app.sub"),
        ("hall_app:hallo", "no hallo in the module hall_app"),
        ("hall_app:hello.x", "no hello.x in the module hall_app"),
        ("hall_app:number", "hall_app:number is not callable, so it cannot be a handler"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(target: str, said: str) -> None:
    assert complaint(target) == said


def test_a_folder_that_cannot_be_read_is_told(here: Path) -> None:
    (here / "loop").symlink_to("loop")
    assert complaint("loop") == "cannot read the folder loop: Too many levels of symbolic links"


def test_a_module_that_raises_shows_its_own_traceback(here: Path) -> None:
    (here / "hall_bad.py").write_text("def fail():\n    1 / 0\n\n\nfail()\n")
    lines = failure("hall_bad:hello").splitlines(keepends=True)
    # How much of a line is underlined differs between versions of Python.
    assert "".join(line for line in lines if line.strip("~^ \n")) == (
        "Traceback (most recent call last):\n"
        f'  File "{here}/hall_bad.py", line 5, in <module>\n'
        "    fail()\n"
        f'  File "{here}/hall_bad.py", line 2, in fail\n'
        "    1 / 0\n"
        "ZeroDivisionError: division by zero\n"
    )


def test_a_module_that_lacks_another_is_not_missing_itself(here: Path) -> None:
    (here / "hall_bad.py").write_text("import hall_none\n")
    said = failure("hall_bad:hello")
    assert said.startswith(f'Traceback (most recent call last):\n  File "{here}/hall_bad.py", line')
    assert said.endswith("ModuleNotFoundError: No module named 'hall_none'\n")


def test_a_module_that_is_no_python_shows_where(here: Path) -> None:
    (here / "hall_bad.py").write_text("x = (\n")
    said = failure("hall_bad:hello")
    assert said.startswith(f'  File "{here}/hall_bad.py", line 1\n')
    assert said.endswith("SyntaxError: '(' was never closed\n")


def test_a_module_with_a_null_byte_is_named(here: Path) -> None:
    (here / "hall_bad.py").write_bytes(b"x = 1\0\n")
    said = failure("hall_bad:hello")
    assert said.endswith(f"null bytes\nin {here}/hall_bad.py\n")
    assert said.count("\n") == 2


def test_the_import_of_a_module_with_a_null_byte_is_shown(here: Path) -> None:
    (here / "hall_bad.py").write_bytes(b"\0")
    (here / "hall_outer.py").write_text("import hall_bad\n")
    said = failure("hall_outer:hello")
    assert "    import hall_bad\n" in said
    assert said.endswith("null bytes\n")


def test_what_a_module_cannot_compile_itself_is_in_its_traceback(here: Path) -> None:
    (here / "hall_bad.py").write_text("compile('\\0', 'x', 'exec')\n")
    said = failure("hall_bad:hello")
    assert f'File "{here}/hall_bad.py", line 1' in said
    assert said.endswith("null bytes\n")


def test_a_class_that_cannot_be_made_shows_why() -> None:
    assert failure("hall_app:Demanding").startswith("TypeError: Demanding.__init__() missing")


# A site: the TARGET, and mounts.


def test_without_a_target_the_current_folder_is_served(here: Path) -> None:
    assert find_site(None, [Folder()]) == (Docroot(here), [("/", str(here))])


def test_a_target_alone_needs_no_mounts() -> None:
    handler, places = find_site("hall_app:hello", [Folder()])
    assert handler.__module__ == "hall_app"
    assert places == [("/", "hall_app:hello")]


def test_mounts_stand_beside_the_target_each_with_what_is_said_of_it(here: Path) -> None:
    (here / "files").mkdir()
    folders = [about(spa="--spa"), mount("/files", "files", hidden="--hidden")]
    site, places = find_site(".", folders)
    files = here / "files"
    assert site == Mounts({"/": Docroot(here, spa=True), "/files": Docroot(files, hidden=True)})
    assert places == [("/", str(here)), ("/files/", str(files))]


def test_what_asks_for_passwords_is_shown_as_such(here: Path) -> None:
    asking = about(auth="ann:secret")
    assert find_site(".", [asking])[1] == [("/", f"{here} with passwords")]
    _, places = find_site(".", [asking, mount("/files", ".")])
    assert places == [("/", f"{here} with passwords"), ("/files/", str(here))]


def test_without_a_target_there_is_nothing_but_the_mounts(here: Path) -> None:
    site, places = find_site(None, [Folder(), mount("/files", ".")])
    assert site == Mounts({"/files": Docroot(here)})
    assert places == [("/files/", str(here))]


@pytest.mark.parametrize(
    ("target", "folders", "said"),
    [
        ("", [Folder()], "the TARGET is empty; . is the current folder"),
        ("nowhere", [about(spa="--spa")], "no such folder: nowhere"),
        (
            "hall_app:hello",
            [about(spa="--spa")],
            "--spa applies to a folder, and hall_app:hello is a handler",
        ),
        (
            "hall_app:hello",
            [Folder(), mount("/a", ".")],
            "--mount needs a folder as TARGET, and hall_app:hello is a handler",
        ),
        (
            None,
            [about(spa="--spa"), mount("/a", ".")],
            "--spa before the first --mount applies to the TARGET, and there is none",
        ),
        (None, [Folder(), mount("/a", "nowhere")], "no such folder: nowhere"),
        (None, [Folder(), mount("/a", "no\0where")], "no such folder: no\0where"),
        (None, [Folder(), mount("/a", "a_file")], "not a folder: a_file"),
        (None, [Folder(), mount("/a", "."), mount("/a", ".")], "two folders for one prefix: /a"),
        (
            None,
            [Folder(), mount("/a", "."), mount("/%61/", ".")],
            "two folders for one prefix: '/%61/'",
        ),
        (".", [Folder(), mount("/", ".")], "two folders for one prefix: /"),
    ],
)
def test_what_does_not_go_together_is_told_in_a_line(
    target: str | None, folders: list[Folder], said: str
) -> None:
    assert site_complaint(target, *folders) == said


# What shall not be published.


def with_passwords(file: str, prefix: str = "", path: str = "") -> Folder:
    """Return what flags say of a folder that asks for the passwords in a file."""
    folder = mount(prefix, path, auth="ann:secret")
    folder.password_files.append(file)
    return folder


@pytest.fixture
def tree(here: Path) -> Path:
    """Make folders, files of passwords, and links to both."""
    for name in ("public/deep", "private"):
        (here / name).mkdir(parents=True)
    for name in ("users", "public/users", "public/.users"):
        (here / name).write_text("ann:secret")
    (here / "link").symlink_to("public")
    (here / "leading in").symlink_to("public/users")
    (here / "public" / "leading out").symlink_to("../users")
    os.mkfifo(here / "public" / "pipe")
    return here


@pytest.mark.parametrize(
    "file",
    ["public/users", "public/.users", "./public/deep/../users", "link/users", "leading in",
     "public/leading out"],
)  # fmt: skip
@pytest.mark.parametrize("target", ["public", "link"])
def test_a_file_of_passwords_is_refused_in_a_folder_that_is_published(
    target: str, file: str, tree: Path
) -> None:
    said = f"the passwords in {Path(file)} lie in {tree / target}, which is published"
    assert site_complaint(target, with_passwords(file)) == said
    asking = with_passwords(file, "/private", "private")
    assert site_complaint(target, Folder(), asking) == said
    assert site_complaint(None, Folder(), mount("/a", target), asking) == said


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("file", ["users", "public/pipe", "/dev/null"])
def test_a_file_of_passwords_elsewhere_is_nothing_to_complain_of(file: str) -> None:
    find_site("public", [with_passwords(file)])
    find_site("public", [Folder(), with_passwords(file, "/private", "private")])


def ways(*mounts: Folder) -> list[tuple[str, str]]:
    site, _ = find_site(None, [Folder(), *mounts])
    assert isinstance(site, Mounts)
    return [(Path(inner.path).name, path) for inner, path in ways_around(site.docroots)]


@pytest.fixture
def private(tree: Path) -> Folder:
    (tree / "public" / "a b" / "private").mkdir(parents=True)
    return mount("/private", "public/a b/private", auth="ann:secret")


@pytest.mark.parametrize("path", ["public", "link", "public/a b"])
def test_a_folder_with_passwords_in_one_without_is_open(path: str, private: Folder) -> None:
    url = "/private/" if path == "public/a b" else "/a%20b/private/"
    assert ways(mount("/files", path), private) == [("private", f"/files{url}")]
    assert ways(private, mount("/files", path)) == [("private", f"/files{url}")]


def test_a_folder_that_is_published_twice_is_open_where_it_has_no_passwords(
    private: Folder,
) -> None:
    assert ways(private, mount("/", private.path)) == [("private", "/")]


def test_other_passwords_are_a_way_around(private: Folder) -> None:
    assert ways(mount("/files", "public", auth="bob:secret"), private) == [
        ("private", "/files/a%20b/private/")
    ]
    assert ways(mount("/files", "public", auth="ann:secret"), private) == []


def test_what_is_hidden_or_behind_a_mount_is_no_way_around(private: Folder) -> None:
    assert ways(mount("/files", "public", hide="private"), private) == []
    private.prefix = "/a b/private"
    assert ways(mount("/", "public"), private) == []
    private.prefix = "/private"
    assert ways(mount("/", "public"), mount("/a b", "private"), private) == []


def test_a_folder_without_passwords_may_lie_in_one_with_some(private: Folder) -> None:
    assert ways(mount("/files", "public", auth="ann:secret"), mount("/a", "public/deep")) == []
    assert ways(private, mount("/deep", "public/deep")) == []
