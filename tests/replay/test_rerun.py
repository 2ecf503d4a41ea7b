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

pytestmark = pytest.mark.xdist_group("replay")  # what its fixture measures is dear: one worker for all of them

ROWS = [{"epoch": "0", "nmi_true": "0.5"}, {"epoch": "1", "nmi_true": "0.6"}]
BACKENDS = ("faiss", "sklearn", "torch")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of each backend, made by worker processes with one thread."""
    place = tmp_path_factory.mktemp("made")
    plan, folder = plan_of(f"name: m\naxes: {{backend: {list(BACKENDS)}}}\nsettings: {TINY}\n"), MatrixDir(place / "m")
    status.store_plan(plan, folder)
    list(
        scheduler.run(
            status.read_planned_runs(plan, folder),
            "local",
            scheduler.make_settings(WorkerConfig(data_dir=place, jobs=2)),
        )
    )
    return {spec.backend: folder.run_dir(spec.run_id) for spec in plan.runs}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command line in a folder of its own, without a GPU; returns the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return lambda *arguments: CliRunner().invoke(cli.app, [*arguments])


@pytest.fixture
def copied(made, tmp_path):
    """A copy of the faiss run, to be damaged."""
    folder = RunDir(tmp_path / made["faiss"].path.name)
    folder.path.mkdir()
    for file in made["faiss"].path.iterdir():
        (folder.path / file.name).write_bytes(file.read_bytes())
    return folder


def snapshot(folder):
    times = {path: path.stat().st_mtime_ns for path in (folder.path, *folder.path.iterdir())}
    return times, [path.read_bytes() for path in sorted(folder.path.iterdir())]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_replay_is_identical_and_leaves_the_original_alone(made, call, backend):
    before = snapshot(made[backend])
    printed = call("replay", str(made[backend].path))
    assert printed.exit_code == 0, printed.output
    assert "2 runs to do on the CPU" in printed.stdout and "1 thread each" in printed.stdout
    for number in (1, 2):
        assert f"replay {number}: identical (" in printed.stdout
    assert "figures in 2 rows and the clusters of 60 images" in printed.stdout
    assert snapshot(made[backend]) == before


def test_a_planted_difference_is_found_and_json_alone_is_printed(copied, call, tmp_path):
    figure = rerun.read_original(copied.path).record.rows[1]["nmi_true"]
    copied.metrics_file.write_text(copied.metrics_file.read_text().replace(figure, "0.123"))
    copied.write_provenance(copied.read_provenance() | {"commit": "elsewhere"})
    printed = call("replay", str(copied.path), "--json", "--keep", "kept")
    assert printed.exit_code == 1
    report = json.loads(printed.stdout)
    assert [replay["told"] for replay in report["replays"]] == ["different from row 1 on"] * 2
    assert report["replays"][0]["first_differences"][0]["column"] == "nmi_true"
    assert report["replays_agree"] and report["changed"]["commit"][0] == "elsewhere"
    assert "the changed environment" in report["conclusion"]
    kept = [RunDir(path) for path in sorted((tmp_path / "kept").glob("*/*"))]
    assert [folder.read_state().name for folder in kept] == ["done"] * 2
    assert kept[0].read_provenance()["command"].startswith("dcbench")


def test_a_replay_that_fails_is_shown_with_its_reason(copied, call, monkeypatch):
    monkeypatch.setattr(downloads, "fetch", lambda dataset, data_dir: "digits could not be downloaded")
    printed = call("replay", str(copied.path), "--times", "1")
    assert printed.exit_code == 1 and "replay 1: failed (error) digits could not be downloaded" in printed.stdout


def test_the_original_has_its_device_and_threads(copied):
    run = rerun.read_original(copied.path)
    assert (run.device, run.threads, len(run.record.rows), len(run.record.clusters)) == ("cpu", 1, 2, 60)
    copied.write_provenance(run.provenance | {"device": "NVIDIA H100", "threads": 4})
    run = rerun.read_original(copied.path)
    assert (run.device, run.threads) == ("cuda", 4)
    copied.provenance_file.unlink()
    for name in ("device", "threads"):
        with pytest.raises(ResultsError, match=f"does not say the run's {name}; give --device and --threads"):
            getattr(rerun.read_original(copied.path), name)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: run.state_file.unlink(), "this one is pending"),
        (
            lambda run: run.write_state(RunState(name="failed", kind="nan", reason="the loss")),
            "this one is failed. the loss",
        ),
        (lambda run: half(run.metrics_file), "holds 0 of 2 rows"),
        (
            lambda run: run.metrics_file.write_text(run.metrics_file.read_text() + "2\n"),
            "not the complete row of epoch 2",
        ),
        (lambda run: run.append_metrics({"epoch": 2}), "has 3 rows instead of 2"),
        (lambda run: half(run.assignments_file), r"assignments\.npz: is damaged"),
        (lambda run: half(run.provenance_file), r"provenance\.json: is damaged"),
        (lambda run: run.spec_file.unlink(), "is not the folder of a run"),
        (lambda run: run.spec_file.write_text("k: 3"), "describes run"),
    ],
)
def test_what_cannot_be_replayed_is_explained(copied, damage, expected):
    damage(copied)
    with pytest.raises(ResultsError, match=expected):
        rerun.read_original(copied.path)


def test_a_published_run_without_assignment_can_be_replayed(copied):
    copied.assignments_file.unlink()
    assert rerun.read_original(copied.path).record.clusters is None


def test_the_copies_are_kept_in_a_new_folder_that_is_not_the_originals(copied, tmp_path):
    run = rerun.read_original(copied.path)
    for keep, expected in ((tmp_path, "not an empty folder"), (copied.spec_file, "not an empty folder")):
        with pytest.raises(ResultsError, match=expected), rerun.open_replay_folder(keep, run):
            pass
    with pytest.raises(ResultsError, match="never written to"), rerun.open_replay_folder(copied.path / "new", run):
        pass
    with rerun.open_replay_folder(tmp_path / "new", run) as place:
        folders = [entry.folder.path for entry in rerun.plan_replays(run, place, 2)]
    assert folders == [tmp_path / "new" / number / copied.path.name for number in ("1", "2")]


def test_a_temporary_folder_is_removed(copied):
    with rerun.open_replay_folder(None, rerun.read_original(copied.path)) as place:
        assert place.is_dir()
    assert not place.exists()


def make_result(*scores, changed=()):
    """Replays of ROWS whose last NMI came out as each of `scores`; None is one that failed."""
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
def test_what_a_difference_points_to(result, reproduced, agree, conclusion):
    assert (result.reproduced, result.replays_agree) == (reproduced, agree)
    assert conclusion in result.conclusion and bool(conclusion) == bool(result.conclusion)
    assert result.as_json()["reproduced"] is reproduced
