"""The values of each stage of the parity measurements, and planted faults that these values must reveal."""

import statistics

import pytest
import torch
from sklearn.decomposition import PCA

from dcbench import registry
from dcbench.core.worker_config import WorkerConfig
from dcbench.parity import measuring
from dcbench.parity.table import MEASURES, PARITY_STAGES, ParitySettings
from dcbench.training import threads
from dcbench.training.backends import KMeansResult, sklearn_backend

pytestmark = pytest.mark.xdist_group("parity")  # the fixture is expensive, so one worker runs all of these tests

BACKENDS = ("faiss", "sklearn", "torch")
SMALL = ParitySettings(
    dataset="digits", limit=300, k_values=(4, 12), backends=BACKENDS, starts=3, pca_dim=16, width=0.05
)
PAIRS = [("faiss", "sklearn"), ("faiss", "torch"), ("sklearn", "torch")]
FAULTY, SOUND = PAIRS[0], PAIRS[1]
"""Faults are planted in the sklearn backend: one pair with it, and one without it."""


@pytest.fixture(scope="module", autouse=True)
def _restore_threads():
    before = torch.get_num_threads()
    yield
    threads.limit_threads(before)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return measuring.prepare(SMALL, WorkerConfig(data_dir=tmp_path_factory.mktemp("data"), threads=1))


@pytest.fixture(scope="module")
def sound_values(bench):
    """Measure the backends without a fault."""
    return measure_values(bench)


def measure_values(bench):
    """Return the values by stage, measure, first and second backend, and k."""
    rows = list(measuring.measure(bench))
    values = {(row.stage, row.measure, row.backend_a, row.backend_b, row.k): row.values for row in rows}
    assert len(values) == len(rows), "a row appears twice"
    return values


def values_for(values, stage, measure, pair, k=None):
    first, second = (*pair, "")[:2]
    return values[stage, measure, first, second, k]


# --- sound backends --------------------------------------------------------------------------


def test_every_stage_and_measure_has_a_row_for_every_pair_and_backend(sound_values):
    assert {key[0] for key in sound_values} == set(PARITY_STAGES) and {key[1] for key in sound_values} == set(MEASURES)
    pairs = {key[2:4] for key in sound_values if key[3]}
    assert pairs == set(PAIRS) and {key[2] for key in sound_values if not key[3]} == set(BACKENDS)
    assert {key[4] for key in sound_values} == {None, 4, 12}
    assert len(sound_values) == 3 * (2 + 2) + 3 * 2 + 2 * 3 * (2 + 4) + 2 * 3 + (3 + 2 * 2) + 2 * (3 * 2 + 2 * 2)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_backends_find_the_same_subspace_and_variance(sound_values, pair):
    (angle,) = values_for(sound_values, "pca", "largest_angle", pair)
    assert 0 < angle < 1e-4
    assert values_for(sound_values, "pca", "explained_variance_ratio", pair) == pytest.approx((1,), abs=1e-5)


def test_explained_variance_and_whitening_agree_with_numpy(sound_values, bench):
    spectrum = torch.linalg.eigvalsh(torch.cov(bench.features.double().T)).flip(0)
    share = float(spectrum[:16].sum() / spectrum.sum())
    for name in BACKENDS:
        assert values_for(sound_values, "pca", "explained_variance", [name]) == pytest.approx((share,), abs=1e-5)
        (deviation,) = values_for(sound_values, "whiten", "identity_deviation", [name])
        assert deviation < 1.1 / 299


@pytest.mark.parametrize("k", SMALL.k_values)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_backends_agree_from_the_same_matrix_and_first_centroids(sound_values, pair, k):
    kmeans = {measure: values_for(sound_values, "kmeans", measure, pair, k) for measure in ("ari", "objective_ratio")}
    assert values_for(sound_values, "kmeans", "agreement_first_iteration", pair, k) == (1.0,) * 3
    assert kmeans["ari"] == pytest.approx((1,) * 3, abs=0.05)
    assert kmeans["objective_ratio"] == pytest.approx((1,) * 3, abs=1e-3)
    assert statistics.median(values_for(sound_values, "chain", "ari", pair, k)) > 0.95


def test_seconds_are_measured_for_each_backend_stage_and_start(sound_values):
    for name in BACKENDS:
        for stage, measure, k, count in [
            ("pca", "pca", None, 1),
            ("whiten", "whiten", None, 1),
            ("kmeans",) * 2 + (4, 3),
        ]:
            seconds = values_for(sound_values, stage, f"seconds_{measure}", [name], k)
            assert len(seconds) == count and min(seconds) >= 0


def test_only_faiss_and_sklearn_have_default_values(sound_values):
    for pair in PAIRS:
        for measure, k, count in (("ari", 4, 3), ("objective_ratio", 12, 3), ("largest_angle", None, 1)):
            assert len(values_for(sound_values, "defaults", measure, pair, k)) == (0 if "torch" in pair else count)
    assert ("defaults", "angle_to_exact", "torch", "", None) not in sound_values
    assert (
        values_for(sound_values, "defaults", "angle_to_exact", ["faiss"])[0]
        < 1e-4
        < values_for(sound_values, "defaults", "angle_to_exact", ["sklearn"])[0]
    )


