import json

import pytest
from typer.testing import CliRunner

from dcbench import cli
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.core.store.run_record import RunRecord
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import ResultsError
from dcbench.execution import downloads, scheduler
from dcbench.replay import rerun
from dcbench.replay.run_diff import diff_records
from tests.helpers.matrices import TINY, plan_of

pytestmark = pytest.mark.xdist_group("replay")  # the fixture is expensive, so one worker runs all of these tests

ROWS = [{"epoch": "0", "nmi_true": "0.5"}, {"epoch": "1", "nmi_true": "0.6"}]
BACKENDS = ("faiss", "sklearn", "torch")


@pytest.fixture(scope="module")
def original_runs(tmp_path_factory):
    """Do a run of each backend in worker processes with one thread."""
    root = tmp_path_factory.mktemp("made")
    plan, folder = plan_of(f"name: m\naxes: {{backend: {list(BACKENDS)}}}\nsettings: {TINY}\n"), MatrixDir(root / "m")
    status.store_plan(plan, folder)
    list(
        scheduler.run(
            status.read_planned_runs(plan, folder),
            "local",
            scheduler.make_settings(WorkerConfig(data_dir=root, jobs=2)),
        )
    )
    return {spec.backend: folder.run_dir(spec.run_id) for spec in plan.runs}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command line in a temporary folder without a GPU; returns the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return lambda *arguments: CliRunner().invoke(cli.app, [*arguments])


@pytest.fixture
def run_copy(original_runs, tmp_path):
    """Copy the faiss run, so that the test may damage it."""
    folder = RunDir(tmp_path / original_runs["faiss"].path.name)
    folder.path.mkdir()
    for file in original_runs["faiss"].path.iterdir():
        (folder.path / file.name).write_bytes(file.read_bytes())
    return folder


def snapshot(folder):
    times = {path: path.stat().st_mtime_ns for path in (folder.path, *folder.path.iterdir())}
    return times, [path.read_bytes() for path in sorted(folder.path.iterdir())]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_replay_is_identical_and_does_not_change_the_original(original_runs, call, backend):
    before = snapshot(original_runs[backend])
    printed = call("replay", str(original_runs[backend].path))
    assert printed.exit_code == 0, printed.output
    assert "2 runs to do on the CPU" in printed.stdout and "1 thread each" in printed.stdout
    for number in (1, 2):
        assert f"replay {number}: identical (" in printed.stdout
    assert "figures in 2 rows and the clusters of 60 images" in printed.stdout
    assert snapshot(original_runs[backend]) == before


def test_a_planted_difference_is_found_and_only_json_is_printed(run_copy, call, tmp_path):
    value = rerun.read_original(run_copy.path).record.rows[1]["nmi_true"]
    run_copy.metrics_file.write_text(run_copy.metrics_file.read_text().replace(value, "0.123"))
    run_copy.write_provenance(run_copy.read_provenance() | {"commit": "elsewhere"})
    printed = call("replay", str(run_copy.path), "--json", "--keep", "kept")
    assert printed.exit_code == 1
    report = json.loads(printed.stdout)
    assert [replay["told"] for replay in report["replays"]] == ["different from row 1 on"] * 2
    assert report["replays"][0]["first_differences"][0]["column"] == "nmi_true"
    assert report["replays_agree"] and report["changed"]["commit"][0] == "elsewhere"
    assert "the changed environment" in report["conclusion"]
    kept_runs = [RunDir(path) for path in sorted((tmp_path / "kept").glob("*/*"))]
    assert [folder.read_state().name for folder in kept_runs] == ["done"] * 2
    assert kept_runs[0].read_provenance()["command"].startswith("dcbench")


def test_a_failed_replay_is_printed_with_its_reason(run_copy, call, monkeypatch):
    monkeypatch.setattr(downloads, "fetch", lambda dataset, data_dir: "digits could not be downloaded")
    printed = call("replay", str(run_copy.path), "--times", "1")
    assert printed.exit_code == 1 and "replay 1: failed (error) digits could not be downloaded" in printed.stdout


