import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from dcbench.core.store.run_dir import RunDir
from dcbench.core.store.run_state import RunState
from dcbench.errors import DataError, ResultsError
from tests.helpers.command_line import ON_CPU
from tests.helpers.inspected_runs import make_run

FIGURES = {"nearest", "confusion", "feature_map", "filters", "first_layer_images", "last_layer_images"}


@pytest.fixture(autouse=True)
def _restore_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def figures_of(page):
    return {path.stem for path in (page.parent / "figures").glob("*.svg")}


def find_page(result, root):
    assert result.exit_code == 0, result.output + str(result.exception)
    return root / re.search(r"^page: (.*)$", result.stdout, re.MULTILINE)[1]


def test_inspect_draws_all_figures_of_a_run_with_weights(call, tmp_path):
    run = make_run(tmp_path)
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    result = call("inspect", str(run.path))
    page = find_page(result, tmp_path)
    assert page == tmp_path / "reports" / "m" / "inspect" / run.path.name / "index.html"
    assert figures_of(page) == FIGURES and result.stderr == ""
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before, "the folder of the run does not change"
    with np.load(page.parent / "learned.npz", allow_pickle=False) as archive:
        assert (archive["assignment"] == run.read_assignments("assignment")["assignment"]).all()


def test_without_weights_only_the_confusion_is_drawn_and_the_named_command_draws_the_rest(call, tmp_path):
    run = make_run(tmp_path, weights=False)
    result = call("inspect", str(run.path), "--out", "there")
    page = find_page(result, tmp_path)
    assert figures_of(page) == {"confusion"} and page.is_relative_to(tmp_path / "there")
    assert result.stderr.count("needs the run's weights") == 5
    command = re.search(r"dcbench (inspect .* --replay)", result.stderr)[1]
    assert command in page.read_text()
    again = call(*shlex.split(command), "--out", "there")
    assert find_page(again, tmp_path) == page and figures_of(page) == FIGURES
    assert "and in the clusters of all 60 images." in page.read_text() and "warning" not in again.stderr
    assert not run.checkpoint_file.exists()


def test_a_run_without_weights_and_assignments_is_drawn_by_a_replay(call, tmp_path):
    """The folder of a committed run has neither weights nor assignments."""
    run = make_run(tmp_path, weights=False)
    run.assignments_file.unlink()
    result = call("inspect", str(run.path))
    assert isinstance(result.exception, ResultsError) and str(result.exception).endswith(f"inspect {run.path} --replay")
    assert not (tmp_path / "reports").exists()
    page = find_page(call("inspect", str(run.path), "--replay"), tmp_path)
    assert figures_of(page) == FIGURES and "no last assignment to compare" in page.read_text()


def test_a_replay_with_other_results_is_reported(call, tmp_path):
    run = make_run(tmp_path, weights=False)
    rows = run.metrics_file.read_text()
    ami = dict(zip(*(line.split(",") for line in rows.splitlines()[:2]), strict=True))["ami_true"]
    run.metrics_file.write_text(rows.replace(ami, "0.9876"))
    result = call("inspect", str(run.path), "--replay")
    page = find_page(result, tmp_path)
    for text in (result.stderr, page.read_text()):
        assert (
            "It did not give the same results: different from row 0 on" in text
            and "not the run that was recorded" in text
        )


@pytest.fixture
def photographs(tmp_path):
    """A run on a folder of images, whose class names must be escaped on the page."""
    for label, colour in (("<b>cat", (200, 0, 0)), ("猫 $a$", (0, 200, 0))):
        for index in range(20):
            path = tmp_path / "pictures" / label / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 50), (colour[0] + index, colour[1] + index, 3 * index)).save(path)
    values = {"dataset": "imagefolder:pictures", "limit": None, "image_size": 96, "k": 2, "epochs": 1}
    return make_run(tmp_path, weights=False, **values)


def test_images_of_a_folder_are_scaled_down_and_shown_with_the_names_of_their_classes(call, tmp_path, photographs):
    page = find_page(call("inspect", str(photographs.path), "--replay", "--data-dir", str(tmp_path)), tmp_path)
    assert figures_of(page) == FIGURES
    assert "&lt;b&gt;cat" in page.read_text() and "猫 $a$" in page.read_text() and "<b>cat" not in page.read_text()
    with np.load(page.parent / "learned.npz") as archive:
        assert archive["images"].shape[1:] == (3, 64, 64) and archive["means"].shape[1:] == (3, 64, 64)


def test_a_replay_that_fails_is_an_error(call, tmp_path, photographs):
    (tmp_path / "pictures").rename(tmp_path / "gone")
    result = call("inspect", str(photographs.path), "--replay", "--data-dir", str(tmp_path))
    assert isinstance(result.exception, ResultsError)
    assert "the repetition of the run failed: " in str(result.exception) and "is not a folder" in str(result.exception)


