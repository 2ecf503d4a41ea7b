"""Mistakes of earlier public versions, each with a check that the real code passes and a planted mistake fails.

The numbers are those of the list in the recipe. A check runs the real training loop and inspects what happened; a
plant breaks one thing in it, in the way the public versions did.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from dcbench import registry
from dcbench.analysis import results, run_files
from dcbench.analysis.results import Results
from dcbench.analysis.statistics import finals
from dcbench.analysis.summary import analyse
from dcbench.audit.axes import Audit
from dcbench.core.columns import STAGES, name_gain
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir, RunDir
from dcbench.figures import curves
from dcbench.report.tables import FINAL_METRICS, make_tables
from dcbench.training import datasets, loop, metrics
from dcbench.training.backends import KMeansResult
from dcbench.training.deepcluster import training_pass
from dcbench.training.deepcluster.network import SOBEL, Network
from tests.helpers.matrices import plan_of
from tests.helpers.planted_faults import (
    plant_a_backend_that_switches_the_sampler,
    plant_a_conversion_that_wraps,
    plant_a_dataset_in_cluster_order,
    plant_an_optimizer_over_the_first_head,
    plant_trainable_sobel,
)
from tests.helpers.result_folders import fill
from tests.helpers.tiny_analysis import fill_rows

NO_AUDIT = Audit(name="m", runs=0, axes=[], failures=[])
SETTINGS = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 2, "batch_size": 16, "k": 4, "augment": "none"}


class Scene:
    """A run of the real code that records the images and pseudo-labels of training, and whether the head moved."""

    def __init__(self, run_here, tmp_path, monkeypatch):
        self.run_here, self.tmp_path, self.monkeypatch = run_here, tmp_path, monkeypatch
        self.trained: list[tuple[np.ndarray, list[int], list[int], bool]] = []
        self.networks: list[Network] = []

    def run(self, **values) -> pd.DataFrame:
        chosen = SETTINGS | values
        text = ", ".join(f"{name}: {str(value).lower()}" for name, value in chosen.items())
        if not self.trained:
            self._watch()
        matrix = f"name: m{len(self.trained)}\nsettings: {{{text}}}\n"
        plan = plan_of(matrix)
        self.folder = self.run_here(matrix).run_dir(plan.run_ids[0])
        if self.folder.read_state().name != "done":  # no assertion: a check must fail because of the plant, not a crash
            raise RuntimeError(self.folder.read_state().reason)
        return pd.read_csv(self.folder.metrics_file)

    def split(self, **values) -> datasets.Split:
        return datasets.load_training(make_spec(SETTINGS | values), self.tmp_path)

    def cluster_as(self, assignment: np.ndarray) -> None:
        """Let every backend's k-means return this assignment."""
        for name in registry.plugin_names("backends"):
            self.monkeypatch.setattr(
                registry.load("backends", name),
                "kmeans",
                lambda points, first, _: KMeansResult(assignment=torch.from_numpy(assignment), centroids=first),
            )

    def _watch(self) -> None:
        real, forward, loss = loop.train_pass, Network.forward, training_pass.F.cross_entropy
        inputs: list[torch.Tensor] = []
        labels: list[int] = []

        def watched_forward(network, batch):
            if network.training:
                inputs.append(batch.detach().clone())
            return forward(network, batch)

        def watched_loss(logits, target, **options):
            labels.extend(target.tolist())
            return loss(logits, target, **options)

        def watched_train(learner, images, spec, epoch):
            inputs.clear()
            labels.clear()
            before = learner.network.head.weight.detach().clone()
            passed = real(learner, images, spec, epoch)
            moved = not torch.equal(before, learner.network.head.weight)
            self.trained.append((learner.labels, self._positions(torch.cat(inputs), spec), list(labels), moved))
            self.networks.append(learner.network)
            return passed

        self.monkeypatch.setattr(Network, "forward", watched_forward)
        self.monkeypatch.setattr(training_pass.F, "cross_entropy", watched_loss)
        self.monkeypatch.setattr(loop, "train_pass", watched_train)

    def _positions(self, batch: torch.Tensor, spec: RunSpec) -> list[int]:
        """Return the training image that each trained input is, as clustering sees it; -1 for none."""
        from dcbench.training.deepcluster import images

        split = datasets.load_training(spec, self.tmp_path)
        plain = images.make_training_images(torch.from_numpy(split.pixels), 32, torch.device("cpu")).plain(
            torch.arange(len(split.labels))
        )
        distance = torch.cdist(batch.flatten(1), plain.flatten(1))
        nearest, where = distance.min(dim=1)
        return torch.where(nearest < 0.05, where, -1).tolist()


