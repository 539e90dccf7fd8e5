"""What the public modules have, by their source: names, members, texts, annotations."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any

import trio_httpd
import trio_httpd.abc
import trio_httpd.testing

MODULES: list[ModuleType] = [trio_httpd, trio_httpd.abc, trio_httpd.testing]

Assignment = ast.Assign | ast.AnnAssign | ast.AugAssign


class Source:
    """A module of this package, as a tree."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.tree = ast.parse(inspect.getsource(module))

    @cached_property
    def aliases(self) -> dict[str, ast.expr]:
        """What is assigned at the top."""
        return {
            node.targets[0].id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }

    @cached_property
    def own_names(self) -> set[str]:
        """The names that are defined here, or come from another module of this package."""
        names = set(self.aliases) - {"__all__"}
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.ImportFrom) and node.level:
                names.update(alias.asname or alias.name for alias in node.names)
        return names

    def text_below(self, name: str) -> str | None:
        """Return the text below the assignment of ``name``."""
        return dict(texts_in(self.tree.body)).get(name)


@cache
def source_of(module: str) -> Source:
    return Source(sys.modules[module])


def texts_in(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield what is assigned or declared, with the text that stands below it."""
    for node, after in pairwise(body):
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))) if isinstance(node, Assignment):
                yield target_of(node), text
            case _:
                pass


def target_of(node: Assignment) -> str:
    return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def names_of(module: ModuleType) -> dict[str, Any]:
    return {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}


NAMES = {name: thing for module in MODULES for name, thing in names_of(module).items()}
"""All public names."""
CLASSES = {name: thing for name, thing in NAMES.items() if inspect.isclass(thing)}
FUNCTIONS = {name: thing for name, thing in NAMES.items() if inspect.isfunction(thing)}


def find_alias(name: str) -> Source:
    """Return the module that assigns ``name``."""
    modules = [key for key in sys.modules if key.startswith("trio_httpd.")]
    return next(source for source in map(source_of, modules) if name in source.aliases)


ALIASES = {
    name: find_alias(name.rpartition(".")[2])
    for name in NAMES
    if name not in CLASSES and name not in FUNCTIONS
}
"""The types that are no classes, and the modules that assign them."""


# Classes.


def own_bases(cls: type) -> list[type]:
    """Return ``cls`` and those of its bases that are of this package."""
    return [base for base in cls.__mro__ if base.__module__.startswith("trio_httpd")]


@cache
def node_of(cls: type) -> ast.ClassDef:
    body = source_of(cls.__module__).tree.body
    return next(n for n in body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)


def attributes_of(cls: type) -> Iterator[tuple[str, Assignment]]:
    """Yield the public attributes that are declared in a class, or assigned to ``self``."""
    for node in ast.walk(node_of(cls)):
        if isinstance(node, Assignment):
            name = target_of(node)
            is_own = name.startswith("self.") or node in node_of(cls).body
            if isinstance(node, ast.AnnAssign) and "InitVar" in ast.unparse(node.annotation):
                continue  # An argument.
            if is_own and not (name := name.removeprefix("self.")).startswith("_"):
                yield name, node


@cache
def own_members(cls: type) -> frozenset[str]:
    """Return the public members that ``cls`` itself has."""
    found = {*vars(cls), *(name for name, _ in attributes_of(cls))}
    return frozenset(name for name in found if name.isidentifier() and not name.startswith("_"))


def members_of(cls: type) -> set[str]:
    """Return all public members but those that are inherited from elsewhere."""
    return set().union(*map(own_members, own_bases(cls)))


def value_of(cls: type, member: str) -> Any:
    """Return what a class has as ``member``, None for an attribute of its instances."""
    return next((vars(b)[member] for b in own_bases(cls) if member in vars(b)), None)


def is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def documented_attributes(cls: type) -> set[str]:
    """Return the attributes that have a text below their assignment."""
    return {
        name.removeprefix("self.")
        for base in own_bases(cls)
        for node in ast.walk(node_of(base))
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for name, _ in texts_in(node.body)
    }


# Signatures.


def unwrap_all(value: Any) -> Iterator[Any]:
    """Yield the functions that a member is made of."""
    if isinstance(value, property):
        yield from (function for function in (value.fget, value.fset) if function)
    elif isinstance(value, classmethod | staticmethod):
        yield value.__func__
    elif inspect.isfunction(value):
        yield inspect.unwrap(value)


def functions_of(name: str, *, is_made_by_users: bool) -> Iterator[tuple[str, Any]]:
    """Yield the functions that users can call by a public name, with their places."""
    thing = NAMES[name]
    if name in FUNCTIONS:
        yield name, inspect.unwrap(thing)
    for base in own_bases(thing) if name in CLASSES else ():
        special = {"__call__", "__init__"} if is_made_by_users else {"__call__"}
        if getattr(base, "_is_protocol", False):
            special.discard("__init__")
        for key in (own_members(base) | special) & set(vars(base)):
            yield from ((f"{name}.{key}", each) for each in unwrap_all(vars(base)[key]))


def annotations_of(name: str, *, is_made_by_users: bool) -> Iterator[tuple[str, Source, str]]:
    """Yield each annotation that users see by a public name: its place, module and text."""
    for place, function in functions_of(name, is_made_by_users=is_made_by_users):
        source = source_of(function.__module__)
        for argument, text in function.__annotations__.items():
            yield f"{place}({argument})", source, str(text)
    if name in ALIASES:
        source = ALIASES[name]
        yield name, source, ast.unparse(source.aliases[name.rpartition(".")[2]])
    for base in own_bases(NAMES[name]) if name in CLASSES else ():
        source = source_of(base.__module__)
        for attribute, node in attributes_of(base):
            if isinstance(node, ast.AnnAssign):
                yield f"{name}.{attribute}", source, ast.unparse(node.annotation)
        for parent in node_of(base).bases:
            yield f"the bases of {name}", source, ast.unparse(parent)
