"""Find out what of a run can be inspected without reading its weights, and which command gives the rest."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from dcbench import registry
from dcbench.core.matrix.validate import has_network
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import open_run_dir
from dcbench.core.store.run_state import RunState
from dcbench.core.text import format_duration, plural
from dcbench.errors import ResultsError
from dcbench.replay.rerun import Replay

Source = Literal["checkpoint", "seed", "assignment"]
"""Where the figures come from: the weights in the checkpoint; the seed alone, if nothing was trained; or, without
weights, the last assignment, which is enough for the confusion of clusters and labels."""


class Check(NamedTuple):
    """A check of what is shown against what the run recorded: whether it passed, and a sentence for the page."""

    passed: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class InspectedRun:
    """A run to inspect, and what there is of it.

    Attributes:
        folder: The folder that is read; that of the repetition if the run was repeated.
        source: Where the figures come from.
        user_path: The folder that the user named, for messages.
    """

    folder: RunDir
    spec: RunSpec
    state: RunState
    source: Source
    user_path: Path

    @property
    def replay_hint(self) -> str:
        """How to get the figures that need weights."""
        return (
            f"to repeat the run{_format_cost(self.state)} and draw them all: "
            f"{format_replay_command(self.user_path, self.spec)}"
        )

    @property
    def is_replay(self) -> bool:
        """Whether this is a repetition of the run that the user named."""
        # A repetition has the same run_id, so only the folder tells the two apart.
        return self.folder.path != self.user_path.absolute()

    @property
    def device(self) -> str:
        """The device to compute on, as the run did: `cpu` if it did so, else `auto`."""
        # provenance.json has the name of a GPU, and this machine may have another one.
        return "cpu" if self.folder.read_provenance().get("device") == "cpu" else "auto"

    @property
    def threads(self) -> int:
        """The number of CPU threads that the run used; 1 if that is not recorded."""
        count = self.folder.read_provenance().get("threads")
        return count if isinstance(count, int) and count > 0 else 1


def read_inspected_run(path: Path, user_path: Path | None = None) -> InspectedRun:
    """Return what there is to inspect in a run's folder.

    Messages call the run by `user_path` if the folder is not the one that the user named. Raises ResultsError if the
    folder is not a run's, or if the run has left nothing to inspect.
    """
    folder = open_run_dir(path)
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    source: Source | None = None
    if not (has_network(spec) and spec.epochs > 0):
        # The seed gives these weights again, but only a finished run has results to check them against.
        source = "seed" if state.name == "done" else None
    elif folder.checkpoint_file.exists():
        source = "checkpoint"
    elif state.name == "done" and folder.assignments_file.exists():
        source = "assignment"
    if source is not None:
        return InspectedRun(folder=folder, spec=spec, state=state, source=source, user_path=user_path or path)
    if state.name == "done":
        raise ResultsError(
            f"{path}: has neither weights nor its last assignment; runs keep weights only with --keep-weights. "
            f"To repeat the run{_format_cost(state)} and draw its figures: {format_replay_command(path, spec)}"
        )
    kind = f" ({state.kind})" if state.kind else ""
    reason = f": {state.reason}" if state.reason else ""
    raise ResultsError(
        f"{path}: the run is {state.name}{kind} and has left no weights to inspect{reason}. "
        f"See dcbench status {shlex.quote(str(path))}; inspect the run again once its matrix has finished"
    )


def _format_cost(state: RunState) -> str:
    """Return how long the run took, so that the user knows what a replay costs; empty if that is not recorded."""
    return "" if state.seconds is None else f" (it took {format_duration(state.seconds)})"


def format_replay_command(path: Path, spec: RunSpec) -> str:
    """Return the command that repeats the run and draws every figure."""
    return f"dcbench inspect {shlex.quote(str(path))} --replay{registry.format_plugins_options(spec.plugins)}"


def check_replay(path: Path, replay: Replay) -> Check:
    """Return whether a repetition computed the same as the run in this folder; ResultsError if it did not finish."""
    diff = replay.diff
    if diff is None:
        raise ResultsError(f"{path}: the repetition of the run {replay.state.name}: {replay.state.reason}")
    why = "The run was repeated for these figures, because a finished run keeps no weights."
    if not replay.reproduced:
        return Check(
            False,
            f"{why} It did not give the same results: {diff}. The figures show the repetition, not the run that was "
            f"recorded; dcbench replay {shlex.quote(str(path))} shows the differences.",
        )
    values = f"all values ({diff.value_count:,} in {plural(diff.row_count, 'row')})"
    if diff.image_count is None:
        return Check(True, f"{why} It is {diff} in {values}. Its folder has no last assignment to compare.")
    return Check(True, f"{why} It is {diff} in {values} and in the clusters of all {diff.image_count:,} images.")
