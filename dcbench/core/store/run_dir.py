"""The folder of one matrix and the folder of one run: the only file that knows their names.

    results/<matrix>/matrix.yaml            the plan that the runs belong to
    results/<matrix>/<run_id>/spec.yaml     what the run is; hashes to the folder's name
                              metrics.csv   a row per epoch, appended
                              state.json    exactly one state, and why
                              provenance.json  audit.json  assignments.npz  log.txt  claim
                              checkpoint.pt while it runs

Everything but metrics.csv and log.txt is written aside and renamed, so that a reader sees the old
file or the new one. No file is trusted to be whole.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter
from pydantic_core import from_json

from dcbench.core.columns import COLUMNS
from dcbench.core.matrix import yaml_source
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store.files import (
    DISK_FULL,
    explain_os_error,
    explain_unwritable,
    open_atomic,
    overwrite,
    write_atomic,
)
from dcbench.core.store.run_state import RunState, extract_last_lines
from dcbench.errors import ClaimedError, MatrixError, ResultsError, SpecError

_STATE = TypeAdapter(RunState)


def _text_of(state: RunState) -> str:
    return json.dumps(asdict(state), indent=1) + "\n"


class MatrixDir:
    """results/<matrix>/: the stored plan and the folders of its runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.matrix_file = path / "matrix.yaml"

    def run_dir(self, run_id: str) -> RunDir:
        """The folder of one run, which need not exist yet."""
        return RunDir(self.path / run_id)

    def write_matrix(self, text: str) -> None:
        """Make the folder and put the matrix text in place."""
        with explain_os_error(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomic(self.matrix_file, text)  # also when it is the same: it shows that the folder can be written


class _File:
    """A file of the run's folder; its path is made when it is asked for, since ten of each of 10,000 runs take time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: RunDir, kind: type[RunDir]) -> Path:
        return run.path / self.name


class RunDir:
    """results/<matrix>/<run_id>/: reads and writes the files of one run."""

    spec_file = _File("spec.yaml")
    metrics_file = _File("metrics.csv")
    state_file = _File("state.json")
    provenance_file = _File("provenance.json")
    assignments_file = _File("assignments.npz")
    audit_file = _File("audit.json")
    checkpoint_file = _File("checkpoint.pt")
    log_file = _File("log.txt")
    claim_file = _File("claim")

    def __init__(self, path: Path) -> None:
        self.path = path

    # --- the spec ---------------------------------------------------------------------------

    def prepare(self, spec: RunSpec) -> None:
        """Make the folder and its spec.yaml; one that describes another run is left alone and refused."""
        with explain_os_error(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if self.spec_file.exists():
                self.check_spec(spec)
            else:
                write_atomic(self.spec_file, spec.to_text())

    def read_spec(self) -> RunSpec:
        """The spec on disk; ResultsError unless it is whole and hashes to the folder's name."""
        try:
            spec = make_spec(self._spec_values())
        except MatrixError as error:
            raise ResultsError(str(error)) from None
        except SpecError as error:
            raise ResultsError(f"{self.spec_file}: {error}. Was it written by another version of dcbench?") from None
        if spec.run_id != self.path.name:
            raise ResultsError(
                f"{self.spec_file}: describes run {spec.run_id}, not the run its folder is named after; "
                "restore the file, or move the folder away and run again"
            )
        return spec

    def _spec_values(self) -> dict[str, Any]:
        """Field values as our own spec.yaml has them, a JSON value a line; what a person has edited is read as YAML."""
        with suppress(OSError, ValueError):
            lines = self.spec_file.read_text(encoding="utf-8").splitlines()
            if values := {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}:
                return values
        value = yaml_source.read_yaml(self.spec_file).value
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise ResultsError(f"{self.spec_file}: not a run spec; move the folder away and run again")
        return value

    def check_spec(self, planned: RunSpec) -> None:
        """Raise unless spec.yaml is the planned one; fast when it is."""
        with suppress(OSError):
            if self.spec_file.read_bytes() == planned.to_text().encode():
                return
        self.read_spec()

    # --- the state --------------------------------------------------------------------------

    def read_state(self) -> RunState:
        """The one state, from disk; `running` without a live claim, or a torn file, is failed and lost."""
        state = self._read_state_file()
        if state.name == "running" and not self.is_claimed():
            state = self._read_state_file()  # it may have ended between the two looks
            if state.name == "running":
                where = f" on {state.host} (pid {state.pid})" if state.host else ""
                return replace(state, name="failed", kind="lost", reason=f"its process{where} is gone without a word")
        return state

    def _read_state_file(self) -> RunState:
        try:
            return _STATE.validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return RunState()
        except OSError as error:
            return RunState(name="failed", kind="lost", reason=f"{self.state_file}: {error.strerror}")
        except ValueError:
            return RunState(
                name="failed", kind="lost", reason=f"{self.state_file}: not a whole state; run again to redo the run"
            )

    def read_planned_state(self, planned: RunSpec) -> RunState:
        """The state of a planned run: failed, and why, where the folder is another run's or metrics are missing."""
        if not self.path.exists():
            return RunState()
        try:
            if self.spec_file.exists():
                self.check_spec(planned)
            elif self.state_file.exists():
                raise ResultsError(f"{self.spec_file}: is missing; move the folder away and run again")
            state = self.read_state()
            if state.name == "done" and (rows := self._whole_rows()) < planned.epochs + 1:
                told = f"{self.metrics_file}: holds {rows} of {planned.epochs + 1} rows; run the matrix again"
                return replace(state, name="failed", kind="lost", reason=told)
            if (state.name == "pending" or state.kind == "lost") and (problem := self.explain_unwritable()):
                return RunState(name="failed", kind="error", reason=problem)
        except ResultsError as error:
            return (
                RunState(name="failed", kind="error", reason=str(error)) if self.path.exists() else RunState()
            )  # it may have gone meanwhile
        return state

    def write_state(self, state: RunState) -> None:
        """Replace the state; `done` goes on disk last. On a full disk it takes the place of the old one's bytes."""
        try:
            write_atomic(self.state_file, _text_of(state))
        except OSError as error:
            if error.errno not in DISK_FULL or not self.state_file.exists():
                raise
            # few bytes, which the old file's block has room for
            overwrite(self.state_file, _text_of(replace(state, reason=state.reason[:500], last_lines=())))

    def explain_unwritable(self) -> str | None:
        """Why nothing can be written into the folder, in words; None when it can be, or is not there yet."""
        if problem := explain_unwritable(self.path):
            return f"{self.path}: {problem}; mend that and run the matrix again, or choose another with --results"
        return None

    # --- the claim --------------------------------------------------------------------------

    @contextmanager
    def claim(self, patience: float = 2.0) -> Iterator[None]:
        """Hold the run against all other processes; ClaimedError when another one has it.

        `patience` (s) covers the moment in which a reader tests the lock.
        """
        deadline = time.monotonic() + patience
        with self.claim_file.open("a") as file:
            while not _locked(file.fileno(), fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise ClaimedError(f"{self.path}: another process is working on this run")
                time.sleep(0.02)
            yield

    def is_claimed(self) -> bool:
        """Whether a live process holds the run."""
        try:
            file = self.claim_file.open("rb")
        except OSError:
            return False
        with file:
            return not _locked(file.fileno(), fcntl.LOCK_SH)

    # --- the metrics ------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one row; a value that is None stays empty, an unknown column is a bug."""
        unexpected = set(row) - set(COLUMNS)
        if unexpected:
            raise KeyError(f"no such columns: {sorted(unexpected)}; add them to columns.py")
        new = not self.metrics_file.exists()
        with self.metrics_file.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(COLUMNS)
            writer.writerow(["" if row.get(name) is None else row[name] for name in COLUMNS])
            file.flush()
            os.fsync(file.fileno())

    def cut_metrics(self, rows: int) -> bool:
        """Keep the header and so many rows; False when there are fewer whole ones, or other columns than today's."""
        text, _ = self.read_metrics_text()
        lines = text.splitlines(keepends=True)
        if len(lines) < rows + 1 or lines[0].rstrip("\n").split(",") != list(COLUMNS):
            return False
        write_atomic(self.metrics_file, "".join(lines[: rows + 1]))
        return True

    def read_metrics_text(self) -> tuple[str, str | None]:
        """The whole lines of metrics.csv, and a warning when the last line was torn."""
        whole, newline, torn = self._metrics_bytes().rpartition(b"\n")
        warning = f"{self.metrics_file}: the last line is torn and was dropped" if torn else None
        return (whole + newline).decode("utf-8", errors="replace"), warning

    def read_columns(self, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The cells of these (two or more) columns, row by row; empty where the file has no such column, too."""
        header, *rows = (line.split(",") for line in self.read_metrics_text()[0].split("\n"))
        pick = itemgetter(*(header.index(name) if name in header else -1 for name in names))
        for row in rows[:-1]:
            yield pick(row + [""] * max(1, len(header) + 1 - len(row)))

    def _metrics_bytes(self) -> bytes:
        try:
            return self.metrics_file.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ResultsError(f"{self.metrics_file}: {error.strerror}") from None

    def count_epochs_done(self) -> int:
        """Training passes behind the last row; 0 before the first."""
        return max(0, self._whole_rows() - 1)

    def _whole_rows(self) -> int:
        return max(0, self._metrics_bytes().count(b"\n") - 1)

    # --- the rest ---------------------------------------------------------------------------

    def write_provenance(self, facts: Mapping[str, Any]) -> None:
        """Store where and with what the run was made."""
        write_atomic(self.provenance_file, json.dumps(facts, indent=1) + "\n")

    def write_audit(self, facts: Mapping[str, Any]) -> None:
        """Store what the run's choices did."""
        write_atomic(self.audit_file, json.dumps(facts, indent=1) + "\n")

    def read_audit(self) -> dict[str, Any] | None:
        """What the run's choices did; None when the file is missing or not whole."""
        try:
            facts = from_json(self.audit_file.read_bytes())  # less than half the time of json's
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def read_assignments(self, *names: str) -> dict[str, Any] | None:
        """These arrays `(n,)` of the last row, whole numbers; None without the file, ResultsError when it is torn."""
        import numpy as np

        try:
            data = io.BytesIO(self.assignments_file.read_bytes())  # numpy leaves a torn file open
            with np.load(data, allow_pickle=False) as archive:
                found = {name: archive[name].astype(np.int64, casting="safe") for name in names}
            if len({array.shape for array in found.values()}) > 1:
                raise ValueError("arrays of several lengths")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error):
            told = "is torn; restore it, or run the matrix again with --redo"
            raise ResultsError(f"{self.assignments_file}: {told}") from None
        return found

    def open_checkpoint(self) -> AbstractContextManager[BinaryIO]:
        """A file to write the checkpoint into; it takes the old one's place when it is whole."""
        return open_atomic(self.checkpoint_file)

    def read_earlier_attempts(self) -> list[dict[str, Any]]:
        """What is recorded of the attempts so far, the first first; nothing where the file is torn."""
        with suppress(ResultsError):
            if last := self.read_provenance():
                return [*last.pop("earlier_attempts", []), last]
        return []

    def read_provenance(self) -> dict[str, Any]:
        """Where and with what the run was made; empty where nothing is recorded, ResultsError when the file is torn."""
        try:
            facts = json.loads(self.provenance_file.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ResultsError(f"{self.provenance_file}: {error.strerror}") from None
        except (ValueError, RecursionError):
            facts = None
        if not isinstance(facts, dict):
            raise ResultsError(f"{self.provenance_file}: is torn; restore it, or run the matrix again with --redo")
        return facts

    def read_last_lines(self) -> tuple[str, ...]:
        """The last lines of the log; nothing where it cannot be read."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(0, self.log_file.stat().st_size - 64 * 1024))
                return extract_last_lines(file.read().decode(errors="replace"))
        except OSError:
            return ()

    def append_log(self, text: str) -> None:
        """Add lines to the run's log."""
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else text + "\n")

    def clear(self) -> None:
        """Remove what an earlier attempt left, its state first; what a checkpoint needs stays, and spec and log."""
        leftovers = (self.state_file, self.audit_file, self.assignments_file)
        for path in (*leftovers, *self.path.glob(".*.*")):
            path.unlink(missing_ok=True)

    def clear_rows(self) -> None:
        """Remove the checkpoint, its rows and where they were made, so that the run starts anew."""
        for path in (self.checkpoint_file, self.metrics_file, self.provenance_file):
            path.unlink(missing_ok=True)


def _locked(descriptor: int, mode: int) -> bool:
    """Take the lock if it is free; it is let go when the file is closed."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ResultsError(
            f"this file system cannot lock files ({error.strerror}), so runs there cannot be kept apart; "
            "choose another folder with --results"
        ) from None
    return True
