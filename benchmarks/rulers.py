"""Measure the rulers on networks of known quality.

    python -m benchmarks.rulers            # trains the networks and scores them, about half an hour on two cores
    python -m benchmarks.rulers --table    # makes the table anew from docs/rulers_networks.csv

Networks are trained with the true labels, and scored after 0, 1/4, 1/2, 1, 2, 4 and 8 passes; others are trained for 4
passes with a share of their labels shuffled. The accuracy of their heads on test images is the known quality. A good
ruler puts the networks in the same order, and gives the same score to the same features whatever its own starts.

docs/rulers_networks.csv has a row for each network, ruler and set of starts; docs/rulers.csv is the table:
rank_correlation   Spearman's, of the score with the head's accuracy over all networks of a dataset
rank_low, rank_high  its 95 % interval from a bootstrap over the networks (percentiles of 2,000 samples)
sd_starts          standard deviation of the score when only the starts of k-means change, pooled over the networks
sd_seeds           standard deviation between seeds of networks that were trained alike, pooled
untrained, trained mean score of the networks after 0 and after 8 passes with all labels right
seconds            median time to score one network, on one core
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from dcbench.core.columns import RULERS
from dcbench.core.spec import make_spec
from dcbench.core.worker_config import default_data_dir
from dcbench.training import scoring, seeds
from dcbench.training.costs import StageClock
from dcbench.training.datasets import load_test, load_training
from dcbench.training.deepcluster import images
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.learner import Learner, make_trunk_optimizer, replace_head
from dcbench.training.deepcluster.network import build_network
from dcbench.training.deepcluster.pseudo_labels import cluster, preprocess
from dcbench.training.deepcluster.training_pass import draw_positions
from dcbench.training.metrics import measure_accuracy, score_predictions
from dcbench.training.rulers import Embedding

DOCS = Path(__file__).parent.parent / "docs"
DATASETS = ("mnist", "cifar10", "digits")
SEEDS = (0, 1, 2)
START_SEEDS = (0, 1, 2)
IMAGES, TEST_IMAGES = 4000, 2000
PASSES = (0.25, 0.5, 1, 2, 4, 8)
SHUFFLED_SHARES, SHUFFLED_PASSES = (0.25, 0.5, 0.75), (4,)
CPU = torch.device("cpu")


def train(learner, training, spec, passes):
    """Train on the learner's labels, and yield the number of passes whenever it is one of `passes`."""
    crops = seeds.torch_generator(spec.seed, "augment", 1)
    torch.manual_seed(spec.seed)
    labels, seen, left = torch.from_numpy(learner.labels), 0, list(passes)
    for epoch in range(int(max(passes))):
        order = draw_positions("natural", learner.labels, seeds.numpy_generator(spec.seed, "sampler", epoch))
        for batch in torch.from_numpy(order).split(spec.batch_size):
            learner.network.train()
            loss = F.cross_entropy(learner.network(training.augmented(batch, spec.augment, crops)), labels[batch])
            for optimizer in (learner.trunk_optimizer, learner.head_optimizer):
                optimizer.zero_grad()
            loss.backward()
            for optimizer in (learner.trunk_optimizer, learner.head_optimizer):
                optimizer.step()
            seen += len(batch)
            # The batches do not divide a quarter of a pass evenly.
            if left and seen >= left[0] * len(training) - spec.batch_size / 2:
                yield left.pop(0)


