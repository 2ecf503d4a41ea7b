"""Every mistake in a matrix file is reported with its position and a remedy."""

import pytest

from dcbench.errors import MatrixError
from tests.helpers.matrices import plan_of

GOOD = """name: good
axes:
  arch: [alexnet, vgg16]
  backend: [faiss, sklearn]
settings: {pca_dim: 32}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(MatrixError) as caught:
        plan_of(text)
    return caught.value.mistakes


def test_the_matrix_without_mistakes_is_accepted():
    assert plan_of(GOOD).cells == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("arch:", "arhc:", "m.yaml:3:3: axes.arhc: unknown axis 'arhc'. Did you mean 'arch'?"),
        (
            "vgg16",
            "alexnte",
            "m.yaml:3:19: axes.arch.1: unknown arch 'alexnte'. Did you mean 'alexnet'? Known: alexnet",
        ),
        ("sklearn", "jax", "m.yaml:4:20: axes.backend.1: unknown backend 'jax'"),
        ("[faiss, sklearn]", "[]", "m.yaml:4:12: axes.backend: empty axis"),
        ("[faiss, sklearn]", "faiss", "axes.backend: expected a list of values, not 'faiss'"),
        ("[faiss, sklearn]", "[faiss, faiss]", "m.yaml:4:20: axes.backend.1: value 'faiss' is listed twice"),
        ("[faiss, sklearn]", "[3]", "axes.backend.0: expected a backend's name, not 3"),
        ("{pca_dim: 32}", "{pca_dim: '32'}", "settings.pca_dim: the value should be a valid integer, not '32'"),
        (
            "{pca_dim: 32}",
            "{pca_dim: 32, epohcs: 3}",
            "settings.epohcs: unknown field 'epohcs'. Did you mean 'epochs'?",
        ),
        ("{pca_dim: 32}", "{arch: vgg16}", "settings.arch: arch is an axis; a setting for it would do nothing"),
        ("{pca_dim: 32}", "[1]", "settings: expected a mapping of fields, not [1]"),
        ("{pca_dim: 32}", "", "settings: expected a mapping of fields, not nothing"),
        ("{pca_dim: 32}", "{seed: 3}", "seed is set for all cells alike, under the top-level key 'seeds'"),
        ("{pca_dim: 32}", "{repeat: 1}", "m.yaml:5:12: settings.repeat: repeat is set for all cells alike, under the"),
        ("{pca_dim: 32}", "{repeats: 2}", "settings.repeats: unknown field 'repeats'"),
        ("backend: [faiss, sklearn]", "repeat: [0, 1]", "m.yaml:4:3: axes.repeat: repeat is set for all cells alike"),
        ("{pca_dim: 32}", "{dataset: imagefolder}", "dataset 'imagefolder' needs its PATH"),
        ("settings:", "setings:", "m.yaml:5:1: setings: unknown key 'setings'. Did you mean 'settings'?"),
        ("name: good", "name: ../good", "m.yaml:1:7: name: '../good' cannot name a folder"),
        ("name: good", "name: a/b", "cannot name a folder"),
        ("name: good", "name: <script>", "cannot name a folder"),
        ("name: good", f"name: {'x' * 101}", "at most 100"),
        ("name: good", "name: 3", "name: expected text, not 3"),
        ("name: good\n", "", "name is missing"),
        ("{pca_dim: 32}", "{precision: half}", "unknown precision 'half'"),
    ],
)
def test_a_mistake_in_the_matrix_is_reported_with_its_position_and_a_suggestion(old, new, expected):
    assert old in GOOD
    messages = mistakes(GOOD.replace(old, new))
    assert any(expected in mistake for mistake in messages), messages


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("exclude:\n  - {arch: alexnet, k: 7}\n", "m.yaml:7:5: exclude.0: this rule matches no cell"),
        ("exclude:\n  - {}\n", "an empty rule matches everything"),
        ("exclude: {arch: vgg16}\n", "exclude: expected a list"),
        ("exclude:\n  - {arch: [alexnet, vgg16]}\n", "the matrix has no cells left"),
        ("overrides:\n  - when: {k: 7}\n    set: {lr: 1}\n", "overrides.0: this rule matches no cell"),
        ("overrides:\n  - when: {arch: vgg16}\n    set: {k: 10}\n", "overrides.0: this override changes nothing"),
        ("overrides:\n  - when: {arch: vgg16}\n    set: {backend: torch}\n", "an override may not set it"),
        ("overrides:\n  - when: {arch: vgg16}\n", "'set' is missing"),
        ("overrides:\n  - wehn: {arch: vgg16}\n    set: {k: 3}\n", "unknown key 'wehn'. Did you mean 'when'?"),
        ("overrides:\n  - when: {arch: vgg}\n    set: {k: 3}\n", "overrides.0.when.arch: unknown arch 'vgg'"),
        ("overrides:\n  - when: {arch: vgg16}\n    set: {precision: auto}\n", "is allowed under settings only"),
        ("overrides:\n  - 3\n", "overrides.0: expected a mapping of fields, not 3"),
        ("zip:\n  - {k: [5, 10], epochs: [1]}\n", "zipped axes need lists of one length: k has 2, epochs has 1"),
        ("zip:\n  - {arch: [vgg16]}\n", "m.yaml:7:6: zip.0.arch: arch is varied twice"),
        ("zip:\n  - {}\n", "empty entry"),
        ("zip: {k: [1]}\n", "zip: expected a list"),
        ("include:\n  - {arhc: vgg16}\n", "include.0.arhc: unknown field"),
        ("seeds: [0, 0]\n", "seeds.1: value 0 is listed twice"),
        ("seeds: [-1]\n", "seeds.0: the value should be greater than or equal to 0"),
        ("seeds: 3\n", "seeds: expected a list of values, not 3"),
        ("seeds: []\n", "seeds: empty axis"),
        ("repeats: 0\n", "m.yaml:6:10: repeats: expected a whole number of at least 1, not 0"),
        ("repeats: 1.5\n", "m.yaml:6:10: repeats: expected a whole number of at least 1, not 1.5"),
        ("repeats: true\n", "repeats: expected a whole number of at least 1, not True"),
        ("repeats: [0, 1]\n", "repeats: expected a whole number of at least 1, not [0, 1]"),
        ("repeats:\n", "repeats: expected a whole number of at least 1, not nothing"),
        ("zip:\n  - {repeat: [0, 1]}\n", "m.yaml:7:6: zip.0.repeat: repeat is set for all cells alike"),
        ("include:\n  - {repeat: 1}\n", "m.yaml:7:6: include.0.repeat: repeat is set for all cells alike"),
        ("exclude:\n  - {repeat: 1}\n", "m.yaml:7:6: exclude.0.repeat: repeat is set for all cells alike"),
        ("overrides:\n  - when: {k: 10}\n    set: {repeat: 1}\n", "m.yaml:8:11: overrides.0.set.repeat: repeat is set"),
        (
            "overrides:\n  - when: {k: 10}\n"
            "    set: {pca_backend: torch, whiten_backend: torch, kmeans_backend: torch}\n",
            "m.yaml:4:13: axes.backend.0: does nothing: all three stages are set themselves",
        ),
        ("baselines: [deepcluster]\n", "unknown baseline 'deepcluster'. Known: pixels, supervised"),
    ],
)
def test_a_mistake_in_an_added_section_is_reported_with_its_position(more, expected):
    messages = mistakes(GOOD + more)
    assert any(expected in mistake for mistake in messages), messages


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{k: 2000}", "settings.k: k 2000 is more than the 1438 training images"),
        ("{limit: 100, pca_dim: 101}", "settings.pca_dim: pca_dim 101 is more than the 100 training images"),
        ("{limit: 100}", "settings.limit: pca_dim 256 is more than the 100 training images"),
        ("{pca_dim: 1025}", "pca_dim 1025 is more than the 1024 features of alexnet"),
        ("{image_size: 224, width: 0.01}", "pca_dim 256 is more than the 40 features of alexnet at width 0.01"),
        ("{limit: 9999, pca_dim: 8}", "limit 9999 is more than the 1438 training images of digits"),
        ("{width: 1.0e+308}", "settings.width: the value should be less than or equal to 64"),
        ("{image_size: 16}", "image_size 16 is too small: vgg16 needs 32 px"),
    ],
)
def test_settings_that_dataset_or_architecture_do_not_allow_are_reported(settings, expected):
    messages = mistakes(GOOD.replace("{pca_dim: 32}", settings))
    assert any(expected in mistake for mistake in messages), messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "m.yaml:1:1: the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("just words\n", "a matrix is a mapping with the keys name, axes"),
        ("- a\n- b\n", "a matrix is a mapping"),
    ],
)
def test_files_that_are_not_a_matrix_are_refused(text, expected):
    assert any(expected in mistake for mistake in mistakes(text))


def test_all_mistakes_are_reported_together_and_each_of_them_once():
    text = GOOD.replace("vgg16", "alexnte").replace("sklearn", "jax").replace("pca_dim: 32", "k: 1, lr: x")
    messages = mistakes(text)
    assert len(messages) == len(set(messages)) == 4


def test_an_override_of_the_backend_that_changes_no_stage_is_a_mistake():
    stages = "{pca_backend: torch, whiten_backend: torch, kmeans_backend: torch}"
    text = f"name: x\nsettings: {stages}\noverrides:\n  - {{when: {{k: 10}}, set: {{backend: sklearn}}}}\n"
    assert any("changes nothing" in mistake for mistake in mistakes(text))
    plan = plan_of(
        "name: x\nsettings: {kmeans_backend: torch}\noverrides: [{when: {k: 10}, set: {backend: sklearn}}]\n"
    )
    assert plan.runs[0].backend == "sklearn+sklearn+torch"
