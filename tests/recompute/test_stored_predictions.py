"""Files that cannot hold the predictions of a run are refused with what is wrong and what to do."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from dcbench.core.columns import COLUMNS
from dcbench.core.store.run_record import read_rows
from dcbench.errors import ResultsError
from dcbench.recompute.stored_predictions import ARRAYS, UNRECOMPUTABLE, read_stored_predictions
from tests.helpers.recomputed_runs import change_arrays, read_arrays


def read(run):
    return read_stored_predictions(run.folder, run.spec, read_rows(run.folder))


def refuse(run):
    """Return why the file is refused."""
    with pytest.raises(ResultsError) as error:
        read(run)
    message = str(error.value)
    assert message.startswith(f"{run.folder.assignments_file}: ") and message.endswith(
        "run the matrix again with --redo"
    )
    return message


def test_every_column_follows_from_an_array_or_is_listed_as_not_recomputable_or_a_cost():
    costs = {name for name, column in COLUMNS.items() if column.cost}
    assert {"epoch", *ARRAYS, *UNRECOMPUTABLE, *costs} == set(COLUMNS)
    assert set(UNRECOMPUTABLE) == {
        "reassigned", "loss", "pseudo_label_accuracy", "refilled_clusters", "split_clusters", "feature_rank",
    }  # fmt: skip
    assert ARRAYS["nmi_true"] == ARRAYS["nmi_previous"] == "own" and ARRAYS["test_purity"] == "test_own"
    assert ARRAYS["test_refit_nmi_true"] == "test_refit" and ARRAYS["test_probe_accuracy"] == "test_probe"


def test_the_predictions_of_a_row_leave_out_a_classifier_that_predicted_nothing(run):
    stored = read(run)
    assert (
        stored.epochs == [0, 1, 2] and stored.rows["own"].shape == (3, 90) and stored.rows["test_own"].shape == (3, 70)
    )
    head = np.full((3, 70), -1)
    head[1:] = 4
    change_arrays(run.folder, test_head=head)
    assert "test_head" not in read(run).select_row(0) and "test_head" in read(run).select_row(1)


def test_a_run_without_the_file_has_no_predictions(run):
    run.folder.assignments_file.unlink()
    assert read(run) is None


@pytest.mark.parametrize("name", ["epochs", "indices", "labels", "test_indices", "test_labels", "assignment", "own"])
def test_a_missing_array_is_named(run, name):
    change_arrays(run.folder, without=[name])
    assert ("older version" if name == "epochs" else f"has no array {name!r}") in refuse(run)


def test_an_array_that_a_column_was_computed_from_must_be_there(run):
    change_arrays(run.folder, without=["test_pca"])
    assert "has no array 'test_pca', from which test_pca_cluster_accuracy" in refuse(run)
    change_arrays(run.folder, unwhitened_refit=np.zeros((3, 90), int))
    assert "test_pca" in refuse(run)


def test_clusters_of_test_images_need_those_of_training_images(run):
    change_arrays(run.folder, test_unwhitened_refit=np.zeros((3, 70), int))
    assert "has an array 'test_unwhitened_refit' without an array 'unwhitened_refit'" in refuse(run)


@pytest.mark.parametrize("epochs", [[0, 1, 3], [1, 2], [0, 1], [0, 2, 2], [2, 1, 0], [-1, 1, 2]])
def test_rows_that_are_not_those_of_metrics_csv_are_refused(run, epochs):
    arrays = read_arrays(run.folder)
    rows = {name: array[: len(epochs)] for name, array in arrays.items() if array.ndim == 2}
    change_arrays(run.folder, epochs=np.array(epochs), **rows)
    assert "has other rows than metrics.csv, which has the epochs 0 to 2" in refuse(run)


@pytest.mark.parametrize(
    ("name", "change", "shape"),
    [
        ("own", lambda array: array[:2], "(2, 90), not (3, 90)"),
        ("test_l2", lambda array: array[:, 1:], "(3, 69), not (3, 70)"),
        ("test_knn", lambda array: array[0], "(70,), not (3, 70)"),
        ("labels", lambda array: array[:-1], "(89,), not (90,)"),
        ("labels", lambda array: array[0], "(), not (90,)"),
        ("test_indices", lambda array: np.append(array, 5), "(71,), not (70,)"),
        ("assignment", lambda array: array[None], "(1, 90), not (90,)"),
        ("epochs", lambda array: array[:, None], "(3, 1), not (3,)"),
        ("epochs", lambda array: array[:0], "(0,), not (0,)"),
    ],
)
def test_wrong_shapes_are_refused(run, name, change, shape):
    change_arrays(run.folder, **{name: change(read_arrays(run.folder)[name])})
    assert f"array {name!r} is of shape {shape}" in refuse(run)


@pytest.mark.parametrize(
    ("name", "number", "limits"),
    [
        ("own", -1, "0 to 11"), ("own", 12, "0 to 11"), ("test_own", 12, "0 to 11"), ("assignment", -3, "0 to 11"),
        ("refit", 10, "0 to 9"), ("test_pca_whitened", -1, "0 to 9"), ("test_probe", -2, "-1 to 9"),
        ("test_knn", 10, "-1 to 9"), ("labels", -1, "0 to 89"), ("labels", 2**60, "0 to 89"), ("test_labels", -1, "0"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(run, name, number, limits):
    array = read_arrays(run.folder)[name].astype(np.int64)
    array.flat[-1] = number
    change_arrays(run.folder, **{name: array})
    assert f"array {name!r} has numbers outside {limits}" in refuse(run)


@pytest.mark.parametrize("name", ["indices", "test_indices"])
def test_no_image_may_be_there_twice(run, name):
    array = read_arrays(run.folder)[name]
    array[1] = array[0]
    change_arrays(run.folder, **{name: array})
    assert f"array {name!r} has a negative position, or one position twice" in refuse(run)


@pytest.mark.parametrize("values", [np.full((3, 90), 0.5), np.full((3, 90), "1"), np.zeros((3, 90), np.uint64)])
def test_arrays_of_other_than_integers_are_refused(run, values):
    change_arrays(run.folder, own=values)
    assert "array 'own' is not of integers" in refuse(run)


class Bomb:
    """An object that makes itself known when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


