"""A results folder that changes while it is read: what is there is told, or a clear error; never a traceback.

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
    found = MatrixDir(tmp_path / "m")
    status.store_plan(plan_of(TEXT), found)
    for spec in (FIRST, SECOND):
        fill(found, spec.run_id, spec, epochs=1).write_audit({"method": "deepcluster"})
    return found


class Looks:
    """Counts the looks at files and does something before the nth."""

    def __init__(self, at, change):
        self.at, self.change, self.count = at, change, 0

    def at_each(self, real):
        def look(path, *args, **kwargs):
            self.count += 1
            if self.count == self.at:
                self.change()
            return real(path, *args, **kwargs)

        return look


def read(folder):
    seen = status.read_status(folder)
    found = results.results_of(seen)
    return found, axes.audit_status(seen, axes.read_evidence(seen.done, axes.varied_fields(seen.plan)))


@pytest.mark.parametrize("change", [removed, started_again, cut, done_again])
def test_whatever_becomes_of_a_run_the_other_is_told_and_all_that_is_told_is_there(folder, monkeypatch, change):
    for at, looks in interruptions(folder, monkeypatch, change):
        found, audited = read(folder)
        looks.at = None
        first, second = found.runs["state"]
        assert first == "done" and second in ("done", "pending", "failed"), at
        assert len(found.rows) == 2 * (found.runs["state"] == "done").sum()
        assert audited.runs in (1, 2)
    assert at > 20


@pytest.mark.parametrize("change", [folder_gone, another_plan])
def test_a_folder_that_goes_or_gets_another_plan_is_read_or_said_to_be_gone(folder, monkeypatch, change):
    for at, looks in interruptions(folder, monkeypatch, change):
        told = ""
        try:
            found, _ = read(folder)
            assert len(found.runs) in (1, 2) and found.rows["run_id"].nunique() <= len(found.runs)
        except ResultsError as error:
            told = str(error)
        looks.at = None
        assert not told or (str(folder.path) in told and change is folder_gone), at
    assert at > 20


def interruptions(folder, monkeypatch, change):
    """Every moment at which the change can happen, the folder whole again before each."""
    whole = folder.path.with_name("whole")
    shutil.copytree(folder.path, whole)
    for at in itertools.count(1):
        shutil.rmtree(folder.path, ignore_errors=True)
        shutil.copytree(whole, folder.path)
        looks = Looks(at, lambda: change(folder.run_dir(SECOND.run_id)))
        with monkeypatch.context() as patch:
            for name in ("open", "stat", "iterdir"):
                patch.setattr(Path, name, looks.at_each(getattr(Path, name)))
            yield at, looks
        if looks.count < at:
            return
