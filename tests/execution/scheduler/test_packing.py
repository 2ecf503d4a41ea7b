from pathlib import Path

import pytest

from dcbench.core import devices
from dcbench.core.devices import Gpu
from dcbench.errors import SpecError
from dcbench.execution.scheduler import packing
from dcbench.execution.scheduler.history import ExpectedCost
from dcbench.execution.scheduler.packing import Device, Pool, is_selected, parse_filters, urgency
from tests.helpers.matrices import plan_of

PLAN = plan_of("name: m\naxes: {dataset: [mnist, cifar10], k: [5, 10]}\nseeds: [0, 1]\n").runs


def order_runs(costs, first=()):
    ranked = sorted(PLAN, key=lambda spec: urgency(spec, costs(spec), lambda memory: (memory or 1) / 10, first))
    return [(spec.dataset, spec.k, spec.seed) for spec in ranked]


def test_the_longest_runs_come_first_and_ties_keep_the_order_of_the_plan():
    order = order_runs(lambda spec: ExpectedCost(seconds=10.0 if spec.k == 10 else 5.0, memory_mb=1.0))
    assert [k for _, k, _ in order] == [10, 10, 10, 10, 5, 5, 5, 5]
    assert order[:4] == [("mnist", 10, 0), ("mnist", 10, 1), ("cifar10", 10, 0), ("cifar10", 10, 1)]


def test_the_length_of_a_run_is_its_time_times_its_share_of_a_device():
    order = order_runs(
        lambda spec: (
            ExpectedCost(seconds=10.0, memory_mb=8.0) if spec.k == 5 else ExpectedCost(seconds=20.0, memory_mb=2.0)
        )
    )
    assert [k for _, k, _ in order][:4] == [5, 5, 5, 5]


def test_runs_of_unknown_cost_come_first():
    order = order_runs(
        lambda spec: ExpectedCost() if spec.dataset == "cifar10" else ExpectedCost(seconds=1e6, memory_mb=9.0)
    )
    assert [name for name, _, _ in order][:4] == ["cifar10"] * 4


def test_chosen_cells_come_first():
    first = parse_filters(["dataset=cifar10,k=5"], PLAN)
    assert order_runs(lambda spec: ExpectedCost(seconds=10.0 if spec.k == 10 else 5.0, memory_mb=1.0), first)[:2] == [
        ("cifar10", 5, 0), ("cifar10", 5, 1)
    ]  # fmt: skip


def test_seeds_and_repeats_can_be_chosen():
    runs = plan_of("name: m\naxes: {k: [5, 10]}\nseeds: [0, 1]\nrepeats: 2\n").runs
    filters = parse_filters(["k=5,seed=1,repeat=1"], runs)
    (chosen,) = (spec for spec in runs if is_selected(spec, filters))
    assert (chosen.k, chosen.seed, chosen.repeat) == (5, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset", "expected field=value"),
        ("datset=mnist", "Did you mean 'dataset'"),
        ("k=7", "matches no planned run. The planned values are k: 5, 10"),
        ("dataset=mnist,k=7", "dataset: mnist, cifar10; k: 5, 10"),
    ],
)
def test_a_wrong_filter_is_an_error(text, message):
    with pytest.raises(SpecError, match=message):
        parse_filters([text], PLAN)


# --- devices ----------------------------------------------------------------------

A, B, C = Path("a"), Path("b"), Path("c")


def make_pool_of_gpus(count=1, memory=10.0, slots=4):
    return Pool(Device(gpu=f"GPU-{number}", memory_mb=memory, slots=slots) for number in range(count))


def test_memory_is_reserved_before_a_run_starts_and_released_after_it():
    pool = make_pool_of_gpus()
    assert pool.place(A, 6).free_mb == 4
    assert pool.place(B, 5) is None
    assert pool.place(B, 4).free_mb == 0
    pool.release(A)
    assert pool.place(C, 6) is pool.devices[0]


def test_runs_spread_over_the_devices():
    pool = make_pool_of_gpus(2)
    assert [pool.place(Path(name), 3).gpu for name in "abcd"] == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"]


