import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import power as simulated_power
from benchmarks.error_estimates import summarise
from benchmarks.simulated_matrices import Case, correct_holm, plant, simulate
from dcbench.analysis.results import read_results
from dcbench.analysis.statistics.components import estimate_components
from dcbench.analysis.statistics.finals import reduce_curves
from dcbench.analysis.statistics.moderation import estimate_seed_errors
from dcbench.core.columns import DEFAULT_RULER, RULERS
from dcbench.core.matrix.expand import parse_matrix, read_matrix
from dcbench.core.power import estimate_power, look_up_factor
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.store.status import read_planned_runs
from tests.helpers.result_folders import fill

TOP = Path(__file__).parent.parent.parent
RULER = RULERS[DEFAULT_RULER].column
FACTORS = pd.read_csv(simulated_power.POWER_TABLE).set_index(["seeds", "swaps"])["effect"]


def plan_of(axes, seeds=(0, 1, 2)):
    return parse_matrix(f"name: m\naxes: {{{axes}}}\nseeds: {list(seeds)}\n", "m.yaml", "float32")


def test_a_simulated_design_is_looked_up_and_others_lie_between_and_beyond():
    assert look_up_factor(3, 6) == FACTORS[3, 6]
    assert FACTORS[10, 4] < look_up_factor(9, 4) < FACTORS[8, 4]
    assert min(FACTORS[5, 4], FACTORS[5, 6]) < look_up_factor(5, 5) < max(FACTORS[5, 4], FACTORS[5, 6])
    assert look_up_factor(80, 6) == pytest.approx(FACTORS[20, 6] / 2)
    assert look_up_factor(3, 500) == FACTORS[3, 20]
    assert all(FACTORS[more, swaps] < FACTORS[3, swaps] / 1.2 for more, swaps in FACTORS.index if more > 3)


@pytest.mark.parametrize(("seeds", "swaps"), [(3, 1), (3, 4), (10, 3)])
def test_the_committed_factors_are_what_the_simulation_gives(seeds, swaps):
    assert simulated_power.find_detectable(seeds, swaps) == pytest.approx(FACTORS[seeds, swaps], abs=2e-3)


def test_the_packaged_variances_are_those_of_the_committed_table():
    packaged = pd.read_csv(simulated_power.VARIANCE_TABLE)
    pd.testing.assert_frame_equal(packaged, simulated_power.summarise_variances(), rtol=5e-3)


def test_one_swap_with_known_variances_by_hand():
    (power,) = estimate_power(plan_of("dataset: [mnist], optimizer: [sgd, adam], arch: [alexnet]"), [])
    variances = pd.read_csv(simulated_power.VARIANCE_TABLE).set_index("dataset").loc["mnist"]
    sigma = math.sqrt(variances["seed_by_effect"] + variances["residual"])
    assert (power.dataset, power.cells, power.swaps, power.source) == ("mnist", 2, 1, "mnist in small_cpu")
    assert power.detectable == pytest.approx({3: sigma * FACTORS[3, 1], 10: sigma * FACTORS[10, 1]})


def test_datasets_stand_by_themselves_and_together_and_the_dataset_is_no_swap():
    mnist, cifar, both = estimate_power(plan_of("dataset: [mnist, cifar10], optimizer: [sgd, adam], k: [5, 10]"), [])
    assert (mnist.swaps, cifar.swaps, both.swaps) == (2, 2, 2)
    assert (mnist.cells, cifar.cells, both.cells) == (4, 4, 8)
    assert both.detectable[3] == pytest.approx(math.hypot(mnist.detectable[3], cifar.detectable[3]) / 2)
    assert estimate_power(plan_of("dataset: [mnist, cifar10]"), []) == []


def test_fewer_than_three_seeds_are_told_what_three_would_find_and_a_new_dataset_borrows_one_with_its_channels():
    grey, colour, _ = estimate_power(plan_of("dataset: [kmnist, svhn], optimizer: [sgd, adam]", seeds=[0]), [])
    assert list(grey.detectable) == [3, 10]
    assert (grey.source, colour.source) == ("mnist in small_cpu", "cifar10 in small_cpu")
    assert list(estimate_power(plan_of("optimizer: [sgd, adam]", seeds=range(10)), [])[0].detectable) == [10]