def test_two_starts_of_one_backend_are_compared(sound_values):
    for stage, names in (("kmeans", BACKENDS), ("defaults", ("faiss", "sklearn"))):
        for name in names:
            own = values_for(sound_values, stage, "ari_of_starts", [name], 12)
            assert len(own) == 2 and 0 < max(own) < 0.9


def test_each_start_is_compared_with_the_next_one(bench):
    rows = measuring.StageRows(bench, "kmeans")
    ends = [{"torch": torch.tensor(ids)} for ids in ([0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1])]
    rows.compare_starts(ends)
    assert [(row.measure, row.backend_a, row.values) for row in rows] == [("ari_of_starts", "torch", (1.0, -0.5))]
    rows.compare_starts(ends[:1])
    assert [len(row.values) for row in rows] == [2], "one start has no other"


def test_the_scatter_is_the_sum_of_squares_within_clusters():
    points, assignment = torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([0, 0, 2])
    assert measuring.measure_scatter(points, assignment, 4) == 2.0


# --- planted faults --------------------------------------------------------------------------


@pytest.fixture
def measure_with_fault(bench, monkeypatch):
    """Replace a function of the sklearn backend by a faulty one that gets the original, and measure again."""

    def planted(name, fault):
        original = getattr(sklearn_backend, name)
        monkeypatch.setattr(sklearn_backend, name, lambda *arguments: fault(original, *arguments))
        return measure_values(bench)

    return planted


def test_a_kmeans_that_ignores_the_first_centroids_is_detected(measure_with_fault, sound_values):
    values = measure_with_fault(
        "kmeans", lambda original, points, first, steps: original(points, points[: len(first)], steps)
    )
    assert max(values_for(values, "kmeans", "agreement_first_iteration", FAULTY, 12)) < 0.9
    assert values_for(values, "kmeans", "parting_iteration", FAULTY, 12) == (1, 1, 1)
    assert statistics.median(values_for(values, "kmeans", "ari", FAULTY, 12)) < 0.9
    assert statistics.median(values_for(values, "chain", "ari", FAULTY, 12)) < 0.9
    for measure in ("agreement_first_iteration", "ari", "objective_ratio", "parting_iteration"):
        assert values_for(values, "kmeans", measure, SOUND, 12) == values_for(
            sound_values, "kmeans", measure, SOUND, 12
        )


def test_a_kmeans_that_stops_early_has_a_worse_objective(measure_with_fault):
    values = measure_with_fault("kmeans", lambda original, points, first, steps: original(points, first, min(steps, 2)))
    assert min(values_for(values, "kmeans", "agreement_first_iteration", FAULTY, 12)) == 1.0
    assert min(values_for(values, "kmeans", "objective_ratio", ("sklearn", "torch"), 12)) > 1.001
    assert max(values_for(values, "kmeans", "ari", FAULTY, 12)) < 0.99


def test_a_randomised_pca_is_detected(measure_with_fault):
    def randomised(original, features, dim):
        pca = PCA(dim, svd_solver="randomized", iterated_power=0, random_state=0).fit(features.numpy())
        return lambda data: torch.from_numpy(pca.transform(data.numpy())).float()

    values = measure_with_fault("fit_pca", randomised)
    assert (
        values_for(values, "pca", "largest_angle", FAULTY)[0]
        > 0.1
        > 1e-4
        > values_for(values, "pca", "largest_angle", SOUND)[0]
    )
    assert values_for(values, "pca", "explained_variance_ratio", FAULTY)[0] > 1.001
    assert min(values_for(values, "chain", "ari", FAULTY, 12)) < 0.9
    assert min(values_for(values, "kmeans", "ari", FAULTY, 12)) > 0.95, "k-means gets the same matrix for every backend"


def test_a_pca_with_the_wrong_scale_is_detected(measure_with_fault):
    def doubled(original, features, dim):
        transform = original(features, dim)
        return lambda data: 2 * transform(data)

    values = measure_with_fault("fit_pca", doubled)
    assert values_for(values, "pca", "largest_angle", FAULTY)[0] < 1e-4
    assert values_for(values, "pca", "explained_variance_ratio", FAULTY) == pytest.approx((0.25,), abs=1e-4)


@pytest.mark.parametrize("fault", ["not at all", "one dimension twice"])
def test_a_wrong_whitening_is_detected(measure_with_fault, fault):
    def wrong(original, reduced):
        transform = original(reduced)
        twice = torch.eye(reduced.shape[1])
        twice[0, 1] = 1
        return (lambda data: data) if fault == "not at all" else (lambda data: transform(data) @ twice)

    values = measure_with_fault("fit_whitening", wrong)
    assert values_for(values, "whiten", "identity_deviation", ["sklearn"])[0] > 0.5
    assert values_for(values, "whiten", "identity_deviation", ["torch"])[0] < 0.01
    assert min(values_for(values, "chain", "ari", FAULTY, 12)) < 0.95
    assert min(values_for(values, "kmeans", "ari", FAULTY, 12)) > 0.95


