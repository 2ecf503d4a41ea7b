"""Each stage of the comparison, and planted faults that must each show in its values."""

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

pytestmark = pytest.mark.xdist_group("parity")  # its fixture takes long: one worker for all of these tests

BACKENDS = ("faiss", "sklearn", "torch")
SMALL = ParitySettings(
    dataset="digits", limit=300, k_values=(4, 12), backends=BACKENDS, starts=3, pca_dim=16, width=0.05
)
PAIRS = [("faiss", "sklearn"), ("faiss", "torch"), ("sklearn", "torch")]
FAULTY, SOUND = PAIRS[0], PAIRS[1]
"""Faults are planted in scikit-learn's backend: a pair that has it, and one that has not."""


@pytest.fixture(scope="module", autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    threads.limit_threads(before)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return measuring.prepare(SMALL, WorkerConfig(data_dir=tmp_path_factory.mktemp("data"), threads=1))


@pytest.fixture(scope="module")
def sound(bench):
    """The measures of the backends as they are."""
    return measured(bench)


def measured(bench):
    """(stage, measure, backend or pair, k) -> values."""
    rows = list(measuring.measure(bench))
    values = {(row.stage, row.measure, row.backend_a, row.backend_b, row.k): row.values for row in rows}
    assert len(values) == len(rows), "a row appears twice"
    return values


def of(values, stage, measure, pair, k=None):
    first, second = (*pair, "")[:2]
    return values[stage, measure, first, second, k]


# --- sound backends --------------------------------------------------------------------------


def test_every_stage_and_measure_has_a_row_for_every_pair_and_backend(sound):
    assert {key[0] for key in sound} == set(PARITY_STAGES) and {key[1] for key in sound} == set(MEASURES)
    pairs = {key[2:4] for key in sound if key[3]}
    assert pairs == set(PAIRS) and {key[2] for key in sound if not key[3]} == set(BACKENDS)
    assert {key[4] for key in sound} == {None, 4, 12}
    assert len(sound) == 3 * (2 + 2) + 3 * 2 + 2 * 3 * (2 + 4) + 2 * 3 + (3 + 2 * 2) + 2 * (3 * 2 + 2 * 2)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_backends_find_the_same_subspace_and_variance(sound, pair):
    (angle,) = of(sound, "pca", "largest_angle", pair)
    assert 0 < angle < 1e-4
    assert of(sound, "pca", "explained_variance_ratio", pair) == pytest.approx((1,), abs=1e-5)


def test_explained_variance_and_whitening_are_what_numpy_says(sound, bench):
    spectrum = torch.linalg.eigvalsh(torch.cov(bench.features.double().T)).flip(0)
    share = float(spectrum[:16].sum() / spectrum.sum())
    for name in BACKENDS:
        assert of(sound, "pca", "explained_variance", [name]) == pytest.approx((share,), abs=1e-5)
        (deviation,) = of(sound, "whiten", "identity_deviation", [name])
        assert deviation < 1.1 / 299


@pytest.mark.parametrize("k", SMALL.k_values)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_from_the_same_matrix_and_first_centroids_they_agree(sound, pair, k):
    kmeans = {measure: of(sound, "kmeans", measure, pair, k) for measure in ("ari", "objective_ratio")}
    assert of(sound, "kmeans", "agreement_first_iteration", pair, k) == (1.0,) * 3
    assert kmeans["ari"] == pytest.approx((1,) * 3, abs=0.05)
    assert kmeans["objective_ratio"] == pytest.approx((1,) * 3, abs=1e-3)
    assert statistics.median(of(sound, "chain", "ari", pair, k)) > 0.95


def test_seconds_are_measured_for_each_backend_stage_and_start(sound):
    for name in BACKENDS:
        for stage, measure, k, count in [
            ("pca", "pca", None, 1),
            ("whiten", "whiten", None, 1),
            ("kmeans",) * 2 + (4, 3),
        ]:
            seconds = of(sound, stage, f"seconds_{measure}", [name], k)
            assert len(seconds) == count and min(seconds) >= 0


def test_defaults_are_of_the_libraries_that_have_them_and_empty_elsewhere(sound):
    for pair in PAIRS:
        for measure, k, count in (("ari", 4, 3), ("objective_ratio", 12, 3), ("largest_angle", None, 1)):
            assert len(of(sound, "defaults", measure, pair, k)) == (0 if "torch" in pair else count)
    assert ("defaults", "angle_to_exact", "torch", "", None) not in sound
    assert (
        of(sound, "defaults", "angle_to_exact", ["faiss"])[0]
        < 1e-4
        < of(sound, "defaults", "angle_to_exact", ["sklearn"])[0]
    )


def test_two_starts_of_one_backend_are_the_yardstick(sound):
    for stage, names in (("kmeans", BACKENDS), ("defaults", ("faiss", "sklearn"))):
        for name in names:
            own = of(sound, stage, "ari_of_starts", [name], 12)
            assert len(own) == 2 and 0 < max(own) < 0.9


def test_starts_are_compared_with_the_next_one_each(bench):
    rows = measuring.StageRows(bench, "kmeans")
    ends = [{"torch": torch.tensor(ids)} for ids in ([0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1])]
    rows.compare_starts(ends)
    assert [(row.measure, row.backend_a, row.values) for row in rows] == [("ari_of_starts", "torch", (1.0, -0.5))]
    rows.compare_starts(ends[:1])
    assert [len(row.values) for row in rows] == [2], "one start has no other"


def test_the_defaults_objectives_are_taken_in_the_same_matrix():
    points, assignment = torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([0, 0, 2])
    assert measuring.measure_scatter(points, assignment, 4) == 2.0


# --- planted faults --------------------------------------------------------------------------


@pytest.fixture
def plant(bench, monkeypatch):
    """Replace a function of scikit-learn's backend, and measure again with the sound one at hand."""

    def planted(name, fault):
        original = getattr(sklearn_backend, name)
        monkeypatch.setattr(sklearn_backend, name, lambda *arguments: fault(original, *arguments))
        return measured(bench)

    return planted


def test_a_kmeans_that_ignores_the_first_centroids_shows(plant, sound):
    values = plant("kmeans", lambda original, points, first, steps: original(points, points[: len(first)], steps))
    assert max(of(values, "kmeans", "agreement_first_iteration", FAULTY, 12)) < 0.9
    assert of(values, "kmeans", "parting_iteration", FAULTY, 12) == (1, 1, 1)
    assert statistics.median(of(values, "kmeans", "ari", FAULTY, 12)) < 0.9
    assert statistics.median(of(values, "chain", "ari", FAULTY, 12)) < 0.9
    for measure in ("agreement_first_iteration", "ari", "objective_ratio", "parting_iteration"):
        assert of(values, "kmeans", measure, SOUND, 12) == of(sound, "kmeans", measure, SOUND, 12)


def test_a_kmeans_that_stops_early_shows_where_and_at_what_cost(plant):
    values = plant("kmeans", lambda original, points, first, steps: original(points, first, min(steps, 2)))
    assert min(of(values, "kmeans", "agreement_first_iteration", FAULTY, 12)) == 1.0
    assert min(of(values, "kmeans", "objective_ratio", ("sklearn", "torch"), 12)) > 1.001
    assert max(of(values, "kmeans", "ari", FAULTY, 12)) < 0.99


def test_a_randomised_pca_shows(plant):
    def randomised(original, features, dim):
        pca = PCA(dim, svd_solver="randomized", iterated_power=0, random_state=0).fit(features.numpy())
        return lambda data: torch.from_numpy(pca.transform(data.numpy())).float()

    values = plant("fit_pca", randomised)
    assert of(values, "pca", "largest_angle", FAULTY)[0] > 0.1 > 1e-4 > of(values, "pca", "largest_angle", SOUND)[0]
    assert of(values, "pca", "explained_variance_ratio", FAULTY)[0] > 1.001
    assert min(of(values, "chain", "ari", FAULTY, 12)) < 0.9
    assert min(of(values, "kmeans", "ari", FAULTY, 12)) > 0.95, "k-means got the same matrix all the same"


def test_a_pca_of_the_right_axes_but_the_wrong_scale_shows(plant):
    def doubled(original, features, dim):
        transform = original(features, dim)
        return lambda data: 2 * transform(data)

    values = plant("fit_pca", doubled)
    assert of(values, "pca", "largest_angle", FAULTY)[0] < 1e-4
    assert of(values, "pca", "explained_variance_ratio", FAULTY) == pytest.approx((0.25,), abs=1e-4)


@pytest.mark.parametrize("fault", ["not at all", "one dimension twice"])
def test_a_wrong_whitening_shows(plant, fault):
    def wrong(original, reduced):
        transform = original(reduced)
        twice = torch.eye(reduced.shape[1])
        twice[0, 1] = 1
        return (lambda data: data) if fault == "not at all" else (lambda data: transform(data) @ twice)

    values = plant("fit_whitening", wrong)
    assert of(values, "whiten", "identity_deviation", ["sklearn"])[0] > 0.5
    assert of(values, "whiten", "identity_deviation", ["torch"])[0] < 0.01
    assert min(of(values, "chain", "ari", FAULTY, 12)) < 0.95
    assert min(of(values, "kmeans", "ari", FAULTY, 12)) > 0.95


# --- what it is made of ----------------------------------------------------------------------


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 1.0])
def test_angles_are_those_planted_tiny_ones_too(angle):
    straight = torch.eye(40)[:, :3].double()
    tilted = straight.clone()
    tilted[0, 0], tilted[10, 0] = torch.tensor(angle).double().cos(), torch.tensor(angle).double().sin()
    first, second = (
        measuring.Reduction(points=straight, axes=basis.numpy(), seconds=0.0) for basis in (straight, tilted)
    )
    assert measuring.measure_largest_angle(first, second) == pytest.approx(angle, rel=1e-6)


