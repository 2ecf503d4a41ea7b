import json

import pytest

from dcbench.core import devices
from dcbench.core.columns import STAGES
from dcbench.core.devices import Gpu
from dcbench.core.spec import RunSpec, make_spec
from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.core.worker_config import WorkerConfig
from dcbench.execution.scheduler.history import (
    COST_FIELDS,
    MARGIN,
    History,
    Machine,
    MeasuredCost,
    describe_machine,
    get_cost_class,
    get_cost_key,
    read_cost,
)

HERE = Machine(device="cpu", cpu="CPU A", threads=1)
FACTS = {"device": "cpu", "cpu": "CPU A", "threads": 1}


def write_finished_run(root, rows=(1.0, 2.0, 4.0), seconds=20.0, peak=500.0, facts=FACTS, **values):
    """Write the folder of a finished run; `rows` are the seconds of each epoch."""
    spec = make_spec({"epochs": len(rows) - 1} | values)
    folder = RunDir(root / "m" / spec.run_id)
    folder.prepare(spec)
    names = [f"seconds_{stage}" for stage in STAGES]
    lines = [f"epoch,peak_memory_mb,{','.join(names)}"]
    for epoch, taken in enumerate(rows):
        lines.append(f"{epoch},{peak},{taken},{',' * (len(names) - 2)}")  # the other stages are empty
    folder.metrics_file.write_text("\n".join(lines) + "\n")
    folder.write_provenance(facts | {"spec": spec.model_dump()})
    folder.write_state(RunState(name="done", seconds=seconds))
    return folder, spec


def read(root, *specs, machine=HERE):
    history = History(machine)
    history.read_results(root, {get_cost_class(spec) for spec in specs})
    return history


def test_cost_fields_are_fields_of_the_spec():
    assert set(COST_FIELDS) < set(RunSpec.model_fields) and "seed" not in COST_FIELDS and "epochs" not in COST_FIELDS


def test_the_cost_of_a_run_is_a_start_and_a_time_per_row(tmp_path):
    folder, _ = write_finished_run(tmp_path)
    assert read_cost(folder) == MeasuredCost(start=14.0, row=3.0, memory_mb=500.0)


def test_metrics_without_the_columns_give_no_cost(tmp_path):
    folder, _ = write_finished_run(tmp_path)
    folder.metrics_file.write_text("epoch,loss\n0,\n1,2.0\n")
    assert read_cost(folder) is None


def test_time_and_memory_come_from_runs_of_the_class_with_any_number_of_epochs(tmp_path):
    _, short = write_finished_run(tmp_path)
    _, long = write_finished_run(tmp_path, rows=(1.0, *[5.0] * 10), seconds=62.0, peak=700.0, optimizer="adam")
    history = read(tmp_path, short)
    assert get_cost_class(short) == get_cost_class(long)
    foreseen = history.predict(get_cost_key(short.model_copy(update={"epochs": 100, "seed": 5})))
    assert foreseen.seconds == pytest.approx(13.0 + 100 * 4.0) and foreseen.source == "2 runs"
    assert foreseen.memory_mb == pytest.approx(700 * MARGIN)


def test_runs_of_another_class_or_machine_or_not_done_are_ignored(tmp_path):
    _, spec = write_finished_run(tmp_path)
    for differing in ({"k": 11}, {"arch": "vgg16"}, {"limit": 1000}, {"backend": "sklearn"}, {"batch_size": 64}):
        other = make_spec({"epochs": 2} | differing)
        assert read(tmp_path, other).predict(get_cost_key(other)).seconds is None, differing
    for wrong in (
        Machine(device="cpu", cpu="CPU B", threads=1),
        Machine(device="cpu", cpu="CPU A", threads=2),
        Machine(device="H100", cpu="CPU A", threads=1),
    ):
        assert read(tmp_path, spec, machine=wrong).predict(get_cost_key(spec)).seconds is None
    folder = RunDir(tmp_path / "m" / spec.run_id)
    folder.write_state(RunState(name="failed", kind="nan"))
    assert read(tmp_path, spec).predict(get_cost_key(spec)).source == ""


