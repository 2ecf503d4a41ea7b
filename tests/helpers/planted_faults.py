"""Faults of earlier public comparisons, planted into the code with monkeypatch."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from dcbench.training import loop
from dcbench.training.deepcluster.images import Images
from dcbench.training.deepcluster.learner import Learner
from dcbench.training.methods import deepcluster


def plant_an_optimizer_over_the_first_head(monkeypatch):
    real, first = deepcluster.replace_head, []

    def replace_head(network, classes, spec, epoch):
        first.append(real(network, classes, spec, epoch))
        return first[0]

    monkeypatch.setattr(deepcluster, "replace_head", replace_head)


def plant_trainable_sobel(monkeypatch):
    def make_learner(network, trunk_optimizer):
        network.input.sobel.weight.require_grad = False  # the public version's typo: it sets nothing
        network.input.sobel.weight.requires_grad_(True)
        trunk_optimizer.add_param_group({"params": list(network.input.parameters())})
        return Learner(network=network, trunk_optimizer=trunk_optimizer)

    monkeypatch.setattr(deepcluster, "Learner", make_learner)


def plant_a_conversion_that_wraps(monkeypatch):
    plain = Images.plain
    monkeypatch.setattr(
        Images, "augmented", lambda images, indices, *_: (plain(images, indices) * 255).long().remainder(256) / 255.0
    )


def plant_a_dataset_in_cluster_order(monkeypatch):
    real = loop.train_pass

    def train(learner, images, spec, epoch):
        reordered = dataclasses.replace(images, pixels=images.pixels[torch.from_numpy(np.argsort(learner.labels))])
        return real(learner, reordered, spec, epoch)

    monkeypatch.setattr(loop, "train_pass", train)


def plant_a_backend_that_switches_the_sampler(monkeypatch):
    real = loop.train_pass

    def train(learner, images, spec, epoch):
        sampler = "natural" if spec.kmeans_backend == "sklearn" else spec.sampler
        return real(learner, images, spec.model_copy(update={"sampler": sampler}), epoch)

    monkeypatch.setattr(loop, "train_pass", train)
