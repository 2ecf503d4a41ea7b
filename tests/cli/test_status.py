import json

import pytest

from dcbench import registry
from tests.helpers import own_plugins
from tests.helpers.command_line import MATRIX, RUN
from tests.helpers.own_plugins import ARCH, write_plugin


def test_status_of_a_run_shows_its_spec_state_and_environment(call, tmp_path):
    call(*RUN)
    folder = next(path for path in (tmp_path / "results" / "m").iterdir() if "adam" in path.name)
    out = call("status", str(folder)).stdout
    for expected in (folder.name, "done", "optimizer", "adam", "sgd", "pca_dim", "256", "log.txt"):
        assert expected in out
    assert "made on: cpu, " in out and "thread" in out and "torch 2" in out and "scikit-learn" in out
    printed = json.loads(call("status", str(folder), "--json").stdout)
    assert printed["state"] == "done" and printed["provenance"]["device"] == "cpu" and printed["provenance"]["torch"]
    (folder / "metrics.csv").unlink()
    assert json.loads(call("status", str(folder), "--json").stdout)["state"] == "failed", "as status of the matrix says"
    (folder / "provenance.json").write_text("{")
    damaged = call("status", str(folder))
    assert "failed" in damaged.stdout and "is damaged" in str(damaged.exception)
    (folder / "provenance.json").unlink()
    assert "made" not in call("status", str(folder)).stdout


def test_status_of_two_runs_shows_their_differences(call, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [0]"))
    call(*RUN)
    sgd, adam = (str(next(tmp_path.glob(f"results/m/*-{name}-sgd-*"))) for name in ("sgd", "adam"))
    out = call("status", sgd, adam).stdout
    assert "identity: 2 differences" in out and "optimizer" in out and "lr" in out and "batch_size" not in out
    assert "environment: the same" in out
    assert "metrics: different from row 1 on" in out, "the same start: only the training differs"
    printed = json.loads(call("status", sgd, adam, "--json").stdout)
    assert printed["identity"] == {"optimizer": ["sgd", "adam"], "lr": [0.05, 0.001]}
    assert printed["provenance"] == {} and printed["metrics"]["first_row"] == 1
    same = call("status", sgd, sgd).stdout
    assert "identity: the same" in same and "metrics: identical" in same
    assert "is not the folder of a run" in str(call("status", sgd, "results").exception)


def test_status_of_a_matrix_counts_its_runs(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    assert "2 done" in call("status", "results/m").stdout and "2 pending" in call("status").stdout


def test_status_compares_predicted_with_measured_times(call, tmp_path):
    call(*RUN)
    out = call("status", "results").stdout
    assert "of 3 predicted runs: " in out and " predicted, " in out and " taken" in out, "all but the first"
    printed = json.loads(call("status", "results", "--json").stdout)["m"]
    assert printed["predicted_runs"] == 3 and printed["predicted_seconds"] > 0 and printed["taken_seconds"] > 0
    predicted = next(path for path in tmp_path.glob("results/m/*-adam-sgd-*-s1-*"))
    text = call("status", str(predicted)).stdout
    assert "predicted)" in text and ("not shared" in text or "shared with" in text)
    facts = json.loads((predicted / "provenance.json").read_text())
    (predicted / "provenance.json").write_text(json.dumps(facts | {"earlier_attempts": [{}]}))
    assert "of 2 predicted runs: " in call("status", "results").stdout, "a resumed run's last attempt is not the whole"


def test_status_of_a_failed_run_shows_the_last_lines_of_its_log(call, tmp_path):
    call(*RUN)
    folder = next(tmp_path.glob("results/m/*/state.json")).parent
    state = {"name": "failed", "kind": "error", "reason": "why", "last_lines": ["one [b]", "two"]}
    (folder / "state.json").write_text(json.dumps(state))
    assert "    one [b]\n    two\n" in call("status", str(folder)).stdout
    assert json.loads(call("status", str(folder), "--json").stdout)["last_lines"] == ["one [b]", "two"]


# --- plug-ins of the user's own -----------------------------------------------------------------


@pytest.fixture
def own_run(call, tmp_path):
    """A matrix that names its plug-ins, run in the folder of its file."""
    file = write_plugin(tmp_path / "parts")
    (tmp_path / "m.yaml").write_text(own_plugins.MATRIX + "plugins: [parts]\n")
    process = call(*RUN)
    assert process.exit_code == 0, process.output
    registry.set_state(((), {}))
    return file


def test_run_and_status_print_one_line_about_a_changed_plugin(call, own_run):
    note = (
        "note plug-in archs/own has changed since 2 finished runs were made; run the matrix with --redo to repeat all"
    )
    assert "has changed" not in call("status").output and "has changed" not in call(*RUN).output
    own_run.write_text(ARCH + "# changed\n")
    registry.set_state(((), {}))
    printed = call("status")
    assert " ".join(printed.output.split()).count(note) == 1, printed.output
    assert "has changed" not in call("status", "--json").output
    again = call(*RUN)
    assert " ".join(again.output.split()).count(note) == 1 and again.exit_code == 0, again.output
    redone = call(*RUN, "--redo")
    assert "has changed" not in redone.output and "has changed" not in call("status").output


def test_results_of_a_matrix_that_names_its_plugins_are_read_from_any_folder(call, own_run, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = str(tmp_path / "results" / "m")
    assert "4 planned (4 done)" in call("status", folder).output
    audited = call("audit", folder)
    assert audited.exit_code == 0 and "every check of every run passed" in audited.output, audited.output
    reported = call("report", folder, "--format", "csv")
    assert reported.exit_code == 0 and (tmp_path / "elsewhere" / "reports" / "m" / "index.html").exists()
    assert registry.search_path() == (), "none of them took a folder of code from the results"


def test_an_architecture_with_wrong_facts_fails_its_runs_with_the_message_of_check_plugin(call, tmp_path):
    write_plugin(tmp_path / "parts", ARCH.replace('"features_32": 16', '"features_32": 17'))
    (tmp_path / "m.yaml").write_text(own_plugins.MATRIX)
    process = call(*RUN, "--plugins", "parts")
    assert process.exit_code == 1
    reason = "arch 'own': 16 features at image_size 32 and width 0.05, but its FACTS state 17; test the file with"
    assert " ".join(process.output.split()).count(reason) == 2, process.output
