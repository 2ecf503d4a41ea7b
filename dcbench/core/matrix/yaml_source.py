"""Read a YAML file into plain values, with the line and column of each.

Duplicate keys, tags, tabs and invalid YAML raise a MatrixError with their position. ruamel.yaml reads YAML 1.2, in
which `1e-3` is a number.
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

KeyPath = tuple[Hashable, ...]
"""Keys and indices from the root of the document to a value: ("axes", "arch", 1)."""

Position = tuple[int, int]
"""Line and column, both counted from 1."""

_WRITTEN_TAG = re.compile(r"(&\S+\s+)?!")
"""A tag that the file spells out, with or without an anchor before it."""

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML document as plain Python values, with the position of each value and key in the file."""

    source: str
    """Name of the file, as messages show it."""
    text: str = field(repr=False)
    value: Any
    """The root value; None if the file is empty."""
    value_positions: dict[KeyPath, Position] = field(repr=False)
    key_positions: dict[KeyPath, Position] = field(repr=False)

    def format_mistake(self, path: KeyPath, message: str, at_key: bool = False) -> str:
        """Return `file:line:column: dotted.path: message`, at the position of the value or of its key."""
        positions = self.key_positions if at_key else self.value_positions
        # A missing value has no position, so take that of the mapping or list that should contain it.
        parent = path
        while parent and parent not in positions:
            parent = parent[:-1]
        return _format_mistake(self.source, positions.get(parent, (1, 1)), path, message)


class Mistakes:
    """Collects the mistakes in a document, each once, so that they can be raised together."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.messages: list[str] = []

    def add(self, path: KeyPath, message: str, at_key: bool = False) -> None:
        """Note a mistake at the value with this path, or at its key."""
        text = self.document.format_mistake(path, message, at_key)
        # A wrong setting affects every cell, but is one mistake.
        if text not in self.messages:
            self.messages.append(text)

    def raise_any(self) -> None:
        """Raise a MatrixError with all mistakes, if there are any."""
        if self.messages:
            raise MatrixError(self.messages)


def read_yaml(path: Path) -> Document:
    """Read one YAML document; every failure is a MatrixError that names the file and, where known, the position."""
    if path.is_dir():
        raise MatrixError([f"{path}: is a directory; name the YAML file in it"])
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        others = ", ".join(sorted(str(other) for other in path.parent.glob("*.yaml"))) if path.parent.is_dir() else ""
        raise MatrixError([f"{path}: no such file." + (f" There are: {others}" if others else "")]) from None
    except UnicodeDecodeError as error:
        raise MatrixError([f"{path}: not a YAML file: byte {error.start} is not UTF-8 text"]) from None
    except OSError as error:
        raise MatrixError([f"{path}: cannot be read: {error.strerror}"]) from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Document:
    """Return the Document of a YAML text; messages call it `source`."""
    yaml = YAML(typ="safe", pure=True)
    reader = _NodeReader(yaml, source, text)
    try:
        with warnings.catch_warnings():
            # YAML allows an anchor to be defined again.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = yaml.compose(text)
        value = reader.read_node(root, ()) if root is not None else None
    except RecursionError:
        raise MatrixError([f"{source}: not valid YAML: nested too deeply"]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        has_tab = mark is not None and "\t" in "".join(text.splitlines()[mark.line : mark.line + 1])
        hint = "; indent with spaces, not tabs" if has_tab else ""
        raise MatrixError([f"{source}{position}: not valid YAML: {error.problem or error.context}{hint}"]) from None
    except YAMLError as error:
        raise MatrixError([f"{source}: not valid YAML: {' '.join(str(error).split())}"]) from None
    if reader.mistakes:
        raise MatrixError(reader.mistakes)
    return Document(
        source=source,
        text=text,
        value=value,
        value_positions=reader.value_positions,
        key_positions=reader.key_positions,
    )


class _NodeReader:
    """Turns the nodes of a document into plain values, and notes the positions of all values and keys."""

    def __init__(self, yaml: YAML, source: str, text: str) -> None:
        self.yaml, self.source, self.text = yaml, source, text
        self.value_positions: dict[KeyPath, Position] = {}
        self.key_positions: dict[KeyPath, Position] = {}
        self.mistakes: list[str] = []
        self.open_nodes: set[int] = set()

    def read_node(self, node: Node, path: KeyPath) -> Any:
        """Return the value of a node; a mistake is noted, and its value is None."""
        self.value_positions[path] = _position_of(node)
        # An anchor that contains its own alias is legal YAML, but would never end here.
        if id(node) in self.open_nodes:
            return self._note_mistake(node, path, "an alias inside its own anchor")
        # Tags are refused even if they are harmless: plain values are all that a matrix needs.
        if str(node.tag) not in _PLAIN_TAGS or _WRITTEN_TAG.match(self.text, node.start_mark.index):
            tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            message = f"YAML tag {tag!r} is not allowed; write a plain value, quoted if it is text"
            return self._note_mistake(node, path, message)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._read_mapping(node, path)
            if isinstance(node, SequenceNode):
                return [self.read_node(item, (*path, index)) for index, item in enumerate(node.value)]
            assert isinstance(node, ScalarNode)
            return self.yaml.constructor.construct_object(node, deep=True)
        except ValueError as error:  # a number with more digits than Python converts
            return self._note_mistake(node, path, f"not a value: {error}")
        finally:
            self.open_nodes.discard(id(node))

    def _read_mapping(self, node: MappingNode, path: KeyPath) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.read_node(key_node, path)
            if not isinstance(key, str | int | float | bool | None):
                self._note_mistake(key_node, path, "a key must be a plain word")
            elif key in mapping:
                line, _ = self.key_positions[(*path, key)]
                self._note_mistake(key_node, (*path, key), f"duplicate key; it is first set on line {line}")
            else:
                self.key_positions[(*path, key)] = _position_of(key_node)
                mapping[key] = self.read_node(value_node, (*path, key))
        # Reading the keys has set this to the position of the last key.
        self.value_positions[path] = _position_of(node)
        return mapping

    def _note_mistake(self, node: Node, path: KeyPath, message: str) -> None:
        self.mistakes.append(_format_mistake(self.source, _position_of(node), path, message))


def _format_mistake(source: str, position: Position, path: KeyPath, message: str) -> str:
    dotted = ".".join(str(step) for step in path)
    return f"{source}:{position[0]}:{position[1]}: {dotted + ': ' if dotted else ''}{message}"


def _position_of(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1
