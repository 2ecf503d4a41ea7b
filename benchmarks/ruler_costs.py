"""Measure what the rulers cost: `python -m benchmarks.ruler_costs` writes docs/ruler_costs.csv.

For some datasets and sizes, the median seconds of a row and of its parts over five rows of one run, on one thread.
`rulers` is the time of the rulers that fit a space of their own (all but own and refit) with their scores: what a row
takes to be scored by all rulers, less what it takes by these two. `share` is its part of the whole row.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from dcbench import registry
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.worker_config import default_data_dir
from dcbench.training import scoring
from dcbench.training.costs import StageClock
from dcbench.training.datasets import load_test, load_training
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.pseudo_labels import cluster, preprocess, warm_up_backends
from dcbench.training.deepcluster.training_pass import train_pass
from dcbench.training.threads import limit_threads

TABLE = Path(__file__).parent.parent / "docs" / "ruler_costs.csv"
ROWS = 5
CPU = torch.device("cpu")
CASES = (
    {"dataset": "mnist", "limit": 2000, "test_limit": 1000, "pca_dim": 32},
    {"dataset": "cifar10", "limit": 2000, "test_limit": 1000, "pca_dim": 32},
    {"dataset": "mnist", "limit": 10000, "pca_dim": 256},
)
"""The sizes of small_cpu and of recipe_cpu."""

ALL_RULERS = dict(scoring.RULERS)
RUN_RULERS = {name: ALL_RULERS[name] for name in ("own", "refit")}


def time_rows(spec: RunSpec) -> Iterator[dict[str, float]]:
    """Yield the seconds of the parts of each row."""
    training, test = load_training(spec, default_data_dir()), load_test(spec, default_data_dir())
    pixels = images.make_training_images(torch.from_numpy(training.pixels), spec.image_size, CPU)
    test_pixels = images.make_images_like(pixels, torch.from_numpy(test.pixels))
    scorer = scoring.Scorer(training=training, test=test, test_images=test_pixels, spec=spec)
    method, clock = registry.load("methods", spec.method), StageClock(CPU)
    learner = method.begin(spec, CPU)
    warm_up_backends(spec, CPU)
    for epoch in range(ROWS + 1):
        marks = [time.perf_counter()]
        if epoch:
            train_pass(learner, pixels, spec, epoch)
        marks.append(time.perf_counter())
        features = extract_features(learner.network, pixels, spec.precision)
        marks.append(time.perf_counter())
        space = preprocess(features, spec, clock)
        clustering = cluster(space, spec, epoch, clock)
        marks.append(time.perf_counter())
        for rulers in (ALL_RULERS, RUN_RULERS):
            scoring.RULERS.clear()
            scoring.RULERS.update(rulers)
            scorer.score_row(learner, features, space, clustering)
            marks.append(time.perf_counter())
        method.relabel(learner, clustering.assignment, training, spec, epoch)
        train, embed, reduce, score, score_run = (end - start for start, end in itertools.pairwise(marks))
        # The first row has no pass, and sets the libraries up.
        if epoch:
            row = train + embed + reduce + score
            yield {"row": row, "train": train, "features": embed, "clustering": reduce, "rulers": score - score_run}


def main() -> None:
    limit_threads(1)
    rows = []
    for case in CASES:
        medians = pd.DataFrame(time_rows(make_spec(case | {"width": 0.25, "epochs": ROWS}))).median()
        rows.append(case | medians.round(3).to_dict() | {"share": round(medians["rulers"] / medians["row"], 3)})
        print(rows[-1], flush=True)
    pd.DataFrame(rows).astype({"test_limit": "Int64"}).to_csv(TABLE, index=False)


if __name__ == "__main__":
    main()