def test_the_option_sets_the_number_of_clusters(call, tmp_path):
    run = make_run(tmp_path, k=30)
    page = find_page(call("inspect", str(run.path), "--clusters", "3"), tmp_path)
    with np.load(page.parent / "learned.npz") as archive:
        assert archive["clusters"].shape == (3,)
    assert "The 3 largest of" in page.read_text()
    assert call("inspect", str(run.path), "--clusters", "0").exit_code == 2


def test_inspect_can_be_called_inside_the_folder_of_the_run(call, tmp_path, monkeypatch):
    run = make_run(tmp_path, weights=False)
    monkeypatch.chdir(run.path)
    page = find_page(call("inspect", ".", "--out", str(tmp_path / "out")), tmp_path)
    assert page == tmp_path / "out" / "m" / "inspect" / run.path.name / "index.html"


def test_inspect_can_be_called_inside_the_folder_of_another_run(call, tmp_path, monkeypatch):
    run = make_run(tmp_path, weights=False)
    (run.path.parent / "other").mkdir()
    monkeypatch.chdir(run.path.parent / "other")
    page = find_page(call("inspect", f"../{run.path.name}", "--out", str(tmp_path / "out")), tmp_path)
    assert page == tmp_path / "out" / "m" / "inspect" / run.path.name / "index.html"
    assert list((run.path.parent / "other").iterdir()) == []


def damage_run(run, damage):
    if damage == "failed":
        run.write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
        run.checkpoint_file.unlink()
    elif damage == "pending":
        run.write_state(RunState())
        run.checkpoint_file.unlink()
    elif damage == "running":
        run.write_state(RunState(name="running", host="h", pid=1))
        run.checkpoint_file.unlink()
    elif damage == "torn spec":
        run.spec_file.write_text("k: [")
    elif damage == "torn rows":
        run.metrics_file.write_text(run.metrics_file.read_text().replace("\n1,", "\nx,"))
    elif damage == "torn provenance":
        run.provenance_file.write_text("{")
    elif damage == "torn weights":
        run.checkpoint_file.write_bytes(b"PK torn")
    elif damage == "other images":
        run.write_provenance(run.read_provenance() | {"dataset": {"sha256": "0" * 64}})


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("failed", r"is failed \(nan\) and has left no weights to inspect: the loss became nan"),
        ("pending", "is pending and has left no weights"),
        ("running", r"is failed \(lost\) and has left no weights"),
        ("torn spec", "spec.yaml"),
        ("torn rows", "metrics.csv"),
        ("torn provenance", r"provenance\.json: is damaged"),
        ("torn weights", r"checkpoint\.pt: cannot be read"),
        ("other images", "these are not the images"),
    ],
)
def test_a_run_that_cannot_be_inspected_is_an_error_with_the_reason(call, tmp_path, damage, expected):
    run = make_run(tmp_path)
    damage_run(run, damage)
    result = call("inspect", str(run.path))
    assert isinstance(result.exception, ResultsError | DataError), result.exception
    assert re.search(expected, str(result.exception).replace("\n", " ")) or expected in str(result.exception)


def test_a_folder_without_a_run_or_an_unwritable_output_is_an_error(call, tmp_path):
    assert "is not the folder of a run" in str(call("inspect", "nowhere").exception)
    assert "is not the folder of a run" in str(call("inspect", "nowhere", "--replay").exception)
    run = make_run(tmp_path, weights=False)
    (tmp_path / "file").write_text("")
    for more in ((), ("--replay",)):
        result = call("inspect", str(run.path), "--out", "file", *more)
        assert isinstance(result.exception, ResultsError) and "--out" in str(result.exception)


def test_a_dataset_that_cannot_be_loaded_is_an_error(call, tmp_path):
    run = make_run(tmp_path, weights=False, epochs=0)
    spec = run.read_spec().model_copy(update={"dataset": "imagefolder:nowhere"})
    other = RunDir(run.path.parent / spec.run_id)
    other.prepare(spec)
    for file in (run.metrics_file, run.state_file):
        (other.path / file.name).write_bytes(file.read_bytes())
    result = call("inspect", str(other.path), "--data-dir", str(tmp_path))
    assert isinstance(result.exception, DataError) and "is not a folder" in str(result.exception)


def test_the_confusion_needs_no_torch(tmp_path):
    run = make_run(tmp_path, weights=False)
    code = f"""
import sys
sys.argv = ["dcbench", "inspect", {str(run.path)!r}]
from dcbench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("torch:", "torch" in sys.modules or "sklearn" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ON_CPU, capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("torch: False\n")
