import subprocess
import sys

import pytest

from dcbench import registry
from dcbench.errors import PluginError


def test_every_room_has_parts_and_the_shadowing_files_lose_their_suffix():
    assert {"digits", "mnist", "cifar10", "imagefolder"} <= set(registry.plugin_names("datasets"))
    assert registry.plugin_names("backends") == ["faiss", "sklearn", "torch"]
    assert registry.plugin_names("archs") == ["alexnet", "vgg16"]
    assert {"inline", "local"} <= set(registry.plugin_names("executors"))
    assert {"curves", "stage_times"} <= set(registry.plugin_names("plots"))


@pytest.mark.parametrize("room", registry.WORDS)
def test_a_loaded_part_states_the_facts_that_planning_reads(room):
    names = registry.plugin_names(room)
    assert names
    for name in names:
        assert getattr(registry.load(room, name), "FACTS", {}) == registry.facts(room, name)


def test_facts_are_read_without_importing_anything():
    code = "import sys; from dcbench import registry; registry.facts('datasets', 'mnist'); registry.facts('archs', 'vgg16');"
    code += "print(any(m in sys.modules for m in ('torch', 'torchvision', 'dcbench.training.datasets')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("mnist", None),
        ("imagefolder:pictures", None),
        ("mnits", "Did you mean 'mnist'?"),
        ("imagefolder", "needs its PATH"),
        ("imagefolder:", "needs its PATH"),
        ("mnist:here", "takes no argument"),
    ],
)
def test_problem(part, expected):
    problem = registry.name_problem("datasets", part)
    assert (problem is None) if expected is None else (expected in problem)


def test_an_unknown_part_is_a_part_error():
    with pytest.raises(PluginError, match="Known: alexnet, vgg16"):
        registry.load("archs", "resnet")
    with pytest.raises(PluginError, match="unknown backend"):
        registry.facts("backends", "jax")
