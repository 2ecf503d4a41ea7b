"""A finished run done again elsewhere, and whether it comes out the same.

In: the folder of a run that is done, which is only read. Out: copies to execute with the same spec, and a Replayed
that says how each copy's record stands to the original's, and the copies' to each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from dcbench.core.spec import RunSpec
from dcbench.core.store.provenance import diff_values, extract_environment
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_record import RunRecord, open_run_dir, read_record
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.errors import ResultsError
from dcbench.replay.run_diff import TOLERANCE, RunDiff, diff_records


@dataclass(frozen=True)
class Original:
    """A run that is done, as its folder tells it."""

    folder: RunDir
    spec: RunSpec
    record: RunRecord
    provenance: dict[str, Any]

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """The kind of device that the run was made on."""
        return "cpu" if self._recorded("device", str) == "cpu" else "cuda"

    @property
    def threads(self) -> int:
        """The CPU threads that the run was made with."""
        return max(1, int(self._recorded("threads", int)))

    def _recorded(self, name: str, kind: type) -> Any:
        value = self.provenance.get(name)
        if not isinstance(value, kind):
            told = f"{self.folder.provenance_file}: does not say the run's {name}; give --device and --threads yourself"
            raise ResultsError(told)
        return value


@dataclass(frozen=True)
class Replay:
    """One copy: how its run ended, what it left, and how that stands to the original's record (None unless done)."""

    state: RunState
    record: RunRecord
    verdict: RunDiff | None
    provenance: dict[str, Any]

    @property
    def reproduced(self) -> bool:
        """Whether it came out identical, or equal within the tolerance."""
        return self.verdict is not None and self.verdict.verdict != "different"


@dataclass(frozen=True)
class Replayed:
    """All replays of one run.

    `among`: the second and later ones that ended, against the first. `changed`: what the first was made with that
    the original was not.
    """

    replays: list[Replay]
    among: list[RunDiff]
    changed: dict[str, tuple[Any, Any]]

    @property
    def reproduced(self) -> bool:
        """Whether every replay came out identical, or equal within the tolerance."""
        return all(replay.reproduced for replay in self.replays)

    @property
    def agree(self) -> bool | None:
        """Whether the replays come out as the first of them did; None when fewer than two ended."""
        return all(found.verdict != "different" for found in self.among) if self.among else None

    @property
    def conclusion(self) -> str:
        """What a difference from the original points at; empty when there is none."""
        if not any(replay.verdict and replay.verdict.verdict == "different" for replay in self.replays):
            return ""
        if self.agree is None:
            return "replay more than once (--times 2) to see whether the replays agree with each other"
        if not self.agree:
            return "the replays differ from each other: here this run does not repeat (try --threads 1 --device cpu)"
        if self.changed:
            return "the replays agree with each other: look for the cause in what the run was made with"
        return "the replays agree with each other, but nothing that provenance.json tells has changed since"

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            "reproduced": self.reproduced, "replays": [_as_json(replay) for replay in self.replays],
            "among_replays": [found.verdict for found in self.among], "replays_agree": self.agree,
            "changed": self.changed, "conclusion": self.conclusion,
        }  # fmt: skip


def _as_json(replay: Replay) -> dict[str, Any]:
    return replay.verdict.as_json() if replay.verdict else {"verdict": "failed", "told": replay.state.reason}


def original(path: Path) -> Original:
    """The finished run in a folder; ResultsError when it is not one, is not done, or holds a torn file."""
    folder = open_run_dir(path)
    spec = folder.read_spec()
    state = folder.read_planned_state(spec)
    if state.name != "done":
        told = f"{path}: only a run that is done can be replayed; this one is {state.name}. {state.reason}"
        raise ResultsError(told.strip())
    record = read_record(folder)
    if len(record.rows) != spec.epochs + 1:
        raise ResultsError(f"{folder.metrics_file}: holds {len(record.rows)} rows, not {spec.epochs + 1}")
    return Original(folder, spec, record, folder.read_provenance())


@contextmanager
def workplace(keep: Path | None, run: Original) -> Iterator[Path]:
    """Where the copies go: a temporary folder, or one to keep, which must be new or empty and not the run's own."""
    if keep is None:
        with TemporaryDirectory(prefix="dcbench-replay-") as place:
            yield Path(place)
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise ResultsError(f"--keep {keep}: is not an empty folder; name a new one")
    if keep.resolve().is_relative_to(run.folder.path.resolve()):
        raise ResultsError(f"--keep {keep}: lies in the original's folder, which is never written to; name another")
    yield keep.absolute()


def copies(run: Original, place: Path, times: int) -> list[PlannedRun]:
    """A pending run of the same spec for each replay, in folders `1`, `2`, ... of `place`."""
    folders = [RunDir(place / str(number) / run.spec.run_id) for number in range(1, times + 1)]
    return [PlannedRun(run.spec, folder, RunState()) for folder in folders]


def judge(run: Original, entries: list[PlannedRun], tolerance: float = TOLERANCE) -> Replayed:
    """How the copies came out, against the original and against each other."""
    replays = [_judged(run, entry.folder, tolerance) for entry in entries]
    done = [replay for replay in replays if replay.verdict]
    among = [diff_records(done[0].record, other.record, tolerance) for other in done[1:]]
    new = diff_values(extract_environment(run.provenance), extract_environment(done[0].provenance)) if done else {}
    return Replayed(replays, among, new)


def _judged(run: Original, folder: RunDir, tolerance: float) -> Replay:
    state = folder.read_planned_state(run.spec)
    if state.name != "done":
        return Replay(state, RunRecord([]), None, {})
    record = read_record(folder)
    return Replay(state, record, diff_records(run.record, record, tolerance), folder.read_provenance())
