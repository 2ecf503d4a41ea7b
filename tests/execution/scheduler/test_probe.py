import pytest

from dcbench.core.spec import make_spec
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import scheduler
from dcbench.execution.scheduler import probe
from dcbench.execution.scheduler.history import MeasuredCost, get_cost_key
from dcbench.execution.scheduler.packing import Device, Pool
from tests.helpers.matrices import plan_of

TEXT = "name: m\naxes: {k: [4, 5], epochs: [2, 3]}\nsettings: {limit: 60, width: 0.05, pca_dim: 8}\n"


@pytest.fixture
def entries(tmp_path):
    return status.read_planned_runs(plan_of(TEXT), MatrixDir(tmp_path / "m"))


def test_each_class_is_probed_once(entries, tmp_path):
    settings = scheduler.make_settings(WorkerConfig(data_dir=tmp_path))
    assert [spec.k for spec in probe.find_unknown_classes(entries, settings)] == [4, 5], (
        "one for each class, with any number of epochs"
    )
    scheduler.measure_costs(entries, "inline", settings)
    assert (
        probe.find_unknown_classes(entries, settings)
        == []
        == probe.find_unknown_classes(entries, settings, memory=True)
    )
    costs = [settings.history.predict(get_cost_key(entry.spec)) for entry in entries]
    assert all(cost.source == "probe" and cost.seconds > 0 and cost.memory_mb > 0 for cost in costs)
    assert costs[1].seconds > costs[0].seconds, "one more epoch"
    assert not (tmp_path / "m").exists()


def test_a_class_that_cannot_be_probed_stays_unknown(tmp_path):
    plan = plan_of("name: m\naxes: {dataset: [digits, mnist, 'imagefolder:x']}\n" + TEXT.split("\n", 2)[2])
    entries = status.read_planned_runs(plan, MatrixDir(tmp_path / "m"))
    settings = scheduler.make_settings(WorkerConfig(data_dir=tmp_path))
    specs = probe.find_unknown_classes(entries, settings)
    probe.run_probes(specs, "inline", settings)
    assert [spec.dataset for spec in probe.find_unknown_classes(entries, settings)] == ["mnist", "imagefolder:x"]


@pytest.mark.parametrize(
    ("values", "subsets"),
    [
        ({"dataset": "mnist", "limit": 1000, "test_limit": 500}, [(1000, 500, 1.0)]),
        ({"dataset": "mnist", "limit": 6000}, [(6000, None, 1.0)]),
        ({"dataset": "mnist"}, [(4096, 683, 4096 / 60000), (1024, 171, 1024 / 60000)]),
        ({"dataset": "mnist", "k": 2000}, [(4096, 683, 4096 / 60000), (2000, 333, 2000 / 60000)]),
        ({"dataset": "mnist", "k": 5000}, [(10000, 1667, 1 / 6), (5000, 833, 1 / 12)]),
        ({"dataset": "imagefolder:x"}, []),
    ],
)
def test_large_classes_are_probed_with_two_subsets_of_their_images(values, subsets):
    probes = probe.plan_probes(make_spec(values))
    assert [(spec.limit or 60000, spec.test_limit, share) for spec, share in probes] == [
        (images, tested, pytest.approx(share)) for images, tested, share in subsets
    ]
    assert all(spec.epochs == 1 for spec, _ in probes)


def test_costs_are_extrapolated_linearly_from_two_subsets():
    cost = probe.extrapolate(
        [
            (0.4, MeasuredCost(start=14.0, row=4.0, memory_mb=300.0)),
            (0.1, MeasuredCost(start=11.0, row=1.0, memory_mb=None)),
        ]
    )
    assert (cost.start, cost.row, cost.memory_mb) == (pytest.approx(20.0), pytest.approx(10.0), None)
    noisy = probe.extrapolate(
        [(0.4, MeasuredCost(start=5.0, row=1.0, memory_mb=1.0)), (0.1, MeasuredCost(start=6.0, row=1.0, memory_mb=1.0))]
    )
    assert noisy.start == 5.0, "more images never take less"


def test_only_classes_that_share_a_gpu_are_probed_first(entries, tmp_path):
    settings = scheduler.make_settings(WorkerConfig(data_dir=tmp_path))
    assert probe.find_classes_to_probe(entries, settings) == []
    settings.pool = Pool([Device(gpu="GPU-0", memory_mb=1000.0, slots=4)])
    assert len(probe.find_classes_to_probe(entries, settings)) == 2
    settings.pool = Pool([Device(gpu="GPU-0", memory_mb=1000.0, slots=1)])
    assert probe.find_classes_to_probe(entries, settings) == []
