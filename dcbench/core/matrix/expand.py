"""Expand a matrix file into planned runs.

The steps are: product and zip -> exclude -> include -> overrides -> seeds -> repeats -> duplicates dropped.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dcbench.core.matrix.baselines import make_baselines
from dcbench.core.matrix.schema import AxisValues, Fields, MatrixFile, Rule, check_document
from dcbench.core.matrix.validate import find_spec_problems
from dcbench.core.matrix.yaml_source import Document, KeyPath, Mistakes, parse_yaml, read_yaml
from dcbench.core.spec import STAGE_BACKENDS, RunSpec, expand_shorthands, join_backends, make_spec
from dcbench.errors import MatrixError


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The runs of a matrix, and the text that describes them on any machine."""

    name: str
    """Name of the matrix, and of its folder below the results."""
    runs: tuple[RunSpec, ...]
    """The runs of the cells, each once; the repeat varies fastest, then the seed."""
    baselines: tuple[RunSpec, ...] = ()
    """The runs of the baselines that are not among `runs`."""
    axes: AxisValues
    """Field -> the values that it takes in `runs`, in the order of the file."""
    groups: tuple[tuple[str, ...], ...] = ()
    """The axes that take several values, each as its fields: one, or those of a zip entry."""
    dependent_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Field -> the fields that an override sets depending on its value."""
    steps: dict[str, int]
    """Step of the expansion -> number of cells (from `seeds` on, of runs) after it."""
    cells: int
    """Number of different cells."""
    text: str
    """The matrix file with `precision: auto` resolved, so that it gives the same run ids on any machine."""

    @property
    def planned(self) -> tuple[RunSpec, ...]:
        """Every run: those of the cells, then the baselines."""
        return self.runs + self.baselines

    @property
    def repeats(self) -> int:
        """How often each cell is run with each seed."""
        return 1 + max(spec.repeat for spec in self.runs)

    @property
    def run_ids(self) -> list[str]:
        """The run_id of every planned run, in order."""
        return [spec.run_id for spec in self.planned]


class Cell:
    """The values of one cell, and the position in the file at which each was set."""

    def __init__(self, settings: Fields) -> None:
        self.values = dict(settings)
        self.origins: dict[str, KeyPath] = {name: ("settings", name) for name in settings}

    def set(self, name: str, value: Any, origin: KeyPath) -> None:
        """Set a field; a later value replaces an earlier one."""
        self.values[name] = value
        self.origins[name] = origin

    def value(self, name: str) -> Any:
        """Return the value that the spec of the cell will have: what is set, what follows from it, or the default."""
        values = expand_shorthands(self.values)
        if name == "backend":
            return join_backends([self.value(stage) for stage in STAGE_BACKENDS])
        return values[name] if name in values else RunSpec.model_fields[name].default

    def matches(self, rule: Rule) -> bool:
        """Return whether all fields of the rule's condition have an accepted value here."""
        return all(self.value(name) in accepted for name, accepted in rule.when.items())


def read_matrix(path: Path, precision: str, use_plugins: bool = True) -> Plan:
    """Read a matrix file and return its planned runs.

    Parameters
    ----------
    path : Path
        The matrix file.
    precision : str
        What `precision: auto` means on this machine: `float32` or `bfloat16`.
    use_plugins : bool
        Whether the folders under `plugins` become known. False for a file from a results folder, which must not make
        dcbench run code.

    Raises
    ------
    MatrixError
        If there are mistakes in the file; it lists all of them, each with its line and column.
    """
    return _expand_document(read_yaml(path), precision, use_plugins)


def parse_matrix(text: str, source: str, precision: str) -> Plan:
    """Return the planned runs of a matrix that is given as text; messages call it `source`."""
    return _expand_document(parse_yaml(text, source), precision, use_plugins=True)


def _expand_document(document: Document, precision: str, use_plugins: bool) -> Plan:
    matrix = check_document(document, use_plugins)
    mistakes = Mistakes(document)
    is_auto = matrix.settings.get("precision", "auto") == "auto" and "precision" not in matrix.varied_fields
    settings = matrix.settings | ({"precision": precision} if is_auto else {})

    # Sections -> cells -> specs. All mistakes of these steps are raised at once.
    cells, steps = _make_cells(matrix, settings, mistakes)
    specs = [_make_cell_spec(cell, mistakes) for cell in cells]
    mistakes.raise_any()

    # Specs -> runs. Different cells can have the same spec, for example after an override or through `include`.
    seeded = [spec.model_copy(update={"seed": seed}) for spec in specs for seed in matrix.seeds]
    runs = [spec.model_copy(update={"repeat": repeat}) for spec in seeded for repeat in range(matrix.repeats)]
    unique = tuple(dict.fromkeys(runs))
    steps |= {"seeds": len(seeded), "repeats": len(runs), "duplicates": len(unique)}
    if not unique:
        raise MatrixError([document.format_mistake((), "the matrix has no cells left; check exclude")])

    baselines = make_baselines(specs, matrix.baselines)
    for baseline in baselines:
        for problem in find_spec_problems(baseline):
            mistakes.add(("baselines",), f"{problem.message} (baseline)")
    mistakes.raise_any()
    # Baselines are levels to compare with. Their noise is not what the noise floor is about, so they are not repeated.
    seeded_baselines = [spec.model_copy(update={"seed": seed}) for spec in baselines for seed in matrix.seeds]
    planned = set(unique)

    axes = _list_axes(matrix, unique)
    included = [(name,) for name in axes if name not in matrix.varied_fields]
    groups = [*((name,) for name in matrix.axes), *map(tuple, matrix.zips), *included]
    return Plan(
        name=matrix.name,
        runs=unique,
        baselines=tuple(spec for spec in seeded_baselines if spec not in planned),
        axes=axes,
        groups=tuple(group for group in groups if any(len(axes[name]) > 1 for name in group)),
        dependent_fields=_find_dependent_fields(matrix.overrides),
        steps=steps,
        cells=len(set(specs)),
        text=_write_precision(document.text, precision) if is_auto else document.text,
    )