# --- helper functions ------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 1.0])
def test_the_largest_angle_agrees_with_a_planted_angle(angle):
    straight = torch.eye(40)[:, :3].double()
    tilted = straight.clone()
    tilted[0, 0], tilted[10, 0] = torch.tensor(angle).double().cos(), torch.tensor(angle).double().sin()
    first, second = (
        measuring.Reduction(points=straight, axes=basis.numpy(), seconds=0.0) for basis in (straight, tilted)
    )
    assert measuring.measure_largest_angle(first, second) == pytest.approx(angle, rel=1e-6)


def test_axes_are_read_from_a_transform_with_a_large_offset():
    weights, mean = torch.randn(50, 4), torch.full((50,), 20.0)
    axes = measuring.read_axes(lambda data: (data - mean) @ weights, torch.empty(9, 50))
    assert torch.allclose(torch.from_numpy(axes).float(), weights, atol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
def test_single_iterations_give_the_result_of_several_at_once(bench, name):
    backend, points = registry.load("backends", name), bench.features[:, :20].clone()
    first = measuring.choose_first_centroids(points, SMALL.make_spec(12), 0)
    path = measuring.follow_iterations(backend, points, first)
    for iterations in (1, 2, 5, 20):
        assert torch.equal(path(iterations).assignment, backend.kmeans(points, first, iterations).assignment)


def make_path(*assignments):
    """Return a k-means that gives these assignments, one per iteration and then always the last."""
    requested = []

    def after(iteration):
        requested.append(iteration)
        return KMeansResult(
            assignment=torch.tensor(assignments[min(iteration, len(assignments)) - 1]), centroids=torch.empty(0)
        )

    return after, requested


def test_the_first_difference_is_found_even_if_it_disappears_later():
    (first, _), (second, _) = make_path([0], [1], [0], [1]), make_path([0], [1], [2], [1])
    assert measuring.find_first_difference(first, second, 20) == 3
    assert measuring.find_first_difference(first, second, 2) is None


def test_the_search_for_a_difference_stops_at_convergence():
    (first, requested), (second, _) = make_path([0], [1], [1], [7]), make_path([0], [1], [1], [8])
    assert measuring.find_first_difference(first, second, 20) is None and max(requested) == 3


def test_the_facts_hold_the_provenance(bench):
    assert bench.facts["threads"] == 1 and bench.facts["device"] == "cpu"
    assert bench.facts["dataset"]["images"] == 300 and "faiss" in " ".join(bench.facts["libraries"])
    assert (bench.facts["k"], bench.facts["starts"], bench.facts["backends"]) == (SMALL.k_values, 3, BACKENDS)


@pytest.mark.gpu
def test_the_backends_agree_on_a_gpu(tmp_path):
    values = measure_values(measuring.prepare(SMALL, WorkerConfig(data_dir=tmp_path, device="cuda", threads=1)))
    for pair in PAIRS:
        assert values_for(values, "pca", "largest_angle", pair)[0] < 1e-2
        assert min(values_for(values, "kmeans", "agreement_first_iteration", pair, 12)) >= 0.99


# --- real features ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist():
    """Measure MNIST with k = 10 as `dcbench parity` does; with one thread, because two slow down other tests."""
    import os
    from pathlib import Path

    settings = ParitySettings(dataset="mnist", limit=10_000, k_values=(10,), backends=BACKENDS)
    return measure_values(
        measuring.prepare(settings, WorkerConfig(data_dir=Path(os.environ["DCBENCH_DATA"]), threads=1))
    )


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_pair_of_backends_is_interchangeable_on_mnist(mnist, pair):
    assert values_for(mnist, "pca", "largest_angle", pair)[0] < 1e-2
    assert values_for(mnist, "pca", "explained_variance_ratio", pair) == pytest.approx((1,), abs=1e-4)
    agreement, ratio, ari = (
        values_for(mnist, "kmeans", measure, pair, 10)
        for measure in ("agreement_first_iteration", "objective_ratio", "ari")
    )
    assert len(agreement) == len(ratio) == len(ari) == 10
    assert min(agreement) >= 0.999
    assert ratio == pytest.approx((1,) * 10, rel=1e-3)
    assert statistics.median(ari) > 0.95


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_whitens_mnist(mnist, name):
    assert values_for(mnist, "whiten", "identity_deviation", [name])[0] < 1e-3


@pytest.mark.slow
@pytest.mark.realdata
def test_the_default_solver_of_scikit_learn_finds_another_subspace(mnist):
    assert (
        values_for(mnist, "defaults", "angle_to_exact", ["sklearn"])[0]
        > 1
        > 1e-2
        > values_for(mnist, "defaults", "angle_to_exact", ["faiss"])[0]
    )
