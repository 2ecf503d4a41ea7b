import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dcbench.errors import ResultsError
from tests.helpers.command_line import MATRICES, MATRIX, RUN, shell

REAL = MATRICES.parent / "results" / "small_cpu"


NMI = ("--metric", "nmi_true")


def worsened(folder, target):
    """A copy with an NMI that is lower by about .1 in every trained row of the runs of one optimizer."""
    shutil.copytree(folder, target)
    rng = np.random.default_rng(0)
    for file in sorted(target.glob("*/metrics.csv")):
        spec = (file.parent / "spec.yaml").read_text()
        if 'method: "deepcluster"' in spec and '\noptimizer: "adam"' in spec:
            rows = pd.read_csv(file, dtype=float)
            rows.loc[rows["epoch"] > 0, "nmi_true"] -= 0.1 + rng.normal(0, 0.005)
            rows.to_csv(file, index=False)
    return target


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A third of the committed results, so that reading takes a third of the time."""
    folder = tmp_path_factory.mktemp("old") / "small_cpu"
    shutil.copytree(REAL, folder, ignore=shutil.ignore_patterns("cifar10-*", "*-pixels-*", "*-supervised-*"))
    matrix = (folder / "matrix.yaml").read_text()
    (folder / "matrix.yaml").write_text(matrix.replace("[mnist, cifar10]", "[mnist]").replace("baselines:", "# "))
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory, old):
    return worsened(old, tmp_path_factory.mktemp("new") / "small_cpu")


def lines(told):
    """Metric -> part -> verdict, from the JSON."""
    return {
        metric["name"]: {f"{line['axis']} {line['value']}".strip(): line["verdict"] for line in metric["lines"]}
        for metric in json.loads(told.stdout)["metrics"]
    }


def test_a_planted_regression_is_found_overall_and_in_its_optimizer_and_the_other_is_the_same(call, tmp_path):
    told = call("compare", str(REAL), str(worsened(REAL, tmp_path / "small_cpu")), "--json", "--fail-on", "worse")
    found = lines(told)
    assert told.exit_code == 1
    assert found["nmi_true"][""] == found["nmi_true"]["optimizer adam"] == "worse"
    assert found["nmi_true"]["optimizer sgd"] == found["nmi_true"]["baseline pixels"] == "identical"
    assert found["gain_nmi_true"]["optimizer adam"] == "worse"
    assert set(found["cluster_accuracy"].values()) == {"identical"}, "it was left alone"
    (nmi,) = [metric for metric in json.loads(told.stdout)["metrics"] if metric["name"] == "nmi_true"]
    adam = next(line for line in nmi["lines"] if (line["axis"], line["value"]) == ("optimizer", "adam"))
    assert adam["mean"] == pytest.approx(-0.1, abs=0.005) and (adam["pairs"], adam["seeds"]) == (24, 3)
    assert len(json.loads(told.stdout)["failures"]) == 2, "the gain over the untrained network fell with it"


def test_the_terminal_says_first_why_it_failed(call, old, new):
    first, second, third, *_ = call("compare", str(old), str(new), "--fail-on", "worse", *NMI).stdout.splitlines()
    assert first == "failed --fail-on worse" and second.startswith("  NMI with the truth: worse: overall -0.0")
    assert "optimizer adam -0.1" in second and "optimizer sgd" not in second
    assert third.startswith("NMI with the truth: worse, overall -0.0") and "identical: optimizer sgd" in third


def test_a_better_set_passes_worse_and_fails_different(call, old, new):
    swapped = ("compare", str(new), str(old), *NMI)
    assert call(*swapped, "--fail-on", "worse").exit_code == 0
    told = call(*swapped, "--fail-on", "different")
    assert told.exit_code == 1 and "NMI with the truth: better: overall +0.0" in told.stdout
    assert call(*swapped, "--fail-on", "different:cluster_accuracy").exit_code == 0
    assert call(*swapped).exit_code == 0, "there is no gate"


def test_what_is_asked_changes_what_counts(call, old, new):
    sets = ("compare", str(old), str(new), "--fail-on", "worse")
    assert call(*sets, *NMI, "--margin", "nmi_true=0.3").exit_code == 0
    assert call(*sets, "--metric", "cluster_accuracy").exit_code == 0
    found = lines(call(*sets, "--metric", "ami_true", "--fail-on", "worse:seconds", "--json"))
    assert list(found) == ["ami_true", "seconds"], "what a gate names is told as well"
    told = call(*sets, *NMI, "--rule", "mean:2")
    assert told.exit_code == 1 and "mean of the last 2 rows" in told.stdout


def test_a_slower_machine_fails_nobody_who_did_not_ask(call, tmp_path, old):
    slower = tmp_path / "small_cpu"
    shutil.copytree(old, slower)
    for file in slower.glob("*/state.json"):
        state = json.loads(file.read_text())
        file.write_text(json.dumps(state | {"seconds": 2 * state["seconds"]}))
    told = call("compare", str(old), str(slower), "--fail-on", "worse", "--fail-on", "different")
    assert told.exit_code == 0 and "time of the run: worse, overall \u00d72.000" in told.stdout
    told = call("compare", str(old), str(slower), "--fail-on", "worse:seconds", "--metric", "seconds")
    assert told.exit_code == 1 and "time of the run: worse: overall \u00d72.000" in told.stdout.splitlines()[1]


def test_two_runs_of_one_matrix_are_identical_and_pass_every_gate(call, tmp_path):
    for place in ("old", "new"):
        assert call(*RUN, "--results", place).exit_code == 0
    told = call("compare", "old/m", "new/m", "--fail-on", "worse", "--fail-on", "different")
    assert told.exit_code == 0 and told.stdout.startswith("passed --fail-on worse --fail-on different\n")
    assert "4 runs in both: 4 done in both and compared, 4 identical in every value" in told.stdout
    assert "random numbers: every pair shares its images, weights, first centroids" in told.stdout
    assert "environment: the same, dcbench" in told.stdout and "No number can fail" not in told.stdout
    assert call("compare", "old", "new", "--fail-on", "different").exit_code == 0, "the only matrix in it"
    found = lines(call("compare", "old/m", "new/m", "--json"))
    assert {word for name in found if "seconds" not in name for word in found[name].values()} == {"identical"}
    assert "are one folder" in str(call("compare", "old", "old/m").exception)
    gone = next(tmp_path.glob("new/m/*-adam-*-s1-*"))
    (gone / "metrics.csv").write_text("torn")
    told = call("compare", "old/m", "new/m", "--fail-on", "worse")
    assert told.exit_code == 1 and gone.name in told.stdout
    assert told.stdout.splitlines()[1] == "  runs done in OLD and not in NEW: 1 (1 failed (lost))"


def test_two_committed_matrices_share_runs_that_came_out_identical(call):
    told = call("compare", str(REAL), str(REAL.parent / "backends"), *NMI, "--fail-on", "different")
    assert told.exit_code == 0 and "NMI with the truth: identical in every pair (2 overall)" in told.stdout
    assert "2 runs in both: 2 done in both and compared, 2 identical in every value\n" in told.stdout
    assert "left out: 64 runs that only OLD plans, 25 that only NEW plans" in told.stdout


def test_with_one_seed_a_change_is_no_verdict_and_that_is_said(call, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [0]"))
    call(*RUN)
    shutil.copytree("results/m", "new/m")
    run = next(tmp_path.glob("new/m/*-adam-*/metrics.csv"))
    rows = pd.read_csv(run)
    rows.assign(nmi_true=0.0).to_csv(run, index=False)
    told = call("compare", "results/m", "new/m", "--fail-on", "worse", "--metric", "nmi_true")
    assert told.exit_code == 0 and "No number can fail these gates" in told.stdout.splitlines()[1]
    assert "optimizer adam" in told.stdout and "too few seeds" in told.stdout
    told = call("compare", "results/m", "new/m", "--fail-on", "worse", "--metric", "nmi_true", "--markdown", "-")
    assert "No number can fail these gates" in told.stderr, "where the job's log shows it"
    assert call("compare", "results/m", "new/m", "--fail-on", "different").exit_code == 1


def test_markdown_goes_into_a_file_or_is_all_that_is_printed(call, tmp_path, old, new):
    asked = ("compare", str(old), str(new), *NMI, "--fail-on", "worse", "--markdown")
    told = call(*asked, "out.md")
    text = (tmp_path / "out.md").read_text()
    assert told.exit_code == 1 and told.stdout.startswith("failed")
    assert text.startswith("### dcbench compare: failed --fail-on worse") and "| optimizer adam |" in text
    told = call(*asked, "-")
    assert told.exit_code == 1 and told.stdout == text
    assert told.stderr.startswith("failed --fail-on worse\nNMI with the truth: worse")
    assert call("compare", str(old), str(new), *NMI, "--markdown", "-").stderr == "", "there is no gate"
    (tmp_path / "link.md").symlink_to("target.md")
    call(*asked, "link.md")
    assert (tmp_path / "link.md").is_symlink() and (tmp_path / "target.md").read_text() == text
    told = call(*asked, "nowhere/out.md")
    assert "--markdown nowhere/out.md: No such file" in str(told.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((str(REAL), "nowhere"), "nowhere: no such results folder"),
        ((str(REAL), str(REAL)), "are one folder"),
        ((str(REAL), f"{REAL}/../small_cpu"), "are one folder"),
        ((str(REAL), str(REAL.parent)), " matrices, and two are compared; name one of"),
        (
            (str(REAL), str(REAL.parent / "pixels_cpu")),
            "no run in common, so nothing can be compared: limit is 2000 in",
        ),
        ((str(REAL), str(REAL.parent / "parity")), "holds no results of a matrix"),
    ],
)
def test_folders_that_cannot_be_compared_are_errors(call, arguments, expected):
    told = call("compare", *arguments)
    assert isinstance(told.exception, ResultsError) and expected in str(told.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--metric", "nmi_tru"), "--metric nmi_tru: unknown metric 'nmi_tru'. Did you mean 'nmi_true'?"),
        (("--fail-on", "worst"), "--fail-on worst: expected worse, different, worse:METRIC"),
        (("--fail-on", "worse:second"), "--fail-on worse:second: unknown metric 'second'. Did you mean 'seconds'?"),
        (("--fail-on", "worse", "--metric", "seconds"), "leaves only time and memory; name one, like worse:seconds"),
        (("--fail-on", "worse:feature_rank"), "neither way is better for feature_rank; use different"),
        (("--margin", "nmi_true=no"), "expected a number above 0"),
        (("--rule", "first"), "expected final, mean:N"),
        (("--json", "--markdown", "-"), "both want the standard output"),
    ],
)
def test_questions_that_make_no_sense_are_refused(call, arguments, expected):
    told = call("compare", str(REAL), str(REAL.parent / "backends"), *arguments)
    words = told.stderr.replace("\u2502", " ").split()
    assert told.exit_code == 2 and " ".join(expected.split()) in " ".join(words)


def test_a_metric_that_is_named_and_nowhere_is_an_error(call, tmp_path, old):
    for place in ("old", "new"):
        shutil.copytree(old, tmp_path / place / "small_cpu")
        for file in (tmp_path / place).glob("*/*/metrics.csv"):
            pd.read_csv(file).assign(ami_true=None).to_csv(file, index=False)
    sets = ("compare", "old/small_cpu", "new/small_cpu", "--metric", "ami_true")
    assert "ami_true: no run that is done in OLD and NEW has this metric" in str(call(*sets).exception)


def test_exit_codes_and_streams_of_the_real_command(tmp_path, old, new):
    told = shell("compare", str(old), str(new), *NMI, "--fail-on", "worse", cwd=tmp_path)
    assert told.returncode == 1 and told.stderr == "" and told.stdout.startswith("failed --fail-on worse\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "matrix.yaml").write_text("name: [")
    told = shell("compare", str(old), "broken", cwd=tmp_path)
    assert told.returncode == 2 and told.stdout == "" and "Traceback" not in told.stderr


def test_nothing_of_the_run_half_is_imported(tmp_path, old, new):
    code = f"""
import sys
sys.argv = ["dcbench", "compare", {str(old)!r}, {str(new)!r}, "--metric", "nmi_true"]
from dcbench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("heavy:", [name for name in ("torch", "torchvision", "faiss", "sklearn", "matplotlib") if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.endswith("heavy: []\n")