def _make_cells(matrix: MatrixFile, settings: Fields, mistakes: Mistakes) -> tuple[list[Cell], dict[str, int]]:
    """Return the cells of a matrix, and the number of cells after each step."""
    steps: dict[str, int] = {}

    # Product: every axis is one factor, and so is every zip entry, whose fields move together.
    factors: list[list[list[tuple[str, Any, KeyPath]]]] = [
        [[(name, value, ("axes", name, index))] for index, value in enumerate(values)]
        for name, values in matrix.axes.items()
    ]
    for number, group in enumerate(matrix.zips):
        length = min(len(values) for values in group.values())
        factors.append(
            [[(name, group[name][row], ("zip", number, name, row)) for name in group] for row in range(length)]
        )
    # Without axes the product is one cell of defaults. A file that only has `include` does not want that cell.
    choices = itertools.product(*factors) if factors or not matrix.include else ()
    cells = []
    for choice in choices:
        cells.append(Cell(settings))
        for name, value, origin in itertools.chain.from_iterable(choice):
            cells[-1].set(name, value, origin)
    steps["product"] = len(cells)

    # Exclude: every rule must match a cell of the product. Two rules may match the same cell.
    excluded: set[int] = set()
    for rule in matrix.exclude:
        matched = {index for index, cell in enumerate(cells) if cell.matches(rule)}
        if not matched:
            mistakes.add(rule.path, "this rule matches no cell")
        excluded |= matched
    cells = [cell for index, cell in enumerate(cells) if index not in excluded]
    steps["exclude"] = len(cells)

    for index, fields in enumerate(matrix.include):
        cells.append(Cell(settings))
        for name, value in fields.items():
            cells[-1].set(name, value, ("include", index, name))
    steps["include"] = len(cells)

    # Overrides: a rule sees what the rules before it have set.
    for rule in matrix.overrides:
        matching = [cell for cell in cells if cell.matches(rule)]
        if not matching:
            mistakes.add(rule.path, "this rule matches no cell")
            continue
        before = [[cell.value(name) for name in rule.set] for cell in matching]
        for cell in matching:
            for name, value in rule.set.items():
                cell.set(name, value, (*rule.path, "set", name))
        if before == [[cell.value(name) for name in rule.set] for cell in matching]:
            mistakes.add(rule.path, "this override changes nothing: the matched cells have these values already")
    steps["overrides"] = len(cells)
    return cells, steps


def _make_cell_spec(cell: Cell, mistakes: Mistakes) -> RunSpec:
    """Return the spec of a cell, and note the values that its dataset, method or architecture does not allow."""
    if "backend" in cell.values and all(stage in cell.values for stage in STAGE_BACKENDS):
        mistakes.add(cell.origins["backend"], "does nothing: all three stages are set themselves")
    spec = make_spec(cell.values)
    for problem in find_spec_problems(spec):
        # The first field that the file sets is the one to change; a default has no line in the file.
        origins = [cell.origins[name] for name in problem.fields if name in cell.origins]
        mistakes.add(origins[0] if origins else (), problem.message)
    return spec


def _list_axes(matrix: MatrixFile, runs: Iterable[RunSpec]) -> AxisValues:
    """Return each varied field with the values that runs have, those of the axes first and those of includes last."""
    axis_values = dict(matrix.axes) | {name: values for group in matrix.zips for name, values in group.items()}
    included = [name for fields in matrix.include for name in fields if name not in axis_values]
    axes = {}
    for name in dict.fromkeys([*axis_values, *included]):
        used = dict.fromkeys(getattr(spec, name) for spec in runs)
        axes[name] = list(dict.fromkeys([*(value for value in axis_values.get(name, []) if value in used), *used]))
    return axes


def _find_dependent_fields(overrides: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    """Return each field that a condition tests with the fields that are set by it; `backend` includes its stages."""
    dependent: dict[str, dict[str, None]] = {}
    for rule in overrides:
        tested, changed = (
            [name for key in fields for name in ((key, *STAGE_BACKENDS) if key == "backend" else (key,))]
            for fields in (rule.when, rule.set)
        )
        for name in tested:
            dependent.setdefault(name, {}).update(dict.fromkeys(changed))
    return {name: tuple(others) for name, others in dependent.items()}


def _write_precision(text: str, precision: str) -> str:
    """Return the text of a matrix with the resolved precision among its settings; comments are kept."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # never wrap a line that the author did not wrap
    top = yaml.load(text)
    settings = top.setdefault("settings", {})
    settings["precision"] = precision
    stream = io.StringIO()
    yaml.dump(top, stream)
    return stream.getvalue()
