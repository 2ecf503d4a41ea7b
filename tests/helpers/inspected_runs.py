"""Small real runs to inspect; the worker does them in this process."""

from pathlib import Path

import torch

from dcbench.core.spec import make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import worker
from dcbench.execution.executors import EXIT_DONE, EXIT_STOPPED
from dcbench.inspect.measuring import measure_run
from dcbench.inspect.result import InspectionResult
from dcbench.inspect.subject import read_inspected_run

TINY = {"limit": 60, "width": 0.05, "pca_dim": 8, "epochs": 2, "batch_size": 32, "k": 4}


def make_run(root: Path, weights: bool = True, stop: bool = False, data_dir=None, device="cpu", **values) -> RunDir:
    """Return a run of TINY with these values in the matrix folder `m`; with `stop` it has stopped after row 0."""
    spec = make_spec(TINY | values)
    folder = RunDir(root / "m" / spec.run_id)
    folder.prepare(spec)
    config = WorkerConfig(data_dir=data_dir or root, device=device, keep_weights=weights)
    exit_code = worker.work_on_run(folder.path, config, worker.StopFlag(requested=stop))
    assert exit_code == (EXIT_STOPPED if stop else EXIT_DONE)
    return folder


def measure_on_cpu(folder: RunDir, cluster_count: int = 20, data_dir: Path | None = None) -> InspectionResult:
    """Return what can be shown of the run, measured on the CPU."""
    config = WorkerConfig(data_dir=data_dir or folder.path)
    return measure_run(read_inspected_run(folder.path), config, cluster_count)


def change_weights(folder: RunDir, change) -> None:
    """Call `change` with the state of the network in the checkpoint, and save it."""
    contents = torch.load(folder.checkpoint_file, weights_only=True)
    change(contents["learner"]["network"])
    torch.save(contents, folder.checkpoint_file)