def test_an_exclusive_run_shares_its_device_with_no_run():
    pool = make_pool_of_gpus()
    pool.place(A, 1)
    assert pool.place(B, 1, exclusive=True) is None
    pool.release(A)
    assert pool.place(B, 1, exclusive=True).free_mb == 0
    assert pool.place(C, 0) is None and pool.full
    pool.release(B)
    assert pool.place(C, 0) is not None and not pool.full


def test_only_the_largest_cards_are_used_for_exclusive_runs():
    pool = Pool(
        [
            Device(gpu="small", memory_mb=24, slots=4),
            Device(gpu="large", memory_mb=80, slots=4),
            Device(gpu="large too", memory_mb=76, slots=4),
        ]
    )
    pool.place(A, 60)
    assert pool.place(B, None).gpu == "large too" and pool.place(C, 30) is None, "30 do not fit the small card"
    assert pool.place(C, 20).gpu in ("large", "small")


def test_a_device_that_is_being_cleared_gets_no_new_runs():
    pool = make_pool_of_gpus(2)
    for run in (A, B):
        pool.place(run, 2)
    cleared = pool.choose_to_clear()
    assert pool.place(C, 2, avoid=cleared) is not cleared
    pool.release(A)
    assert pool.place(Path("d"), 1, exclusive=True) is not None


def test_the_memory_of_other_programs_is_measured_while_a_device_is_empty():
    free_mb = [10.0]
    device = Device(gpu="GPU-0", memory_mb=10.0, slots=4, read_free_mb=lambda: free_mb[0])
    pool = Pool([device])
    free_mb[0] = 4.0
    pool.refresh_memory()
    assert pool.place(A, 5) is None and pool.place(A, 5, exclusive=True) is None, (
        "another program took 6, so the run waits"
    )
    assert pool.place(A, 5, force=True).runs == {A: 4.0}
    free_mb[0] = 1.0
    pool.refresh_memory()
    assert device.memory_mb == 4.0, "the memory of our own run is not that of another program"
    pool.release(A)
    free_mb[0] = 9.5
    pool.refresh_memory()
    assert pool.place(A, 5) and pool.place(B, 4)


def test_no_more_runs_at_once_than_cores_for_their_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = make_pool_of_gpus(2, slots=8)
    pool.limit_slots(4)
    assert [device.slots for device in pool.devices] == [2, 2]
    pool.limit_slots(64)
    assert [device.slots for device in pool.devices] == [1, 1]


def test_unknown_or_too_large_runs_are_exclusive_on_a_gpu_but_not_on_a_cpu():
    for memory in (None, 11):
        pool = make_pool_of_gpus()
        assert pool.place(A, memory).exclusive and pool.place(B, 1) is None
    cpu = Pool([Device(gpu="", memory_mb=10, slots=2)])
    assert cpu.place(A, None) is cpu.place(B, None) and cpu.place(C, None) is None


def test_slots_are_never_exceeded():
    pool = make_pool_of_gpus(slots=2)
    assert [pool.place(run, 1) is None for run in (A, B, C)] == [False, False, True]
    assert pool.full


def test_a_run_takes_the_larger_share_of_slots_and_memory():
    assert (
        make_pool_of_gpus().share(5) == 0.5
        and make_pool_of_gpus().share(1) == 0.25
        and make_pool_of_gpus().share(None) == 0.25
        and make_pool_of_gpus().share(99) == 1
    )


def test_the_pool_has_the_memory_that_other_programs_leave_free():
    card = Gpu(index=0, uuid="GPU-a", name="X", memory_mb=80_000, used_mb=30_000)
    (device,) = packing.make_pool([card], 4).devices
    assert (device.gpu, device.memory_mb, device.slots) == ("GPU-a", 50_000, 4) and device.read_free_mb is not None
    (cpu,) = packing.make_pool([], 3).devices
    assert (cpu.gpu, cpu.slots) == ("", 3) and cpu.memory_mb > 500


def test_few_large_runs_get_more_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = make_pool_of_gpus(memory=80, slots=16)
    assert pool.count_threads([30, 40]) == 8
    assert pool.count_threads([1]) == 1
    assert pool.count_threads([None]) == 16
