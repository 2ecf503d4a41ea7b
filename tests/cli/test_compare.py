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


def copy_with_lower_nmi(folder, target):
    """Copy the results, with an NMI that is lower by about 0.1 in every trained row of the runs with Adam."""
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
    """Copy a third of the committed results, so that reading takes a third of the time."""
    folder = tmp_path_factory.mktemp("old") / "small_cpu"
    shutil.copytree(REAL, folder, ignore=shutil.ignore_patterns("cifar10-*", "*-pixels-*", "*-supervised-*"))
    matrix = (folder / "matrix.yaml").read_text()
    (folder / "matrix.yaml").write_text(matrix.replace("[mnist, cifar10]", "[mnist]").replace("baselines:", "# "))
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory, old):
    return copy_with_lower_nmi(old, tmp_path_factory.mktemp("new") / "small_cpu")


def verdicts_by_part(result):
    """Return the verdict of each metric and part from the JSON."""
    return {
        metric["name"]: {f"{change['axis']} {change['value']}".strip(): change["verdict"] for change in metric["lines"]}
        for metric in json.loads(result.stdout)["metrics"]
    }


def test_a_planted_regression_is_found_overall_and_for_its_optimizer_only(call, tmp_path):
    result = call(
        "compare", str(REAL), str(copy_with_lower_nmi(REAL, tmp_path / "small_cpu")), "--json", "--fail-on", "worse"
    )
    verdicts = verdicts_by_part(result)
    assert result.exit_code == 1
    assert verdicts["nmi_true"][""] == verdicts["nmi_true"]["optimizer adam"] == "worse"
    assert verdicts["nmi_true"]["optimizer sgd"] == verdicts["nmi_true"]["baseline pixels"] == "identical"
    assert verdicts["gain_nmi_true"]["optimizer adam"] == "worse"
    assert set(verdicts["cluster_accuracy"].values()) == {"identical"}, "this metric was not changed"
    (nmi,) = [metric for metric in json.loads(result.stdout)["metrics"] if metric["name"] == "nmi_true"]
    adam = next(change for change in nmi["lines"] if (change["axis"], change["value"]) == ("optimizer", "adam"))
    assert adam["mean"] == pytest.approx(-0.1, abs=0.005) and (adam["pairs"], adam["seeds"]) == (24, 3)
    assert len(json.loads(result.stdout)["failures"]) == 2, "the gain over the untrained network fell with it"


def test_the_terminal_shows_the_reasons_of_a_failure_first(call, old, new):
    first, second, third, *_ = call("compare", str(old), str(new), "--fail-on", "worse", *NMI).stdout.splitlines()
    assert first == "failed --fail-on worse" and second.startswith("  NMI with the truth: worse: overall -0.0")
    assert "optimizer adam -0.1" in second and "optimizer sgd" not in second
    assert third.startswith("NMI with the truth: worse, overall -0.0") and "identical: optimizer sgd" in third


def test_better_results_pass_the_gate_worse_and_fail_different(call, old, new):
    swapped = ("compare", str(new), str(old), *NMI)
    assert call(*swapped, "--fail-on", "worse").exit_code == 0
    result = call(*swapped, "--fail-on", "different")
    assert result.exit_code == 1 and "NMI with the truth: better: overall +0.0" in result.stdout
    assert call(*swapped, "--fail-on", "different:cluster_accuracy").exit_code == 0
    assert call(*swapped).exit_code == 0, "there is no gate"


def test_metric_margin_and_rule_options_change_the_gate(call, old, new):
    sets = ("compare", str(old), str(new), "--fail-on", "worse")
    assert call(*sets, *NMI, "--margin", "nmi_true=0.3").exit_code == 0
    assert call(*sets, "--metric", "cluster_accuracy").exit_code == 0
    verdicts = verdicts_by_part(call(*sets, "--metric", "ami_true", "--fail-on", "worse:seconds", "--json"))
    assert list(verdicts) == ["ami_true", "seconds"], "the metric that a gate names is compared too"
    result = call(*sets, *NMI, "--rule", "mean:2")
    assert result.exit_code == 1 and "mean of the last 2 rows" in result.stdout


def test_a_slower_machine_fails_only_gates_that_name_a_time(call, tmp_path, old):
    slower = tmp_path / "small_cpu"
    shutil.copytree(old, slower)
    for file in slower.glob("*/state.json"):
        state = json.loads(file.read_text())
        file.write_text(json.dumps(state | {"seconds": 2 * state["seconds"]}))
    result = call("compare", str(old), str(slower), "--fail-on", "worse", "--fail-on", "different")
    assert result.exit_code == 0 and "time of the run: worse, overall \u00d72.000" in result.stdout
    result = call("compare", str(old), str(slower), "--fail-on", "worse:seconds", "--metric", "seconds")
    assert result.exit_code == 1 and "time of the run: worse: overall \u00d72.000" in result.stdout.splitlines()[1]


