"""The folder of a matrix and the folder of a run: the only module that knows the names of the files in them.

    results/<matrix>/matrix.yaml            the plan that the runs belong to
    results/<matrix>/<run_id>/spec.yaml     the run's spec, which hashes to the name of the folder
                              metrics.csv   one row for each epoch, appended
                              state.json    the run's state, and the reason for it
                              provenance.json  audit.json  assignments.npz  log.txt  claim
                              checkpoint.pt while it runs

Everything but metrics.csv and log.txt is replaced atomically, so that a reader sees the old file or the new one. Every
reader here still expects damaged files.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter
from pydantic_core import from_json

from dcbench import registry
from dcbench.core.columns import COLUMNS
from dcbench.core.matrix.yaml_source import read_yaml
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store.files import (
    DISK_FULL,
    explain_os_error,
    explain_unwritable,
    open_atomic,
    overwrite,
    write_atomic,
)
from dcbench.core.store.run_lock import hold_lock, is_locked
from dcbench.core.store.run_state import RunState, extract_last_lines
from dcbench.errors import MatrixError, ResultsError, SpecError

_STATE_ADAPTER = TypeAdapter(RunState)

_DAMAGED = (
    OSError, ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError, MemoryError, RuntimeError,
    OverflowError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy and zipfile raise for a file that is no archive of arrays, such as half of one."""


class MatrixDir:
    """results/<matrix>/: the stored plan and the folders of its runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.matrix_file = path / "matrix.yaml"
        self.plugins_file = path / "plugins.json"

    def run_dir(self, run_id: str) -> RunDir:
        """Return the folder of one run, which need not exist yet."""
        return RunDir(self.path / run_id)

    def write_matrix(self, text: str) -> None:
        """Make the folder and replace the matrix file in it."""
        with explain_os_error(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            # Written even if nothing has changed, to notice a folder that cannot be written before any run starts.
            write_atomic(self.matrix_file, text)

    def write_plugins(self, facts: Mapping[str, Any]) -> None:
        """Remember the facts of the user's own plug-ins that the plan uses; without any there is no file."""
        if facts:
            write_atomic(self.plugins_file, json.dumps(facts, indent=1) + "\n")
        else:
            self.plugins_file.unlink(missing_ok=True)

    def remember_plugins(self) -> None:
        """Register the stored facts of the user's own plug-ins, so that results can be read without the plug-ins.

        Only facts are read. A results folder must never name code that dcbench runs.
        """
        try:
            facts = json.loads(self.plugins_file.read_bytes())
            if not isinstance(facts, dict):
                raise ValueError("not a mapping")
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            raise ResultsError(f"{self.plugins_file}: is damaged; run the matrix again to write it again") from None
        registry.remember(facts, self.plugins_file)


