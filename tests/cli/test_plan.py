import json

from tests.helpers.command_line import MATRICES, RUN


def test_plan_counts_96_cells_and_288_runs(call):
    output = json.loads(call("plan", str(MATRICES / "mnist_cifar.yaml"), "--json").stdout)
    steps = {"product": 96, "exclude": 96, "include": 96, "overrides": 96}
    steps |= {"seeds": 288, "repeats": 288, "duplicates": 288}
    prediction, powers = output.pop("forecast"), output.pop("power")
    assert output == {"cells": 96, "runs": 288, "baselines": 66, "done": 0, "steps": steps}
    assert [(each["dataset"], each["cells"], each["swaps"]) for each in powers] == [
        ("mnist", 48, 7), ("cifar10", 48, 7), ("all", 96, 7),
    ]  # fmt: skip
    assert all(0 < each["detectable"]["10"] < each["detectable"]["3"] / 2 for each in powers)
    assert sum(each["runs"] for each in prediction["classes"]) == prediction["left"] == prediction["unknown"] == 354
    assert prediction["run_seconds"] is prediction["finish_seconds"] is prediction["memory_mb"] is None


def test_plan_names_runs_that_are_the_same_experiment(call):
    twins = "SGD runs with 1 and with 3 input channels are the same experiment"
    text = " ".join(call("plan", str(MATRICES / "mnist_cifar.yaml")).output.split())
    assert f"mnist: {twins}" in text and "cifar10: SGD runs" not in text
    assert twins not in " ".join(call("plan", str(MATRICES / "small_cpu.yaml")).output.split())


def test_plan_counts_repeats_and_says_what_they_are_for(call, tmp_path):
    once = json.loads(call("plan", "m.yaml", "--json").stdout)
    assert "the repeats are the same experiment" not in " ".join(call("plan", "m.yaml").output.split())
    file = tmp_path / "m.yaml"
    file.write_text(f"{file.read_text()}repeats: 5\n")
    text = " ".join(call("plan", "m.yaml").output.split())
    assert (
        "each cell is run 5 times with each seed, on the same images with other random numbers: the repeats are" in text
    )
    assert "the report uses them to measure the noise floor" in text
    assert "times seeds 4 times repeats 20 duplicates dropped 20" in text
    repeated = json.loads(call("plan", "m.yaml", "--json").stdout)
    assert repeated["runs"] == 5 * once["runs"] and repeated["power"] == once["power"], "no further seeds"


def test_plan_says_what_its_seeds_can_find(call):
    out = call("plan", str(MATRICES / "mnist_cifar.yaml")).stdout.replace("\n", " ")
    assert (
        "all datasets together (96 cells, 7 swaps): with 3 seeds, effects on NMI with the truth, low whitened PCA "
        "above 0." in out
    )
    assert "mnist (48 cells" not in out, "the report has no effects of one dataset"
    alone = call("plan", str(MATRICES / "recipe_cpu.yaml"), "--json").stdout
    assert json.loads(alone)["power"] == [], "without a swap there is nothing to find"
    assert "are found in 80 % of matrices like this one; with 10 seeds, above 0.0" in out
    assert "2 seeds: no verdicts; with 3 seeds" in call("plan", "m.yaml").stdout.replace("\n", " ")


def test_plan_prints_steps_axes_and_the_runs_done(call):
    out = call("plan", "m.yaml").stdout
    for expected in ("2 cells, 4 runs", "product and zip", "duplicates dropped", "sgd, adam", "0 of 4 done"):
        assert expected in out
    call(*RUN)
    assert "4 of 4 done" in call("plan", "m.yaml").stdout
    assert json.loads(call("plan", "m.yaml", "--json").stdout)["done"] == 4


def test_plan_predicts_the_remaining_time_from_finished_runs(call, tmp_path):
    assert "4 runs left; the time of 4 of them is unknown: measure it with --probe" in call("plan", "m.yaml").stdout
    call(*RUN)
    for path in tmp_path.glob("results/m/*-s1-*/state.json"):
        path.unlink()
    taken = [json.loads(path.read_text())["seconds"] for path in tmp_path.glob("results/m/*/state.json")]
    prediction = json.loads(call("plan", "m.yaml", "--jobs", "1", "--json").stdout)["forecast"]
    assert prediction["left"] == 2 and len(taken) == 2
    assert 2 * min(taken) * 0.99 <= prediction["run_seconds"] == prediction["finish_seconds"] <= 2 * max(taken) * 1.01
    out = call("plan", "m.yaml", "--jobs", "1").stdout
    assert "2 runs left:" in out and "on the CPU, 1 at once, done in about" in out and "2 runs" in out


def test_plan_probe_measures_unknown_costs(call, tmp_path):
    prediction = json.loads(call("plan", "m.yaml", "--probe", "--json").stdout)["forecast"]
    assert prediction["unknown"] == 0 and prediction["finish_seconds"] > 0
    assert {each["expected"]["source"] for each in prediction["classes"]} == {"probe"}
    assert not (tmp_path / "results").exists(), "a probe leaves nothing behind"
