import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dcbench.core.columns import COLUMNS
from dcbench.core.spec import RunSpec
from dcbench.training import loop, metrics, seeds
from dcbench.training.datasets import load_training
from dcbench.training.deepcluster import pseudo_labels
from dcbench.training.methods import deepcluster
from tests.helpers.matrices import TINY, plan_of

TEXT = f"name: m\nsettings: {TINY}\n"
LONG = TEXT.replace("epochs: 1", "epochs: 5, reassign_every: 2")


def rows_of(folder):
    (file,) = folder.path.glob("*/metrics.csv")
    return pd.read_csv(file)


def test_row_0_is_the_untrained_network_and_missing_values_are_empty(run_here):
    rows = rows_of(run_here(TEXT))
    assert list(rows.columns) == list(COLUMNS)
    assert rows["epoch"].tolist() == [0, 1]
    untrained = rows.iloc[0]
    for name in ("loss", "pseudo_label_accuracy", "nmi_previous", "seconds_train", "images_per_second_train"):
        assert math.isnan(untrained[name])
    for name in ("cluster_accuracy", "purity", "nmi_true", "ari_true", "ami_true", "feature_rank", "peak_memory_mb"):
        assert not math.isnan(untrained[name])
    assert rows.iloc[1][["loss", "pseudo_label_accuracy", "nmi_previous", "seconds_train"]].notna().all()


def test_every_value_is_in_the_range_of_its_column(run_here):
    rows = rows_of(run_here(LONG))
    for name, column in COLUMNS.items():
        values = rows[name].dropna()
        assert column.low is None or (values >= column.low - 1e-9).all(), name
        assert column.high is None or (values <= column.high + 1e-9).all(), name


def test_reassigned_marks_new_pseudo_labels_and_other_clusterings_count_as_evaluation(run_here):
    rows = rows_of(run_here(LONG))
    assert rows["reassigned"].tolist() == [1, 0, 1, 0, 1, 0]
    clustered = rows["reassigned"] == 1
    for stage in ("features", "pca", "whiten", "kmeans"):
        assert rows.loc[clustered, f"seconds_{stage}"].notna().all()
        assert rows.loc[~clustered, f"seconds_{stage}"].isna().all()
    assert rows["seconds_evaluate"].notna().all()


def test_pseudo_labels_and_head_are_kept_between_clusterings(run_here, monkeypatch):
    trained, made = [], []
    train, replace_head = loop.train_pass, deepcluster.replace_head
    monkeypatch.setattr(
        loop, "train_pass", lambda *args: trained.append((args[0].labels.copy(), args[0].network.head)) or train(*args)
    )
    monkeypatch.setattr(deepcluster, "replace_head", lambda *args: made.append(args[3]) or replace_head(*args))
    run_here(LONG)
    assert made == [0, 2, 4]
    for first, second, same in ((0, 1, True), (1, 2, False), (2, 3, True), (3, 4, False)):
        assert (trained[first][1] is trained[second][1]) == same
    assert (trained[0][0] == trained[1][0]).all() and (trained[2][0] == trained[3][0]).all()


def test_the_last_assignment_is_saved_with_image_indices_and_labels_in_order(run_here, tmp_path):
    folder = run_here(TEXT)
    (file,) = folder.path.glob("*/assignments.npz")
    saved = np.load(file, allow_pickle=False)
    split = load_training(plan_of(TEXT).runs[0], tmp_path)
    assert (saved["indices"] == split.indices).all() and (saved["labels"] == split.labels).all()
    last = rows_of(folder).iloc[-1]
    for name, score in metrics.TRUTH_SCORES.items():
        assert score(saved["labels"], saved["assignment"]) == pytest.approx(last[name])


def test_zero_epochs_give_the_untrained_network_only(run_here):
    rows = rows_of(run_here(TEXT.replace("epochs: 1", "epochs: 0")))
    assert rows["epoch"].tolist() == [0] and rows["reassigned"].tolist() == [0]


def test_a_run_does_not_change_the_global_random_state(run_here):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run_here(TEXT)
    assert torch.equal(torch.rand(1), expected)


def test_the_same_spec_gives_the_same_numbers(run_here):
    def numbers():
        return rows_of(run_here(LONG, redo=True)).drop(
            columns=[name for name in COLUMNS if name.startswith(("seconds_", "images_per", "peak_"))]
        )

    pd.testing.assert_frame_equal(numbers(), numbers())


