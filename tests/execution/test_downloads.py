import subprocess
from pathlib import Path

from dcbench.execution import downloads
from tests.helpers.processes import bound_python
from tests.helpers.workers import wait_for


def test_fetch_returns_the_reason_of_a_failed_download(tmp_path):
    (tmp_path / "file").write_text("")
    problem = downloads.fetch("mnist", tmp_path / "file")
    assert "mnist is not in" in problem and "--data-dir" in problem
    assert downloads.fetch("digits", tmp_path) is None


def test_each_dataset_is_fetched_once_and_a_stop_is_not_a_failure(tmp_path, monkeypatch):
    requested = []

    def fetch(name, where):
        requested.append(name)
        return f"no {name}"

    monkeypatch.setattr(downloads, "fetch", fetch)
    names = ("mnist", "kmnist", "mnist")
    assert downloads.fetch_all(names, tmp_path, lambda: False) == {"mnist": "no mnist", "kmnist": "no kmnist"}
    assert requested == ["mnist", "kmnist"]
    assert downloads.fetch_all(names, tmp_path, lambda: True) == {} and len(requested) == 2


SLOW = """
import os, time

FACTS = {"channels": 1, "files": ["never"]}


def download(data_dir):
    (data_dir / "part").write_text(str(os.getpid()))
    (data_dir / "part").rename(data_dir / "pid")
    time.sleep(600)
"""


def test_a_download_ends_with_the_process_that_started_it(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "slow.py").write_text(SLOW)
    code = (
        "from pathlib import Path; from dcbench import registry; from dcbench.execution import downloads\n"
        f"folder = Path({str(tmp_path)!r}); registry.use_plugins([folder]); downloads.fetch('slow', folder)"
    )
    parent = subprocess.Popen(bound_python("-c", code))
    try:
        wait_for((tmp_path / "pid").exists)
    finally:
        parent.kill()
        parent.wait()
    pid = (tmp_path / "pid").read_text()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 10)