def test_the_variances_of_a_matrix_with_finished_runs_are_its_own():
    plan = read_matrix(TOP / "matrices" / "small_cpu.yaml", "float32")
    folder = MatrixDir(TOP / "results" / "small_cpu")
    mnist, cifar, both = estimate_power(plan, read_planned_runs(plan, folder))
    assert {mnist.source, cifar.source, both.source} == {"its own runs"}
    finals = reduce_curves(read_results(folder).rows)
    axes = ["optimizer", "top_optimizer", "backend"]
    for power in (mnist, cifar):
        of_dataset = finals[finals["dataset"] == power.dataset]
        components = []
        for axis in axes:
            others = [name for name in axes if name != axis]
            scores = of_dataset.pivot_table(index="seed", columns=[axis, *others], values=power.metric, observed=True)
            differences = (
                scores["adam" if axis != "backend" else "sklearn"] - scores["sgd" if axis != "backend" else "faiss"]
            )
            components.append(estimate_components(differences.to_numpy()))
        seed = np.mean([max(0.0, each.seed_by_effect) for each in components])
        sigma = math.sqrt(seed + np.mean([each.residual for each in components]) / 4)
        assert power.detectable[3] == pytest.approx(sigma * FACTORS[3, 3])


def test_repeats_are_neither_seeds_nor_cells_and_their_scores_are_not_mixed_in(tmp_path):
    text = (TOP / "matrices" / "small_cpu.yaml").read_text()
    once, repeated = (parse_matrix(each, "m.yaml", "float32") for each in (text, f"{text}\nrepeats: 2\n"))
    shutil.copytree(TOP / "results" / "small_cpu", tmp_path / "small_cpu")
    folder = MatrixDir(tmp_path / "small_cpu")
    expected = estimate_power(once, read_planned_runs(once, folder))
    for number, spec in enumerate(spec for spec in repeated.runs if spec.repeat):
        fill(folder, spec.run_id, spec, epochs=spec.epochs, **{RULER: 0.01 * (number % 7)})
    runs = read_planned_runs(repeated, folder)
    assert sum(run.state.name == "done" for run in runs if run.spec.repeat) == 48
    assert estimate_power(repeated, runs) == expected


def test_only_runs_with_the_default_ruler_tell_how_far_effects_vary(tmp_path):
    plan = read_matrix(TOP / "matrices" / "small_cpu.yaml", "float32")
    shutil.copytree(TOP / "results" / "small_cpu", tmp_path / "old")
    for file in tmp_path.glob("old/mnist-*/metrics.csv"):
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
        rows.drop(columns=RULER).to_csv(file, index=False)
    mnist, cifar, _ = estimate_power(plan, read_planned_runs(plan, MatrixDir(tmp_path / "old")))
    assert (mnist.source, cifar.source) == ("mnist in small_cpu", "its own runs")
    assert mnist.metric == cifar.metric == RULER


@pytest.mark.parametrize(("cells", "seeds"), list(itertools.product((24, 48), (3, 10))))
def test_what_is_promised_is_found_in_80_percent_of_simulated_matrices(cells, seeds):
    axes = "dataset: [mnist, cifar10], input_channels: [3, 2, 1], optimizer: [sgd, adam], top_optimizer: [sgd, adam]"
    plan = plan_of(axes + (", backend: [faiss, sklearn]" if cells == 48 else ""), range(seeds))
    assert plan.cells == cells
    promised = estimate_power(plan, [])[-1].detectable[seeds]
    rng = np.random.default_rng([cells, seeds])
    simulated = simulate(Case(cells=cells, seeds=seeds, situation="measured"), 1000, rng)
    moments = summarise(simulated)
    added, asked = plant(simulated, promised, rng)
    errors = estimate_seed_errors(moments.variances, np.full(moments.variances.shape, seeds))
    means = moments.means + added
    p_holm = correct_holm(2 * errors.tail(np.abs(means)))
    found = ((p_holm < 0.05) & (means > 0))[np.arange(1000), asked].mean()
    assert 0.75 <= found <= 0.9
