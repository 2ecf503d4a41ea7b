"""A matrix file's sections, each value checked against the spec and the rooms.

In: a Document. Out: a MatrixFile and every mistake found so far; matrix.py expands it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dcbench import registry
from dcbench.core.matrix import baselines
from dcbench.core.matrix.yaml_source import Document, Steps
from dcbench.core.spec import STAGE_BACKENDS, check_field, list_matrix_fields, normalise_value
from dcbench.errors import unknown_name

SECTIONS = ("name", "axes", "zip", "seeds", "settings", "overrides", "exclude", "include", "baselines")

_ROOM_FIELDS = {"method": "methods", "dataset": "datasets", "arch": "archs", "backend": "backends"} | dict.fromkeys(
    STAGE_BACKENDS, "backends"
)

Fields = dict[str, Any]
"""Field name -> value, normalised."""


@dataclass(frozen=True)
class Rule:
    """`when` and `set` of an override, or the `when` of an exclude rule; `path` is where it stands."""

    path: Steps
    when: dict[str, list[Any]]
    set: Fields = field(default_factory=dict)


@dataclass
class MatrixFile:
    """The sections of a matrix file, checked one by one but not yet against each other."""

    document: Document
    mistakes: list[str] = field(default_factory=list)
    name: str = ""
    axes: dict[str, list[Any]] = field(default_factory=dict)
    zips: list[dict[str, list[Any]]] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    settings: Fields = field(default_factory=dict)
    overrides: list[Rule] = field(default_factory=list)
    exclude: list[Rule] = field(default_factory=list)
    include: list[Fields] = field(default_factory=list)
    baselines: list[str] = field(default_factory=list)

    def complain(self, path: Steps, message: str, at_key: bool = False) -> None:
        """Note one mistake at its place in the file; the same one is told once."""
        told = self.document.mistake(path, message, at_key)
        if told not in self.mistakes:
            self.mistakes.append(told)

    @property
    def axis_fields(self) -> list[str]:
        """Fields that the axes and zipped axes vary, in the file's order."""
        return [*self.axes, *(name for entry in self.zips for name in entry)]


def check_document(document: Document) -> MatrixFile:
    """Check every section; mistakes are collected, not raised."""
    found = MatrixFile(document)
    top = document.value
    if top is None:
        found.complain((), "the file is empty; a matrix needs a name, and axes to compare anything")
    elif not isinstance(top, dict):
        found.complain((), f"a matrix is a mapping with the keys {', '.join(SECTIONS)}")
    else:
        _sections(found, top)
    return found


def _sections(matrix_file: MatrixFile, top: dict[Hashable, Any]) -> None:
    for key in top:
        if key not in SECTIONS:
            matrix_file.complain((key,), unknown_name("key", key, SECTIONS), at_key=True)
    matrix_file.name = _name(matrix_file, top)
    matrix_file.axes = _axes(matrix_file, top.get("axes", {}), ("axes",))
    matrix_file.zips = [_zip(matrix_file, entry, path) for entry, path in _entries(matrix_file, top, "zip")]
    matrix_file.seeds = _seeds(matrix_file, top)
    matrix_file.settings = _fields(matrix_file, top.get("settings", {}), ("settings",))
    matrix_file.overrides = [
        _override(matrix_file, entry, path) for entry, path in _entries(matrix_file, top, "overrides")
    ]
    matrix_file.exclude = [
        Rule(path, _when(matrix_file, entry, path)) for entry, path in _entries(matrix_file, top, "exclude")
    ]
    matrix_file.include = [_fields(matrix_file, entry, path) for entry, path in _entries(matrix_file, top, "include")]
    matrix_file.baselines = _values(matrix_file, top.get("baselines", []), ("baselines",), _baseline_problem)
    _set_twice(matrix_file)


def _baseline_problem(name: Any) -> str | None:
    known = baselines.list_baselines()
    return None if name in known else unknown_name("baseline", name, known)


def _name(matrix_file: MatrixFile, top: dict[Hashable, Any]) -> str:
    name = top.get("name")
    if name is None:
        matrix_file.complain((), "name is missing: results are kept under results/<name>/")
    elif not isinstance(name, str):
        matrix_file.complain(("name",), f"expected text, not {name!r}; quote it")
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        matrix_file.complain(
            ("name",),
            f"{name!r} cannot name a folder; use at most 100 letters, digits, '_', '-' and '.', "
            "a letter or digit first, and no path",
        )
    return str(name)


def _mapping(matrix_file: MatrixFile, value: Any, path: Steps) -> dict[Hashable, Any]:
    if isinstance(value, dict):
        return value
    matrix_file.complain(path, f"expected a mapping of fields, not {_shown(value)}")
    return {}


def _entries(matrix_file: MatrixFile, top: dict[Hashable, Any], section: str) -> Iterator[tuple[Any, Steps]]:
    value = top.get(section, [])
    if not isinstance(value, list):
        matrix_file.complain((section,), f"expected a list, each entry with a '-', not {_shown(value)}")
        return
    for index, entry in enumerate(value):
        yield entry, (section, index)


def _seeds(matrix_file: MatrixFile, top: dict[Hashable, Any]) -> list[int]:
    values = _values(matrix_file, top.get("seeds", [0]), ("seeds",), lambda value: check_field("seed", value))
    return [int(value) for value in values]


