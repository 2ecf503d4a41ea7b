"""Check the sections of a matrix file against the fields of the spec and the plug-ins.

Whether the sections make sense together, cell by cell, is checked in expand.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dcbench import registry
from dcbench.core.matrix.baselines import list_baselines
from dcbench.core.matrix.yaml_source import Document, KeyPath, Mistakes
from dcbench.core.spec import SECTION_FIELDS, STAGE_BACKENDS, check_field, list_matrix_fields, normalise_value
from dcbench.errors import MatrixError, PluginError, unknown_name

SECTIONS = (
    "name", "axes", "zip", "seeds", "repeats", "settings", "overrides", "exclude", "include", "baselines", "plugins",
)  # fmt: skip

PLUGIN_FIELDS = {
    "method": "methods",
    "dataset": "datasets",
    "arch": "archs",
    "backend": "backends",
    **dict.fromkeys(STAGE_BACKENDS, "backends"),
}
"""Fields whose values are names of plug-ins -> the kind of plug-in."""

Fields = dict[str, Any]
"""Field -> value, normalised."""

AxisValues = dict[str, list[Any]]
"""Field -> the values that it takes, normalised."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An override, or the condition of an exclude rule."""

    path: KeyPath
    when: AxisValues
    """Field -> accepted values; the rule matches a cell that agrees in all these fields."""
    set: Fields = field(default_factory=dict)
    """Field -> value that an override sets in the cells that it matches."""


@dataclass(frozen=True, kw_only=True)
class MatrixFile:
    """The sections of a matrix file, with normalised values."""

    name: str
    """Name of the matrix, and of its folder below the results."""
    axes: AxisValues
    """The axes that are crossed with each other."""
    zips: list[AxisValues]
    """Groups of axes that move together; each group is crossed with everything else."""
    seeds: list[int]
    repeats: int
    """How often each cell is run with each seed."""
    settings: Fields
    """Values for all cells, in place of the defaults of the spec."""
    overrides: list[Rule]
    """Rules that set fields in the cells that they match, in order."""
    exclude: list[Rule]
    include: list[Fields]
    """Additional cells, each with the fields that it sets."""
    baselines: list[str]

    @property
    def varied_fields(self) -> list[str]:
        """The fields of all axes, zipped ones included, in the order of the file."""
        return [*self.axes, *(name for group in self.zips for name in group)]


def check_document(document: Document, use_plugins: bool) -> MatrixFile:
    """Return the sections with normalised values; raise a MatrixError with all mistakes in them."""
    if document.value is None:
        message = "the file is empty; a matrix needs a name, and axes to compare anything"
        raise MatrixError([document.format_mistake((), message)])
    if not isinstance(document.value, dict):
        message = f"a matrix is a mapping with the keys {', '.join(SECTIONS)}"
        raise MatrixError([document.format_mistake((), message)])
    checker = MatrixChecker(document)
    if use_plugins:
        checker.use_plugins(Path(document.source).parent)
    return checker.check_sections()


