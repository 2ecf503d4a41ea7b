"""A run that was killed or stopped continues, with the results of an uninterrupted run."""

import os
import signal

import numpy as np
import pytest
import torch

from dcbench.core.columns import COLUMNS
from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import worker
from dcbench.execution.executors import EXIT_DONE, EXIT_STOPPED, local
from dcbench.training import checkpoint
from tests.helpers.workers import wait_for

LONG = {
    "limit": 200, "width": 0.05, "pca_dim": 8, "epochs": 12, "batch_size": 16, "k": 4, "reassign_every": 2,
    "optimizer": "adam", "top_optimizer": "sgd", "top_momentum": 0.9,
}  # fmt: skip
SHORT = LONG | {"limit": 60, "epochs": 3}


def prepare_run(path, values):
    spec = make_spec(values)
    folder = RunDir(path / spec.run_id)
    folder.prepare(spec)
    return folder


def read_values(folder):
    """Return every value that is not a cost, as written, and all arrays of the assignments."""
    header, *rows = [row.split(",") for row in folder.metrics_file.read_text().splitlines()]
    columns = [number for number, name in enumerate(header) if not COLUMNS[name].cost]
    with np.load(folder.assignments_file, allow_pickle=False) as archive:
        arrays = {name: (array.dtype, array.tolist()) for name, array in archive.items()}
    assert len(arrays["test_knn"][1]) == len(rows), "predictions of each row"
    return [[row[number] for number in columns] for row in rows], arrays


def work(folder, stop=False, **more):
    """Do the run in this process, and write a checkpoint after every row."""
    config = WorkerConfig(data_dir=folder.path, checkpoint_every=0, **more)
    return worker.work_on_run(folder.path, config, worker.StopFlag(requested=stop))


def start_worker(folder, **more):
    """Start a worker with one thread on the run."""
    config = WorkerConfig(data_dir=folder.path, **more)
    executor = local.Executor(config)
    executor.submit(folder.path, config)
    return executor


def wait_for_exit_code(executor):
    while not (ended := executor.wait(1.0)):
        pass
    return ended[0].exit_code


def kill_worker_after(rows, folder):
    """Start the run in a worker, and kill the worker as soon as the run has this many rows."""
    executor = start_worker(folder, checkpoint_every=0)
    wait_for(lambda: folder.read_metrics_text()[0].count("\n") > rows and folder.read_state().name == "running")
    os.kill(folder.read_state().pid, signal.SIGKILL)
    assert wait_for_exit_code(executor) == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_five_times_gives_the_results_of_an_uninterrupted_run(tmp_path):
    whole, torn = (prepare_run(tmp_path / name, LONG) for name in ("whole", "torn"))
    assert wait_for_exit_code(start_worker(whole)) == EXIT_DONE
    points = sorted(np.random.default_rng(0).choice(np.arange(1, 12), 5, replace=False).tolist())
    for rows in points:
        kill_worker_after(rows, torn)
        assert torn.read_state().kind == "lost"
    assert wait_for_exit_code(start_worker(torn)) == EXIT_DONE
    assert read_values(torn) == read_values(whole)
    assert torn.read_audit()["passes"] == whole.read_audit()["passes"] and len(torn.read_audit()["resumed_after"]) >= 4
    assert torn.log_file.read_text().count("resumed after epoch") >= 4
    assert not torn.checkpoint_file.exists() and torn.read_state().name == "done"


@pytest.mark.parametrize("method", ["deepcluster", "supervised"])
def test_a_stopped_run_leaves_a_checkpoint_and_continues(tmp_path, method):
    whole, stopped = (prepare_run(tmp_path / name, SHORT | {"method": method}) for name in ("whole", "stopped"))
    assert work(whole) == EXIT_DONE
    for rows in (1, 2):
        assert work(stopped, stop=True) == EXIT_STOPPED
        assert stopped.read_state().name == "pending" and stopped.checkpoint_file.exists()
        assert stopped.count_epochs_done() == rows - 1
    assert work(stopped) == EXIT_DONE
    assert read_values(stopped) == read_values(whole)


def test_rows_after_the_checkpoint_are_removed(tmp_path):
    folder = prepare_run(tmp_path, SHORT)
    work(folder, stop=True)
    text = folder.metrics_file.read_text()
    folder.append_metrics({"epoch": 1})
    with folder.metrics_file.open("a") as file:
        file.write("2,torn")
    assert folder.cut_metrics(1) and folder.metrics_file.read_text() == text
    assert not folder.cut_metrics(2) and folder.metrics_file.read_text() == text


