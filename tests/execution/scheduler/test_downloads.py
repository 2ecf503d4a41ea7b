from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.store.status import PlannedRun
from dcbench.execution.scheduler import downloads
from dcbench.execution.scheduler.stop import StopFlag


def test_fetch_says_why_a_download_failed(tmp_path):
    (tmp_path / "file").write_text("")
    problem = downloads.fetch("mnist", tmp_path / "file")
    assert "mnist is not in" in problem and "--data-dir" in problem
    assert downloads.fetch("digits", tmp_path) is None


def test_each_dataset_is_fetched_once_and_what_is_stopped_is_no_failure(tmp_path, monkeypatch):
    asked = []

    def fetch(name, where):
        asked.append(name)
        return f"no {name}"

    monkeypatch.setattr(downloads, "fetch", fetch)
    specs = [make_spec({"dataset": name}) for name in ("mnist", "kmnist", "mnist")]
    assert downloads.fetch_all(specs, tmp_path, StopFlag()) == {"mnist": "no mnist", "kmnist": "no kmnist"}
    assert asked == ["mnist", "kmnist"]
    assert downloads.fetch_all(specs, tmp_path, StopFlag(presses=1)) == {} and len(asked) == 2


def test_a_folder_that_is_another_runs_is_refused_and_left_as_it_is(tmp_path):
    """The state of a dataset that cannot be had is the reason where it can be recorded."""
    spec, other = make_spec({"k": 5}), make_spec({"k": 6})
    folder = RunDir(tmp_path / spec.run_id)
    entry = PlannedRun(spec, folder, RunState())
    assert (
        downloads.failed(entry, "no network")
        == RunState(name="failed", kind="error", reason="no network")
        == folder.read_state()
    )
    folder.spec_file.write_text(other.to_text())
    folder.state_file.unlink()
    state = downloads.failed(entry, "no network")
    assert state.name == "failed" and "not the run its folder is named after" in state.reason
    assert not folder.state_file.exists() and folder.spec_file.read_text() == other.to_text()
