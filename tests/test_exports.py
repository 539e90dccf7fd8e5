"""The public surface: it is what is meant, documented, typed, and seen alike by type checkers.

The tables below are the surface. To add a name or a member is a decision, and changes them.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import trio_httpd
from tests.surface import (
    ALIASES,
    CLASSES,
    FUNCTIONS,
    MODULES,
    NAMES,
    annotations_of,
    documented_attributes,
    functions_of,
    is_method,
    members_of,
    own_bases,
    source_of,
    value_of,
)

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"

ENTRY_POINTS = {"trio_httpd.testing.plugin", "trio_httpd.__main__"}
"""Modules that pytest and Python import by name, and no user."""

MEMBERS = {
    "trio_httpd.Address": "host path port url",
    "trio_httpd.Connection": """
        abort add_header body body_limit close_after_finish delete_cookie discard_body finish
        flush local_addr read_body redirect remote_addr request respond send send_error
        send_file send_json serve_file set_cookie set_header set_status tls upgrade
    """,
    "trio_httpd.CookieArguments": """
        domain expires httponly max_age partitioned path samesite secure
    """,
    "trio_httpd.Docroot": """
        auth cache_control charset cors download error_pages follow_symlinks headers hidden
        hide index listing path precompressed spa
    """,
    "trio_httpd.HTTPError": "detail headers status",
    "trio_httpd.HandlerNursery": "start_soon",
    "trio_httpd.Headers": "combined elements flags single",
    "trio_httpd.Limits": """
        body connections header_bytes header_count progress receive_chunk request_line
        requests_per_connection send_chunk
    """,
    "trio_httpd.Mounts": "docroots",
    "trio_httpd.OptionArguments": """
        docroot limits on_error overflow server_header static_headers timeouts
    """,
    "trio_httpd.Options": """
        docroot limits on_error overflow server_header static_headers timeouts
    """,
    "trio_httpd.PeerError": "detail headers status",
    "trio_httpd.PeerGone": "",
    "trio_httpd.Request": """
        content_length content_type cookies headers host http_version method path query
        query_string raw_path scheme target
    """,
    "trio_httpd.RequestContent": "aclose discard limit read receive_some",
    "trio_httpd.Response": "content headers status text",
    "trio_httpd.Server": """
        add_socket add_stream addresses close connections empty listeners on_error pause
        resume serve serve_one url
    """,
    "trio_httpd.ServesFiles": "request serve_file",
    "trio_httpd.SocketListener": "accept aclose socket",
    "trio_httpd.SocketStream": """
        abort aclose receive_nowait receive_some send_all send_eof send_file_nowait
        send_more_nowait send_nowait send_queue_size socket wait_receive_might_not_block
        wait_send_all_might_not_block
    """,
    "trio_httpd.Timeouts": "body connection_setup handler header keep_alive linger send",
    "trio_httpd.abc.AbortableStream": "abort",
    "trio_httpd.abc.NowaitStream": """
        receive_nowait send_nowait send_queue_size wait_receive_might_not_block
        wait_send_all_might_not_block
    """,
    "trio_httpd.abc.SendfileStream": "send_file_nowait send_more_nowait",
    "trio_httpd.abc.Threadless": "allows_threads",
    "trio_httpd.testing.Client": "get leave open post raw request server stream",
    "trio_httpd.testing.ClientResponse": """
        aclose body headers interim json read reason status text
    """,
    "trio_httpd.testing.MemoryStream": """
        abort aclose allows_threads close far_end_gone receive_nowait receive_some send_all
        send_eof send_file_nowait send_more_nowait send_nowait send_queue_size
        wait_receive_might_not_block wait_send_all_might_not_block
    """,
    "trio_httpd.testing.MisbehavingNowaitStream": """
        abort aclose receive_nowait receive_some send_all send_eof send_file_nowait
        send_more_nowait send_nowait send_queue_size transport_stream
        wait_receive_might_not_block wait_send_all_might_not_block
    """,
    "trio_httpd.testing.MisbehavingStream": """
        aclose receive_some send_all transport_stream wait_send_all_might_not_block
    """,
    "trio_httpd.testing.OpenClient": "",
    "trio_httpd.testing.Raw": """
        close hear hear_end hear_exactly hear_reset hear_rest say say_eof stream
    """,
}
"""The public members of each public class, without those that are inherited from elsewhere."""

MADE_BY_US = {
    "trio_httpd.Connection",
    "trio_httpd.Request",
    "trio_httpd.RequestContent",
    "trio_httpd.testing.ClientResponse",
    "trio_httpd.testing.MemoryStream",
}
"""Classes that users do not call: their constructors take things of the inside."""

DICTIONARIES = {"trio_httpd.CookieArguments", "trio_httpd.OptionArguments"}
"""Typed dictionaries of keyword arguments: the functions that take these say what they mean."""


# What is exported.


def test_users_import_three_modules() -> None:
    found = {
        each.name
        for each in pkgutil.walk_packages(trio_httpd.__path__, "trio_httpd.")
        if not re.search(r"\._(?!_main__)", each.name)
    }
    assert found | {"trio_httpd"} == {module.__name__ for module in MODULES} | ENTRY_POINTS


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_exported(module: ModuleType) -> None:
    assert set(module.__all__) == source_of(module.__name__).own_names
    assert module.__all__ == sorted(module.__all__)


def test_the_public_members_of_a_class_are_those_that_are_meant() -> None:
    found = {name: members_of(cls) for name, cls in CLASSES.items()}
    assert found == {name: set(members.split()) for name, members in MEMBERS.items()}


# What is documented.


@dataclass
class Entry:
    """What a page of the reference has about a name."""

    signature: str
    below: str

    @property
    def shown(self) -> bool:
        """Whether members are shown."""
        return ":members:" in self.below

    @property
    def excluded(self) -> list[str]:
        found = re.search(r":exclude-members: (.*)", self.below)
        return re.findall(r"\w+", found[1]) if found else []


def entries() -> Iterator[tuple[str, Entry]]:
    for page in sorted(REFERENCE.glob("*.rst")):
        module = "trio_httpd"
        pattern = r"^\.\. ([\w:]+):: *(.*)\n((?:(?: .*)?\n)*)"
        for directive, argument, below in re.findall(pattern, page.read_text(), re.MULTILINE):
            entry = Entry(argument, below)
            if directive in ("module", "automodule", "currentmodule"):
                module = argument
            elif directive.startswith(("auto", "py:")):
                yield f"{module}.{argument.partition('(')[0]}", entry


ENTRIES = dict(entries())


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_in_the_reference(name: str) -> None:
    assert name in ENTRIES


@pytest.mark.parametrize("name", sorted(set(CLASSES) - DICTIONARIES))
def test_a_public_member_is_in_the_reference(name: str) -> None:
    entry = ENTRIES[name]
    for member in members_of(CLASSES[name]):
        is_shown = entry.shown and member not in entry.excluded
        is_written = re.search(rf":: {member}\b", entry.below)
        assert is_shown or is_written or is_in_text(CLASSES[name], member), member


@pytest.mark.parametrize("name", CLASSES)
def test_the_reference_shows_which_classes_users_call(name: str) -> None:
    is_protocol = vars(CLASSES[name]).get("_is_protocol", False)
    assert ENTRIES[name].signature.endswith("()") == (is_protocol or name in MADE_BY_US)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_a_text(name: str) -> None:
    if name in ALIASES:
        assert ALIASES[name].text_below(name.rpartition(".")[2])
    else:
        assert vars(NAMES[name]).get("__doc__", NAMES[name].__doc__)


@pytest.mark.parametrize("name", sorted(set(CLASSES) - DICTIONARIES))
def test_a_public_member_has_a_text(name: str) -> None:
    cls = CLASSES[name]
    for member in members_of(cls):
        value = value_of(cls, member)
        own = value.__doc__ if is_method(value) else member in documented_attributes(cls)
        assert own or is_in_text(cls, member), member


def is_in_text(cls: type, member: str) -> bool:
    """Whether the text of a class, or of a base, says what ``member`` is."""
    texts = "\n".join(str(base.__doc__) for base in own_bases(cls))
    return re.search(rf"^ *{member}:|``{member}``", texts, re.MULTILINE) is not None


# What is typed.


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_a_public_function_is_annotated(name: str) -> None:
    for place, function in functions_of(name, is_made_by_users=name not in MADE_BY_US):
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, place
        for parameter in signature.parameters.values():
            is_annotated = parameter.annotation is not parameter.empty
            assert is_annotated or parameter.name in ("self", "cls"), (place, parameter.name)


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_attribute_is_annotated(name: str) -> None:
    annotations = annotations_of(name, is_made_by_users=name not in MADE_BY_US)
    annotated = {place for place, _, _ in annotations}
    for member in members_of(CLASSES[name]):
        is_attribute = not is_method(value_of(CLASSES[name], member))
        assert not is_attribute or f"{name}.{member}" in annotated, member


@pytest.mark.parametrize("name", NAMES)
def test_every_type_in_a_public_signature_is_public(name: str) -> None:
    exported = {key.rpartition(".")[2]: thing for key, thing in NAMES.items()}
    annotations = annotations_of(name, is_made_by_users=name not in MADE_BY_US)
    for place, source, text in annotations:
        for node in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(node, ast.Name) and node.id in source.own_names:
                found = getattr(source.module, node.id)
                assert exported.get(node.id) is found, f"{node.id} in {place}"


# What type checkers see.


def questions() -> Iterator[tuple[str, str]]:
    """Yield the line of Python that asks for the type of each public name and member."""
    for number, (name, thing) in enumerate(NAMES.items()):
        if name in FUNCTIONS:
            yield name, f"reveal_type({name})"
            continue
        yield name, f"def _{number}(x: {name}) -> None: reveal_type(x)"
        if name in ALIASES or name in DICTIONARIES:
            continue
        is_protocol = vars(thing).get("_is_protocol", False)
        if "__init__" in vars(thing) and not is_protocol and name not in MADE_BY_US:
            yield f"{name}()", f"reveal_type({name}.__init__)"
        for member in sorted(members_of(thing) | ({"__call__"} & set(vars(thing)))):
            line = f"def _{number}_{member}(x: {name}) -> None: reveal_type(x.{member})"
            yield f"{name}.{member}", line


def ask_mypy(file: Path) -> dict[int, str]:
    """Return what mypy reveals, by line."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert not run.stderr
    assert not re.findall(".*: error: .*", run.stdout)
    found = re.findall(r'^.*?:(\d+): note: Revealed type is "(.*)"$', run.stdout, re.MULTILINE)
    return {int(line): text for line, text in found}