def truncated_file(folder):
    folder.checkpoint_file.write_bytes(folder.checkpoint_file.read_bytes()[:1000])


def text_instead_of_a_checkpoint(folder):
    folder.checkpoint_file.write_text("not a checkpoint")


def of_another_run(folder):
    contents = torch.load(folder.checkpoint_file, weights_only=True)
    torch.save(contents | {"run_id": "another"}, folder.checkpoint_file)


def without_its_rows(folder):
    folder.metrics_file.unlink()


def with_code_in_it(folder):
    torch.save({"run_id": folder.path.name, "epoch": 0, "previous": pytest.approx(1)}, folder.checkpoint_file)


def with_other_columns(folder):
    head, *rows = folder.metrics_file.read_text().splitlines()
    folder.metrics_file.write_text("\n".join([head.replace("loss,", "loss,a_metric,"), *rows, ""]))


def of_another_network(folder):
    contents = torch.load(folder.checkpoint_file, weights_only=True)
    del contents["learner"]["network"]["trunk.0.weight"]
    torch.save(contents, folder.checkpoint_file)


def of_other_images(folder):
    contents = torch.load(folder.checkpoint_file, weights_only=True)
    contents["facts"]["data"]["training"]["sha256"] = "other"
    torch.save(contents, folder.checkpoint_file)


@pytest.mark.parametrize(
    "damage",
    [
        truncated_file,
        text_instead_of_a_checkpoint,
        of_another_run,
        without_its_rows,
        with_code_in_it,
        of_other_images,
        with_other_columns,
        of_another_network,
    ],
)
def test_an_unusable_checkpoint_is_ignored_and_the_run_starts_again(tmp_path, damage):
    whole, folder = prepare_run(tmp_path / "whole", SHORT), prepare_run(tmp_path / "damaged", SHORT)
    work(whole)
    work(folder, stop=True)
    damage(folder)
    assert work(folder) == EXIT_DONE
    assert "resumed after" not in folder.log_file.read_text() and read_values(folder) == read_values(whole)


def test_keep_weights_keeps_the_checkpoint_and_redo_starts_from_the_first_row(tmp_path):
    folder = prepare_run(tmp_path, SHORT)
    assert work(folder, keep_weights=True) == EXIT_DONE
    contents = torch.load(folder.checkpoint_file, weights_only=True)
    assert contents["epoch"] == 3 and contents["learner"]["network"]["head.weight"].shape == (4, 1024)
    before = read_values(folder)
    assert work(folder, redo=True) == EXIT_DONE
    assert "resumed after" not in folder.log_file.read_text() and read_values(folder) == before
    assert not folder.checkpoint_file.exists()


def test_checkpoints_are_at_least_an_interval_apart():
    schedule = checkpoint.CheckpointSchedule(interval=3600)
    assert not schedule.due()
    schedule._last -= 3601
    assert schedule.due() and not schedule.due()
    assert checkpoint.CheckpointSchedule(interval=0).due()


def test_a_run_killed_after_its_last_row_is_completed_with_its_audit(tmp_path):
    folder = prepare_run(tmp_path, SHORT)
    work(folder, keep_weights=True)
    before, audit = read_values(folder), folder.read_audit()
    folder.write_state(folder.read_state().__class__(name="running"))
    assert work(folder, keep_weights=True) == EXIT_DONE
    assert read_values(folder) == before and folder.read_audit()["passes"] == audit["passes"]


def test_the_provenance_lists_every_attempt_that_wrote_rows(tmp_path):
    folder = prepare_run(tmp_path, SHORT)
    work(folder, stop=True)
    work(folder, stop=True)
    work(folder)
    provenance = folder.read_provenance()
    assert len(provenance["earlier_attempts"]) == 2 and provenance["earlier_attempts"][0]["threads"] == 1
    work(folder, redo=True)
    assert "earlier_attempts" not in folder.read_provenance()


def test_a_full_disk_loses_the_checkpoint_but_not_the_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    folder = prepare_run(tmp_path, SHORT)
    assert work(folder) == EXIT_DONE
    assert "no checkpoint after epoch 0: [Errno 28]" in folder.log_file.read_text()