@pytest.fixture
def scene(run_here, tmp_path, monkeypatch):
    return Scene(run_here, tmp_path, monkeypatch)


# --- 1: the head's optimizer outlived its head ------------------------------------------------


def check_every_head_is_trained(scene):
    scene.run(epochs=3)
    assert [moved for *_, moved in scene.trained] == [True] * 3


# --- 2: Sobel filters that trained ----------------------------------------------------------------


def check_sobel_never_moves(scene):
    scene.run(input_channels=2)
    sobel = scene.networks[-1].input.sobel.weight
    assert torch.equal(sobel, torch.tensor(SOBEL)[:, None]) and not sobel.requires_grad


# --- 3: training used other images than clustering ----------------------------------------------------


def check_training_sees_the_images_of_clustering(scene):
    scene.run()
    for _, positions, _, _ in scene.trained:
        assert -1 not in positions


# --- 4: uniform sampling lost ----------------------------------------------------------------------------


def check_clusters_are_drawn_evenly_and_images_keep_their_pseudo_labels(scene):
    uneven = np.random.default_rng(0).choice(4, 60, p=[0.6, 0.2, 0.15, 0.05])
    scene.cluster_as(uneven)
    scene.run()
    for assignment, positions, labels, _ in scene.trained:
        assert np.bincount(assignment[positions], minlength=4).tolist() == [15, 15, 15, 15]
        assert assignment[positions].tolist() == labels


# --- 5: labels and assignments in different orders ---------------------------------------------------------


def check_labels_and_assignments_have_the_same_order(scene):
    scene.cluster_as(scene.split(k=10).labels)
    rows = scene.run(k=10)
    assert rows[["cluster_accuracy", "nmi_true"]].to_numpy().ravel().tolist() == pytest.approx([1.0] * 6)


def plant_assignments_in_cluster_order(monkeypatch):
    real = metrics.cluster_accuracy
    in_cluster_order = lambda truth, assignment: real(truth, np.sort(assignment))  # noqa: E731
    monkeypatch.setitem(metrics.TRUTH_SCORES, "cluster_accuracy", in_cluster_order)


# --- 6: a backend brought its own sampler --------------------------------------------------------------------


def check_backends_differ_in_nothing_else(scene):
    scene.cluster_as(np.arange(60) % 7 % 4)
    for name in registry.plugin_names("backends"):
        scene.run(backend=name)
    by_epoch = [scene.trained[epoch::2] for epoch in (0, 1)]
    for passes in by_epoch:
        assert len(passes) == 3 and all(trained[1:3] == passes[0][1:3] for trained in passes)


# --- 7: missing values as 0, truncated runs in means, run ids from the clock -----------------------------------


def check_no_previous_epoch_is_empty(scene):
    assert np.isnan(scene.run()["nmi_previous"][0])


def plant_zero_for_no_previous_epoch(monkeypatch):
    real = metrics.nmi_previous
    monkeypatch.setattr(metrics, "nmi_previous", lambda before, now: real(before, now) or 0.0)


def results_of(rows: pd.DataFrame) -> Results:
    full = rows.assign(**{name: 0.1 for name in FINAL_METRICS if name not in rows})
    full = fill_rows(full).assign(seed=full["run_id"].factorize()[0], repeat=0)
    state_columns = {"state": "done", "kind": None, "reason": "", "seconds": 1.0}
    judged = {"health": "healthy", "health_since": 0, "health_why": "", "timing": "exclusive", "last_lines": ""}
    named = dict.fromkeys(
        ("dataset", "arch", "input_channels", "backend", "pca_backend", "whiten_backend", "kmeans_backend"), "x"
    )
    named |= {"limit": 60, "test_limit": 60}
    runs = full.drop_duplicates("run_id").assign(**state_columns, **judged, **named)
    return Results(
        name="m",
        varied={},
        runs=runs,
        rows=full.assign(**judged, **named, **{f"seconds_{stage}": 1.0 for stage in STAGES}),
    )


def check_means_end_where_the_shortest_run_ends(scene):
    whole = pd.DataFrame({"run_id": "whole", "epoch": range(6), "nmi_true": 0.2})
    short = pd.DataFrame({"run_id": "short", "epoch": range(3), "nmi_true": 0.8})
    figure = curves.draw(analyse(results_of(pd.concat([whole, short])), ruler="own"), None)
    (mean,) = [line for line in figure.axes[1].get_lines() if line.get_linewidth() == 2]
    assert list(mean.get_xdata()) == [0, 1, 2]
    assert list(mean.get_ydata()) == pytest.approx([0.5] * 3)


