import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys

import pytest

from dcbench import registry
from dcbench.errors import PluginError


def test_every_kind_has_plugins_and_the_shadowing_files_lose_their_suffix():
    assert {"digits", "mnist", "cifar10", "imagefolder"} <= set(registry.plugin_names("datasets"))
    assert registry.plugin_names("backends") == ["faiss", "sklearn", "torch"]
    assert registry.plugin_names("archs") == ["alexnet", "vgg16"]
    assert {"inline", "local"} <= set(registry.plugin_names("executors"))
    assert {"curves", "stage_times"} <= set(registry.plugin_names("figures"))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_a_loaded_plugin_states_the_facts_that_planning_reads(kind):
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
def parts(tmp_path):
    """A folder with one architecture of the user's own."""
    (tmp_path / "parts" / "archs").mkdir(parents=True)
    (tmp_path / "parts" / "archs" / "tiny.py").write_text(TINY)
    return tmp_path / "parts"


def test_a_plugin_in_an_own_folder_is_like_any_other(parts):
    before = registry.plugin_names("archs")
    registry.use_plugins([parts])
    assert registry.plugin_names("archs") == [*before, "tiny"]
    assert registry.facts("archs", "tiny")["features_32"] == 16
    assert registry.load("archs", "tiny").LOADED and registry.plugin_name(registry.load("archs", "tiny")) == "tiny"
    assert registry.search_path() == (parts,)
    registry.use_plugins([])
    assert registry.plugin_names("archs") == before


def test_planning_reads_facts_without_running_the_file(parts):
    (parts / "archs" / "tiny.py").write_text(TINY + "raise SystemExit('it ran')\n")
    registry.use_plugins([parts])
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
def test_facts_that_planning_cannot_use_are_named(parts, text, expected):
    (parts / "archs" / "tiny.py").write_text(text)
    registry.use_plugins([parts])
    with pytest.raises(PluginError, match=expected):
        registry.facts("archs", "tiny")


def test_a_file_that_cannot_be_imported_is_named_with_its_reason(parts):
    (parts / "archs" / "tiny.py").write_text(TINY + "import no_such_library\n")
    registry.use_plugins([parts])
    with pytest.raises(PluginError, match=r"tiny.py: cannot be imported: ModuleNotFoundError.*no_such_library"):
        registry.load("archs", "tiny")
    with pytest.raises(PluginError, match="cannot be imported"):
        registry.load("archs", "tiny")


def test_a_name_that_is_taken_is_refused(parts):
    (parts / "archs" / "alexnet.py").write_text(TINY)
    registry.use_plugins([parts])
    with pytest.raises(
        PluginError, match=r"parts/archs/alexnet.py: arch 'alexnet' exists already in .*rename the file"
    ):
        registry.plugin_names("archs")


