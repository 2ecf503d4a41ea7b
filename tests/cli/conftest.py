"""Fixtures of the tests of the command line: a small matrix, and two ways to call the commands."""

import subprocess

import pytest
from typer.testing import CliRunner

from dcbench import cli
from dcbench.core import devices
from tests.helpers.command_line import MATRIX, ON_CPU
from tests.helpers.processes import bound_python


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command line in a temporary folder, in this process; returns the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # the same run ids on a machine with a GPU
    monkeypatch.setattr(devices, "count_cores", lambda: 1)  # two pytest workers with more threads than cores are slow
    (tmp_path / "m.yaml").write_text(MATRIX)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, [*arguments])


@pytest.fixture
def started(tmp_path):
    """Start the command line in its own process group, as a terminal does; kill the processes after the test."""
    processes = []

    def start(*arguments):
        command = bound_python("-m", "dcbench", *arguments)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=ON_CPU, start_new_session=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()