def plant_a_mean_over_the_available_rows(monkeypatch):
    mean = lambda rows, metric: rows.groupby("epoch")[metric].agg(mean="mean", low="min", high="max")  # noqa: E731
    monkeypatch.setattr(curves, "mean_curve", mean)


def check_a_truncated_run_is_in_no_table(scene):
    text = "name: cut\nseeds: [0, 1]\nsettings: {epochs: 2}\n"
    folder, plan = MatrixDir(scene.tmp_path / "cut"), plan_of(text)
    status.store_plan(plan, folder)
    for spec in plan.runs:
        fill(folder, spec.run_id, spec, epochs=2 - spec.seed, nmi=0.5)
    final = make_tables(analyse(results.read_results(folder)), NO_AUDIT)["final"]
    assert final["done"].tolist() == [1] and final["nmi_true"].tolist() == pytest.approx([0.7])


def plant_states_without_a_check_of_the_rows(monkeypatch):
    monkeypatch.setattr(RunDir, "read_planned_state", lambda folder, spec: folder.read_state())
    monkeypatch.setattr(run_files, "_check_epochs", lambda run, metrics, notes: (run, metrics))


def check_run_ids_depend_on_the_spec_only(scene):
    assert make_spec(SETTINGS).run_id == make_spec(dict(reversed(SETTINGS.items()))).run_id
    assert make_spec(SETTINGS).run_id != make_spec(SETTINGS | {"seed": 1}).run_id


def plant_run_ids_from_the_clock(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(RunSpec, "run_id", property(lambda spec: f"run-{next(clock)}"))


# --- 8: training on the test split, best epoch by test labels -------------------------------------------------------


def check_only_training_images_are_trained_on(scene):
    scene.run()
    assert all(-1 not in positions for _, positions, _, _ in scene.trained)
    provenance = scene.folder.provenance_file.read_text()
    assert scene.split().digest() in provenance


def plant_the_test_split(monkeypatch):
    def load_test(spec, data_dir):
        split = datasets.load_test(spec, data_dir)
        return split.select(np.arange(60))

    monkeypatch.setattr(loop, "load_training", load_test)


def check_the_last_epoch_is_reported_and_not_the_best(scene):
    rows = pd.DataFrame({"run_id": "a", "epoch": [0, 1, 2], "nmi_true": [0.3, 0.9, 0.4]})
    table = make_tables(analyse(results_of(rows)), NO_AUDIT)["final"]
    assert table["nmi_true"].tolist() == [0.4] and table["gain_nmi_true"].tolist() == pytest.approx([0.1])


def plant_the_best_epoch_by_true_labels(monkeypatch):
    def reduce_to_the_best_row(rows, rules, gains):
        return rows.loc[[rows["nmi_true"].idxmax()]].assign(**{name_gain(metric): 0.6 for metric in gains})

    monkeypatch.setattr(finals, "reduce_curves", reduce_to_the_best_row)


MISTAKES = {
    "1 head never trained": (check_every_head_is_trained, plant_an_optimizer_over_the_first_head),
    "2 trainable Sobel": (check_sobel_never_moves, plant_trainable_sobel),
    "3 wrapped images": (check_training_sees_the_images_of_clustering, plant_a_conversion_that_wraps),
    "4 uniform sampling lost": (
        check_clusters_are_drawn_evenly_and_images_keep_their_pseudo_labels,
        plant_a_dataset_in_cluster_order,
    ),
    "5 labels out of order": (check_labels_and_assignments_have_the_same_order, plant_assignments_in_cluster_order),
    "6 sampler by backend": (check_backends_differ_in_nothing_else, plant_a_backend_that_switches_the_sampler),
    "7 missing values as 0": (check_no_previous_epoch_is_empty, plant_zero_for_no_previous_epoch),
    "7 means over unequal runs": (check_means_end_where_the_shortest_run_ends, plant_a_mean_over_the_available_rows),
    "7 truncated runs averaged": (check_a_truncated_run_is_in_no_table, plant_states_without_a_check_of_the_rows),
    "7 run ids from the clock": (check_run_ids_depend_on_the_spec_only, plant_run_ids_from_the_clock),
    "8 trained on the test split": (check_only_training_images_are_trained_on, plant_the_test_split),
    "8 best epoch by labels": (check_the_last_epoch_is_reported_and_not_the_best, plant_the_best_epoch_by_true_labels),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_real_code_does_not_make_the_mistake(name, scene):
    check, _ = MISTAKES[name]
    check(scene)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_planted_mistake_is_found(name, scene, monkeypatch):
    check, plant = MISTAKES[name]
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(scene)