def test_memory_is_the_same_on_another_cpu_but_not_on_a_gpu(tmp_path):
    _, spec = write_finished_run(tmp_path)
    elsewhere = read(tmp_path, spec, machine=Machine(device="cpu", cpu="CPU B", threads=8)).predict(get_cost_key(spec))
    assert (elsewhere.seconds, elsewhere.memory_mb) == (None, pytest.approx(500 * MARGIN))
    assert (
        read(tmp_path, spec, machine=Machine(device="H100", cpu="x", threads=1)).predict(get_cost_key(spec)).memory_mb
        is None
    )


def test_on_a_gpu_there_is_headroom_and_the_threads_do_not_matter(tmp_path):
    _, spec = write_finished_run(tmp_path, facts={"device": "H100", "threads": 3})
    foreseen = read(tmp_path, spec, machine=Machine(device="H100", cpu="x", threads=1)).predict(get_cost_key(spec))
    assert foreseen.memory_mb == pytest.approx(500 * MARGIN + devices.HEADROOM_MB) and foreseen.seconds is not None


def test_damaged_files_and_resumed_runs_are_ignored(tmp_path):
    folder, spec = write_finished_run(tmp_path)
    folder.provenance_file.write_text("{")
    assert read(tmp_path, spec).costs == {}
    folder.write_provenance(FACTS | {"spec": spec.model_dump(), "earlier_attempts": [{}]})
    assert read(tmp_path, spec).costs == {}
    folder.write_provenance(FACTS | {"spec": spec.model_dump()})
    folder.metrics_file.write_text("epoch,peak_memory_mb\n0,x\n")
    assert read(tmp_path, spec).costs == {}
    folder.write_provenance(FACTS | {"spec": [1]})
    assert read(tmp_path, spec).costs == {}


def test_a_run_without_epochs_measures_only_the_start(tmp_path):
    _, spec = write_finished_run(tmp_path, rows=(3.0,), seconds=10.0)
    history = read(tmp_path, spec)
    assert history.predict(get_cost_key(spec)).seconds == 10.0
    assert history.predict(get_cost_key(spec.model_copy(update={"epochs": 5}))).seconds is None


def test_a_probe_is_used_until_a_run_has_been_measured(tmp_path):
    folder, spec = write_finished_run(tmp_path)
    history = History(HERE)
    history.add_probe(spec, MeasuredCost(start=1.0, row=1.0, memory_mb=100.0))
    assert history.predict(get_cost_key(spec)).source == "probe" and history.predict(get_cost_key(spec)).seconds == 3.0
    history.add_run(folder, spec)
    assert history.predict(get_cost_key(spec)).source == "1 run" and history.predict(get_cost_key(spec)).seconds == 20.0
    history.add_probe(spec, MeasuredCost(start=1.0, row=1.0, memory_mb=100.0))
    assert history.predict(get_cost_key(spec)).source == "1 run", "a probe never replaces a measurement"


def test_a_spec_of_an_older_version_gets_the_present_defaults(tmp_path):
    folder, spec = write_finished_run(tmp_path)
    facts = json.loads(folder.provenance_file.read_text())
    del facts["spec"]["test_limit"]
    folder.write_provenance(facts)
    assert read(tmp_path, spec).predict(get_cost_key(spec)).source == "1 run"


def test_a_machine_is_its_gpu_or_its_cpu_with_the_threads(tmp_path):
    assert describe_machine(WorkerConfig(threads=2), []) == Machine(
        device="cpu", cpu=devices.read_cpu_name(), threads=2
    )
    assert describe_machine(WorkerConfig(device="cuda"), [Gpu(index=0, uuid="GPU-a", name="H100")]).device == "H100"