def test_the_same_matrix_run_twice_is_identical_and_passes_every_gate(call, tmp_path):
    for name in ("old", "new"):
        assert call(*RUN, "--results", name).exit_code == 0
    result = call("compare", "old/m", "new/m", "--fail-on", "worse", "--fail-on", "different")
    assert result.exit_code == 0 and result.stdout.startswith("passed --fail-on worse --fail-on different\n")
    assert "4 runs in both: 4 done in both and compared, 4 identical in every value" in result.stdout
    assert "random numbers: every pair shares its images, weights, first centroids" in result.stdout
    assert "environment: the same, dcbench" in result.stdout and "No number can fail" not in result.stdout
    assert call("compare", "old", "new", "--fail-on", "different").exit_code == 0, "the folder holds one matrix"
    verdicts = verdicts_by_part(call("compare", "old/m", "new/m", "--json"))
    assert {verdict for name in verdicts if "seconds" not in name for verdict in verdicts[name].values()} == {
        "identical"
    }
    assert "are one folder" in str(call("compare", "old", "old/m").exception)
    torn = next(tmp_path.glob("new/m/*-adam-*-s1-*"))
    (torn / "metrics.csv").write_text("torn")
    result = call("compare", "old/m", "new/m", "--fail-on", "worse")
    assert result.exit_code == 1 and torn.name in result.stdout
    assert result.stdout.splitlines()[1] == "  runs done in OLD and not in NEW: 1 (1 failed (lost))"


def test_the_shared_runs_of_two_committed_matrices_are_identical(call):
    result = call("compare", str(REAL), str(REAL.parent / "backends"), *NMI, "--fail-on", "different")
    assert result.exit_code == 0 and "NMI with the truth: identical in every pair (2 overall)" in result.stdout
    assert "2 runs in both: 2 done in both and compared, 2 identical in every value\n" in result.stdout
    assert "left out: 64 runs that only OLD plans, 25 that only NEW plans" in result.stdout


def test_with_one_seed_a_change_gets_no_verdict_and_a_warning(call, tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("seeds: [0, 1]", "seeds: [0]"))
    call(*RUN)
    shutil.copytree("results/m", "new/m")
    run = next(tmp_path.glob("new/m/*-adam-*/metrics.csv"))
    rows = pd.read_csv(run)
    rows.assign(nmi_true=0.0).to_csv(run, index=False)
    result = call("compare", "results/m", "new/m", "--fail-on", "worse", "--metric", "nmi_true")
    assert result.exit_code == 0 and "No number can fail these gates" in result.stdout.splitlines()[1]
    assert "optimizer adam" in result.stdout and "too few seeds" in result.stdout
    result = call("compare", "results/m", "new/m", "--fail-on", "worse", "--metric", "nmi_true", "--markdown", "-")
    assert "No number can fail these gates" in result.stderr, "the log of a CI job shows it"
    assert call("compare", "results/m", "new/m", "--fail-on", "different").exit_code == 1


def test_markdown_is_written_to_a_file_or_to_the_standard_output(call, tmp_path, old, new):
    command = ("compare", str(old), str(new), *NMI, "--fail-on", "worse", "--markdown")
    result = call(*command, "out.md")
    text = (tmp_path / "out.md").read_text()
    assert result.exit_code == 1 and result.stdout.startswith("failed")
    assert text.startswith("### dcbench compare: failed --fail-on worse") and "| optimizer adam |" in text
    result = call(*command, "-")
    assert result.exit_code == 1 and result.stdout == text
    assert result.stderr.startswith("failed --fail-on worse\nNMI with the truth: worse")
    assert call("compare", str(old), str(new), *NMI, "--markdown", "-").stderr == "", "there is no gate"
    (tmp_path / "link.md").symlink_to("target.md")
    call(*command, "link.md")
    assert (tmp_path / "link.md").is_symlink() and (tmp_path / "target.md").read_text() == text
    result = call(*command, "nowhere/out.md")
    assert "--markdown nowhere/out.md: No such file" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((str(REAL), "nowhere"), "nowhere: no such results folder"),
        ((str(REAL), str(REAL)), "are one folder"),
        ((str(REAL), f"{REAL}/../small_cpu"), "are one folder"),
        ((str(REAL), str(REAL.parent)), " matrices, but only one can be compared; name one of"),
        (
            (str(REAL), str(REAL.parent / "pixels_cpu")),
            "no run in common, so nothing can be compared: limit is 2000 in",
        ),
        ((str(REAL), str(REAL.parent / "parity")), "holds no results of a matrix"),
    ],
)
def test_folders_that_cannot_be_compared_are_errors(call, arguments, expected):
    result = call("compare", *arguments)
    assert isinstance(result.exception, ResultsError) and expected in str(result.exception)


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
        (("--json", "--markdown", "-"), "both write to the standard output"),
    ],
)
def test_invalid_options_are_refused(call, arguments, expected):
    result = call("compare", str(REAL), str(REAL.parent / "backends"), *arguments)
    printed = result.stderr.replace("\u2502", " ").split()
    assert result.exit_code == 2 and " ".join(expected.split()) in " ".join(printed)


def test_a_named_metric_without_values_is_an_error(call, tmp_path, old):
    for name in ("old", "new"):
        shutil.copytree(old, tmp_path / name / "small_cpu")
        for file in (tmp_path / name).glob("*/*/metrics.csv"):
            pd.read_csv(file).assign(ami_true=None).to_csv(file, index=False)
    sets = ("compare", "old/small_cpu", "new/small_cpu", "--metric", "ami_true")
    assert "ami_true: no run that is done in OLD and NEW has this metric" in str(call(*sets).exception)


def test_exit_codes_and_streams_of_the_real_command(tmp_path, old, new):
    result = shell("compare", str(old), str(new), *NMI, "--fail-on", "worse", cwd=tmp_path)
    assert result.returncode == 1 and result.stderr == "" and result.stdout.startswith("failed --fail-on worse\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "matrix.yaml").write_text("name: [")
    result = shell("compare", str(old), "broken", cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == "" and "Traceback" not in result.stderr


def test_compare_imports_no_heavy_library(tmp_path, old, new):
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
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.endswith("heavy: []\n")
