import pytest

from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from tests.helpers.matrices import plan_of

TEXT = "name: m\naxes: {k: [5, 6, 7]}\nseeds: [0, 1]\n"


@pytest.fixture
def folder(tmp_path):
    return MatrixDir(tmp_path / "m")


def test_counts_sum_to_the_plan(folder):
    plan = plan_of(TEXT)
    for run_id, name in zip(plan.run_ids, ["done", "failed", "skipped", "done"], strict=False):
        run = folder.run_dir(run_id)
        run.prepare(next(spec for spec in plan.runs if spec.run_id == run_id))
        run.write_state(RunState(name=name))
        run.metrics_file.write_text("epoch\n" + "0\n" * 101)
    counts = status.count_states(status.read_planned_runs(plan, folder))
    assert counts == {"pending": 2, "running": 0, "done": 2, "failed": 1, "skipped": 1}
    assert sum(counts.values()) == len(plan.runs)


def test_a_changed_matrix_keeps_what_is_still_planned(folder):
    assert status.store_plan(plan_of(TEXT), folder) == status.PlanChange(0, 6, 0)
    assert status.store_plan(plan_of(TEXT), folder) == status.PlanChange(6, 0, 0)
    changed = plan_of(TEXT.replace("[5, 6, 7]", "[6, 7, 8, 9]"))
    assert status.store_plan(changed, folder) == status.PlanChange(4, 4, 2)
    assert status.read_stored_plan(folder).run_ids == changed.run_ids


def test_another_matrix_of_the_same_name_is_refused_and_changes_nothing(folder):
    status.store_plan(plan_of(TEXT), folder)
    before = folder.matrix_file.read_text()
    with pytest.raises(ResultsError, match=r"6 runs of another matrix named 'm'.*a name of its own"):
        status.store_plan(plan_of(TEXT.replace("[5, 6, 7]", "[50]")), folder)
    assert folder.matrix_file.read_text() == before


def test_a_stored_plan_that_is_damaged_is_an_error(folder):
    folder.write_matrix("name: m\naxes: {k: [")
    with pytest.raises(ResultsError, match="put the matrix file back"):
        status.read_stored_plan(folder)


def test_matrix_folders(tmp_path, folder):
    with pytest.raises(ResultsError, match="no such results folder"):
        status.find_matrix_dirs(tmp_path / "none")
    with pytest.raises(ResultsError, match="holds no results"):
        status.find_matrix_dirs(tmp_path)
    folder.write_matrix("name: m\n")
    assert [matrix.path for matrix in status.find_matrix_dirs(tmp_path)] == [folder.path]
    assert [matrix.path for matrix in status.find_matrix_dirs(folder.path)] == [folder.path]
    with pytest.raises(ResultsError, match=r"holds no matrix\.yaml"):
        status.read_stored_plan(MatrixDir(tmp_path))


def test_a_plan_in_a_folder_of_another_name_is_refused(tmp_path, folder):
    status.store_plan(plan_of(TEXT), folder)
    folder.path.rename(tmp_path / "other")
    with pytest.raises(ResultsError, match="the plan of 'm', in a folder of another name"):
        status.read_stored_plan(MatrixDir(tmp_path / "other"))


def test_two_matrices_of_one_name_cannot_share_a_report(tmp_path):
    for place in ("x", "y"):
        status.store_plan(plan_of("name: m\nsettings: {epochs: 1}\n"), MatrixDir(tmp_path / place / "m"))
        (tmp_path / "res").mkdir(exist_ok=True)
        (tmp_path / "res" / place).symlink_to(tmp_path / place / "m")
    folders = status.find_matrix_dirs(tmp_path / "res")
    assert len(folders) == 2 and status.check_distinct_names(folders[:1]) == folders[:1]
    with pytest.raises(ResultsError, match="are all called 'm'; report them one by one"):
        status.check_distinct_names(folders)
