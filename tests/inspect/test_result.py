import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcbench import registry
from dcbench.errors import ResultsError
from dcbench.inspect.result import (
    ARRAYS,
    RUN_FACTS,
    InspectionResult,
    find_largest,
    find_majority_labels,
    inspect_assignment,
    read_class_names,
    read_result,
)
from dcbench.inspect.subject import Check, read_inspected_run
from tests.helpers.inspected_runs import make_run


def make_small_result(assignment, labels, k=3, classes=3):
    facts = {"spec": {"k": k}, "class_names": [str(label) for label in range(classes)], "checks": [Check(True, "old")]}
    return InspectionResult(arrays={"assignment": np.array(assignment), "labels": np.array(labels)}, facts=facts)


def test_counts_agree_with_a_crosstab_of_clusters_and_labels():
    rng = np.random.default_rng(0)
    assignment, labels = rng.integers(0, 7, 500), rng.integers(0, 10, 500)
    counts = make_small_result(assignment, labels, k=9, classes=10).counts
    assert counts.shape == (9, 10) and counts.sum() == 500 and not counts[7:].any()
    assert (counts[:7] == pd.crosstab(assignment, labels).to_numpy()).all()


def test_clusters_are_ordered_by_size_without_empty_ones():
    counts = make_small_result([0, 1, 1, 3, 3, 3, 4], [0] * 7, k=6).counts
    assert find_largest(counts, 9).tolist() == [3, 1, 0, 4]
    assert find_largest(counts, 2).tolist() == [3, 1]


def test_each_cluster_has_a_majority_label_and_its_share():
    labels, shares = find_majority_labels(make_small_result([0, 0, 0, 2], [1, 1, 2, 0]).counts)
    assert labels.tolist() == [1, -1, 0] and shares[0] == pytest.approx(2 / 3)
    assert np.isnan(shares[1]) and shares[2] == 1


def test_a_saved_result_is_read_again_without_pickles(tmp_path):
    before = make_small_result([0, 1, 2], [2, 1, 0]).with_checks([Check(False, "<new>")])
    before.save(tmp_path / "learned.npz")
    after = read_result(tmp_path / "learned.npz")
    assert set(after.arrays) == {"assignment", "labels"} and (after["labels"] == [2, 1, 0]).all()
    assert json.dumps(after.facts) == json.dumps(before.facts)
    assert after.facts["checks"] == [[False, "<new>"], [True, "old"]]
    with np.load(tmp_path / "learned.npz", allow_pickle=False) as archive:
        assert set(archive.files) == {"facts", "assignment", "labels"}


def test_an_image_is_found_by_its_position():
    result = InspectionResult(arrays={"shown": np.array([3, 8]), "images": np.arange(8).reshape(2, 1, 2, 2)}, facts={})
    assert result.image(8).ravel().tolist() == [4, 5, 6, 7] and "map" not in result


def test_classes_have_names_where_the_dataset_has_them():
    assert read_class_names("cifar10", 10)[3] == "cat"
    assert read_class_names("digits", 3) == ["0", "1", "2"]


def test_every_array_fact_and_figure_is_in_the_docs():
    text = (Path(__file__).parents[2] / "docs" / "inspect.md").read_text()
    for name, description in (ARRAYS | RUN_FACTS).items():
        assert f"| `{name}` | {description} |" in text
    assert all(f"| {name} |" in text for name in registry.plugin_names("run_figures"))


def test_a_run_without_weights_has_its_last_assignment(tmp_path):
    folder = make_run(tmp_path, weights=False)
    result = inspect_assignment(read_inspected_run(folder.path))
    recorded = folder.read_assignments("assignment", "labels", "indices")
    assert all((result[name] == values).all() for name, values in recorded.items())
    assert set(result.facts["missing"]) == set(ARRAYS) - set(recorded)
    assert result.facts["way_out"].endswith(f"dcbench inspect {folder.path} --replay")
    assert set(result.facts) == set(RUN_FACTS) and len(result.facts["rows"]) == 3
    folder.assignments_file.write_bytes(b"PK torn")
    with pytest.raises(ResultsError, match=r"assignments\.npz: is damaged"):
        inspect_assignment(read_inspected_run(folder.path))


@pytest.mark.parametrize(("name", "value"), [("assignment", 99), ("assignment", -1), ("labels", -1)])
def test_an_invalid_assignment_is_refused(tmp_path, name, value):
    run = make_run(tmp_path, weights=False)
    with np.load(run.assignments_file) as archive:
        arrays = {key: archive[key].copy() for key in archive.files}
    arrays[name][0] = value
    np.savez(run.assignments_file, **arrays)
    with pytest.raises(ResultsError, match=f"{name} are not whole numbers from 0 to "):
        inspect_assignment(read_inspected_run(run.path))