def score_networks(dataset, seed, data_dir):
    """Yield a row for each network of one dataset and seed, each ruler and each set of starts."""
    limits = {} if dataset == "digits" else {"limit": IMAGES, "test_limit": TEST_IMAGES}
    settings = {"dataset": dataset, "seed": seed, "method": "supervised", "sampler": "natural", "width": 0.25}
    spec = make_spec(settings | limits)
    split, test = load_training(spec, data_dir), load_test(spec, data_dir)
    training = images.make_training_images(torch.from_numpy(split.pixels), spec.image_size, CPU)
    test_images = images.make_images_like(training, torch.from_numpy(test.pixels))
    for share in (0.0, *SHUFFLED_SHARES):
        network = build_network(spec, CPU)
        learner = Learner(network=network, trunk_optimizer=make_trunk_optimizer(network.trunk, spec))
        learner.labels = split.labels.copy()
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(len(split.labels))[: int(share * len(split.labels))]
        learner.labels[shuffled] = rng.permutation(learner.labels[shuffled])
        learner.head_optimizer = replace_head(network, split.class_count, spec, 0)
        stages = train(learner, training, spec, SHUFFLED_PASSES if share else PASSES)
        for passes in stages if share else (0, *PASSES):
            if passes and not share:
                next(stages)
            features = extract_features(network, training, spec.precision)
            test_features = extract_features(network, test_images, spec.precision)
            head = measure_accuracy(test.labels, scoring.predict_classes(network, test_images, spec))
            facts = {"dataset": dataset, "seed": seed, "shuffled": share, "passes": passes, "head_accuracy": head}
            for start_seed in START_SEEDS:
                own = spec.model_copy(update={"seed": start_seed})
                space = preprocess(features, own, StageClock(CPU))
                for name, ruler in RULERS.items():
                    start = time.perf_counter()
                    clustering = cluster(space, own, 0, StageClock(CPU))
                    if name != "own":
                        start = time.perf_counter()
                    embedding = Embedding(
                        training=features, test=test_features, labels=split.labels, test_labels=test.labels,
                        class_count=split.class_count, space=space, clustering=clustering, spec=own,
                        start_seed=start_seed,
                    )  # fmt: skip
                    predictions = scoring.RULERS[name].predict(embedding)
                    score = score_predictions(predictions, split.labels, test.labels)[ruler.column]
                    seconds = round(time.perf_counter() - start, 3)
                    yield facts | {"start_seed": start_seed, "ruler": name, "score": score, "seconds": seconds}
            print(dataset, seed, share, passes, f"{head:.3f}", flush=True)


def tabulate(rows):
    """Return the table of docs/rulers.csv from the rows of docs/rulers_networks.csv."""
    table = []
    for (dataset, ruler), part in rows.groupby(["dataset", "ruler"], sort=False):
        networks = ["seed", "shuffled", "passes"]
        first = part[part["start_seed"] == part["start_seed"].min()]
        scores, rng = first[["score", "head_accuracy"]].to_numpy(), np.random.default_rng(0)
        samples = [scores[rng.integers(0, len(scores), len(scores))] for _ in range(2000)]
        low, high = np.nanpercentile([spearmanr(*sample.T).statistic for sample in samples], [2.5, 97.5])
        alike = first.groupby(["shuffled", "passes"])["score"]
        right = first[first["shuffled"] == 0].groupby("passes")["score"].mean()
        table.append(
            {
                "dataset": dataset,
                "ruler": ruler,
                "rank_correlation": spearmanr(first["score"], first["head_accuracy"]).statistic,
                "rank_low": low,
                "rank_high": high,
                "sd_starts": np.sqrt(part.groupby(networks)["score"].var().mean()),
                "sd_seeds": np.sqrt(alike.var().mean()),
                "untrained": right.loc[0],
                "trained": right.loc[max(PASSES)],
                "seconds": part["seconds"].median(),
            }
        )
    return pd.DataFrame(table)


def main():
    """Score all networks, or make the table from the committed scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="read docs/rulers_networks.csv instead of training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    file = DOCS / "rulers_networks.csv"
    if not options.table:
        data_dir = default_data_dir()
        rows = [row for dataset in DATASETS for seed in SEEDS for row in score_networks(dataset, seed, data_dir)]
        pd.DataFrame(rows).to_csv(file, index=False, float_format="%.5g")
    table = tabulate(pd.read_csv(file))
    table.to_csv(DOCS / "rulers.csv", index=False, float_format="%.3f")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
