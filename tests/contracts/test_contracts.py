"""Built-in plug-ins keep the contract of their kind, and a plug-in with a planted fault breaks the right check."""

import pytest

from dcbench import contracts, registry
from tests.helpers.official_files import provide

BUILT_IN = [
    (kind, plugin, check)
    for kind in contracts.KINDS_WITH_CHECKS
    for plugin in registry.plugin_names(kind)
    for check in contracts.list_checks(kind)
]


@pytest.mark.parametrize(("kind", "plugin", "check"), BUILT_IN, ids=lambda part: getattr(part, "__name__", part))
def test_built_in_plugins_keep_the_contract(kind, plugin, check, tmp_path, monkeypatch):
    name = f"{plugin}:pictures" if plugin == "imagefolder" else plugin
    if kind == "datasets":
        provide(plugin, tmp_path, monkeypatch)
        if check.__name__ == "check_counts" and plugin != "digits":
            pytest.skip("the small stand-in files hold fewer images than the official ones")
    check(name, tmp_path)


def test_every_kind_has_checks_with_sentences_of_their_own():
    for kind in contracts.KINDS_WITH_CHECKS:
        sentences = [contracts.sentence_of(check) for check in contracts.list_checks(kind)]
        assert len(sentences) == len(set(sentences)) >= 3 and all(sentence[0].isupper() for sentence in sentences)


# --- planted faults: (kind, file, the text of the plug-in, what the failing check says) -----------

ARCH = """from torch import nn
FACTS = {"features_32": 16, "features_224": 16, "smallest_image": 8}
def build(spec):
    features = 16 if spec.geometry == 32 else int(16 * spec.width)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * spec.input_channels, 8), nn.ReLU(), nn.Linear(8, features)
    )
"""
DATASET = """import numpy as np
FACTS = {"train": 80, "test": 20, "classes": 2, "channels": 1, "side": 16}
def load(data_dir, spec, train):
    rng = np.random.default_rng(train)
    labels = np.arange(80 if train else 20) % 2
    return rng.integers(0, 255, (len(labels), 1, 16, 16), dtype=np.uint8), labels
"""
BACKEND = """from dcbench import registry
FACTS = {"library": "torch"}
torch_backend = registry.load("backends", "torch")
fit_pca, fit_whitening, kmeans = torch_backend.fit_pca, torch_backend.fit_whitening, torch_backend.kmeans
"""
METHOD = """from dcbench import registry
FACTS = {"network": True}
deepcluster = registry.load("methods", "deepcluster")
begin, relabel = deepcluster.begin, deepcluster.relabel
"""
SOUND = {"archs": ARCH, "datasets": DATASET, "backends": BACKEND, "methods": METHOD}
FAULTS = [
    ("archs", ARCH.replace('"features_32": 16', '"features_32": 15'), "expected (2, 15)"),
    ("archs", ARCH.replace(", nn.Linear(8, features)", ", nn.Linear(8, features), nn.ReLU()"), "expected Linear"),
    ("archs", ARCH + "inner = build\ndef build(spec):\n    return inner(spec).requires_grad_(False)\n",
     "parameters without a gradient"),
    ("datasets", DATASET.replace("dtype=np.uint8", "dtype=np.int64"), "expected uint8"),
    ("datasets", DATASET.replace("default_rng(train)", "default_rng(0)"), "training images are test images"),
    ("datasets", DATASET.replace("default_rng(train)", "default_rng()"), "two loads give other images"),
    ("datasets", DATASET.replace('"train": 80', '"train": 81'), "FACTS says 81"),
    ("backends", BACKEND + "def kmeans(points, first, iterations):\n"
     "    return torch_backend.kmeans(points, first, iterations + 1)\n", "differ by"),
    ("backends", BACKEND + "def fit_whitening(reduced):\n    return lambda other: other\n",
     "differs from the identity"),
    ("methods", METHOD + "def relabel(learner, assignment, split, spec, epoch):\n"
     "    learner.labels = assignment\n    return True\n", "do not come together"),
]  # fmt: skip


@pytest.fixture
def own(tmp_path):
    """Write a plug-in into a folder of its own and make it known."""

    def write(kind, text):
        folder = tmp_path / "parts" / kind
        folder.mkdir(parents=True)
        (folder / "own.py").write_text(text)
        registry.use_plugins([tmp_path / "parts"])

    return write


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_plugin_passes_every_check(kind, own):
    own(kind, SOUND[kind])
    results = list(contracts.run_checks(kind, "own"))
    assert results and not [(result.sentence, result.problem) for result in results if result.problem]


@pytest.mark.parametrize(("kind", "text", "expected"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_planted_fault_breaks_a_check_that_says_so(kind, text, expected, own):
    own(kind, text)
    problems = [result.problem for result in contracts.run_checks(kind, "own") if result.problem]
    assert [problem for problem in problems if expected in problem], problems
