import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys

import pytest

from dcbench import registry
from dcbench.errors import PluginError


def test_every_kind_has_plugins_and_backend_names_have_no_suffix():
    assert {"digits", "mnist", "cifar10", "imagefolder"} <= set(registry.plugin_names("datasets"))
    assert registry.plugin_names("backends") == ["faiss", "sklearn", "torch"]
    assert registry.plugin_names("archs") == ["alexnet", "vgg16"]
    assert {"inline", "local"} <= set(registry.plugin_names("executors"))
    assert {"curves", "stage_times"} <= set(registry.plugin_names("figures"))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_the_facts_of_a_loaded_plugin_are_those_that_planning_reads(kind):
    names = registry.plugin_names(kind)
    assert names
    for name in names:
        module = registry.load(kind, name)
        assert getattr(module, "FACTS", {}) == registry.facts(kind, name)
        assert set(registry.KINDS[kind].required) <= set(registry.facts(kind, name))
        assert registry.plugin_name(module) == name


def test_facts_are_read_without_importing_anything():
    code = "import sys; from dcbench import registry; registry.facts('datasets', 'mnist');"
    code += "registry.facts('archs', 'vgg16');"
    code += "print(any(m in sys.modules for m in ('torch', 'torchvision', 'dcbench.training.datasets')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnist", None),
        ("imagefolder:pictures", None),
        ("mnits", "Did you mean 'mnist'?"),
        ("imagefolder", "needs its PATH"),
        ("imagefolder:", "needs its PATH"),
        ("mnist:here", "takes no argument"),
    ],
)
def test_a_wrong_name_has_an_explanation(name, expected):
    problem = registry.name_problem("datasets", name)
    assert (problem is None) if expected is None else (expected in problem)


def test_an_unknown_plugin_is_a_plugin_error():
    with pytest.raises(PluginError, match="Known: alexnet, vgg16"):
        registry.load("archs", "resnet")
    with pytest.raises(PluginError, match="unknown backend"):
        registry.facts("backends", "jax")


# --- plug-ins of the user's own -----------------------------------------------------------------

TINY = """FACTS = {"features_32": 16, "features_224": 16, "smallest_image": 8}
LOADED = True
"""


@pytest.fixture
def plugin_folder(tmp_path):
    """A folder with one architecture of the user's own."""
    (tmp_path / "parts" / "archs").mkdir(parents=True)
    (tmp_path / "parts" / "archs" / "tiny.py").write_text(TINY)
    return tmp_path / "parts"


def test_a_plugin_in_an_own_folder_is_listed_read_and_loaded(plugin_folder):
    before = registry.plugin_names("archs")
    registry.use_plugins([plugin_folder])
    assert registry.plugin_names("archs") == [*before, "tiny"]
    assert registry.facts("archs", "tiny")["features_32"] == 16
    assert registry.load("archs", "tiny").LOADED and registry.plugin_name(registry.load("archs", "tiny")) == "tiny"
    assert registry.search_path() == (plugin_folder,)
    registry.use_plugins([])
    assert registry.plugin_names("archs") == before


def test_planning_reads_facts_without_running_the_file(plugin_folder):
    (plugin_folder / "archs" / "tiny.py").write_text(TINY + "raise SystemExit('it ran')\n")
    registry.use_plugins([plugin_folder])
    assert registry.facts("archs", "tiny")["smallest_image"] == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FACTS = {", r"tiny.py:1: not valid Python"),
        ("FACTS = {'features_32': size()}", "must be one literal dict"),
        ("FACTS = {'features_32': 1, 'features_224': 1}", "FACTS lacks 'smallest_image'"),
        ("", "FACTS lacks 'features_32', 'features_224', 'smallest_image'"),
        (TINY.replace("16", "'16'", 1), r"tiny.py: FACTS\['features_32'\] must be a whole number, not '16'"),
        (TINY.replace("16", "16.0", 1), r"FACTS\['features_32'\] must be a whole number, not 16.0"),
        (TINY.replace("16", "True", 1), r"FACTS\['features_32'\] must be a whole number, not True"),
        (
            TINY.replace("}", ', "smalest_image": 8}', 1),
            "unknown key of FACTS 'smalest_image'. Did you mean 'smallest_image'",
        ),
        (TINY.replace("features_32", "feature_32", 1), "Did you mean 'features_32'.*; FACTS lacks 'features_32'"),
    ],
)
def test_invalid_facts_are_errors(plugin_folder, text, expected):
    (plugin_folder / "archs" / "tiny.py").write_text(text)
    registry.use_plugins([plugin_folder])
    with pytest.raises(PluginError, match=expected):
        registry.facts("archs", "tiny")


