"""What one run learned, gathered: its weights, its clustering once more, the images that show them, a map.

In: a run with weights, or one whose weights follow from its seed, and the images that it was made on. Out: a Learned.
Everything is computed as the run did it, and held against what the run recorded.
"""

from __future__ import annotations

import os

import torch

from dcbench import registry
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import NotFiniteError, ResultsError
from dcbench.inspect import result
from dcbench.inspect.measuring import checks, clusters, feature_map, filters, thumbnails
from dcbench.inspect.measuring.weights import Weights, find
from dcbench.inspect.result import InspectionResult
from dcbench.inspect.subject import InspectedRun
from dcbench.training import threads
from dcbench.training.datasets import Split, load_training
from dcbench.training.deepcluster import images, preprocessing, pseudo_labels
from dcbench.training.deepcluster.clock import StageClock
from dcbench.training.deepcluster.features import extract_features
from dcbench.training.deepcluster.preprocessing import FeatureSpace
from dcbench.training.deepcluster.pseudo_labels import Clustering


def inspect(subject: InspectedRun, config: WorkerConfig, shown: int) -> InspectionResult:
    """All that the run shows; of its clusters the `shown` largest."""
    if config.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = config.gpu  # before torch looks
    threads.limit_threads(config.threads)
    split = load_training(subject.spec, config.data_dir)
    same_images = checks.same_images(subject, split)
    weights = find(subject, torch.device(config.device))
    with filters.listening(weights.network) as heard:
        space, found = _clustered(subject, split, weights, torch.device(config.device))
    facts = result.facts_of(subject, weights.epoch, _class_names(subject, split, config))
    facts["checks"] = [same_images, *checks.of_clustering(subject, split, weights, found, facts["rows"])]
    arrays = {"assignment": found.assignment, "labels": split.labels, "indices": split.indices}
    arrays |= clusters.gather(split, space, found, shown)
    size, seed = subject.spec.image_size, subject.spec.seed
    for names, gathered in (
        (filters.ARRAYS, filters.gather(weights.network, weights.before, heard, size)),
        (feature_map.ARRAYS, feature_map.gather(space.points, seed)),
    ):
        if isinstance(gathered, str):
            facts["missing"] |= dict.fromkeys(names, gathered)
        else:
            arrays |= gathered
    return InspectionResult(arrays | thumbnails.of_positions(split, arrays), facts)


def _clustered(
    subject: InspectedRun, split: Split, weights: Weights, device: torch.device
) -> tuple[FeatureSpace, Clustering]:
    """The features of the plain images, preprocessed and clustered as the row of the weights' epoch was."""
    spec, clock = subject.spec, StageClock(device)
    training = images.training_images(torch.from_numpy(split.pixels), spec.image_size, device)
    try:
        features = extract_features(weights.network, training, spec.precision)
    except NotFiniteError as error:
        raise ResultsError(f"{subject.home}: its weights cannot be used: {error}") from None
    space = preprocessing.preprocess(features, spec, clock)
    return space, pseudo_labels.cluster(space, spec, weights.epoch, clock)


def _class_names(subject: InspectedRun, split: Split, config: WorkerConfig) -> list[str]:
    """Names from disk, where only the dataset's folder tells them, else from its facts."""
    told = getattr(registry.load("datasets", subject.spec.dataset), "class_names", None)
    dataset, classes = subject.spec.dataset, split.class_count
    return told(config.data_dir, subject.spec) if told else result.class_names(dataset, classes)
