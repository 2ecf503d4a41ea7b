from pathlib import Path

from dcbench.core import devices
from dcbench.core.devices import Gpu
from dcbench.execution.scheduler import packing
from dcbench.execution.scheduler.packing import Device, Pool

A, B, C = Path("a"), Path("b"), Path("c")


def gpus(count=1, memory=10.0, slots=4):
    return Pool(Device(f"GPU-{number}", memory, slots) for number in range(count))


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
    assert pool.place(B, 1, alone=True) is None
    pool.release(A)
    assert pool.place(B, 1, alone=True).free_mb == 0
    assert pool.place(C, 0) is None and pool.full
    pool.release(B)
    assert pool.place(C, 0) is not None and not pool.full


def test_of_unequal_cards_only_the_large_ones_are_for_a_run_alone():
    pool = Pool([Device("small", 24, 4), Device("large", 80, 4), Device("large too", 76, 4)])
    pool.place(A, 60)
    assert pool.place(B, None).gpu == "large too" and pool.place(C, 30) is None, "30 do not fit the small card"
    assert pool.place(C, 20).gpu in ("large", "small")


def test_a_device_that_is_held_takes_nobody_else_until_it_is_free():
    pool = gpus(2)
    for run in (A, B):
        pool.place(run, 2)
    held = pool.hold()
    assert pool.place(C, 2, held=held) is not held
    pool.release(A)
    assert pool.place(Path("d"), 1, alone=True) is not None


def test_what_other_programs_hold_is_looked_at_again_while_a_device_is_empty():
    left = [10.0]
    device = Device("GPU-0", 10.0, 4, look=lambda: left[0])
    pool = Pool([device])
    left[0] = 4.0
    pool.look_again()
    assert pool.place(A, 5) is None and pool.place(A, 5, alone=True) is None, "somebody took 6: wait for it"
    assert pool.place(A, 5, force=True).runs == {A: 4.0}
    left[0] = 1.0
    pool.look_again()
    assert device.memory_mb == 4.0, "what our own run holds is nobody else's"
    pool.release(A)
    left[0] = 9.5
    pool.look_again()
    assert pool.place(A, 5) and pool.place(B, 4)


def test_no_more_runs_at_once_than_cores_for_their_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = gpus(2, slots=8)
    pool.spread(4)
    assert [device.slots for device in pool.devices] == [2, 2]
    pool.spread(64)
    assert [device.slots for device in pool.devices] == [1, 1]


def test_what_is_unknown_or_larger_than_the_card_runs_alone_on_a_gpu_and_anywhere_on_a_cpu():
    for memory in (None, 11):
        pool = gpus()
        assert pool.place(A, memory).closed and pool.place(B, 1) is None
    cpu = Pool([Device("", 10, 2)])
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
    assert (device.gpu, device.memory_mb, device.slots) == ("GPU-a", 50_000, 4) and device.look is not None
    (cpu,) = packing.make_pool([], 3).devices
    assert (cpu.gpu, cpu.slots) == ("", 3) and cpu.memory_mb > 500


def test_few_large_runs_get_more_threads(monkeypatch):
    monkeypatch.setattr(devices, "count_cores", lambda: 16)
    pool = gpus(memory=80, slots=16)
    assert packing.threads_each(pool, [30, 40]) == 8
    assert packing.threads_each(pool, [1]) == 1
    assert packing.threads_each(pool, [None]) == 16
