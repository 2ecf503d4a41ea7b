from pathlib import Path

import pytest

from dcbench import registry
from dcbench.core import spec
from dcbench.core.spec import FROZEN_DEFAULTS, RunSpec, check_field, make_spec
from dcbench.errors import SpecError

GOLDEN = {
    "digits-alexnet-c3-sgd-sgd-faiss-s0-1ad75a0728de": {},
    "mnist-vgg16-c2-adam-sgd-sklearn-s3-7b2b9f2ab707": {
        "dataset": "mnist", "arch": "vgg16", "input_channels": 2, "optimizer": "adam", "backend": "sklearn", "seed": 3,
        "batch_size": 32,
    },
    "digits-alexnet-c3-sgd-sgd-faiss-s2r1-6f175f11fec8": {"seed": 2, "repeat": 1},
    "cifar10-alexnet-c1-sgd-adam-faiss+torch+sklearn-s0-d64f3e7b62b9": {
        "dataset": "cifar10", "input_channels": 1, "top_optimizer": "adam", "whiten_backend": "torch",
        "kmeans_backend": "sklearn", "precision": "bfloat16",
    },
}  # fmt: skip
"""Run ids that must never change, because folders on disk are named after them."""


@pytest.mark.parametrize("run_id", GOLDEN)
def test_golden_run_ids(run_id):
    assert make_spec(GOLDEN[run_id]).run_id == run_id


def test_repeat_0_has_the_run_id_of_a_spec_without_repeats():
    first, second = (make_spec({"seed": 2, "repeat": repeat}) for repeat in (0, 1))
    assert first.run_id == make_spec({"seed": 2}).run_id != second.run_id
    assert "-s2-" in first.run_id and "-s2r1-" in second.run_id


def test_equal_values_give_equal_run_ids():
    assert make_spec({"lr": 1, "width": 1}).run_id == make_spec({"lr": 1.0, "width": 1.0}).run_id
    by_stage = {"pca_backend": "torch", "whiten_backend": "torch", "kmeans_backend": "torch"}
    assert make_spec({"backend": "torch"}) == make_spec(by_stage)
    assert make_spec({"lr": 0.05}).run_id == make_spec({}).run_id


@pytest.mark.parametrize("name", [name for name in RunSpec.model_fields if name != "method"])
def test_every_field_changes_the_run_id(name):
    others = {
        "dataset": "mnist", "arch": "vgg16", "optimizer": "adam", "top_optimizer": "adam", "pca_backend": "torch",
        "whiten_backend": "torch", "kmeans_backend": "torch", "sampler": "natural", "augment": "none",
        "precision": "bfloat16", "whiten": False, "l2_normalize": False, "limit": 100, "test_limit": 100,
        "input_channels": 1,
    }  # fmt: skip
    default = getattr(RunSpec(), name)
    other = others.get(name, default / 2 if isinstance(default, float) and default else 0.5)
    if isinstance(default, int) and name not in others:
        other = default + 1
    keep = {"lr": 0.05, "top_lr": 0.05}  # otherwise the default learning rates would change with the optimizer
    assert make_spec(keep | {name: other}).run_id != make_spec(keep).run_id


def test_a_run_id_is_a_valid_folder_name_that_ends_in_the_hash():
    run_id = make_spec({"dataset": "imagefolder:/tmp/my pics/<b>é/" + "x" * 300}).run_id
    assert "/" not in run_id and "<" not in run_id and " " not in run_id and len(run_id) < 120
    assert len(run_id.rsplit("-", 1)[1]) == 12


def test_frozen_defaults_have_every_field_except_the_learning_rates():
    assert set(RunSpec.model_fields) - set(FROZEN_DEFAULTS) == {"lr", "top_lr"}
    for name, value in FROZEN_DEFAULTS.items():
        assert RunSpec.model_fields[name].default == value


def test_default_learning_rates_depend_on_the_optimizer():
    made = make_spec({"optimizer": "adam", "top_optimizer": "sgd"})
    assert (made.lr, made.top_lr) == (0.001, 0.05)
    assert make_spec({"optimizer": "adam", "lr": 0.05}).lr == 0.05


def test_a_stage_backend_overrides_the_shorthand():
    made = make_spec({"backend": "sklearn", "kmeans_backend": "faiss"})
    assert (made.pca_backend, made.kmeans_backend, made.backend) == ("sklearn", "faiss", "sklearn+sklearn+faiss")


def test_the_geometry_depends_on_the_image_size():
    assert [make_spec({"image_size": side}).geometry for side in (32, 127, 128, 224)] == [32, 32, 224, 224]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("k", "10", "valid integer"),
        ("k", 1, "greater than or equal to 2"),
        ("k", True, "valid integer"),
        ("lr", 0, "greater than 0"),
        ("lr", float("nan"), "finite"),
        ("optimizer", "sdg", "Did you mean 'sgd'?"),
        ("input_channels", 4, "less than or equal to 3"),
        ("input_channels", True, "valid integer"),
        ("whiten", 1, "valid boolean"),
        ("limit", "none", "(null for none)"),
        ("repeat", -1, "greater than or equal to 0"),
        ("backend", 3, "backend's name"),
    ],
)
def test_wrong_values_are_explained(name, value, expected):
    assert expected in check_field(name, value)


def test_make_spec_reports_every_mistake():
    with pytest.raises(SpecError) as caught:
        make_spec({"kk": 3, "lr": "fast", "epochs": -1})
    for expected in ("unknown field 'kk'", "Did you mean 'k'", "lr: ", "epochs: "):
        assert expected in str(caught.value)


def test_values_are_formatted_as_in_a_matrix_file():
    values = (None, True, False, 3, 1_000_000, 0.05, 1e-5, "x")
    assert [spec.format_value(value) for value in values] == [
        "none",
        "true",
        "false",
        "3",
        "1000000",
        "0.05",
        "1e-05",
        "x",
    ]


def test_a_spec_is_frozen():
    with pytest.raises(Exception, match="frozen"):
        RunSpec().k = 3


def test_the_fields_page_lists_every_field_with_its_default_and_help():
    page = (Path(__file__).parents[2] / "docs" / "fields.md").read_text()
    for name, field in RunSpec.model_fields.items():
        assert f"| `{name}` | {spec.format_value(field.default)} | {field.description} |" in page
    for name, text in spec.SHORTHANDS.items():
        assert f"| `{name}` | | {text} |" in page
    for plugin in registry.plugin_names("datasets") + registry.plugin_names("archs"):
        assert f"`{plugin}" in page
