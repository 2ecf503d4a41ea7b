import pytest

from dcbench.core.matrix import baselines
from dcbench.core.spec import make_spec
from dcbench.errors import MatrixError
from tests.helpers.matrices import plan_of

MATRIX = """
name: m
axes:
  dataset: [mnist, cifar10]
  arch: [alexnet, vgg16]
  input_channels: [3, 1]
  optimizer: [sgd, adam]
  backend: [faiss, sklearn]
seeds: [0, 1]
settings: {limit: 1000, epochs: 5, k: 20}
overrides:
  - {when: {arch: vgg16}, set: {batch_size: 32}}
baselines: [pixels, supervised]
"""


def test_there_is_a_baseline_for_each_relevant_difference_and_each_seed():
    plan = plan_of(MATRIX)
    supervised = [spec for spec in plan.baselines if spec.method == "supervised"]
    pixels = [spec for spec in plan.baselines if spec.method == "pixels"]
    assert plan.cells == 32 and len(plan.runs) == 64, "counted apart"
    assert len(supervised) == 2 * 2 * 2 * 2
    assert len(pixels) == 2 * 3 * 2, "grey MNIST is not repeated into colours, raw and preprocessed"
    assert len({*plan.run_ids}) == len(plan.planned) == 64 + 16 + 12


def test_a_supervised_baseline_has_the_settings_of_the_first_cell():
    plan = plan_of(MATRIX)
    first, *_ = (spec for spec in plan.baselines if spec.method == "supervised" and spec.arch == "vgg16")
    assert (first.optimizer, first.lr, first.batch_size, first.epochs) == ("sgd", 0.05, 32, 5)
    assert (first.k, first.sampler, first.kmeans_backend) == (10, "natural", "faiss")


def test_pixel_baselines_are_raw_and_preprocessed_with_ten_starts():
    raw, preprocessed = baselines.make_baselines(
        [make_spec({"dataset": "cifar10", "pca_dim": 64, "epochs": 7})], ["pixels"]
    )
    assert (raw.pca_dim, raw.whiten, raw.l2_normalize) == (None, False, False)
    assert (preprocessed.pca_dim, preprocessed.whiten, preprocessed.l2_normalize) == (64, True, True)
    for spec in (raw, preprocessed):
        assert (spec.epochs, spec.k, spec.kmeans_restarts, spec.image_size, spec.input_channels) == (0, 10, 10, 32, 3)


def test_pixel_baselines_reduce_to_no_more_dimensions_than_there_are_pixels():
    (_, preprocessed) = baselines.make_baselines([make_spec({"image_size": 224, "pca_dim": 4096})], ["pixels"])
    assert preprocessed.pca_dim == 1024 and preprocessed.input_channels == 1


def test_baselines_use_the_number_of_classes_of_the_dataset():
    assert {
        spec.k for spec in baselines.make_baselines([make_spec({"dataset": "cifar100"})], baselines.list_baselines())
    } == {100}
    folder = make_spec({"dataset": "imagefolder:x", "k": 7})
    assert {spec.k for spec in baselines.make_baselines([folder], baselines.list_baselines())} == {7}, (
        "counted when the run starts"
    )


def test_a_baseline_that_cannot_run_is_reported_in_the_baselines_section():
    with pytest.raises(MatrixError, match=r"baselines: k 10 is more than the 8 training images \(baseline\)"):
        plan_of("name: m\nsettings: {limit: 8, k: 4, pca_dim: 8}\nbaselines: [supervised]\n")


def test_a_method_axis_makes_runs_and_no_baselines():
    plan = plan_of("name: m\naxes: {method: [deepcluster, supervised]}\n")
    assert len(plan.runs) == 2 and plan.baselines == ()
    with pytest.raises(MatrixError, match="Did you mean 'deepcluster'"):
        plan_of("name: m\nsettings: {method: deepclutser}\n")


def test_the_pixel_method_needs_zero_epochs():
    with pytest.raises(MatrixError, match="the method pixels trains nothing; set epochs to 0"):
        plan_of("name: m\nsettings: {method: pixels, epochs: 3}\n")
