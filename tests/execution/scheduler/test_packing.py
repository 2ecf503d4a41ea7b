from pathlib import Path

import pytest

from dcbench.core import devices
from dcbench.core.devices import Gpu
from dcbench.errors import SpecError
from dcbench.execution.scheduler import packing
from dcbench.execution.scheduler.history import ExpectedCost
from dcbench.execution.scheduler.packing import Device, Pool, parse_filters, urgency
from tests.helpers.matrices import plan_of

PLAN = plan_of("name: m\naxes: {dataset: [mnist, cifar10], k: [5, 10]}\nseeds: [0, 1]\n").runs


def ordered(costs, first=()):
    ranked = sorted(PLAN, key=lambda spec: urgency(spec, costs(spec), lambda memory: (memory or 1) / 10, first))
    return [(spec.dataset, spec.k, spec.seed) for spec in ranked]


def test_the_longest_come_first_and_equals_stay_in_the_plans_order():
    order = ordered(lambda spec: ExpectedCost(seconds=10.0 if spec.k == 10 else 5.0, memory_mb=1.0))
    assert [k for _, k, _ in order] == [10, 10, 10, 10, 5, 5, 5, 5]
    assert order[:4] == [("mnist", 10, 0), ("mnist", 10, 1), ("cifar10", 10, 0), ("cifar10", 10, 1)]


def test_long_means_much_of_a_device_for_long():
    order = ordered(
        lambda spec: (
            ExpectedCost(seconds=10.0, memory_mb=8.0) if spec.k == 5 else ExpectedCost(seconds=20.0, memory_mb=2.0)
        )
    )
    assert [k for _, k, _ in order][:4] == [5, 5, 5, 5]


def test_what_nothing_is_known_of_comes_before_what_is_known():
    order = ordered(
        lambda spec: ExpectedCost() if spec.dataset == "cifar10" else ExpectedCost(seconds=1e6, memory_mb=9.0)
    )
    assert [name for name, _, _ in order][:4] == ["cifar10"] * 4


def test_chosen_cells_come_first():
    first = parse_filters(["dataset=cifar10,k=5"], PLAN)
    assert ordered(lambda spec: ExpectedCost(seconds=10.0 if spec.k == 10 else 5.0, memory_mb=1.0), first)[:2] == [
        ("cifar10", 5, 0), ("cifar10", 5, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("dataset", "expected field=value"),
        ("datset=mnist", "Did you mean 'dataset'"),
        ("k=7", "matches no planned run. The planned values are k: 5, 10"),
        ("dataset=mnist,k=7", "dataset: mnist, cifar10; k: 5, 10"),
    ],
)
def test_a_wrong_choice_is_told(text, order):
    with pytest.raises(SpecError, match=order):
        parse_filters([text], PLAN)


# --- devices ----------------------------------------------------------------------

A, B, C = Path("a"), Path("b"), Path("c")


def gpus(count=1, memory=10.0, slots=4):
    return Pool(Device(gpu=f"GPU-{number}", memory_mb=memory, slots=slots) for number in range(count))


def test_memory_is_reserved_before_a_run_starts_and_given_back():
    pool = gpus()
    assert pool.place(A, 6).free_mb == 4
    assert pool.place(B, 5) is None
    assert pool.place(B, 4).free_mb == 0
    pool.release(A)
    assert pool.place(C, 6) is pool.devices[0]


def test_runs_spread_over_the_devices():
    pool = gpus(2)
    assert [pool.place(Path(name), 3).gpu for name in "abcd"] == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"]


def test_a_run_alone_has_the_device_for_itself_before_and_after():
    pool = gpus()
    pool.place(A, 1)
    assert pool.place(B, 1, exclusive=True) is None
    pool.release(A)
    assert pool.place(B, 1, exclusive=True).free_mb == 0
    assert pool.place(C, 0) is None and pool.full
    pool.release(B)
    assert pool.place(C, 0) is not None and not pool.full


def test_of_unequal_cards_only_the_large_ones_are_for_a_run_alone():
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


def test_a_device_that_is_held_takes_nobody_else_until_it_is_free():
    pool = gpus(2)
    for run in (A, B):
        pool.place(run, 2)
    cleared = pool.choose_to_clear()
    assert pool.place(C, 2, avoid=cleared) is not cleared
    pool.release(A)
    assert pool.place(Path("d"), 1, exclusive=True) is not None


def test_what_other_programs_hold_is_looked_at_again_while_a_device_is_empty():
    left = [10.0]
    device = Device(gpu="GPU-0", memory_mb=10.0, slots=4, read_free_mb=lambda: left[0])
    pool = Pool([device])
    left[0] = 4.0
    pool.refresh_memory()
    assert pool.place(A, 5) is None and pool.place(A, 5, exclusive=True) is None, "somebody took 6: wait for it"
    assert pool.place(A, 5, force=True).runs == {A: 4.0}
    left[0] = 1.0
    pool.refresh_memory()
    assert device.memory_mb == 4.0, "what our own run holds is nobody else's"
    pool.release(A)
    left[0] = 9.5
    pool.refresh_memory()
    assert pool.place(A, 5) and pool.place(B, 4)


def test_no_more_runs_at_once_than_cores_for_their_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = gpus(2, slots=8)
    pool.limit_slots(4)
    assert [device.slots for device in pool.devices] == [2, 2]
    pool.limit_slots(64)
    assert [device.slots for device in pool.devices] == [1, 1]


def test_what_is_unknown_or_larger_than_the_card_runs_alone_on_a_gpu_and_anywhere_on_a_cpu():
    for memory in (None, 11):
        pool = gpus()
        assert pool.place(A, memory).exclusive and pool.place(B, 1) is None
    cpu = Pool([Device(gpu="", memory_mb=10, slots=2)])
    assert cpu.place(A, None) is cpu.place(B, None) and cpu.place(C, None) is None


def test_slots_are_never_exceeded():
    pool = gpus(slots=2)
    assert [pool.place(run, 1) is None for run in (A, B, C)] == [False, False, True]
    assert pool.full


def test_a_run_takes_the_larger_share_of_slots_and_memory():
    assert gpus().share(5) == 0.5 and gpus().share(1) == 0.25 and gpus().share(None) == 0.25 and gpus().share(99) == 1


def test_the_pool_is_what_other_programs_leave():
    card = Gpu(index=0, uuid="GPU-a", name="X", memory_mb=80_000, used_mb=30_000)
    (device,) = packing.make_pool([card], 4).devices
    assert (device.gpu, device.memory_mb, device.slots) == ("GPU-a", 50_000, 4) and device.read_free_mb is not None
    (cpu,) = packing.make_pool([], 3).devices
    assert (cpu.gpu, cpu.slots) == ("", 3) and cpu.memory_mb > 500


def test_few_large_runs_get_more_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = gpus(memory=80, slots=16)
    assert pool.count_threads([30, 40]) == 8
    assert pool.count_threads([1]) == 1
    assert pool.count_threads([None]) == 16