def test_axes_are_read_off_a_transform_whose_offset_is_far_larger():
    weights, mean = torch.randn(50, 4), torch.full((50,), 20.0)
    axes = measuring.read_axes(lambda data: (data - mean) @ weights, torch.empty(9, 50))
    assert torch.allclose(torch.from_numpy(axes).float(), weights, atol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
def test_one_iteration_after_another_is_as_many_at_once(bench, name):
    part, points = registry.load("backends", name), bench.features[:, :20].clone()
    first = measuring.choose_first_centroids(points, SMALL.make_spec(12), 0)
    path = measuring.follow_iterations(part, points, first)
    for iterations in (1, 2, 5, 20):
        assert torch.equal(path(iterations).assignment, part.kmeans(points, first, iterations).assignment)


def path_of(*assignments):
    """A k-means that finds these, one after each iteration, and the last one for ever."""
    requested = []

    def after(iteration):
        requested.append(iteration)
        return KMeansResult(
            assignment=torch.tensor(assignments[min(iteration, len(assignments)) - 1]), centroids=torch.empty(0)
        )

    return after, requested


def test_parting_is_the_first_difference_also_one_that_heals():
    (first, _), (second, _) = path_of([0], [1], [0], [1]), path_of([0], [1], [2], [1])
    assert measuring.find_first_difference(first, second, 20) == 3
    assert measuring.find_first_difference(first, second, 2) is None


def test_parting_stops_looking_when_nothing_moves_any_more():
    (first, requested), (second, _) = path_of([0], [1], [1], [7]), path_of([0], [1], [1], [8])
    assert measuring.find_first_difference(first, second, 20) is None and max(requested) == 3


def test_the_facts_hold_the_provenance(bench):
    assert bench.facts["threads"] == 1 and bench.facts["device"] == "cpu"
    assert bench.facts["dataset"]["images"] == 300 and "faiss" in " ".join(bench.facts["libraries"])
    assert (bench.facts["k"], bench.facts["starts"], bench.facts["backends"]) == (SMALL.k_values, 3, BACKENDS)


@pytest.mark.gpu
def test_on_a_gpu_the_backends_agree_as_well(tmp_path):
    values = measured(measuring.prepare(SMALL, WorkerConfig(data_dir=tmp_path, device="cuda", threads=1)))
    for pair in PAIRS:
        assert of(values, "pca", "largest_angle", pair)[0] < 1e-2
        assert min(of(values, "kmeans", "agreement_first_iteration", pair, 12)) >= 0.99


# --- the promises, on real features ----------------------------------------------------------


@pytest.fixture(scope="module")
def mnist():
    """MNIST, k = 10, as `dcbench parity` measures it, on one thread, since two would slow down other tests."""
    import os
    from pathlib import Path

    settings = ParitySettings(dataset="mnist", limit=10_000, k_values=(10,), backends=BACKENDS)
    return measured(measuring.prepare(settings, WorkerConfig(data_dir=Path(os.environ["DCBENCH_DATA"]), threads=1)))


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_two_backends_are_interchangeable_on_mnist(mnist, pair):
    assert of(mnist, "pca", "largest_angle", pair)[0] < 1e-2
    assert of(mnist, "pca", "explained_variance_ratio", pair) == pytest.approx((1,), abs=1e-4)
    agreement, ratio, ari = (
        of(mnist, "kmeans", measure, pair, 10) for measure in ("agreement_first_iteration", "objective_ratio", "ari")
    )
    assert len(agreement) == len(ratio) == len(ari) == 10
    assert min(agreement) >= 0.999
    assert ratio == pytest.approx((1,) * 10, rel=1e-3)
    assert statistics.median(ari) > 0.95


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_whitens_mnist(mnist, name):
    assert of(mnist, "whiten", "identity_deviation", [name])[0] < 1e-3


@pytest.mark.slow
@pytest.mark.realdata
def test_scikit_learns_own_solver_is_at_another_subspace(mnist):
    assert (
        of(mnist, "defaults", "angle_to_exact", ["sklearn"])[0]
        > 1
        > 1e-2
        > of(mnist, "defaults", "angle_to_exact", ["faiss"])[0]
    )
