import json

from tests.helpers.command_line import MATRIX, RUN


def test_status_of_one_run_says_what_its_identity_is_made_of(call, tmp_path):
    call(*RUN)
    folder = next(path for path in (tmp_path / "results" / "m").iterdir() if "adam" in path.name)
    out = call("status", str(folder)).stdout
    for expected in (folder.name, "done", "optimizer", "adam", "sgd", "pca_dim", "256", "log.txt"):
        assert expected in out
    assert "made on: cpu, " in out and "thread" in out and "torch 2" in out and "scikit-learn" in out
    shown = json.loads(call("status", str(folder), "--json").stdout)
    assert shown["state"] == "done" and shown["provenance"]["device"] == "cpu" and shown["provenance"]["torch"]
    (folder / "metrics.csv").unlink()
    assert json.loads(call("status", str(folder), "--json").stdout)["state"] == "failed", "as status of the matrix says"
    (folder / "provenance.json").write_text("{")
    damaged = call("status", str(folder))
    assert "failed" in damaged.stdout and "is damaged" in str(damaged.exception)
    (folder / "provenance.json").unlink()
    assert "made" not in call("status", str(folder)).stdout


def test_status_of_two_runs_says_what_they_differ_in(call, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [0]"))
    call(*RUN)
    sgd, adam = (str(next(tmp_path.glob(f"results/m/*-{name}-sgd-*"))) for name in ("sgd", "adam"))
    out = call("status", sgd, adam).stdout
    assert "identity: 2 differences" in out and "optimizer" in out and "lr" in out and "batch_size" not in out
    assert "environment: the same" in out
    assert "metrics: different from row 1 on" in out, "the same start: only the training differs"
    shown = json.loads(call("status", sgd, adam, "--json").stdout)
    assert shown["identity"] == {"optimizer": ["sgd", "adam"], "lr": [0.05, 0.001]}
    assert shown["provenance"] == {} and shown["metrics"]["first_row"] == 1
    same = call("status", sgd, sgd).stdout
    assert "identity: the same" in same and "metrics: identical" in same
    assert "is not the folder of a run" in str(call("status", sgd, "results").exception)


def test_status_of_a_matrix_that_has_not_run(call, tmp_path):
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    assert "2 done" in call("status", "results/m").stdout and "2 pending" in call("status").stdout


def test_status_shows_predicted_beside_taken(call, tmp_path):
    call(*RUN)
    out = call("status", "results").stdout
    assert "of 3 predicted runs: " in out and " predicted, " in out and " taken" in out, "all but the first"
    shown = json.loads(call("status", "results", "--json").stdout)["m"]
    assert shown["predicted_runs"] == 3 and shown["predicted_seconds"] > 0 and shown["taken_seconds"] > 0
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
