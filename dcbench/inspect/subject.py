"""What of a run there is to look at, and the command that gives the rest.

In: a run's folder. Out: a Subject, or a ResultsError that says why there is nothing. Weights are not read here.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcbench.core.matrix.validate import has_network
from dcbench.core.spec import RunSpec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import open_run_dir
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.replay.rerun import Replay

Source = Literal["checkpoint", "seed", "assignment"]
"""Where the pictures come from: the checkpoint's weights; the seed alone, where nothing was trained; or, without
weights, the last assignment, which is enough for the confusion of clusters and labels."""

Check = tuple[bool, str]
"""Whether something is as it should be, and the sentence that says so."""


@dataclass(frozen=True)
class InspectedRun:
    """A run to look at, and what there is of it; `home` is the folder that the user named."""

    folder: RunDir
    spec: RunSpec
    state: RunState
    source: Source
    home: Path

    @property
    def way_out(self) -> str:
        """How the pictures that need weights are had."""
        seconds = self.state.seconds
        took = "" if seconds is None else f" (it took {seconds:.0f} s)"
        return f"to do the run again{took} and draw them all: {replay_command(self.home)}"

    @property
    def repeated(self) -> bool:
        """Whether it is a repetition of the run that the user named."""
        return self.folder.path != self.home.absolute()

    @property
    def device(self) -> str:
        """Where to compute as the run did: the CPU where it did so, else whatever there is here."""
        return "cpu" if self.folder.read_provenance().get("device") == "cpu" else "auto"

    @property
    def threads(self) -> int:
        """The CPU threads that the run was made with; one where that is not recorded."""
        count = self.folder.read_provenance().get("threads")
        return count if isinstance(count, int) and count > 0 else 1


def read_subject(path: Path, home: Path | None = None) -> InspectedRun:
    """What there is to look at in a run's folder; `home` is another name for it in what the user is told."""
    folder = open_run_dir(path)
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    source = _source(folder, spec, state)
    if source is None:
        raise ResultsError(_nothing(path, state))
    return InspectedRun(folder, spec, state, source, home or path)


def repetition(path: Path, told: Replay) -> Check:
    """How a repetition of the run in this folder stands to it; ResultsError when it did not come to its end."""
    if told.diff is None:
        raise ResultsError(f"{path}: done again, the run {told.state.name}: {told.state.reason}")
    again = "The run was done again for these pictures, since a finished run keeps no weights"
    figures = f"all {told.diff.value_count:,} figures of its {told.diff.row_count} rows"
    if not told.reproduced:
        return False, (
            f"{again}, and it came out otherwise: {told.diff}. The pictures show the repetition, not the run that "
            f"was recorded; dcbench replay {shlex.quote(str(path))} tells what differs."
        )
    if told.diff.image_count is None:
        return True, f"{again}: {figures} came out {told.diff}. Its folder has no last assignment to compare."
    return True, f"{again}: {figures}, and the clusters of its {told.diff.image_count:,} images came out {told.diff}."


def trained(spec: RunSpec) -> bool:
    """Whether the run has weights that do not follow from its seed alone."""
    return has_network(spec) and spec.epochs > 0


def replay_command(path: Path) -> str:
    """The command that repeats the run and draws every picture."""
    return f"dcbench inspect {shlex.quote(str(path))} --replay"


def _source(folder: RunDir, spec: RunSpec, state: RunState) -> Source | None:
    if not trained(spec):
        return "seed" if state.name == "done" else None
    if folder.checkpoint_file.exists():
        return "checkpoint"
    return "assignment" if state.name == "done" and folder.assignments_file.exists() else None


def _nothing(path: Path, state: RunState) -> str:
    """Why nothing can be drawn, and what to do."""
    if state.name == "done":
        took = "" if state.seconds is None else f" (it took {state.seconds:.0f} s)"
        return (
            f"{path}: has neither weights nor its last assignment; runs keep weights only with --keep-weights. "
            f"To do the run again{took} and draw its pictures: {replay_command(path)}"
        )
    kind = f" ({state.kind})" if state.kind else ""
    why = f": {state.reason}" if state.reason else ""
    return (
        f"{path}: the run is {state.name}{kind} and has left no weights to look at{why}. "
        f"See dcbench status {shlex.quote(str(path))}; when its matrix has run, inspect it again"
    )
