"""A matrix file expanded into planned runs.

In: the file, and the precision that `auto` means on this machine. Out: a Plan. The order is
product and zip -> exclude -> include -> overrides -> seeds -> duplicates dropped. Every
mistake in the file is raised at once as a MatrixError.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dcbench.core.matrix import baselines, yaml_source
from dcbench.core.matrix.schema import Fields, MatrixFile, Rule, check_document
from dcbench.core.matrix.validate import find_spec_problems
from dcbench.core.matrix.yaml_source import Document, Steps
from dcbench.core.spec import STAGE_BACKENDS, RunSpec, expand_shorthands, join_backends, make_spec
from dcbench.errors import MatrixError


@dataclass(frozen=True)
class Plan:
    """The runs of a matrix, how they came about, and the text that describes them anywhere.

    `runs` are those of the cells, `baselines` are counted apart. `groups` are the axes, fields that move together as
    one; `sets` tells for each field which others an override sets by its value.
    """

    name: str
    runs: tuple[RunSpec, ...]
    axes: dict[str, list[Any]]
    steps: dict[str, int]
    cells: int
    text: str
    baselines: tuple[RunSpec, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def planned(self) -> tuple[RunSpec, ...]:
        """Every run, the cells' first."""
        return self.runs + self.baselines

    @property
    def run_ids(self) -> list[str]:
        """The run_id of every planned run, in order."""
        return [spec.run_id for spec in self.planned]


@dataclass
class _Cell:
    """Field values of one cell, and where in the file each was given."""

    values: Fields = field(default_factory=dict)
    origins: dict[str, Steps] = field(default_factory=dict)

    def set(self, name: str, value: Any, origin: Steps) -> None:
        self.values[name] = value
        self.origins[name] = origin

    def under(self, settings: Fields) -> _Cell:
        """This cell with the settings for all fields that it does not name itself."""
        full = _Cell(dict(settings), {name: ("settings", name) for name in settings})
        full.values |= self.values
        full.origins |= self.origins
        return full


def read_matrix(path: Path, precision: str) -> Plan:
    """Read and expand a matrix file; `precision` is what `auto` resolves to here."""
    return _expand(yaml_source.read_yaml(path), precision)


def parse_matrix(text: str, source: str, precision: str) -> Plan:
    """The Plan of a matrix given as text."""
    return _expand(yaml_source.parse_yaml(text, source), precision)


def _expand(document: Document, precision: str) -> Plan:
    found = check_document(document)
    if found.mistakes:
        raise MatrixError(found.mistakes)
    auto = found.settings.get("precision", "auto") == "auto" and "precision" not in found.axis_fields
    settings = found.settings | ({"precision": precision} if auto else {})
    steps: dict[str, int] = {}
    cells = list(_product(found))
    steps["product"] = len(cells)
    cells = _exclude(found, [cell.under(settings) for cell in cells])
    steps["exclude"] = len(cells)
    cells += [cell.under(settings) for cell in _include(found)]
    steps["include"] = len(cells)
    _override(found, cells)
    steps["overrides"] = len(cells)
    specs = list(_specs(found, cells))
    if found.mistakes:
        raise MatrixError(found.mistakes)
    runs = [spec.model_copy(update={"seed": seed}) for spec in specs for seed in found.seeds]
    steps["seeds"] = len(runs)
    unique = tuple(dict.fromkeys(runs))
    steps["duplicates"] = len(unique)
    if not unique:
        raise MatrixError([document.mistake((), "the matrix has no cells left; check exclude")])
    stored = _with_precision(document.text, precision) if auto else document.text
    axes = _axes(found, unique)
    groups = _groups(found, axes)
    planned = set(unique)
    beside = tuple(spec for spec in _baselines(found, document, specs) if spec not in planned)
    return Plan(found.name, unique, axes, steps, len(set(specs)), stored, beside, groups, _sets(found))


def _baselines(matrix_file: MatrixFile, document: Document, specs: list[RunSpec]) -> tuple[RunSpec, ...]:
    beside = baselines.make_baselines(specs, matrix_file.baselines)
    told = [message for spec in beside for _, message in find_spec_problems(spec)]
    if told:
        raise MatrixError(
            [document.mistake(("baselines",), f"{message} (baseline)") for message in dict.fromkeys(told)]
        )
    return tuple(spec.model_copy(update={"seed": seed}) for spec in beside for seed in matrix_file.seeds)


def _groups(matrix_file: MatrixFile, axes: dict[str, list[Any]]) -> tuple[tuple[str, ...], ...]:
    """The varied axes, those of a zip entry as one."""
    joint = [tuple(entry) for entry in matrix_file.zips]
    single = [(name,) for name in axes if not any(name in entry for entry in joint)]
    listed = [(name,) for name in matrix_file.axes]
    ordered = [*listed, *joint, *(group for group in single if group not in listed)]
    return tuple(group for group in ordered if any(len(axes[name]) > 1 for name in group))