def test_device_and_threads_are_read_from_the_provenance(run_copy):
    run = rerun.read_original(run_copy.path)
    assert (run.device, run.threads, len(run.record.rows), len(run.record.clusters)) == ("cpu", 1, 2, 60)
    run_copy.write_provenance(run.provenance | {"device": "NVIDIA H100", "threads": 4})
    run = rerun.read_original(run_copy.path)
    assert (run.device, run.threads) == ("cuda", 4)
    run_copy.provenance_file.unlink()
    for name in ("device", "threads"):
        with pytest.raises(ResultsError, match=f"does not say the run's {name}; give --device and --threads"):
            getattr(rerun.read_original(run_copy.path), name)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: run.state_file.unlink(), "this one is pending"),
        (
            lambda run: run.write_state(RunState(name="failed", kind="nan", reason="the loss")),
            "this one is failed. the loss",
        ),
        (lambda run: truncate(run.metrics_file), "holds 0 of 2 rows"),
        (
            lambda run: run.metrics_file.write_text(run.metrics_file.read_text() + "2\n"),
            "not the complete row of epoch 2",
        ),
        (lambda run: run.append_metrics({"epoch": 2}), "has 3 rows instead of 2"),
        (lambda run: truncate(run.assignments_file), r"assignments\.npz: is damaged"),
        (lambda run: truncate(run.provenance_file), r"provenance\.json: is damaged"),
        (lambda run: run.spec_file.unlink(), "is not the folder of a run"),
        (lambda run: run.spec_file.write_text("k: 3"), "describes run"),
    ],
)
def test_runs_that_cannot_be_replayed_are_refused_with_the_reason(run_copy, damage, expected):
    damage(run_copy)
    with pytest.raises(ResultsError, match=expected):
        rerun.read_original(run_copy.path)


def test_a_run_without_assignments_can_be_replayed(run_copy):
    run_copy.assignments_file.unlink()
    assert rerun.read_original(run_copy.path).record.clusters is None


def test_replays_are_kept_in_a_new_folder_outside_the_original(run_copy, tmp_path):
    run = rerun.read_original(run_copy.path)
    for keep, expected in ((tmp_path, "not an empty folder"), (run_copy.spec_file, "not an empty folder")):
        with pytest.raises(ResultsError, match=expected), rerun.open_replay_folder(keep, run):
            pass
    with pytest.raises(ResultsError, match="never written to"), rerun.open_replay_folder(run_copy.path / "new", run):
        pass
    with rerun.open_replay_folder(tmp_path / "new", run) as root:
        folders = [entry.folder.path for entry in rerun.plan_replays(run, root, 2)]
    assert folders == [tmp_path / "new" / number / run_copy.path.name for number in ("1", "2")]


def test_a_temporary_folder_is_removed(run_copy):
    with rerun.open_replay_folder(None, rerun.read_original(run_copy.path)) as root:
        assert root.is_dir()
    assert not root.exists()


def make_result(*scores, changed=()):
    """Return replays of ROWS with each of `scores` as the last NMI; None is a failed replay."""
    records = [RunRecord(rows=[ROWS[0], ROWS[1] | {"nmi_true": score}]) for score in scores if score]
    replays = [
        rerun.Replay(
            state=RunState(name="done"), record=record, diff=diff_records(RunRecord(rows=ROWS), record), provenance={}
        )
        for record in records
    ]
    replays += [
        rerun.Replay(state=RunState(name="failed"), record=RunRecord(rows=[]), diff=None, provenance={})
        for score in scores
        if not score
    ]
    return rerun.ReplayResult(
        replays=replays,
        diffs_between_replays=[diff_records(records[0], other) for other in records[1:]],
        environment_changes=dict.fromkeys(changed, (1, 2)),
    )


@pytest.mark.parametrize(
    ("result", "reproduced", "agree", "conclusion"),
    [
        (make_result("0.6", "0.6"), True, True, ""),
        (make_result("0.6", "0.6000000001"), True, True, ""),
        (make_result("0.7", "0.7", changed=["torch"]), False, True, "the changed environment"),
        (make_result("0.7", "0.7"), False, True, "nothing that provenance.json records has changed"),
        (make_result("0.6", "0.7"), False, False, "the replays differ from each other"),
        (make_result("0.7"), False, None, "--times 2"),
        (make_result("0.6", None), False, None, ""),
        (make_result(None), False, None, ""),
    ],
)
def test_the_conclusion_depends_on_the_differences_between_replays(result, reproduced, agree, conclusion):
    assert (result.reproduced, result.replays_agree) == (reproduced, agree)
    assert conclusion in result.conclusion and bool(conclusion) == bool(result.conclusion)
    assert result.as_json()["reproduced"] is reproduced