class _RunFile:
    """The path of a file in a run's folder, made on access: making all nine for each of 10,000 runs takes time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: RunDir, kind: type[RunDir]) -> Path:
        return run.path / self.name


class RunDir:
    """results/<matrix>/<run_id>/: reads and writes the files of one run."""

    spec_file = _RunFile("spec.yaml")
    metrics_file = _RunFile("metrics.csv")
    state_file = _RunFile("state.json")
    provenance_file = _RunFile("provenance.json")
    assignments_file = _RunFile("assignments.npz")
    audit_file = _RunFile("audit.json")
    checkpoint_file = _RunFile("checkpoint.pt")
    log_file = _RunFile("log.txt")
    claim_file = _RunFile("claim")

    def __init__(self, path: Path) -> None:
        self.path = path

    # --- the spec ---------------------------------------------------------------------------

    def prepare(self, spec: RunSpec) -> None:
        """Make the folder and its spec.yaml; a folder that describes another run is left as it is, and an error."""
        with explain_os_error(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if self.spec_file.exists():
                self.check_spec(spec)
            else:
                write_atomic(self.spec_file, spec.to_text())

    def read_spec(self) -> RunSpec:
        """Return the spec; raise ResultsError if it is damaged or does not hash to the name of the folder."""
        values: Any = None
        # Our own files have one JSON value a line, which is much faster to read than YAML.
        with suppress(OSError, ValueError):
            lines = self.spec_file.read_text(encoding="utf-8").splitlines()
            values = {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}
        try:
            # A file that a person has edited is read as YAML.
            values = values or read_yaml(self.spec_file).value
            if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
                raise ResultsError(f"{self.spec_file}: not a run spec; move the folder away and run again")
            spec = make_spec(values)
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

    def check_spec(self, planned: RunSpec) -> None:
        """Raise ResultsError unless spec.yaml describes the planned run."""
        # The bytes are equal nearly always, and comparing them is faster than reading a spec.
        with suppress(OSError):
            if self.spec_file.read_bytes() == planned.to_text().encode():
                return
        self.read_spec()

    # --- the state --------------------------------------------------------------------------

    def read_state(self) -> RunState:
        """Return the state; a damaged file, and `running` without a live worker, are failed with the kind lost."""
        state = self._read_state_file()
        if state.name != "running" or self.is_claimed():
            return state
        # The run may have ended after its state was read and before its claim was tested, so read the state again.
        state = self._read_state_file()
        if state.name != "running":
            return state
        worker = f"the worker process on {state.host} (pid {state.pid})" if state.host else "the worker process"
        return replace(state, name="failed", kind="lost", reason=f"{worker} exited without recording a result")

    def _read_state_file(self) -> RunState:
        try:
            return _STATE_ADAPTER.validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return RunState()
        except OSError as error:
            return RunState(name="failed", kind="lost", reason=f"{self.state_file}: {error.strerror}")
        except ValueError:
            reason = f"{self.state_file}: is damaged; run the matrix again to redo the run"
            return RunState(name="failed", kind="lost", reason=reason)

    def read_planned_state(self, planned: RunSpec) -> RunState:
        """Return the state of a planned run; failed if the folder is another run's or rows of metrics are missing."""
        if not self.path.exists():
            return RunState()
        try:
            if self.spec_file.exists():
                self.check_spec(planned)
            elif self.state_file.exists():
                raise ResultsError(f"{self.spec_file}: is missing; move the folder away and run again")
            state = self.read_state()
            if state.name == "done" and (rows := self._count_rows()) < planned.epochs + 1:
                reason = f"{self.metrics_file}: holds {rows} of {planned.epochs + 1} rows; run the matrix again"
                return replace(state, name="failed", kind="lost", reason=reason)
            # Report an unfinished run that cannot be executed before a worker is started for it.
            if (state.name == "pending" or state.kind == "lost") and (problem := self.explain_unwritable()):
                return RunState(name="failed", kind="error", reason=problem)
            return state
        except ResultsError as error:
            # The folder may have been removed since the test at the start.
            return RunState(name="failed", kind="error", reason=str(error)) if self.path.exists() else RunState()

    def write_state(self, state: RunState) -> None:
        """Replace the state; callers write `done` last, when all other files are on disk."""
        try:
            write_atomic(self.state_file, json.dumps(asdict(state), indent=1) + "\n")
        except OSError as error:
            if error.errno not in DISK_FULL or not self.state_file.exists():
                raise
            # A full disk has no room for a second file, but the old one keeps its block, which a short text fits into.
            short = replace(state, reason=state.reason[:500], last_lines=())
            overwrite(self.state_file, json.dumps(asdict(short), indent=1) + "\n")

    def explain_unwritable(self) -> str | None:
        """Return why nothing can be written into the folder, or None if it can be written or does not exist yet."""
        if problem := explain_unwritable(self.path):
            return f"{self.path}: {problem}; fix that and run the matrix again, or choose another with --results"
        return None

    # --- the claim --------------------------------------------------------------------------

    def claim(self, patience: float = 2.0) -> AbstractContextManager[None]:
        """Hold the run against all other processes while the block runs; raise ClaimedError if another one has it.

        `patience` is the time (s) to wait for the claim: a reader that calls `is_claimed` holds it for a moment.
        """
        return hold_lock(self.claim_file, patience)

    def is_claimed(self) -> bool:
        """Return whether a live process holds the run."""
        return is_locked(self.claim_file)

    # --- the metrics ------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Append one row; a value that is None stays empty, and an unknown column is a bug."""
        unknown = set(row) - set(COLUMNS)
        if unknown:
            raise KeyError(f"no such columns: {sorted(unknown)}; add them to columns.py")
        is_new = not self.metrics_file.exists()
        with self.metrics_file.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerow(["" if row.get(name) is None else row[name] for name in COLUMNS])
            file.flush()
            os.fsync(file.fileno())

    def cut_metrics(self, rows: int) -> bool:
        """Keep the header and the first `rows` rows; return False if fewer are complete or the columns differ."""
        text, _ = self.read_metrics_text()
        lines = text.splitlines(keepends=True)
        # Rows of another version of dcbench have other columns, and cannot be continued.
        if len(lines) < rows + 1 or lines[0].rstrip("\n").split(",") != list(COLUMNS):
            return False
        write_atomic(self.metrics_file, "".join(lines[: rows + 1]))
        return True

    def read_metrics_text(self) -> tuple[str, str | None]:
        """Return the complete lines of metrics.csv, and a warning if the last line is not complete."""
        complete, newline, torn_line = self._read_metrics_bytes().rpartition(b"\n")
        warning = f"{self.metrics_file}: the last line is incomplete and was dropped" if torn_line else None
        return (complete + newline).decode("utf-8", errors="replace"), warning

    def read_columns(self, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the cells of two or more columns, row by row; a column that the file does not have is empty."""
        # No value holds a comma or a quote, and splitting lines is faster than the csv module.
        header, *rows = (line.split(",") for line in self.read_metrics_text()[0].split("\n"))
        # Index -1 is a cell that is always empty: each row is padded with at least one.
        pick = itemgetter(*(header.index(name) if name in header else -1 for name in names))
        for row in rows[:-1]:
            yield pick(row + [""] * max(1, len(header) + 1 - len(row)))

    def _read_metrics_bytes(self) -> bytes:
        try:
            return self.metrics_file.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ResultsError(f"{self.metrics_file}: {error.strerror}") from None

    def count_epochs_done(self) -> int:
        """Return the number of training passes before the last row; 0 if there is no row yet."""
        return max(0, self._count_rows() - 1)

    def _count_rows(self) -> int:
        return max(0, self._read_metrics_bytes().count(b"\n") - 1)

    # --- provenance, audit and assignments --------------------------------------------------

    def write_provenance(self, facts: Mapping[str, Any]) -> None:
        """Store the versions, machine and data of the run."""
        write_atomic(self.provenance_file, json.dumps(facts, indent=1) + "\n")

    def read_provenance(self) -> dict[str, Any]:
        """Return the contents of provenance.json; empty without the file, ResultsError if it is damaged."""
        try:
            facts = json.loads(self.provenance_file.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ResultsError(f"{self.provenance_file}: {error.strerror}") from None
        except (ValueError, RecursionError):
            facts = None
        if not isinstance(facts, dict):
            raise ResultsError(f"{self.provenance_file}: is damaged; restore it, or run the matrix again with --redo")
        return facts

    def read_earlier_attempts(self) -> list[dict[str, Any]]:
        """Return the provenance of each attempt so far, oldest first; nothing if the file is damaged."""
        with suppress(ResultsError):
            if last := self.read_provenance():
                return [*last.pop("earlier_attempts", []), last]
        return []

    def write_audit(self, facts: Mapping[str, Any]) -> None:
        """Store the facts that the audit judges."""
        write_atomic(self.audit_file, json.dumps(facts, indent=1) + "\n")

    def read_audit(self) -> dict[str, Any] | None:
        """Return the facts that the audit judges; None if the file is missing or damaged."""
        try:
            # Audits are large, and this takes less than half the time of json.loads.
            facts = from_json(self.audit_file.read_bytes())
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def read_assignments(self, *names: str) -> dict[str, Any] | None:
        """Return integer arrays `(n,)` that belong to the last row.

        Returns None without the file, and raises ResultsError if it is damaged.
        """
        arrays = self._read_arrays(names)
        if arrays and len({array.shape for array in arrays.values()}) > 1:
            raise self.make_assignments_error("is damaged")
        return arrays and {name: array.astype("int64") for name, array in arrays.items()}

    def read_predictions(self) -> dict[str, Any] | None:
        """Return every array of assignments.npz, all of integers; their shapes and ranges are the caller's to check.

        Returns None without the file, and raises ResultsError if it is damaged.
        """
        return self._read_arrays(None)

    def make_assignments_error(self, problem: str) -> ResultsError:
        """Return the error that says what is wrong with assignments.npz."""
        return ResultsError(f"{self.assignments_file}: {problem}; restore it, or run the matrix again with --redo")

    def _read_arrays(self, names: Sequence[str] | None) -> dict[str, Any] | None:
        """Return the arrays of these names, or all of them."""
        import numpy as np

        arrays: dict[str, Any] = {}
        problem = "is damaged"
        try:
            # From memory, because numpy leaves a damaged file open.
            data = io.BytesIO(self.assignments_file.read_bytes())
            with np.load(data, allow_pickle=False) as archive:
                for name in archive.files if names is None else names:
                    problem = f"is damaged: array {name!r} is missing or cannot be read"
                    array = archive[name]
                    if not np.can_cast(array.dtype, np.int64, casting="safe"):
                        raise self.make_assignments_error(f"is damaged: array {name!r} is not of integers")
                    arrays[name] = array
        except FileNotFoundError:
            return None
        except _DAMAGED:
            raise self.make_assignments_error(problem) from None
        return arrays

    # --- checkpoint and log -----------------------------------------------------------------

    def open_checkpoint(self) -> AbstractContextManager[BinaryIO]:
        """Return a file for the next checkpoint, which replaces the old one when the block ends."""
        return open_atomic(self.checkpoint_file)

    def append_log(self, text: str) -> None:
        """Append lines to the log."""
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else text + "\n")

    def read_last_lines(self) -> tuple[str, ...]:
        """Return the last lines of the log; nothing if it cannot be read."""
        try:
            with self.log_file.open("rb") as file:
                # Only the end is read, since the log of a long run can be large.
                file.seek(max(0, self.log_file.stat().st_size - 64 * 1024))
                return extract_last_lines(file.read().decode(errors="replace"))
        except OSError:
            return ()

    # --- starting again ---------------------------------------------------------------------

    def clear(self) -> None:
        """Remove what an earlier attempt left, except for the spec, the log and what its checkpoint needs."""
        # The state first: a run that is interrupted here must not look done.
        leftovers = (self.state_file, self.audit_file, self.assignments_file)
        for path in (*leftovers, *self.path.glob(".*.*")):
            path.unlink(missing_ok=True)

    def clear_rows(self) -> None:
        """Remove the checkpoint, its rows and their provenance, so that the run starts anew."""
        for path in (self.checkpoint_file, self.metrics_file, self.provenance_file):
            path.unlink(missing_ok=True)