def _sets(matrix_file: MatrixFile) -> dict[str, tuple[str, ...]]:
    """Field -> fields that overrides set by its value; `backend` stands for its stages on both sides."""
    told: dict[str, dict[str, None]] = {}
    for rule in matrix_file.overrides:
        for name in _spread(rule.when):
            told.setdefault(name, {}).update(dict.fromkeys(_spread(rule.set)))
    return {name: tuple(others) for name, others in told.items()}


def _spread(names: Iterable[str]) -> list[str]:
    """The names, a `backend` followed by its stages."""
    return [one for name in names for one in ((name, *STAGE_BACKENDS) if name == "backend" else (name,))]


def _product(matrix_file: MatrixFile) -> Iterator[_Cell]:
    """The product of all axes and zipped axes; nothing when the file only includes cells."""
    factors: list[list[list[tuple[str, Any, Steps]]]] = [
        [[(name, value, ("axes", name, index))] for index, value in enumerate(values)]
        for name, values in matrix_file.axes.items()
    ]
    for number, entry in enumerate(matrix_file.zips):
        length = min(len(values) for values in entry.values())
        factors.append(
            [[(name, entry[name][row], ("zip", number, name, row)) for name in entry] for row in range(length)]
        )
    if not factors and matrix_file.include:
        return
    for choice in itertools.product(*factors):
        cell = _Cell()
        for name, value, origin in itertools.chain.from_iterable(choice):
            cell.set(name, value, origin)
        yield cell


def _include(matrix_file: MatrixFile) -> Iterator[_Cell]:
    for index, values in enumerate(matrix_file.include):
        yield _Cell(dict(values), {name: ("include", index, name) for name in values})


def _value(cell: _Cell, name: str) -> Any:
    """The value the cell's spec will have: what is set, else what follows, else the default."""
    values = expand_shorthands(cell.values)
    if name == "backend":
        return join_backends([_value(cell, stage) for stage in STAGE_BACKENDS])
    return values[name] if name in values else RunSpec.model_fields[name].default


def _matches(cell: _Cell, rule: Rule) -> bool:
    return all(_value(cell, name) in accepted for name, accepted in rule.when.items())


def _exclude(matrix_file: MatrixFile, cells: list[_Cell]) -> list[_Cell]:
    left = cells
    for rule in matrix_file.exclude:
        if not any(_matches(cell, rule) for cell in cells):
            matrix_file.complain(rule.path, "this rule matches no cell")
        left = [cell for cell in left if not _matches(cell, rule)]
    return left


def _override(matrix_file: MatrixFile, cells: list[_Cell]) -> None:
    for rule in matrix_file.overrides:
        matched = [cell for cell in cells if _matches(cell, rule)]
        if not matched:
            matrix_file.complain(rule.path, "this rule matches no cell")
            continue
        changes = [_set(cell, rule) for cell in matched]
        if not any(changes):
            matrix_file.complain(
                rule.path, "this override changes nothing: the matched cells have these values already"
            )


def _set(cell: _Cell, rule: Rule) -> bool:
    """Set the rule's fields in the cell; whether that changed anything."""
    before = [_value(cell, name) for name in rule.set]
    for name, value in rule.set.items():
        cell.set(name, value, (*rule.path, "set", name))
    return before != [_value(cell, name) for name in rule.set]


def _specs(matrix_file: MatrixFile, cells: Iterable[_Cell]) -> Iterator[RunSpec]:
    """The spec of every cell, each checked against what its parts can do."""
    for cell in cells:
        if "backend" in cell.values and all(stage in cell.values for stage in STAGE_BACKENDS):
            matrix_file.complain(cell.origins["backend"], "does nothing: all three stages are set themselves")
        spec = make_spec(cell.values)
        for blamed, message in find_spec_problems(spec):
            origins = [cell.origins[name] for name in blamed if name in cell.origins]
            matrix_file.complain(origins[0] if origins else (), message)
        yield spec


def _axes(matrix_file: MatrixFile, runs: Iterable[RunSpec]) -> dict[str, list[Any]]:
    """Each varied field with its values in the file's order, then those of included cells."""
    listed = dict(matrix_file.axes) | {name: values for entry in matrix_file.zips for name, values in entry.items()}
    names = [*listed, *(name for cell in matrix_file.include for name in cell if name not in listed)]
    axes = {}
    for name in dict.fromkeys(names):
        used = dict.fromkeys(getattr(spec, name) for spec in runs)
        axes[name] = list(dict.fromkeys([*(value for value in listed.get(name, []) if value in used), *used]))
    return axes


def _with_precision(text: str, precision: str) -> str:
    """The matrix text with the resolved precision among its settings, comments kept."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    top = yaml.load(text)
    settings = top.setdefault("settings", {})
    settings["precision"] = precision
    out = io.StringIO()
    yaml.dump(top, out)
    return out.getvalue()