def _axes(matrix_file: MatrixFile, value: Any, path: Steps) -> dict[str, list[Any]]:
    axes = {}
    for name, values in _mapping(matrix_file, value, path).items():
        if known := _known(matrix_file, name, (*path, name)):
            checked = _values(matrix_file, values, (*path, name), partial(_value_problem, known))
            axes[known] = [normalise_value(known, v) for v in checked]
    return axes


def _zip(matrix_file: MatrixFile, entry: Any, path: Steps) -> dict[str, list[Any]]:
    before = len(matrix_file.mistakes)
    columns = _axes(matrix_file, entry, path)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(matrix_file.mistakes) == before and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        matrix_file.complain(path, f"zipped axes need lists of one length: {told}")
    if not columns and len(matrix_file.mistakes) == before:
        matrix_file.complain(path, "empty entry; name the axes that move together")
    return columns


def _values(matrix_file: MatrixFile, values: Any, path: Steps, problem: Callable[[Any], str | None]) -> list[Any]:
    """The values of one axis (or the seeds) that have no problem, each once unless the axis is zipped."""
    if not isinstance(values, list):
        matrix_file.complain(path, f"expected a list of values, not {_shown(values)}")
        return []
    if not values and path != ("baselines",):
        matrix_file.complain(path, "empty axis; give it at least one value or remove it")
    good: list[Any] = []
    for index, value in enumerate(values):
        if told := problem(value):
            matrix_file.complain((*path, index), told)
        elif value in good and path[0] != "zip":
            matrix_file.complain((*path, index), f"value {value!r} stands here twice")
        else:
            good.append(value)
    return good


def _fields(matrix_file: MatrixFile, value: Any, path: Steps) -> Fields:
    chosen: Fields = {}
    for name, given in _mapping(matrix_file, value, path).items():
        if known := _known(matrix_file, name, (*path, name)):
            if told := _value_problem(known, given, as_axis=path != ("settings",)):
                matrix_file.complain((*path, name), told)
            else:
                chosen[known] = given if given == "auto" else normalise_value(known, given)
    return chosen


def _when(matrix_file: MatrixFile, value: Any, path: Steps) -> dict[str, list[Any]]:
    rule: dict[str, list[Any]] = {}
    for name, given in _mapping(matrix_file, value, path).items():
        if known := _known(matrix_file, name, (*path, name)):
            if isinstance(given, list):
                checked = _values(matrix_file, given, (*path, name), partial(_value_problem, known))
                rule[known] = [normalise_value(known, v) for v in checked]
            elif told := _value_problem(known, given):
                matrix_file.complain((*path, name), told)
            else:
                rule[known] = [normalise_value(known, given)]
    if not rule and value == {}:
        matrix_file.complain(path, "an empty rule matches everything; name at least one field")
    return rule


def _override(matrix_file: MatrixFile, entry: Any, path: Steps) -> Rule:
    parts = _mapping(matrix_file, entry, path)
    for key in parts:
        if key not in ("when", "set"):
            matrix_file.complain((*path, key), unknown_name("key", key, ["when", "set"]), at_key=True)
    for key in ("when", "set"):
        if parts and key not in parts:
            matrix_file.complain(path, f"an override needs both 'when' and 'set'; {key!r} is missing")
    when = _when(matrix_file, parts["when"], (*path, "when")) if "when" in parts else {}
    return Rule(path, when, _fields(matrix_file, parts["set"], (*path, "set")) if "set" in parts else {})


def _known(matrix_file: MatrixFile, name: Hashable, path: Steps) -> str | None:
    if name == "seed":
        matrix_file.complain(path, "seeds are listed under the top-level key 'seeds'", at_key=True)
    elif name in list_matrix_fields():
        return str(name)
    else:
        kind = "axis" if path[0] in ("axes", "zip") else "field"
        matrix_file.complain(path, unknown_name(kind, name, list_matrix_fields()), at_key=True)
    return None


def _value_problem(name: str, value: Any, as_axis: bool = True) -> str | None:
    if name == "precision" and value == "auto":
        hint = "'auto' means what this machine has and can stand under settings only; name float32 or bfloat16"
        return hint if as_axis else None
    told = check_field(name, value)
    if told is None and name in _ROOM_FIELDS:
        return registry.name_problem(_ROOM_FIELDS[name], value)
    return told


def _set_twice(matrix_file: MatrixFile) -> None:
    """A field may be varied in one place only, and nothing else may set a field that is an axis."""
    seen: set[str] = set(matrix_file.axes)
    for index, entry in enumerate(matrix_file.zips):
        for name in entry:
            if name in seen:
                matrix_file.complain(
                    ("zip", index, name), f"{name} is varied twice; it is an axis already", at_key=True
                )
            seen.add(name)
    for name in matrix_file.settings:
        if name in seen:
            matrix_file.complain(
                ("settings", name), f"{name} is an axis; a setting for it would do nothing", at_key=True
            )
    for rule in matrix_file.overrides:
        for name in rule.set:
            if name in seen:
                matrix_file.complain(
                    (*rule.path, "set", name), f"{name} is an axis; an override may not set it", at_key=True
                )


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)
