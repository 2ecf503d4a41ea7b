"""Plan repetitions of a finished run, and compare them with it. The folder of the original is only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

from dcbench.core.spec import RunSpec
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import RunRecord, open_run_dir, read_record
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError
from dcbench.replay.run_diff import TOLERANCE, RunDiff, diff_records

Fact = TypeVar("Fact", int, str)


@dataclass(frozen=True, kw_only=True)
class OriginalRun:
    """A run that is done, as its folder describes it."""

    folder: RunDir
    spec: RunSpec
    record: RunRecord
    """What the run computed."""
    provenance: dict[str, Any]
    """Facts of provenance.json: versions, device, threads and more."""

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """Kind of device that the run used; ResultsError if it is not recorded."""
        return "cpu" if self._read_fact("device", str) == "cpu" else "cuda"

    @property
    def threads(self) -> int:
        """Number of CPU threads that the run used; ResultsError if it is not recorded."""
        return max(1, self._read_fact("threads", int))

    def _read_fact(self, name: str, kind: type[Fact]) -> Fact:
        value = self.provenance.get(name)
        if not isinstance(value, kind):
            raise ResultsError(
                f"{self.folder.provenance_file}: does not say the run's {name}; give --device and --threads yourself"
            )
        return value


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One repetition of a run."""

    state: RunState
    """How the repetition ended."""
    record: RunRecord
    """What it computed; no rows unless it is done."""

    diff: RunDiff | None
    """How its record differs from the original's; None unless it is done."""
    provenance: dict[str, Any]
    """Facts of its provenance.json; empty unless it is done."""

    @property
    def reproduced(self) -> bool:
        """Whether it is done and computed what the original did, identically or within the tolerance."""
        return self.diff is not None and self.diff.verdict != "different"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return self.diff.as_json() if self.diff else {"verdict": "failed", "told": self.state.reason}


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """How all repetitions of one run came out."""

    replays: list[Replay]
    """The repetitions, in the order of their numbers."""
    diffs_between_replays: list[RunDiff]
    """How each later repetition that is done differs from the first one that is."""

    environment_changes: dict[str, tuple[Any, Any]]
    """Facts of provenance.json in which the first repetition that is done differs from the original."""

    @property
    def reproduced(self) -> bool:
        """Whether every repetition computed what the original did, identically or within the tolerance."""
        return all(replay.reproduced for replay in self.replays)

    @property
    def replays_agree(self) -> bool | None:
        """Whether all repetitions computed the same as the first one; None if fewer than two are done."""
        if not self.diffs_between_replays:
            return None
        return all(diff.verdict != "different" for diff in self.diffs_between_replays)

    @property
    def conclusion(self) -> str:
        """Where to look for the cause of a difference from the original; empty if there is none."""
        if not any(replay.diff and replay.diff.verdict == "different" for replay in self.replays):
            return ""
        if self.replays_agree is None:
            return "replay the run more than once (--times 2) to see whether the replays agree with each other"
        if not self.replays_agree:
            return "the replays differ from each other: this run is not repeatable here (try --threads 1 --device cpu)"
        if self.environment_changes:
            return "the replays agree with each other: look for the cause in the changed environment"
        return "the replays agree with each other, but nothing that provenance.json records has changed"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "reproduced": self.reproduced, "replays": [replay.as_json() for replay in self.replays],
            "among_replays": [diff.verdict for diff in self.diffs_between_replays],
            "replays_agree": self.replays_agree, "changed": self.environment_changes, "conclusion": self.conclusion,
        }  # fmt: skip


def read_original(path: Path) -> OriginalRun:
    """Read the finished run in a folder; ResultsError if it is no run, is not done, or holds a torn file."""
    folder = open_run_dir(path)
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    if state.name != "done":
        message = f"{path}: only a run that is done can be replayed, and this one is {state.name}. {state.reason}"
        raise ResultsError(message.strip())
    record = read_record(folder)
    # Row 0 is the untrained network.
    if len(record.rows) != spec.epochs + 1:
        raise ResultsError(f"{folder.metrics_file}: has {len(record.rows)} rows instead of {spec.epochs + 1}")
    return OriginalRun(folder=folder, spec=spec, record=record, provenance=folder.read_provenance())


@contextmanager
def open_replay_folder(keep: Path | None, original: OriginalRun) -> Iterator[Path]:
    """Yield a folder for the repetitions: `keep`, or a temporary one that is removed at the end.

    Raises ResultsError if `keep` exists and is not an empty folder, or lies in the original's folder.
    """
    if keep is None:
        with TemporaryDirectory(prefix="dcbench-replay-") as folder:
            yield Path(folder)
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise ResultsError(f"--keep {keep}: is not an empty folder; name a new one")
    # resolve() follows links, so the folder cannot be the original's under another name.
    if keep.resolve().is_relative_to(original.folder.path.resolve()):
        raise ResultsError(f"--keep {keep}: is in the original run's folder, which is never written to; name another")
    yield keep.absolute()


def plan_replays(original: OriginalRun, folder: Path, times: int) -> list[PlannedRun]:
    """Return pending runs of the original's spec, one in each of the subfolders `1`, `2`, ... of `folder`."""
    # All run folders have the same name, the run id, so each needs a folder of its own around it.
    run_dirs = [RunDir(folder / str(number) / original.spec.run_id) for number in range(1, times + 1)]
    return [PlannedRun(spec=original.spec, folder=run_dir, state=RunState()) for run_dir in run_dirs]


def compare_replays(original: OriginalRun, planned: list[PlannedRun], tolerance: float = TOLERANCE) -> ReplayResult:
    """Compare the executed repetitions with the original, and with each other."""
    replays = []
    for folder in (entry.folder for entry in planned):
        state = folder.read_planned_state(original.spec)
        if state.name == "done":
            record, provenance = read_record(folder), folder.read_provenance()
            diff = diff_records(original.record, record, tolerance)
            replays.append(Replay(state=state, record=record, diff=diff, provenance=provenance))
        else:
            # Whatever rows it has written, there is no use in comparing a part of a run.
            replays.append(Replay(state=state, record=RunRecord(rows=[]), diff=None, provenance={}))

    done = [replay for replay in replays if replay.diff]
    changes: dict[str, tuple[Any, Any]] = {}
    if done:
        # All repetitions ran here, one right after the other: the environment of the first is that of all.
        changes = diff_values(extract_environment(original.provenance), extract_environment(done[0].provenance))
    return ReplayResult(
        replays=replays,
        diffs_between_replays=[diff_records(done[0].record, other.record, tolerance) for other in done[1:]],
        environment_changes=changes,
    )
