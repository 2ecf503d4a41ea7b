"""The facts of provenance.json that describe an environment, and how two sets of them differ."""

import pytest

from dcbench.core.store.provenance import ENVIRONMENT_FACTS, diff_values, extract_environment

FACTS = {
    "dcbench": "0.1.0", "commit": "abc", "python": "3.11.9", "libraries": {"torch": "2.9.0", "numpy": "2.3.0"},
    "platform": "Linux", "device": "cpu", "cpu": "some", "threads": 2,
    "dataset": {"name": "digits", "images": 50, "sha256": "d"}, "command": "dcbench run m.yaml", "spec": {"k": 10},
    "runs_at_once": 3, "predicted_seconds": 1.5, "shared_with": [],
}  # fmt: skip


def test_the_environment_is_flat_and_leaves_out_facts_without_influence_on_results():
    facts = extract_environment(FACTS)
    assert facts["torch"] == "2.9.0" and facts["dataset.sha256"] == "d" and facts["threads"] == 2
    assert not {"command", "spec", "runs_at_once", "predicted_seconds", "shared_with", "libraries"} & set(facts)
    assert len(facts) == len(ENVIRONMENT_FACTS) - 2 + len(FACTS["libraries"]) + len(FACTS["dataset"])


def test_facts_that_are_missing_or_unknown_are_absent_and_not_none():
    assert extract_environment({}) == {}
    assert extract_environment({"commit": None, "python": "3.11"}) == {"python": "3.11"}


def test_own_plugins_are_part_of_the_environment_by_their_digests():
    plugins = {"archs/tiny": {"sha256": "a1", "path": "/x/tiny.py"}, "datasets/stripes": {"sha256": "b2", "path": "y"}}
    facts = extract_environment(FACTS | {"plugins": plugins})
    assert facts["plugin archs/tiny"] == "a1" and facts["plugin datasets/stripes"] == "b2"
    assert "path" not in str(facts), "the same file in another place is the same environment"
    moved = {"archs/tiny": plugins["archs/tiny"] | {"path": "/elsewhere/tiny.py"}}
    assert extract_environment(FACTS | {"plugins": moved})["plugin archs/tiny"] == "a1"


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        (None, {}),
        ("tiny", {}),
        ({"archs/tiny": None}, {}),
        ({"archs/tiny": {}}, {}),
        ({"archs/tiny": "a1"}, {"plugin archs/tiny": "a1"}),
    ],
)
def test_a_damaged_plugins_entry_is_ignored(plugins, expected):
    assert extract_environment({"plugins": plugins}) == expected


def test_different_values_are_listed_with_both_sides():
    changed = {"archs/tiny": {"sha256": "a2", "path": "/x/tiny.py"}}
    first = extract_environment(FACTS | {"plugins": {"archs/tiny": {"sha256": "a1", "path": "/x/tiny.py"}}})
    second = extract_environment(FACTS | {"plugins": changed, "threads": 4, "commit": None})
    assert diff_values(first, second) == {
        "plugin archs/tiny": ("a1", "a2"), "threads": (2, 4), "commit": ("abc", None)
    }  # fmt: skip
    assert diff_values(second, second) == {} and diff_values({}, {"a": 1}) == {"a": (None, 1)}
