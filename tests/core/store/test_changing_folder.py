"""A results folder that changes while it is read: every reader returns what is there, or a clear error.

The second of two runs changes just before the nth access to a file, for every n.
"""

import itertools
import shutil
from pathlib import Path

import pytest

from dcbench.analysis import results
from dcbench.audit import axes
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.errors import ResultsError
from tests.helpers.matrices import plan_of
from tests.helpers.result_folders import fill

TEXT = "name: m\naxes: {k: [5, 6]}\nsettings: {epochs: 1, pca_dim: 8}\n"
FIRST, SECOND = plan_of(TEXT).runs


def removed(run):
    shutil.rmtree(run.path)


def started_again(run):
    run.clear()
    run.clear_rows()


def truncated(run):
    run.metrics_file.write_text(run.metrics_file.read_text()[:-30])


def done_again(run):
    removed(run)
    fill(MatrixDir(run.path.parent), run.path.name, SECOND, epochs=1, nmi=0.9)


def folder_removed(run):
    removed(RunDir(run.path.parent))


def another_plan(run):
    MatrixDir(run.path.parent).write_matrix(TEXT.replace("[5, 6]", "[5]"))


@pytest.fixture
def folder(tmp_path):
    matrix = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), matrix)
    for spec in (FIRST, SECOND):
        fill(matrix, spec.run_id, spec, epochs=1).write_audit({"method": "deepcluster"})
    return matrix


class FileAccesses:
    """Counts the accesses to files and makes a change before the nth."""

    def __init__(self, number, change):
        self.number, self.change, self.count = number, change, 0

    def count_each(self, real):
        def access(path, *args, **kwargs):
            self.count += 1
            if self.count == self.number:
                self.change()
            return real(path, *args, **kwargs)

        return access


def read(folder):
    matrix = status.read_status(folder)
    evidence = axes.read_evidence(matrix.done, axes.list_axis_fields(matrix.plan))
    return results.collect_results(matrix), axes.audit_status(matrix, evidence)


@pytest.mark.parametrize("change", [removed, started_again, truncated, done_again])
def test_when_one_run_changes_the_other_is_read_and_no_row_is_made_up(folder, monkeypatch, change):
    for number, accesses in iterate_interruptions(folder, monkeypatch, change):
        table, audit = read(folder)
        accesses.number = None
        first, second = table.runs["state"]
        assert first == "done" and second in ("done", "pending", "failed"), number
        assert len(table.rows) == 2 * (table.runs["state"] == "done").sum()
        assert audit.runs in (1, 2)
    assert number > 20


@pytest.mark.parametrize("change", [folder_removed, another_plan])
def test_a_folder_that_is_removed_or_gets_another_plan_is_read_or_reported(folder, monkeypatch, change):
    for number, accesses in iterate_interruptions(folder, monkeypatch, change):
        message = ""
        try:
            table, _ = read(folder)
            assert len(table.runs) in (1, 2) and table.rows["run_id"].nunique() <= len(table.runs)
        except ResultsError as error:
            message = str(error)
        accesses.number = None
        assert not message or (str(folder.path) in message and change is folder_removed), number
    assert number > 20


def iterate_interruptions(folder, monkeypatch, change):
    """Yield the number of every access before which the change can happen; the folder is restored before each."""
    whole = folder.path.with_name("whole")
    shutil.copytree(folder.path, whole)
    for number in itertools.count(1):
        shutil.rmtree(folder.path, ignore_errors=True)
        shutil.copytree(whole, folder.path)
        accesses = FileAccesses(number, lambda: change(folder.run_dir(SECOND.run_id)))
        with monkeypatch.context() as patch:
            for name in ("open", "stat", "iterdir"):
                patch.setattr(Path, name, accesses.count_each(getattr(Path, name)))
            yield number, accesses
        if accesses.count < number:
            return