def test_a_file_that_cannot_be_imported_is_an_error_with_the_reason(plugin_folder):
    (plugin_folder / "archs" / "tiny.py").write_text(TINY + "import no_such_library\n")
    registry.use_plugins([plugin_folder])
    with pytest.raises(PluginError, match=r"tiny.py: cannot be imported: ModuleNotFoundError.*no_such_library"):
        registry.load("archs", "tiny")
    with pytest.raises(PluginError, match="cannot be imported"):
        registry.load("archs", "tiny")


def test_a_plugin_with_an_existing_name_is_refused(plugin_folder):
    (plugin_folder / "archs" / "alexnet.py").write_text(TINY)
    registry.use_plugins([plugin_folder])
    with pytest.raises(
        PluginError, match=r"parts/archs/alexnet.py: arch 'alexnet' exists already in .*rename the file"
    ):
        registry.plugin_names("archs")


def test_a_file_that_exits_when_it_is_imported_does_not_end_the_command(plugin_folder):
    (plugin_folder / "archs" / "tiny.py").write_text(TINY + "import sys\nsys.exit(0)\n")
    registry.use_plugins([plugin_folder])
    with pytest.raises(PluginError, match=r"tiny.py: cannot be imported: SystemExit: 0"):
        registry.load("archs", "tiny")
    (plugin_folder / "archs" / "tiny.py").write_text(TINY + "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        registry.load("archs", "tiny")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("none", "{}/none: no such folder of plug-ins; name one with --plugins"),
        ("empty", "{}/empty: holds no plug-ins; put each into a folder of its kind: datasets, archs"),
        ("parts/archs", "{}/parts/archs: holds plug-ins of one kind; name the folder above it: --plugins {}/parts"),
        ("parts/archs/tiny.py", "tiny.py: is a file; name the folder that holds archs/: --plugins {}/parts"),
        ("empty/loose.py", "loose.py: is a file; put it into a folder of its kind (datasets, archs"),
        ("singular", "{}/singular: holds no plug-ins; rename arch/ to archs/"),
        ("mistyped", "{}/mistyped: holds no plug-ins; rename data_sets/ to datasets/"),
    ],
)
def test_a_folder_without_plugins_is_an_error_with_the_remedy(plugin_folder, tmp_path, given, expected):
    for folder in ("empty", "singular/arch", "singular/notes", "mistyped/data_sets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "empty" / "loose.py").write_text(TINY)
    with pytest.raises(PluginError, match=re.escape(expected.format(tmp_path, tmp_path))):
        registry.use_plugins([tmp_path / given])
    assert registry.search_path() == (), "a refused folder changes nothing"


def test_other_files_in_a_folder_of_plugins_are_ignored(plugin_folder):
    (plugin_folder / "notes").mkdir()
    (plugin_folder / "archs" / "_shared.py").write_text("raise SystemExit")
    (plugin_folder / "archs" / "Upper.py").write_text("raise SystemExit")
    (plugin_folder / "archs" / "tiny_notes.md").write_text("")
    before = registry.plugin_names("archs")
    registry.use_plugins([plugin_folder])
    assert registry.plugin_names("archs") == [*before, "tiny"]


def test_the_suffix_of_the_kind_is_not_part_of_the_name(plugin_folder):
    assert registry.name_of_file("backends", plugin_folder / "faiss_backend.py") == "faiss"
    assert registry.name_of_file("archs", plugin_folder / "tiny_arch.py") == "tiny"
    assert registry.name_of_file("archs", plugin_folder / "tiny_backend.py") == "tiny_backend"


@pytest.mark.parametrize("kind", registry.KINDS)
def test_built_in_facts_are_known_and_have_the_right_type(kind):
    for name in registry.plugin_names(kind):
        assert registry.find_fact_problem(kind, registry.facts(kind, name)) is None
    assert set(registry.KINDS[kind].required) <= set(registry.KINDS[kind].facts)


def test_all_problems_of_facts_are_reported_together():
    problem = registry.find_fact_problem("figures", {"title": 1, "captoin": "a", "per_axis": "yes"})
    assert problem == (
        "unknown key of FACTS 'captoin'. Did you mean 'caption'? Known: title, caption, per_axis, axes, needs; "
        "FACTS['title'] must be text, not 1; FACTS['per_axis'] must be True or False, not 'yes'; "
        "FACTS lacks 'caption', which every figure states"
    )
    assert registry.find_fact_problem("executors", {"name": "x"}) == "unknown key of FACTS 'name'. Known: none"
    assert registry.find_fact_problem("datasets", {"channels": 1, "files": "a.bin"}) == (
        "FACTS['files'] must be a list, not 'a.bin'"
    )


def test_digests_are_those_of_the_present_files(plugin_folder, tmp_path):
    file = plugin_folder / "archs" / "tiny.py"
    registry.use_plugins([plugin_folder])
    own = registry.describe_own_plugins([("archs", "tiny")])
    assert registry.read_digest(registry.find("archs", "tiny")) == own["archs/tiny"]["sha256"]
    assert registry.read_digest(registry.find("archs", "alexnet")) is None
    registry.use_plugins([])
    registry.remember(own, tmp_path / "plugins.json")
    file.write_text("raise SystemExit('it ran')\n")
    changed = registry.read_digest(registry.find("archs", "tiny"))
    assert changed == hashlib.sha256(file.read_bytes()).hexdigest() != own["archs/tiny"]["sha256"]
    file.unlink()
    assert registry.read_digest(registry.find("archs", "tiny")) == own["archs/tiny"]["sha256"]
    file.mkdir()
    assert registry.read_digest(registry.find("archs", "tiny")) == own["archs/tiny"]["sha256"]


def test_a_suggested_command_names_the_folders_of_own_plugins(plugin_folder, tmp_path):
    spaced = tmp_path / "other parts"
    (spaced / "backends").mkdir(parents=True)
    (spaced / "backends" / "mirror.py").write_text("")
    registry.use_plugins([plugin_folder, spaced])
    used = [("archs", "tiny"), ("archs", "alexnet"), ("backends", "mirror"), ("backends", "faiss")]
    assert registry.format_plugins_options(used) == f" --plugins {plugin_folder} --plugins '{spaced}'"
    assert registry.format_plugins_options([("archs", "alexnet"), ("datasets", "imagefolder:x")]) == ""
    own = registry.describe_own_plugins(used)
    own["archs/installed"] = own["archs/tiny"] | {"path": "/site-packages/their_package/small.py"}
    registry.use_plugins([])
    registry.remember(own, tmp_path / "plugins.json")
    assert registry.format_plugins_options([("archs", "tiny"), ("archs", "installed")]) == f" --plugins {plugin_folder}"


def test_remembered_plugins_have_facts_without_running_code(plugin_folder, tmp_path):
    registry.use_plugins([plugin_folder])
    own = registry.describe_own_plugins([("archs", "tiny"), ("archs", "alexnet"), ("datasets", "digits")])
    assert list(own) == ["archs/tiny"] and len(own["archs/tiny"]["sha256"]) == 64
    registry.use_plugins([])
    registry.remember(json.loads(json.dumps(own)), tmp_path / "plugins.json")
    assert registry.facts("archs", "tiny")["features_32"] == 16
    with pytest.raises(PluginError, match=r"was not found \(it was .*tiny.py\); name its folder with --plugins"):
        registry.load("archs", "tiny")
    own["archs/tiny"]["facts"]["features_32"] = 17
    registry.remember(own, tmp_path / "plugins.json")
    assert registry.facts("archs", "tiny")["features_32"] == 17, "the newest memory counts"
    state = registry.get_state()
    registry.use_plugins([plugin_folder])
    assert registry.load("archs", "tiny").LOADED, "the file itself comes before what is remembered"
    registry.set_state(state)
    assert registry.facts("archs", "tiny")["features_32"] == 17 and registry.search_path() == ()


@pytest.mark.parametrize(
    "facts",
    [
        {"archs/tiny": 1},
        {"archs/tiny": {"facts": {}}},
        {"archs/tiny": {"facts": {}, "sha256": "a", "path": "b"}},
        {"figures/evil": {"facts": {"title": "", "caption": "", "per_axis": False}, "sha256": "a", "path": "b"}},
        {"archs": {"facts": {}, "sha256": "a", "path": "b"}},
        {"backends/own": {"facts": {"library": 1}, "sha256": "a", "path": "b"}},
        {"backends/own": {"facts": {"libary": "torch"}, "sha256": "a", "path": "b"}},
    ],
)
def test_damaged_remembered_facts_are_refused(tmp_path, facts):
    with pytest.raises(PluginError, match=r"plugins.json: is damaged"):
        registry.remember(facts, tmp_path / "plugins.json")


def test_a_changed_file_and_another_file_of_the_same_name_are_read_again(plugin_folder, tmp_path):
    registry.use_plugins([plugin_folder])
    first, digest = registry.load("archs", "tiny"), registry.find("archs", "tiny").sha256
    (plugin_folder / "archs" / "tiny.py").write_text(TINY + "CHANGED = True\n")
    second = registry.load("archs", "tiny")
    assert second is not first and second.CHANGED and registry.find("archs", "tiny").sha256 != digest
    (tmp_path / "others" / "archs").mkdir(parents=True)
    (tmp_path / "others" / "archs" / "tiny.py").write_text(TINY + "OTHER = True\n")
    registry.use_plugins([tmp_path / "others"])
    assert registry.load("archs", "tiny").OTHER


def test_a_broken_file_affects_only_its_own_plugin(plugin_folder):
    (plugin_folder / "archs" / "broken.py").write_text("FACTS = {")
    registry.use_plugins([plugin_folder])
    assert "broken" not in registry.plugin_names("archs") and registry.load("archs", "tiny").LOADED
    assert "broken.py:1: not valid Python" in registry.name_problem("archs", "broken")
    with pytest.raises(PluginError, match=r"broken.py:1"):
        registry.load("archs", "broken")


def test_a_folder_given_by_two_paths_counts_once(plugin_folder, tmp_path):
    (tmp_path / "link").symlink_to(plugin_folder)
    registry.use_plugins([plugin_folder, plugin_folder / ".." / "parts", tmp_path / "link"])
    assert registry.search_path() == (plugin_folder,) and registry.load("archs", "tiny").LOADED


def test_an_installed_package_adds_plugins_by_its_entry_points(tmp_path, monkeypatch):
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "__init__.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "their_package" / "small.py").write_text(TINY)
    point = importlib.metadata.EntryPoint("small", "their_package.small", "dcbench.archs")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == "dcbench.archs" else [])
    registry._installed.cache_clear()
    try:
        assert registry.facts("archs", "small")["features_32"] == 16, "and nothing of the package has run"
        (tmp_path / "their_package" / "__init__.py").write_text("")
        assert registry.load("archs", "small").LOADED
    finally:
        registry._installed.cache_clear()
