"""A YAML file read into plain values that know their line and column.

In: a path. Out: a Document. Duplicate keys, tags, tabs and files that are no YAML are
MatrixErrors with the place in them; ruamel.yaml reads YAML 1.2, so `1e-3` is a number.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dcbench.errors import MatrixError

Steps = tuple[Hashable, ...]
"""Keys and indices from the document's root to a value: ("axes", "arch", 1)."""

_WRITTEN_TAG = re.compile(r"(&\S+\s+)?!")
"""A tag that the file writes out, after an anchor or not."""

_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}


@dataclass(frozen=True)
class Document:
    """Plain Python values, and where each one and each key stands in the file."""

    source: str
    text: str = field(repr=False)
    value: Any
    values: dict[Steps, tuple[int, int]] = field(repr=False)
    keys: dict[Steps, tuple[int, int]] = field(repr=False)

    def mistake(self, path: Steps, message: str, at_key: bool = False) -> str:
        """`file:line:column: dotted.path: message`, at the value, or at its key."""
        places = self.keys if at_key else self.values
        known = path
        while known and known not in places:
            known = known[:-1]
        place = places.get(known, (1, 1))
        return _located(self.source, place, path, message)


def read_yaml(path: Path) -> Document:
    """Read one YAML document; every failure is a MatrixError that names the place."""
    return parse_yaml(_text(path), str(path))


def _text(path: Path) -> str:
    if path.is_dir():
        raise MatrixError([f"{path}: is a directory; name the YAML file in it"])
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = ", ".join(sorted(str(p) for p in path.parent.glob("*.yaml"))) if path.parent.is_dir() else ""
        raise MatrixError([f"{path}: no such file." + (f" There are: {near}" if near else "")]) from None
    except UnicodeDecodeError as error:
        raise MatrixError([f"{path}: not a YAML file: byte {error.start} is not UTF-8 text"]) from None
    except OSError as error:
        raise MatrixError([f"{path}: cannot be read: {error.strerror}"]) from None


def parse_yaml(text: str, source: str) -> Document:
    """The Document of a YAML text; `source` is the name used in messages."""
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # the later anchor counts, as YAML has it
            root = yaml.compose(text)
        reader = _Reader(yaml, source, text)
        value = reader.plain(root, ()) if root is not None else None
    except RecursionError:
        raise MatrixError([f"{source}: not valid YAML: nested too deeply"]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = error.problem or error.context
        hint = "; indent with spaces, not tabs" if mark and "\t" in _line(text, mark.line) else ""
        raise MatrixError([f"{source}{place}: not valid YAML: {problem}{hint}"]) from None
    except YAMLError as error:
        raise MatrixError([f"{source}: not valid YAML: {' '.join(str(error).split())}"]) from None
    if reader.mistakes:
        raise MatrixError(reader.mistakes)
    return Document(source, text, value, reader.values, reader.keys)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


class _Reader:
    """Walks the node tree once, keeping the places."""

    def __init__(self, yaml: YAML, source: str, text: str) -> None:
        self.yaml, self.source, self.text = yaml, source, text
        self.values: dict[Steps, tuple[int, int]] = {}
        self.keys: dict[Steps, tuple[int, int]] = {}
        self.mistakes: list[str] = []
        self.open: set[int] = set()

    def plain(self, node: Node, path: Steps) -> Any:
        self.values[path] = _place(node)
        if id(node) in self.open:
            self._complain(node, path, "an alias inside its own anchor")
            return None
        if str(node.tag) not in _PLAIN or _WRITTEN_TAG.match(self.text, node.start_mark.index):
            self._complain(
                node,
                path,
                f"YAML tag {_short(str(node.tag))!r} is not allowed; write a plain value, quoted if it is text",
            )
            return None
        self.open.add(id(node))
        try:
            return self._inside(node, path)
        finally:
            self.open.discard(id(node))

    def _inside(self, node: Node, path: Steps) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        try:
            return self.yaml.constructor.construct_object(node, deep=True)
        except ValueError as error:
            self._complain(node, path, f"not a value: {error}")
            return None

    def _mapping(self, node: MappingNode, path: Steps) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.plain(key_node, path)
            if not isinstance(key, str | int | float | bool | None):
                self._complain(key_node, path, "a key must be a plain word")
                continue
            if key in found:
                first = self.keys[(*path, key)]
                self._complain(key_node, (*path, key), f"duplicate key; it is first set on line {first[0]}")
                continue
            self.keys[(*path, key)] = _place(key_node)
            found[key] = self.plain(value_node, (*path, key))
        self.values[path] = _place(node)
        return found

    def _complain(self, node: Node, path: Steps, message: str) -> None:
        self.mistakes.append(_located(self.source, _place(node), path, message))


def _located(source: str, place: tuple[int, int], path: Steps, message: str) -> str:
    dotted = ".".join(str(step) for step in path)
    return f"{source}:{place[0]}:{place[1]}: {dotted + ': ' if dotted else ''}{message}"


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
