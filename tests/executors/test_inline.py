import os

from dcbench.executors import Options, inline
from dcbench.rundir import RunDir
from dcbench.spec import make_spec
from tests.test_worker import TINY


def test_runs_are_done_in_this_process_one_after_another(tmp_path):
    spec = make_spec(TINY)
    folder = RunDir(tmp_path / spec.run_id)
    folder.prepare(spec)
    events = inline.execute([folder.path], Options(tmp_path))
    assert next(events).exit_code is None and not folder.state_file.exists()
    assert next(events).exit_code == 0
    assert folder.state().pid == os.getpid()