def test_runs_that_differ_in_an_optimizer_share_their_first_clustering(run_here):
    folder = run_here(f"name: m\naxes: {{optimizer: [sgd, adam], top_optimizer: [sgd, adam]}}\nsettings: {TINY}\n")
    rows = [pd.read_csv(file) for file in sorted(folder.path.glob("*/metrics.csv"))]
    assert len(rows) == 4
    scores = [*metrics.TRUTH_SCORES, "feature_rank"]
    assert len({tuple(frame.iloc[0][scores]) for frame in rows}) == 1
    assert len({tuple(frame.iloc[1][["loss", *scores]]) for frame in rows}) == 4, "both optimizers act"


def test_repeats_see_the_same_images_with_other_random_numbers(run_here):
    once = run_here(f"name: once\nseeds: [2]\nsettings: {TINY}\n")
    folder = run_here(f"name: m\nseeds: [2]\nrepeats: 2\nsettings: {TINY}\n")
    first, second = (json.loads(file.read_text()) for file in sorted(folder.path.glob("*/audit.json")))
    assert first["data"] == second["data"] and first["data"]["training"]["indices"], "the same images"
    assert first["network"]["shapes"] == second["network"]["shapes"]
    assert first["network"]["initial"] != second["network"]["initial"]
    assert all(first["first"][name] != second["first"][name] for name in ("centroids", "assignment", "batch"))
    assert [facts["passes"][0]["inputs_differ"] for facts in (first, second)] == [0, 0], "the audit repeats the crops"
    assert first["chance"] == second["chance"]

    (same,) = once.path.glob("*/audit.json")
    costs = {"seconds": 0}
    assert json.loads(same.read_text()) | costs == first | costs, "repeat 0 is the run without repeats"
    repeat_0, repeat_1 = (pd.read_csv(file) for file in sorted(folder.path.glob("*/metrics.csv")))
    repeatable = [name for name, column in COLUMNS.items() if not column.cost]
    pd.testing.assert_frame_equal(rows_of(once)[repeatable], repeat_0[repeatable])
    assert (repeat_0[["nmi_true", "feature_rank"]] != repeat_1[["nmi_true", "feature_rank"]]).all(axis=None)


def test_every_decision_of_a_run_depends_on_its_repeat_and_the_rulers_on_none(run_here, monkeypatch):
    drawn = set()
    derive = seeds._derive_seed

    def record(root, purpose, indices):
        drawn.add((purpose, type(root)))
        return derive(root, purpose, indices)

    monkeypatch.setattr(seeds, "_derive_seed", record)
    run_here(f"name: m\nsettings: {TINY.replace('k: 4', 'k: 4, test_limit: 20')}\n")
    of_the_run = {"limit", "test", "weights", "head", "dropout", "kmeans", "refill", "sampler", "augment"}
    assert drawn == {*((purpose, RunSpec) for purpose in of_the_run), ("refit", int), ("chance", int)}


def test_features_are_extracted_once_per_row(run_here, monkeypatch):
    calls = []
    extract = loop.extract_features
    monkeypatch.setattr(loop, "extract_features", lambda *args, **few: calls.append(few) or extract(*args, **few))
    run_here(TEXT)
    assert calls == [{"limit": 256}, {}, {}], "a batch to warm up, then once a row"


def test_clusters_left_empty_by_a_library_are_counted(run_here, monkeypatch):
    from dcbench import registry
    from dcbench.training.backends import KMeansResult

    backend = registry.load("backends", "faiss")
    monkeypatch.setattr(
        backend,
        "kmeans",
        lambda points, first, _: KMeansResult(
            assignment=pseudo_labels.torch.zeros(len(points)).long(), centroids=first, split_count=7
        ),
    )
    rows = rows_of(run_here(TEXT))
    assert rows["refilled_clusters"].tolist() == [3, 3]
    assert rows["split_clusters"].tolist() == [7, 7]
    assert (rows["active_clusters"] == 4).all()


def test_a_run_records_its_prediction_and_the_runs_that_shared_its_device(run_here, monkeypatch):
    from dcbench.execution import worker

    company = iter([[], [], ["b"], ["b", "c"], ["b", "c"]])
    real = worker.train_run

    def train_run(spec, folder, config, **_):
        real(spec, folder, replace(config, predicted_seconds=12.5), neighbours=lambda: next(company))

    monkeypatch.setattr(worker, "train_run", train_run)
    folder = run_here(f"name: m\naxes: {{epochs: [2]}}\nsettings: {TINY.replace('epochs: 1, ', '')}\n")
    (provenance,) = folder.path.glob("*/provenance.json")
    facts = json.loads(provenance.read_text())
    assert (facts["predicted_seconds"], facts["reserved_mb"], facts["shared_with"]) == (12.5, None, ["b", "c"])
