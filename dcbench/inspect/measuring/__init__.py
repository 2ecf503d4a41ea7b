"""Measure what one run learned: its weights, its clustering, the images that show them, and a map of the features.

In: a run with weights, or one whose weights follow from its seed, and the images that it was trained on. Out: an
InspectionResult. Everything is computed as the run computed it, and checked against what the run recorded.
"""

from __future__ import annotations

import os

import torch

from dcbench import registry
from dcbench.core.worker_config import WorkerConfig
from dcbench.errors import NotFiniteError, ResultsError
from dcbench.inspect.measuring import checks, feature_map, filters, shown_images
from dcbench.inspect.measuring.weights import load_weights
from dcbench.inspect.result import InspectionResult, collect_facts, read_class_names
from dcbench.inspect.subject import InspectedRun
from dcbench.training import threads
from dcbench.training.costs import StageClock
from dcbench.training.datasets import load_training
from dcbench.training.deepcluster import images, pseudo_labels
from dcbench.training.deepcluster.features import extract_features


def measure_run(run: InspectedRun, config: WorkerConfig, cluster_count: int) -> InspectionResult:
    """Measure all that can be shown of a run; of its clusters, the `cluster_count` largest.

    Raises DataError if the images are not those of the run, and ResultsError if its weights cannot be used.
    """
    if config.gpu:
        # torch reads this only once, when it first looks for GPUs.
        os.environ["CUDA_VISIBLE_DEVICES"] = config.gpu
    threads.limit_threads(config.threads)
    spec, device = run.spec, torch.device(config.device)
    split = load_training(spec, config.data_dir)
    image_check = checks.check_images(run, split)
    weights = load_weights(run, device)

    # Compute the clustering as the run did for the row of this epoch: plain images, the same stages, the same seed.
    training_images = images.make_training_images(torch.from_numpy(split.pixels), spec.image_size, device)
    try:
        # The forward passes that give the features also give the responses of the filters.
        with filters.record_responses(weights.network) as responses:
            features = extract_features(weights.network, training_images, spec.precision)
    except NotFiniteError as error:
        raise ResultsError(f"{run.user_path}: its weights cannot be used: {error}") from None
    clock = StageClock(device)
    space = pseudo_labels.preprocess(features, spec, clock)
    clustering = pseudo_labels.cluster(space, spec, weights.epoch, clock)

    # The classes of a folder of images are known on disk only; those of other datasets are among their facts.
    read_from_disk = getattr(registry.load("datasets", spec.dataset), "class_names", None)
    if read_from_disk:
        class_names = read_from_disk(config.data_dir, spec)
    else:
        class_names = read_class_names(spec.dataset, split.class_count)
    facts = collect_facts(run, weights.epoch, class_names)
    facts["checks"] = [image_check, *checks.check_clustering(run, split, weights, clustering, facts["rows"])]

    arrays = {"assignment": clustering.assignment, "labels": split.labels, "indices": split.indices}
    arrays |= shown_images.measure_clusters(split, space, clustering, cluster_count)
    filter_arrays = filters.measure_filters(weights.network, weights.untrained_filters, responses, spec.image_size)
    map_arrays = feature_map.map_features(space.points, spec.seed)
    for names, measured in ((filters.FILTER_ARRAYS, filter_arrays), (feature_map.MAP_ARRAYS, map_arrays)):
        if isinstance(measured, str):
            facts["missing"] |= dict.fromkeys(names, measured)
        else:
            arrays |= measured
            # An architecture of the user's own may have one convolution: then there is no last one beside the first.
            absent = [name for name in names if name not in measured]
            facts["missing"] |= dict.fromkeys(absent, "the network has a single convolution")
    return InspectionResult(arrays=arrays | shown_images.collect_images(split, arrays), facts=facts)