class MatrixChecker:
    """Checks the sections of one document from top to bottom and collects the mistakes in them.

    Every method takes a raw value and its path, and returns the valid part of it in normalised form.
    """

    def __init__(self, document: Document) -> None:
        self.top: dict[Hashable, Any] = document.value
        self.mistakes = Mistakes(document)

    def use_plugins(self, base: Path) -> None:
        """Make the user's own plug-ins known before their names are checked; paths start at the folder of the file."""
        folders = self.check_values(
            self.top.get("plugins", []),
            ("plugins",),
            lambda folder: None if isinstance(folder, str) else f"expected the path of a folder, not {folder!r}",
        )
        try:
            registry.use_plugins([*registry.search_path(), *(base / folder for folder in folders)])
        except PluginError as error:
            self.mistakes.add(("plugins",), str(error))

    def check_sections(self) -> MatrixFile:
        """Check each section, then all of them together; raise a MatrixError if there is any mistake."""
        for key in self.top:
            if key not in SECTIONS:
                self.mistakes.add((key,), unknown_name("key", key, SECTIONS), at_key=True)
        methods = list_baselines()
        matrix = MatrixFile(
            name=self.check_name(self.top.get("name")),
            axes=self.check_axes(self.top.get("axes", {}), ("axes",)),
            zips=[self.check_zip(entry, path) for entry, path in self.list_entries("zip")],
            seeds=self.check_values(self.top.get("seeds", [0]), ("seeds",), partial(check_field, "seed")),
            repeats=self.check_repeats(self.top.get("repeats", 1)),
            settings=self.check_fields(self.top.get("settings", {}), ("settings",)),
            overrides=[self.check_override(entry, path) for entry, path in self.list_entries("overrides")],
            exclude=[
                Rule(path=path, when=self.check_when(entry, path)) for entry, path in self.list_entries("exclude")
            ],
            include=[self.check_fields(entry, path) for entry, path in self.list_entries("include")],
            baselines=self.check_values(
                self.top.get("baselines", []),
                ("baselines",),
                lambda name: None if name in methods else unknown_name("baseline", name, methods),
            ),
        )
        self.check_conflicts(matrix)
        self.mistakes.raise_any()
        return matrix

    def check_name(self, name: Any) -> str:
        """Check that the name of the matrix can name its results folder."""
        if name is None:
            self.mistakes.add((), "name is missing: results are kept under results/<name>/")
        elif not isinstance(name, str):
            self.mistakes.add(("name",), f"expected text, not {name!r}; quote it")
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
            self.mistakes.add(
                ("name",),
                f"{name!r} cannot name a folder; use at most 100 letters, digits, '_', '-' and '.', "
                "a letter or digit first, and no path",
            )
        return str(name)

    def check_repeats(self, repeats: Any) -> int:
        """Check the number of times that each cell is run with each seed."""
        # bool is a kind of int in Python.
        if isinstance(repeats, int) and not isinstance(repeats, bool) and repeats >= 1:
            return repeats
        self.mistakes.add(("repeats",), f"expected a whole number of at least 1, not {_show(repeats)}")
        return 1

    def list_entries(self, section: str) -> Iterator[tuple[Any, KeyPath]]:
        """Yield each entry of a section that is a list, with its path."""
        entries = self.top.get(section, [])
        if not isinstance(entries, list):
            self.mistakes.add((section,), f"expected a list, each entry with a '-', not {_show(entries)}")
            return
        for index, entry in enumerate(entries):
            yield entry, (section, index)

    def check_mapping(self, value: Any, path: KeyPath) -> dict[Hashable, Any]:
        """Return the value if it is a mapping, else an empty one."""
        if isinstance(value, dict):
            return value
        self.mistakes.add(path, f"expected a mapping of fields, not {_show(value)}")
        return {}

    def list_fields(self, value: Any, path: KeyPath) -> Iterator[tuple[str, Any, KeyPath]]:
        """Yield the name, value and path of each field in a mapping; other names are mistakes."""
        for name, field_value in self.check_mapping(value, path).items():
            if name in SECTION_FIELDS:
                message = f"{name} is set for all cells alike, under the top-level key {SECTION_FIELDS[name]!r}"
                self.mistakes.add((*path, name), message, at_key=True)
            elif name not in list_matrix_fields():
                kind = "axis" if path[0] in ("axes", "zip") else "field"
                self.mistakes.add((*path, name), unknown_name(kind, name, list_matrix_fields()), at_key=True)
            else:
                yield str(name), field_value, (*path, name)

    def check_values(self, values: Any, path: KeyPath, find_problem: Callable[[Any], str | None]) -> list[Any]:
        """Return the values of a list in which `find_problem` finds no problem."""
        if not isinstance(values, list):
            self.mistakes.add(path, f"expected a list of values, not {_show(values)}")
            return []
        if not values and path not in (("baselines",), ("plugins",)):
            self.mistakes.add(path, "empty axis; give it at least one value or remove it")
        valid: list[Any] = []
        for index, value in enumerate(values):
            if problem := find_problem(value):
                self.mistakes.add((*path, index), problem)
            # A zipped axis may repeat a value, since the axes beside it change.
            elif value in valid and path[0] != "zip":
                self.mistakes.add((*path, index), f"value {value!r} is listed twice")
            else:
                valid.append(value)
        return valid

    def check_axes(self, value: Any, path: KeyPath) -> AxisValues:
        """Check a mapping of fields to lists of values."""
        axes = {}
        for name, values, axis_path in self.list_fields(value, path):
            valid = self.check_values(values, axis_path, partial(_find_problem, name))
            axes[name] = [normalise_value(name, value) for value in valid]
        return axes

    def check_zip(self, value: Any, path: KeyPath) -> AxisValues:
        """Check axes that move together, which must have equally many values."""
        mistakes_before = len(self.mistakes.messages)
        axes = self.check_axes(value, path)
        # A list that lost a wrong value is shorter than it is in the file, so its length says nothing.
        if len(self.mistakes.messages) > mistakes_before:
            return axes
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            self.mistakes.add(path, f"zipped axes need lists of one length: {counts}")
        elif not axes:
            self.mistakes.add(path, "empty entry; name the axes that move together")
        return axes

    def check_fields(self, value: Any, path: KeyPath) -> Fields:
        """Check a mapping of fields to one value each."""
        fields: Fields = {}
        for name, field_value, field_path in self.list_fields(value, path):
            # expand.py replaces `auto`, which only the settings may hold, by what this machine has.
            if path == ("settings",) and name == "precision" and field_value == "auto":
                fields[name] = field_value
            elif problem := _find_problem(name, field_value):
                self.mistakes.add(field_path, problem)
            else:
                fields[name] = normalise_value(name, field_value)
        return fields

    def check_when(self, value: Any, path: KeyPath) -> AxisValues:
        """Check the condition of a rule: fields with one accepted value or a list of them."""
        when: AxisValues = {}
        for name, accepted, field_path in self.list_fields(value, path):
            if isinstance(accepted, list):
                valid = self.check_values(accepted, field_path, partial(_find_problem, name))
                when[name] = [normalise_value(name, value) for value in valid]
            elif problem := _find_problem(name, accepted):
                self.mistakes.add(field_path, problem)
            else:
                when[name] = [normalise_value(name, accepted)]
        if not when and value == {}:
            self.mistakes.add(path, "an empty rule matches everything; name at least one field")
        return when

    def check_override(self, value: Any, path: KeyPath) -> Rule:
        """Check an override: a mapping with the keys `when` and `set`."""
        override = self.check_mapping(value, path)
        for key in override:
            if key not in ("when", "set"):
                self.mistakes.add((*path, key), unknown_name("key", key, ["when", "set"]), at_key=True)
        for key in ("when", "set"):
            if override and key not in override:
                self.mistakes.add(path, f"an override needs both 'when' and 'set'; {key!r} is missing")
        when = self.check_when(override["when"], (*path, "when")) if "when" in override else {}
        return Rule(
            path=path, when=when, set=self.check_fields(override["set"], (*path, "set")) if "set" in override else {}
        )

    def check_conflicts(self, matrix: MatrixFile) -> None:
        """Check that a field is varied in one place only, and that nothing else sets a field that is an axis."""
        varied = set(matrix.axes)
        for index, group in enumerate(matrix.zips):
            for name in group:
                if name in varied:
                    message = f"{name} is varied twice; it is an axis already"
                    self.mistakes.add(("zip", index, name), message, at_key=True)
                varied.add(name)
        for name in matrix.settings:
            if name in varied:
                message = f"{name} is an axis; a setting for it would do nothing"
                self.mistakes.add(("settings", name), message, at_key=True)
        for rule in matrix.overrides:
            for name in rule.set:
                if name in varied:
                    message = f"{name} is an axis; an override may not set it"
                    self.mistakes.add((*rule.path, "set", name), message, at_key=True)


def _find_problem(name: str, value: Any) -> str | None:
    """Return why a field cannot have this value, or None if it can; names of plug-ins must exist."""
    if name == "precision" and value == "auto":
        return "'auto' depends on the machine and is allowed under settings only; name float32 or bfloat16"
    problem = check_field(name, value)
    if problem is None and name in PLUGIN_FIELDS:
        return registry.name_problem(PLUGIN_FIELDS[name], value)
    return problem


def _show(value: Any) -> str:
    return "nothing" if value is None else repr(value)
