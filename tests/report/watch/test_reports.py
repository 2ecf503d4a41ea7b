import itertools
import os
import shutil
from collections import Counter

import pytest
from joblib import Parallel, delayed

from dcbench.core.store.run_state import RunState
from dcbench.errors import ResultsError
from dcbench.report.watch import reports as module
from dcbench.report.watch.reports import RESULTS_REMOVED, Reports
from dcbench.report.writing import WrittenReport
from tests.helpers.watched import runs_of


def told(reports):
    return [line.text for line in reports.refresh()]


def wrong(reports):
    return [line.text for line in reports.refresh() if line.is_error]


@pytest.fixture
def written(tmp_path, out):
    """Reports that only note which matrices they were asked for, and break where `breaks` says how."""

    class Noted(Reports):
        def __init__(self):
            super().__init__(tmp_path / "results", out, self.note)
            self.asked, self.breaks = [], {}

        def note(self, folder):
            name = folder.path.name
            self.asked.append(name)
            if name in self.breaks:
                raise self.breaks[name]
            self.page(name).parent.mkdir(parents=True, exist_ok=True)
            self.page(name).write_text("")
            return WrittenReport(page=self.page(name), counts=Counter({"done": 4}), notes=[])

    return Noted()


def test_only_what_has_changed_is_written_again(matrix, reports):
    a, b = matrix("a"), matrix("b")
    assert [line.split(" ", 1)[1] for line in told(reports)] == ["a: 4 done", "b: 4 done"]
    assert told(reports) == []
    before = reports.page("a").stat().st_mtime_ns, reports.page("b").stat().st_mtime_ns
    runs_of(b)[0].write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    assert [line.split(" ", 1)[1] for line in told(reports)] == ["b: 3 done, 1 failed"]
    assert reports.page("a").stat().st_mtime_ns == before[0] and reports.page("b").stat().st_mtime_ns > before[1]
    assert reports.statuses["b"].counts == {"done": 3, "failed": 1} and a.path.name in reports.statuses


def test_what_changes_while_a_report_is_written_is_seen_at_the_next_look(matrix, written):
    folder = matrix("a")
    real = written.write

    def meanwhile(found):
        runs_of(folder)[0].write_state(RunState(name="done", seconds=len(written.asked)))
        return real(found)

    written.write = meanwhile
    told(written)
    written.write = real
    assert written.asked == ["a"] and told(written) and told(written) == []
    assert written.asked == ["a", "a"]


def test_a_page_that_somebody_deleted_is_written_again(matrix, written):
    matrix("a")
    told(written)
    shutil.rmtree(written.out)
    assert told(written) and written.page("a").exists()


def test_results_that_are_not_there_yet_are_waited_for_and_told_once(matrix, written):
    (waiting,) = wrong(written)
    assert "no such results folder" in waiting and waiting.endswith("waiting until this changes")
    assert told(written) == [] and "no such results folder" in written.problem
    matrix("a")
    assert told(written) and written.problem == "" and written.statuses["a"].counts["done"] == 4


def test_a_matrix_that_is_deleted_and_comes_back(matrix, written):
    matrix("a")
    folder = matrix("b")
    told(written)
    shutil.rmtree(folder.path)
    assert wrong(written) == [f"b: {RESULTS_REMOVED}"] and told(written) == []
    assert written.statuses["b"].problem == RESULTS_REMOVED and written.statuses["b"].counts["done"] == 4
    assert written.page("b").exists(), "the last report stays"
    matrix("b")
    assert len(told(written)) == 1 and written.statuses["b"].problem == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ResultsError("a/matrix.yaml: cannot be read"), "a: a/matrix.yaml: cannot be read"),
        (ZeroDivisionError("a bug"), "a: ZeroDivisionError: a bug; run `dcbench report"),
        (OSError(28, "No space left on device"), "a: OSError: [Errno 28] No space left"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_once_and_tried_again(matrix, written, error, expected):
    matrix("a")
    matrix("b")
    written.breaks = {"a": error}
    (first, second) = written.refresh()
    assert first.is_error and first.text.startswith(expected) and second.text.endswith("b: 4 done")
    assert written.statuses["a"].problem == first.text.removeprefix("a: ") and not written.statuses["a"].is_writing
    assert told(written) == [] and written.asked == ["a", "b", "a"], "tried again in silence"
    written.breaks = {}
    assert told(written) and written.statuses["a"].problem == "" and told(written) == []


def test_a_broken_matrix_file_keeps_its_last_report_and_mends(matrix, reports):
    folder = matrix("a")
    told(reports)
    page, plan = reports.page("a").read_bytes(), folder.matrix_file.read_text()
    folder.matrix_file.write_text("name: [")
    assert "matrix.yaml" in wrong(reports)[0] and reports.page("a").read_bytes() == page
    assert reports.statuses["a"].counts["done"] == 4
    folder.matrix_file.write_text(plan)
    assert told(reports) and reports.page("a").read_bytes() == page


def test_a_report_is_shown_as_being_written_meanwhile(matrix, written):
    matrix("a")
    seen, real = [], written.write
    written.write = lambda folder: seen.append(written.statuses["a"].is_writing) or real(folder)
    told(written)
    assert seen == [True] and not written.statuses["a"].is_writing


def test_the_rest_between_looks_is_as_long_as_the_look_was(written, monkeypatch):
    class Clock:
        now, lengths, rests = 0.0, itertools.chain([0.5, 7.0], itertools.repeat(0.0)), []

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.rests.append(seconds)

        def refresh(self):
            self.now += next(self.lengths)
            return iter(())

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(written, "refresh", clock.refresh)
    follow = written.follow(2.0)
    monkeypatch.setattr(clock, "sleep", lambda seconds: clock.rests.append(seconds) or len(clock.rests) < 3 or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(follow)
    assert clock.rests == [2.0, 7.0, 2.0]


def test_reports_are_written_by_one_process(matrix, written):
    matrix("a")
    real, pids = written.write, []

    def everywhere(folder):
        pids.extend(Parallel(n_jobs=-1)(delayed(os.getpid)() for _ in range(4)))
        return real(folder)

    written.write = everywhere
    told(written)
    assert pids == [os.getpid()] * 4
