"""Which runs shared a device, recorded by real processes."""

import multiprocessing

from dcbench.execution.device_sharing import take_seat


def hold_seat(folder, name, device, ready, go, reports):
    with take_seat(device, name, folder) as seat:
        ready.set()
        go.wait(60)
        reports.put((name, seat.neighbours()))


def test_a_run_alone_has_no_neighbours(tmp_path):
    with take_seat("GPU-a", "one", tmp_path) as seat:
        assert seat.neighbours() == []
    assert not list(tmp_path.rglob("*.seat"))


def test_runs_that_overlap_on_a_device_know_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    reports = context.Queue()

    def enter(name, device="cpu"):
        ready, go = context.Event(), context.Event()
        process = context.Process(target=hold_seat, args=(tmp_path, name, device, ready, go, reports))
        process.start()
        ready.wait(60)
        return process, go

    def leave(process, go):
        go.set()
        process.join(60)
        return reports.get(timeout=60)

    first, other = enter("first"), enter("other device", "GPU-a")
    second = enter("second")
    assert leave(*second) == ("second", ["first"])
    third = enter("third")
    assert leave(*first) == ("first", ["second", "third"]), "including a run that came and went between two checks"
    assert leave(*third) == ("third", ["first"])
    assert leave(*other) == ("other device", [])


def test_the_seat_of_a_killed_worker_does_not_count(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    process = context.Process(target=hold_seat, args=(tmp_path, "killed", "cpu", ready, go, context.Queue()))
    process.start()
    ready.wait(60)
    process.kill()
    process.join(60)
    assert len(list(tmp_path.rglob("*.seat"))) == 1
    with take_seat("cpu", "next", tmp_path) as seat:
        assert seat.neighbours() == []
        assert [path.name for path in tmp_path.rglob("*.seat")] == [seat.path.name]


def test_without_a_writable_folder_there_is_no_seat(tmp_path):
    (tmp_path / "file").write_text("")
    with take_seat("cpu", "one", tmp_path / "file") as seat:
        assert seat is None
