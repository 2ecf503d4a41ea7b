from pathlib import Path

import pytest
import typer

from dcbench.cli.options import parse_duration
from dcbench.core.worker_config import default_data_dir
from tests.helpers.command_line import RUN


def test_the_data_folder_comes_from_the_environment_or_the_cache(monkeypatch):
    monkeypatch.setenv("DCBENCH_DATA", "/somewhere")
    assert default_data_dir() == Path("/somewhere")
    monkeypatch.delenv("DCBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_data_dir() == Path("/cache/dcbench")


def test_one_broken_matrix_folder_does_not_hide_the_others(call, tmp_path):
    call(*RUN)
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "matrix.yaml").write_text("name: [")
    for command in ("status", "report"):
        text = call(command, "results")
        assert text.exit_code == 2 and "broken" in text.stderr and "4" in text.stdout
    assert (tmp_path / "reports" / "m" / "index.html").exists()


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("1.5m", 90), ("2h", 7200), ("30s", 30)])
def test_times_with_units_are_parsed(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["0", "soon", "-5", "1d", ""])
def test_invalid_times_are_refused(text):
    with pytest.raises(typer.BadParameter, match="like 90s, 15m or 2h"):
        parse_duration(text)
