"""A results folder that changes while it is read: every reader returns what is there, or a clear error.

Something happens to the second of two runs just before the nth look at a file, for every n.
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


def cut(run):
    run.metrics_file.write_text(run.metrics_file.read_text()[:-30])


def done_again(run):
    removed(run)
    fill(MatrixDir(run.path.parent), run.path.name, SECOND, epochs=1, nmi=0.9)


def folder_gone(run):
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


class Looks:
    """Counts the looks at files and does something before the nth."""

    def __init__(self, number, change):
        self.number, self.change, self.count = number, change, 0

    def count_each(self, real):
        def look(path, *args, **kwargs):
            self.count += 1
            if self.count == self.number:
                self.change()
            return real(path, *args, **kwargs)

        return look


def read(folder):
    matrix = status.read_status(folder)
    evidence = axes.read_evidence(matrix.done, axes.list_axis_fields(matrix.plan))
    return results.collect_results(matrix), axes.audit_status(matrix, evidence)


@pytest.mark.parametrize("change", [removed, started_again, cut, done_again])
def test_whatever_happens_to_one_run_the_other_is_read_and_nothing_is_invented(folder, monkeypatch, change):
    for number, looks in interruptions(folder, monkeypatch, change):
        table, audit = read(folder)
        looks.number = None
        first, second = table.runs["state"]
        assert first == "done" and second in ("done", "pending", "failed"), number
        assert len(table.rows) == 2 * (table.runs["state"] == "done").sum()
        assert audit.runs in (1, 2)
    assert number > 20


@pytest.mark.parametrize("change", [folder_gone, another_plan])
def test_a_folder_that_goes_or_gets_another_plan_is_read_or_said_to_be_gone(folder, monkeypatch, change):
    for number, looks in interruptions(folder, monkeypatch, change):
        message = ""
        try:
            table, _ = read(folder)
            assert len(table.runs) in (1, 2) and table.rows["run_id"].nunique() <= len(table.runs)
        except ResultsError as error:
            message = str(error)
        looks.number = None
        assert not message or (str(folder.path) in message and change is folder_gone), number
    assert number > 20


def interruptions(folder, monkeypatch, change):
    """Every moment at which the change can happen, the folder whole again before each."""
    whole = folder.path.with_name("whole")
    shutil.copytree(folder.path, whole)
    for number in itertools.count(1):
        shutil.rmtree(folder.path, ignore_errors=True)
        shutil.copytree(whole, folder.path)
        looks = Looks(number, lambda: change(folder.run_dir(SECOND.run_id)))
        with monkeypatch.context() as patch:
            for name in ("open", "stat", "iterdir"):
                patch.setattr(Path, name, looks.count_each(getattr(Path, name)))
            yield number, looks
        if looks.count < number:
            return
