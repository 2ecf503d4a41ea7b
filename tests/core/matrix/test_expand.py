from pathlib import Path

import pytest

from dcbench.core.matrix.expand import parse_matrix, read_matrix
from tests.helpers.matrices import plan_of

MATRICES = Path(__file__).parents[3] / "matrices"


def test_mnist_cifar_has_96_cells_and_288_runs():
    plan = read_matrix(MATRICES / "mnist_cifar.yaml", "float32")
    assert (plan.cells, len(plan.runs), len(plan.baselines), len(set(plan.run_ids))) == (96, 288, 66, 354)
    assert {(spec.arch, spec.batch_size) for spec in plan.runs} == {("alexnet", 128), ("vgg16", 32)}
    assert {(spec.optimizer, spec.lr) for spec in plan.runs} == {("sgd", 0.05), ("adam", 0.001)}


def test_the_variants_of_mnist_cifar_differ_in_their_settings_only():
    def specs(name: str) -> list[dict[str, object]]:
        return [spec.model_dump() for spec in read_matrix(MATRICES / f"{name}.yaml", "float32").runs]

    base = specs("mnist_cifar")
    assert specs("mnist_cifar_lr05") == [spec | {"lr": 0.05, "top_lr": 0.05} for spec in base]
    assert specs("mnist_cifar_224") == [spec | {"image_size": 224} for spec in base]
    small = {"limit": 1000, "test_limit": 1000, "width": 0.25, "pca_dim": 32, "epochs": 2}
    assert specs("mnist_cifar_cpu") == [spec | small for spec in base if spec["seed"] == 0]


@pytest.mark.parametrize("path", sorted(MATRICES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_shipped_matrix_states_its_number_of_runs_and_its_cost(path):
    plan = read_matrix(path, "float32")
    assert plan.name == path.stem and plan.runs
    comment = " ".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert f"{len(plan.runs)} runs" in comment
    assert any(word in comment for word in ("minutes", "hour", "GPU", "docs/measurements.md"))


def test_the_steps_count_the_cells_after_each_step():
    plan = plan_of("""
name: steps
axes: {arch: [alexnet, vgg16], input_channels: [3, 1]}
zip: [{k: [10, 20], epochs: [3, 4]}]
seeds: [0, 1]
settings: {lr: 0.1}
exclude: [{arch: vgg16, input_channels: 3}]
include: [{arch: vgg16, backend: torch}, {arch: alexnet, input_channels: 3, k: 10, epochs: 3}]
overrides: [{when: {arch: vgg16}, set: {batch_size: 32}}, {when: {arch: vgg16, k: [10]}, set: {batch_size: 16}}]
""")
    assert plan.steps == {
        "product": 8, "exclude": 6, "include": 8, "overrides": 8, "seeds": 16, "repeats": 16, "duplicates": 14,
    }  # fmt: skip
    assert plan.cells == 7
    assert plan.axes == {"arch": ["alexnet", "vgg16"], "input_channels": [3, 1], "k": [10, 20],
                         "epochs": [3, 4, 100], "backend": ["faiss", "torch"]}  # fmt: skip
    sizes = {(spec.arch, spec.k): spec.batch_size for spec in plan.runs}
    assert sizes == {("alexnet", 10): 128, ("alexnet", 20): 128, ("vgg16", 10): 16, ("vgg16", 20): 32}
    included = [spec for spec in plan.runs if spec.backend == "torch"]
    assert {(spec.lr, spec.k, spec.epochs) for spec in included} == {(0.1, 10, 100)}


def test_zipped_fields_move_together():
    plan = plan_of("name: z\nzip: [{k: [5, 5, 9], lr: [0.1, 0.2, 0.1]}]\n")
    assert [(spec.k, spec.lr) for spec in plan.runs] == [(5, 0.1), (5, 0.2), (9, 0.1)]


def test_a_matrix_may_have_included_cells_only():
    plan = plan_of("name: i\ninclude: [{k: 5}, {k: 6}]\n")
    assert [spec.k for spec in plan.runs] == [5, 6]
    assert plan.steps["product"] == 0


def test_a_matrix_without_axes_has_one_cell():
    assert plan_of("name: one\n").cells == 1


def test_rules_match_default_and_derived_values():
    plan = plan_of("""
name: seen
axes: {optimizer: [sgd, adam], backend: [faiss, torch]}
overrides:
  - {when: {lr: 0.001}, set: {beta1: 0.5}}
  - {when: {kmeans_backend: torch, k: 10}, set: {pca_dim: 32}}
""")
    assert {(spec.optimizer, spec.beta1) for spec in plan.runs} == {("sgd", 0.9), ("adam", 0.5)}
    assert {(spec.backend, spec.pca_dim) for spec in plan.runs} == {("faiss", 256), ("torch", 32)}


def test_auto_precision_is_resolved_and_written_into_the_stored_text():
    text = "# why\nname: p\naxes: {k: [5, 6]}  # and how\n"
    plan = parse_matrix(text, "m.yaml", "bfloat16")
    assert {spec.precision for spec in plan.runs} == {"bfloat16"}
    assert "# why" in plan.text and "# and how" in plan.text
    assert parse_matrix(plan.text, "stored", "float32").run_ids == plan.run_ids
    fixed = parse_matrix(text + "settings: {precision: float32}\n", "m.yaml", "bfloat16")
    assert {spec.precision for spec in fixed.runs} == {"float32"}
    axis = parse_matrix("name: p\naxes: {precision: [float32, bfloat16]}\n", "m.yaml", "bfloat16")
    assert [spec.precision for spec in axis.runs] == ["float32", "bfloat16"]
    assert axis.text == "name: p\naxes: {precision: [float32, bfloat16]}\n"


def test_the_seed_is_the_innermost_loop():
    plan = plan_of("name: s\naxes: {k: [5, 6]}\nseeds: [3, 1]\n")
    assert [(spec.k, spec.seed) for spec in plan.runs] == [(5, 3), (5, 1), (6, 3), (6, 1)]


def test_repeats_come_after_the_seeds_and_repeat_0_is_the_run_without_repeats():
    text = "name: r\naxes: {k: [5, 6]}\nsettings: {pca_dim: 32}\nseeds: [3, 1]\nbaselines: [pixels]\n"
    plan, once = plan_of(text + "repeats: 3\n"), plan_of(text)
    assert [(spec.k, spec.seed, spec.repeat) for spec in plan.runs] == [
        (k, seed, repeat) for k in (5, 6) for seed in (3, 1) for repeat in (0, 1, 2)
    ]
    assert (plan.cells, plan.repeats, once.repeats) == (2, 3, 1)
    assert [plan.steps[name] for name in ("overrides", "seeds", "repeats", "duplicates")] == [2, 4, 12, 12]
    assert tuple(spec for spec in plan.runs if spec.repeat == 0) == once.runs
    assert plan.baselines == once.baselines != (), "baselines are not repeated"
    assert plan.axes == once.axes and plan.groups == once.groups, "a repeat is no axis"


def test_cells_with_the_same_spec_are_repeated_once():
    plan = plan_of("name: d\naxes: {k: [5]}\ninclude: [{k: 5}]\nrepeats: 2\n")
    assert (plan.steps["repeats"], plan.steps["duplicates"]) == (4, 2)
    assert [spec.repeat for spec in plan.runs] == [0, 1]
