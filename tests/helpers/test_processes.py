"""Processes that a test starts end when pytest is killed."""

import subprocess
from pathlib import Path

from tests.helpers.command_line import MATRIX, ON_CPU
from tests.helpers.paths import TOP
from tests.helpers.processes import bound_python
from tests.helpers.workers import wait_for

PARENT = """
import subprocess, sys
from pathlib import Path
from tests.helpers.processes import bound_python

process = subprocess.Popen(bound_python("-m", "dcbench", "run", "m.yaml", "--executor", "inline"), cwd=sys.argv[1])
Path(sys.argv[1], "pid").write_text(str(process.pid))
process.wait()
"""


def test_an_inline_run_ends_with_the_test_that_started_it(tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("epochs: 1", "epochs: 100000"))
    parent = subprocess.Popen(bound_python("-c", PARENT, str(tmp_path)), cwd=TOP, env=ON_CPU)
    try:
        wait_for(lambda: any(path.read_text().count("\n") > 2 for path in tmp_path.glob("results/m/*/metrics.csv")))
    finally:
        parent.kill()
        parent.wait()
    pid = (tmp_path / "pid").read_text()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 10)
