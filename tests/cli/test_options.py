from pathlib import Path

from dcbench import executors
from tests.cli.conftest import RUN


def test_the_data_folder_defaults_to_the_environment_then_the_cache(monkeypatch):
    monkeypatch.setenv("DCBENCH_DATA", "/somewhere")
    assert executors.default_data_dir() == Path("/somewhere")
    monkeypatch.delenv("DCBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert executors.default_data_dir() == Path("/cache/dcbench")


def test_one_broken_matrix_folder_does_not_hide_the_others(call, tmp_path):
    call(*RUN)
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "matrix.yaml").write_text("name: [")
    for command in ("status", "report"):
        told = call(command, "results")
        assert told.exit_code == 2 and "broken" in told.stderr and "4" in told.stdout
    assert (tmp_path / "reports" / "m" / "index.html").exists()
