"""Finds the parts of a room, and reads a part's facts without importing it.

A room is a folder of interchangeable parts, a file each. A part's name is its file's name,
less the room's own word at the end where the file would otherwise shadow a library:
`backends/faiss_backend.py` is the backend `faiss`. A part's facts are one literal constant,
`FACTS = {...}`, read from the syntax tree, so that planning never imports torch. A part that
takes an argument is named with it, `imagefolder:PATH`, and says what it is in FACTS["argument"].
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dcbench.errors import PluginError, unknown_name

WORDS = {
    "datasets": "dataset",
    "archs": "arch",
    "methods": "method",
    "backends": "backend",
    "executors": "executor",
    "plots": "plot",
    "pictures": "picture",
}
"""Each room, and the word for one of its parts."""

PACKAGES = {
    "datasets": "training.datasets",
    "archs": "training.archs",
    "methods": "training.methods",
    "backends": "training.backends",
    "executors": "execution.executors",
    "plots": "figures",
    "pictures": "inspect.figures",
}
"""The package, below dcbench, that holds the plug-ins of each kind."""

_HOUSE = Path(__file__).parent


@cache
def _files(kind: str) -> dict[str, Path]:
    """Part name -> file, in alphabetical order."""
    paths = sorted((_HOUSE / PACKAGES[kind].replace(".", "/")).glob("[a-z]*.py"))
    return {path.stem.removesuffix(f"_{WORDS[kind]}"): path for path in paths}


def plugin_names(kind: str) -> list[str]:
    """The names of the room's parts."""
    return list(_files(kind))


def split_name(plugin: str) -> tuple[str, str | None]:
    """`imagefolder:PATH` -> (`imagefolder`, `PATH`); `mnist` -> (`mnist`, None)."""
    name, colon, argument = plugin.partition(":")
    return name, argument if colon else None


def name_problem(kind: str, plugin: str) -> str | None:
    """Why `part` names no part of the room, or None when it does."""
    name, argument = split_name(plugin)
    if name not in _files(kind):
        return unknown_name(WORDS[kind], name, [_shown(kind, known) for known in plugin_names(kind)])
    wanted = facts(kind, name).get("argument")
    if wanted and not argument:
        return f"{WORDS[kind]} {name!r} needs its {wanted}: {name}:{wanted}"
    if argument is not None and not wanted:
        return f"{WORDS[kind]} {name!r} takes no argument, yet {argument!r} was given"
    return None


def _shown(kind: str, name: str) -> str:
    wanted = facts(kind, name).get("argument")
    return f"{name}:{wanted}" if wanted else name


@cache
def facts(kind: str, plugin: str) -> dict[str, Any]:
    """The part's FACTS, read from its syntax tree; {} when it states none."""
    name, _ = split_name(plugin)
    if name not in _files(kind):
        raise PluginError(unknown_name(WORDS[kind], name, plugin_names(kind)))
    for node in ast.parse(_files(kind)[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "FACTS" for target in node.targets
        ):
            return dict(ast.literal_eval(node.value))
    return {}


def plugin_name(module: ModuleType) -> str:
    """The part's name of a module that `load` gave."""
    package, _, stem = module.__name__.rpartition(".")
    room = next(room for room, folder in PACKAGES.items() if package == f"dcbench.{folder}")
    return stem.removesuffix(f"_{WORDS[room]}")


def load(kind: str, plugin: str) -> ModuleType:
    """Import the part's module."""
    name, _ = split_name(plugin)
    if name not in _files(kind):
        raise PluginError(unknown_name(WORDS[kind], name, plugin_names(kind)))
    return importlib.import_module(f"dcbench.{PACKAGES[kind]}.{_files(kind)[name].stem}")
