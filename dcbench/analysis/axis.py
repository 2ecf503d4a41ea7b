"""The axes of a matrix: what each varies, and whether its values can be ranked.

Frames and tables know an axis by its name only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from dcbench.analysis.results import Results, join_entries
from dcbench.core.columns import METRICS
from dcbench.core.spec import CONDITIONS, STAGE_BACKENDS
from dcbench.core.text import join_fields

NUMERIC = ("k", "epochs", "reassign_every", "width", "limit", "image_size", "pca_dim", "lr", "top_lr", "batch_size")
"""Fields whose values are amounts, so that results can be plotted against them."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A dimension of the matrix.

    Attributes:
        fields: The fields of the run spec that this axis varies; several when a `zip` entry moves them together.
        values: What the axis takes, in the order of the plan; the values of several fields are texts such as `10, 100`.
        is_condition: Whether one of the fields is a condition of the experiment rather than a choice.
    """

    fields: tuple[str, ...]
    values: tuple[object, ...]
    is_condition: bool

    @property
    def name(self) -> str:
        """The name in frames, tables and CSV files, such as `k + epochs`."""
        return join_fields(self.fields)

    @property
    def is_backend(self) -> bool:
        """Whether the axis chooses between libraries and nothing else."""
        return {"backend", *STAGE_BACKENDS}.issuperset(self.fields)

    @property
    def is_numeric(self) -> bool:
        """Whether results can be plotted against the values: at least two amounts, of which None is none."""
        return self.name in NUMERIC and sum(value is not None for value in self.values) > 1

    def is_neutral(self, metric: str) -> bool:
        """Return whether no value of the axis can be called better by this metric."""
        return self.is_condition or ("k" in self.fields and METRICS[metric].rises_with_k)


def find_axes(results: Results) -> dict[str, Axis]:
    """Return the axes of a matrix by name, in the order of the plan."""
    axes = []
    for fields in results.groups:
        # A single field keeps its values as they are, with those that no run has; several have only texts in common.
        values = results.varied[fields[0]] if len(fields) == 1 else dict.fromkeys(join_entries(results.runs, fields))
        is_condition = any(name in CONDITIONS for name in fields)
        axes.append(Axis(fields=fields, values=tuple(values), is_condition=is_condition))
    return {axis.name: axis for axis in axes}


def add_axis_columns(frame: pd.DataFrame, axes: Iterable[Axis]) -> pd.DataFrame:
    """Return the frame with a text column for each axis of several fields; single fields have theirs."""
    return frame.assign(**{axis.name: join_entries(frame, axis.fields) for axis in axes if len(axis.fields) > 1})
