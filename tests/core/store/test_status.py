import hashlib
import json

import pytest

from dcbench import registry
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import DcbenchError, ResultsError
from tests.helpers.matrices import plan_of
from tests.helpers.own_plugins import ARCH, MATRIX, write_plugin
from tests.helpers.result_folders import fill

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


def test_storing_a_changed_plan_counts_kept_new_and_dropped_runs(folder):
    assert status.store_plan(plan_of(TEXT), folder) == status.PlanChange(kept=0, added=6, dropped=0)
    assert status.store_plan(plan_of(TEXT), folder) == status.PlanChange(kept=6, added=0, dropped=0)
    changed = plan_of(TEXT.replace("[5, 6, 7]", "[6, 7, 8, 9]"))
    assert status.store_plan(changed, folder) == status.PlanChange(kept=4, added=4, dropped=2)
    assert status.read_stored_plan(folder).run_ids == changed.run_ids


def test_another_matrix_of_the_same_name_is_refused_and_changes_nothing(folder):
    status.store_plan(plan_of(TEXT), folder)
    before = folder.matrix_file.read_text()
    with pytest.raises(ResultsError, match=r"6 runs of another matrix named 'm'.*a name of its own"):
        status.store_plan(plan_of(TEXT.replace("[5, 6, 7]", "[50]")), folder)
    assert folder.matrix_file.read_text() == before


def test_a_damaged_stored_plan_is_an_error(folder):
    folder.write_matrix("name: m\naxes: {k: [")
    with pytest.raises(ResultsError, match="put the matrix file back"):
        status.read_stored_plan(folder)


def test_matrix_folders_are_found_below_a_folder_or_in_it(tmp_path, folder):
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
    for parent in ("x", "y"):
        status.store_plan(plan_of("name: m\nsettings: {epochs: 1}\n"), MatrixDir(tmp_path / parent / "m"))
        (tmp_path / "res").mkdir(exist_ok=True)
        (tmp_path / "res" / parent).symlink_to(tmp_path / parent / "m")
    folders = status.find_matrix_dirs(tmp_path / "res")
    assert len(folders) == 2 and status.check_distinct_names(folders[:1]) == folders[:1]
    with pytest.raises(ResultsError, match="are all called 'm'; report them one by one"):
        status.check_distinct_names(folders)


# --- the user's own plug-ins ------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """The file of an own architecture, which is known."""
    file = write_plugin(tmp_path / "parts")
    registry.use_plugins([tmp_path / "parts"])
    return file


def digest_of(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def finish(folder, plan, plugins):
    """Let all runs of a plan be done, those of the own architecture with these plug-ins in their provenance."""
    for spec in plan.runs:
        run = fill(folder, spec.run_id, spec)
        run.write_provenance({"plugins": plugins} if spec.arch == "own" else {})


def test_a_stored_plan_remembers_the_facts_of_the_own_plugins_that_it_uses(folder, own):
    write_plugin(own.parents[1], name="unused")
    status.store_plan(plan_of(MATRIX), folder)
    remembered = json.loads(folder.plugins_file.read_text())
    facts = {"features_32": 16, "features_224": 16, "smallest_image": 8}
    assert remembered == {"archs/own": {"facts": facts, "sha256": digest_of(own), "path": str(own)}}
    assert status.read_stored_plan(folder).run_ids == plan_of(MATRIX).run_ids


def test_a_stored_plan_is_read_without_the_files_from_any_folder(folder, own, tmp_path, monkeypatch):
    ids = plan_of(MATRIX).run_ids
    status.store_plan(plan_of(MATRIX), folder)
    registry.set_state(((), {}))
    own.unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert status.read_stored_plan(folder).run_ids == ids
    assert registry.search_path() == (), "a results folder names no folders of code"


def test_a_plan_that_no_longer_uses_own_plugins_forgets_them(folder, own):
    status.store_plan(plan_of(MATRIX), folder)
    status.store_plan(plan_of(MATRIX.replace("[own, alexnet]", "[alexnet]")), folder)
    assert not folder.plugins_file.exists()


def test_a_stored_plan_remembers_the_newest_facts(folder, own):
    status.store_plan(plan_of(MATRIX), folder)
    own.write_text(ARCH.replace('"smallest_image": 8', '"smallest_image": 16'))
    status.store_plan(plan_of(MATRIX), folder)
    registry.set_state(((), {}))
    status.read_stored_plan(folder)
    assert registry.facts("archs", "own")["smallest_image"] == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"archs/own": 1}',
        '{"archs/own": {"facts": {"features_32": 16}, "sha256": "", "path": ""}}',
    ],
)
def test_an_error_about_a_damaged_plugins_file_names_it_and_the_remedy(folder, own, text):
    status.store_plan(plan_of(MATRIX), folder)
    folder.plugins_file.write_text(text)
    with pytest.raises(DcbenchError, match=r"plugins.json: is damaged.*run the matrix again to write it again"):
        status.read_stored_plan(folder)


def test_plugins_that_changed_since_finished_runs_used_them_are_counted(folder, own):
    plan = plan_of(MATRIX)
    status.store_plan(plan, folder)
    finish(folder, plan, {"archs/own": {"sha256": digest_of(own), "path": str(own)}})
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {}
    own.write_text(ARCH + "# changed\n")
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {"archs/own": 2}
    sgd, adam = (folder.run_dir(spec.run_id) for spec in plan.runs if spec.arch == "own")
    sgd.write_provenance({"plugins": {"archs/own": {"sha256": digest_of(own), "path": str(own)}}})
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {"archs/own": 1}
    adam.write_state(RunState(name="failed", kind="error"))
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {}, "only finished runs count"


def test_a_changed_file_is_detected_without_running_it(folder, own):
    plan = plan_of(MATRIX)
    status.store_plan(plan, folder)
    finish(folder, plan, {"archs/own": {"sha256": digest_of(own), "path": str(own)}})
    registry.set_state(((), {}))
    own.write_text("raise SystemExit('it ran')\n")
    assert status.count_changed_plugins(status.read_status(folder).runs) == {"archs/own": 2}
    own.unlink()
    assert status.count_changed_plugins(status.read_status(folder).runs) == {}, "nothing is known of a missing file"


def test_runs_whose_provenance_is_damaged_or_lacks_the_plugin_are_not_counted(folder, own):
    plan = plan_of(MATRIX)
    status.store_plan(plan, folder)
    finish(folder, plan, {})
    own.write_text(ARCH + "# changed\n")
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {}
    for spec in plan.runs:
        folder.run_dir(spec.run_id).provenance_file.write_text("{")
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {}


def test_no_provenance_is_read_for_built_in_plugins(folder, monkeypatch):
    plan = plan_of("name: m\naxes: {optimizer: [sgd, adam]}\nsettings: {epochs: 2, pca_dim: 8}\n")
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec)
    monkeypatch.setattr(RunDir, "read_provenance", lambda run: pytest.fail("read"))
    assert status.count_changed_plugins(status.read_planned_runs(plan, folder)) == {}