def test_a_file_that_exits_when_it_is_imported_does_not_end_the_command(parts):
    (parts / "archs" / "tiny.py").write_text(TINY + "import sys\nsys.exit(0)\n")
    registry.use_plugins([parts])
    with pytest.raises(PluginError, match=r"tiny.py: cannot be imported: SystemExit: 0"):
        registry.load("archs", "tiny")
    (parts / "archs" / "tiny.py").write_text(TINY + "raise KeyboardInterrupt\n")
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
def test_a_folder_that_holds_no_plugins_is_refused_with_what_to_do(parts, tmp_path, given, expected):
    for folder in ("empty", "singular/arch", "singular/notes", "mistyped/data_sets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "empty" / "loose.py").write_text(TINY)
    with pytest.raises(PluginError, match=re.escape(expected.format(tmp_path, tmp_path))):
        registry.use_plugins([tmp_path / given])
    assert registry.search_path() == (), "a refused folder changes nothing"


def test_a_folder_may_hold_other_things_beside_its_kinds(parts):
    (parts / "notes").mkdir()
    (parts / "archs" / "_shared.py").write_text("raise SystemExit")
    (parts / "archs" / "Upper.py").write_text("raise SystemExit")
    (parts / "archs" / "tiny_notes.md").write_text("")
    before = registry.plugin_names("archs")
    registry.use_plugins([parts])
    assert registry.plugin_names("archs") == [*before, "tiny"]


def test_the_kinds_word_at_the_end_of_a_file_is_no_part_of_its_name(parts):
    assert registry.name_of_file("backends", parts / "faiss_backend.py") == "faiss"
    assert registry.name_of_file("archs", parts / "tiny_arch.py") == "tiny"
    assert registry.name_of_file("archs", parts / "tiny_backend.py") == "tiny_backend"


@pytest.mark.parametrize("kind", registry.KINDS)
def test_built_in_facts_are_all_known_and_of_their_type(kind):
    for name in registry.plugin_names(kind):
        assert registry.find_fact_problem(kind, registry.facts(kind, name)) is None
    assert set(registry.KINDS[kind].required) <= set(registry.KINDS[kind].facts)


def test_every_problem_of_facts_is_named_at_once():
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


def test_digests_are_those_of_the_files_as_they_are_now(parts, tmp_path):
    file = parts / "archs" / "tiny.py"
    registry.use_plugins([parts])
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


def test_a_command_that_a_message_suggests_names_the_folders_of_own_plugins(parts, tmp_path):
    spaced = tmp_path / "other parts"
    (spaced / "backends").mkdir(parents=True)
    (spaced / "backends" / "mirror.py").write_text("")
    registry.use_plugins([parts, spaced])
    used = [("archs", "tiny"), ("archs", "alexnet"), ("backends", "mirror"), ("backends", "faiss")]
    assert registry.format_plugins_options(used) == f" --plugins {parts} --plugins '{spaced}'"
    assert registry.format_plugins_options([("archs", "alexnet"), ("datasets", "imagefolder:x")]) == ""
    own = registry.describe_own_plugins(used)
    own["archs/installed"] = own["archs/tiny"] | {"path": "/site-packages/their_package/small.py"}
    registry.use_plugins([])
    registry.remember(own, tmp_path / "plugins.json")
    assert registry.format_plugins_options([("archs", "tiny"), ("archs", "installed")]) == f" --plugins {parts}"


def test_remembered_plugins_have_facts_and_run_nothing(parts, tmp_path):
    registry.use_plugins([parts])
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
    registry.use_plugins([parts])
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
def test_a_damaged_memory_is_refused(tmp_path, facts):
    with pytest.raises(PluginError, match=r"plugins.json: is damaged"):
        registry.remember(facts, tmp_path / "plugins.json")


def test_a_changed_file_and_another_file_of_the_same_name_are_read_anew(parts, tmp_path):
    registry.use_plugins([parts])
    first, digest = registry.load("archs", "tiny"), registry.find("archs", "tiny").sha256
    (parts / "archs" / "tiny.py").write_text(TINY + "CHANGED = True\n")
    second = registry.load("archs", "tiny")
    assert second is not first and second.CHANGED and registry.find("archs", "tiny").sha256 != digest
    (tmp_path / "others" / "archs").mkdir(parents=True)
    (tmp_path / "others" / "archs" / "tiny.py").write_text(TINY + "OTHER = True\n")
    registry.use_plugins([tmp_path / "others"])
    assert registry.load("archs", "tiny").OTHER


def test_a_broken_file_stops_only_those_who_use_it(parts):
    (parts / "archs" / "broken.py").write_text("FACTS = {")
    registry.use_plugins([parts])
    assert "broken" not in registry.plugin_names("archs") and registry.load("archs", "tiny").LOADED
    assert "broken.py:1: not valid Python" in registry.name_problem("archs", "broken")
    with pytest.raises(PluginError, match=r"broken.py:1"):
        registry.load("archs", "broken")


def test_one_folder_by_two_paths_is_one_folder(parts, tmp_path):
    (tmp_path / "link").symlink_to(parts)
    registry.use_plugins([parts, parts / ".." / "parts", tmp_path / "link"])
    assert registry.search_path() == (parts,) and registry.load("archs", "tiny").LOADED


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
