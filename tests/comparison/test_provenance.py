import json

import pytest

from dcbench.comparison import provenance
from dcbench.core.store.run_dir import RunDir

FACTS = {
    "dcbench": "0.1.0", "commit": "a" * 40, "python": "3.11.7", "libraries": {"torch": "2.9"}, "device": "cpu",
    "threads": 1, "dataset": {"name": "digits", "sha256": "d"}, "command": "left out", "seconds": 3,
}  # fmt: skip


@pytest.fixture
def pair(tmp_path):
    """Return a function that makes two run folders with their environments: None leaves a file out, text damages it."""

    def make(old=FACTS, new=FACTS, weights=("w", "w")):
        number = len(list(tmp_path.iterdir()))
        folders = []
        for side, facts, digest in zip(("old", "new"), (old, new), weights, strict=True):
            folder = RunDir(tmp_path / f"{number}{side}")
            folder.path.mkdir()
            if facts is not None:
                folder.provenance_file.write_text(facts if isinstance(facts, str) else json.dumps(facts))
            if digest is not None:
                audit = {"network": {"initial": digest}, "data": {"training": {"indices": "i"}}}
                folder.audit_file.write_text(json.dumps(audit | {"first": {"centroids": "c", "assignment": digest}}))
            folders.append(folder)
        return tuple(folders)

    return make


def test_equal_environments_list_the_facts_that_all_runs_share(pair):
    other = FACTS | {"dataset": {"name": "mnist", "sha256": "e"}}
    diff = provenance.compare_provenance([pair(), pair(other, other)])
    assert (diff.pairs, diff.recorded, diff.differences) == (2, 2, ())
    assert diff.common["torch"] == "2.9" and diff.common["threads"] == "1" and "dataset.name" not in diff.common
    assert "command" not in diff.common and "seconds" not in diff.common


def test_different_facts_are_listed_with_the_counts_of_their_values(pair):
    newer = FACTS | {"commit": "b" * 40, "libraries": {"torch": "2.10", "faiss-gpu": "1.15"}}
    diff = provenance.compare_provenance(
        [pair(new=newer), pair(new=newer), pair(new=FACTS | {"commit": "c" * 40}), pair()]
    )
    commit, torch, faiss = diff.differences
    assert (commit.name, commit.pairs, commit.old) == ("commit", 3, {"a" * 40: 4})
    assert commit.new == {"b" * 40: 2, "c" * 40: 1, "a" * 40: 1}
    assert (torch.name, torch.new) == ("torch", {"2.10": 2, "2.9": 2})
    assert (faiss.old, faiss.new) == ({"not recorded": 4}, {"1.15": 2, "not recorded": 2})
    assert "torch" not in diff.common and diff.common["python"] == "3.11.7"


def test_missing_and_damaged_provenances_are_counted(pair):
    diff = provenance.compare_provenance([pair(new=None, weights=("w", None)), pair(old="{"), pair()])
    assert (diff.pairs, diff.recorded) == (3, 1) and diff.differences == ()
    assert diff.random_numbers["weights"] == (2, 2)
    nothing = provenance.compare_provenance([])
    assert nothing.recorded == 0 and nothing.common == {} and nothing.unshared == []


def test_random_numbers_are_compared_but_not_results_of_libraries(pair):
    diff = provenance.compare_provenance([pair(), pair(weights=("w", "v"))])
    assert diff.random_numbers == {
        "images": (2, 2),
        "weights": (1, 2),
        "first centroids": (2, 2),
    } and diff.unshared == ["weights"]
    contents = json.loads(json.dumps(diff.as_json()))
    assert contents["drawn"]["weights"] == [1, 2] and set(contents) == {"pairs", "recorded", "differ", "alike", "drawn"}