def ask_pyright(file: Path) -> dict[int, str]:
    """Return what pyright reveals, by line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    told = json.loads(run.stdout)["generalDiagnostics"]
    assert not [each for each in told if each["severity"] != "information"]
    found = {each["range"]["start"]["line"] + 1: each["message"] for each in told}
    return {
        line: re.sub(r'^Type of ".*?" is "(.*)"$', r"\1", text, flags=re.DOTALL)
        for line, text in found.items()
    }


def words_of(text: str, dictionaries: dict[str, str]) -> list[str]:
    """Return the words of a type as both checkers could have written it, in any order."""
    for name, keys in dictionaries.items():
        text = re.sub(rf"(?<!\w){name}\b(?!,)", keys, text)  # mypy spells them out.
    text = text.replace("(*Any, **Any)", "(...)").replace("CoroutineType[", "Coroutine[")
    text = re.sub(r" -> None$", "", text)  # mypy leaves it out.
    text = re.sub(r"\b\w+: (?=[^/]*, /)", "", text)  # So it does with names before a slash,
    text = re.sub(r" = .*?(?=, \*{0,2}\w+: |, \*, |\) ->|\)$)", "", text)  # and defaults.
    text = re.sub(r"\b(?:\w+\.)+(?=\w)|\*\*\w+: (?=\*\*)", "", text)
    dropped = {"def", "Literal", "TypedDict", *dictionaries}
    return sorted(word for word in re.findall(r"\w+|\.\.\.", text) if word not in dropped)


def test_type_checkers_see_the_same(tmp_path: Path) -> None:
    for tool in ("mypy", "pyright"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed")
    asked = dict(questions())
    lines = [f"import {module.__name__}" for module in MODULES]
    file = tmp_path / "surface.py"
    file.write_text("\n".join([*lines, *asked.values(), ""]))
    by_mypy, by_pyright = (
        {name: found.get(line) for line, name in enumerate(asked, len(lines) + 1)}
        for found in (ask_mypy(file), ask_pyright(file))
    )
    assert None not in by_mypy.values()
    assert None not in by_pyright.values()
    dictionaries = {key.rpartition(".")[2]: str(by_mypy[key]) for key in DICTIONARIES}
    for name in asked:
        seen, seen_too = str(by_mypy[name]), str(by_pyright[name])
        assert "Unknown" not in seen_too, name
        assert words_of(seen, dictionaries) == words_of(seen_too, dictionaries), (
            f"{name}\n{seen}\n{seen_too}"
        )
