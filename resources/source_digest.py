"""Which code a forecaster rests on: a digest that a change of its statements changes, and nothing else does.

It covers the module of the forecaster and every module of `models` that it imports, also inside of functions.
Comments, docstrings, layout and line numbers do not count; the versions of libraries do not either.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, NamedTuple

from models.forecasters.catalogue import ModelSpec
from trading.digest import digest

ROOM = "models"
# What later versions of Python add to a syntax tree, and what only the way of writing decides.
_NOT_CODE = frozenset({"type_params", "type_comment", "kind", "ctx"})
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def with_code(spec: ModelSpec) -> ModelSpec:
    """`spec` with the code that it rests on in its `code_version`, behind what is written there by hand.

    So a version, and with it every kept forecast, is of the code that made it.
    """
    return replace(spec, code_version=f"{spec.code_version}.{code_of(type(spec.prototype()).__module__)}")


@functools.cache
def code_of(module: str) -> str:
    """Digest of a module and of all that it imports of its room, directly or not."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        told = None if name in found else _told(name)
        if told is not None:
            found[name] = told.statements
            waiting += told.imports
    return digest(dict(sorted(found.items())))


class Told(NamedTuple):
    """Digest of a module's statements, and names of what it imports."""

    statements: str
    imports: tuple[str, ...]


@functools.cache
def _told(name: str) -> Told | None:
    source = _source(name)
    return None if source is None else Told(statements_of(source), tuple(_imported(ast.parse(source))))


def statements_of(source: str) -> str:
    """Digest of the statements of a source text."""
    return digest(_plain(ast.parse(source)))


def _source(name: str) -> str | None:
    """The text of a module of the room; None of a package's attribute, or of another room."""
    spec = _spec(name) if name == ROOM or name.startswith(f"{ROOM}.") else None
    loader = None if spec is None else spec.loader
    return loader.get_source(name) if isinstance(loader, InspectLoader) else None


def _spec(name: str) -> ModuleSpec | None:
    """Where a module is, without importing the ones above it: some of them load torch."""
    above, _, _ = name.rpartition(".")
    if not above:
        return importlib.util.find_spec(name)
    parent = _spec(above)
    folders = None if parent is None else parent.submodule_search_locations
    return None if folders is None else PathFinder.find_spec(name, folders)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Names of modules that a tree imports, and what could be one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _plain(node: Any) -> Any:
    """A syntax tree as lists of names and values."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, ast.AST):
        return [type(node).__name__, repr(node)]
    given = {name: value for name, value in ast.iter_fields(node) if name not in _NOT_CODE}
    if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
        given["body"] = given["body"][1:]
    return [
        type(node).__name__,
        {name: _plain(value) for name, value in given.items() if value not in (None, [])},
    ]
