"""Made-up inspection results of every kind."""

import numpy as np

from dcbench.core.spec import make_spec
from dcbench.inspect.result import InspectionResult


def make_result(
    n=90, k=4, classes=3, channels=3, dataset="digits", side=8, clusters_shown=20, names=None, filters=5, **spec
):
    """Return a result of random images, whose labels and clusters agree for most of them."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    assignment = np.where(rng.random(n) < 0.7, labels % k, rng.integers(0, k, n))
    ids = np.argsort(-np.bincount(assignment, minlength=k), kind="stable")[:clusters_shown]
    ids = ids[np.bincount(assignment, minlength=k)[ids] > 0]
    members = [np.flatnonzero(assignment == cluster)[:10] for cluster in ids]
    images = rng.integers(0, 256, (n, 1 if dataset in ("digits", "mnist") else 3, side, side), dtype=np.uint8)
    weights = rng.normal(size=(2, filters, channels, 3, 3))
    answers = rng.integers(0, n, (filters, 8))
    arrays = {
        "assignment": assignment, "labels": labels, "indices": np.arange(n), "clusters": ids,
        "means": np.stack([images[inside].mean(axis=0).astype(np.uint8) for inside in members]),
        "nearest": np.stack([np.pad(inside, (0, 10 - len(inside)), constant_values=-1) for inside in members]),
        "distances": np.zeros((len(ids), 10)), "filter_counts": np.array([filters, filters + 3]),
        "filters": weights[0], "filters_before": weights[1],
        "first_answers": answers, "first_strengths": np.ones((filters, 8)), "first_ties": np.arange(filters) + 8,
        "first_boxes": rng.random((filters, 8, 4)) * 0.3,
        "last_answers": answers[::-1], "last_strengths": np.ones((filters, 8)), "last_ties": np.ones(filters, int),
        "map_positions": np.arange(0, n, 2), "map": rng.normal(size=(len(range(0, n, 2)), 2)),
        "map_different": np.array(len(range(0, n, 2))), "trustworthiness": np.array(0.91),
        "shown": np.arange(n), "images": images,
    }  # fmt: skip
    values = {"dataset": dataset, "k": k, "pca_dim": 4, "epochs": 3, "input_channels": channels} | spec
    facts = {
        "run_id": "r", "spec": make_spec(values).model_dump(), "state": "done", "epoch": values["epochs"], "rows": [],
        "class_names": names or [str(label) for label in range(classes)], "checks": [], "missing": {},
    }  # fmt: skip
    return InspectionResult(arrays=arrays, facts=facts)