def test_pickles_are_refused_and_never_loaded(run):
    arrays = read_arrays(run.folder)
    arrays["own"] = np.array([Bomb()], dtype=object)
    np.savez_compressed(run.folder.assignments_file, allow_pickle=True, **arrays)
    assert "array 'own' is missing or cannot be read" in refuse(run)
    run.folder.assignments_file.write_bytes(pickle.dumps(Bomb()))
    assert "is damaged" in refuse(run)


def test_archives_with_other_members_are_refused(run):
    with zipfile.ZipFile(run.folder.assignments_file, "a") as archive:
        archive.writestr("note.txt", "hello")
    assert "array 'note.txt'" in refuse(run)


def test_an_array_without_an_archive_is_refused(run):
    data = io.BytesIO()
    np.save(data, np.zeros(3))
    run.folder.assignments_file.write_bytes(data.getvalue())
    assert "is damaged" in refuse(run)


def test_half_a_file_and_no_file_at_all_are_refused(run):
    data = run.folder.assignments_file.read_bytes()
    for damaged in (data[: len(data) // 2], data[:-1], b"", b"PK", data[100:]):
        run.folder.assignments_file.write_bytes(damaged)
        assert "is damaged" in refuse(run)


def test_no_changed_byte_raises_another_error(run):
    data, rng = run.folder.assignments_file.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        run.folder.assignments_file.write_bytes(bytes(changed))
        try:
            read(run)
        except ResultsError:
            refused += 1
    assert refused > 200, "the others are in parts of the archive that say nothing about its arrays"
