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


def refresh_texts(reports):
    return [line.text for line in reports.refresh()]


def refresh_errors(reports):
    return [line.text for line in reports.refresh() if line.is_error]


@pytest.fixture
def written(tmp_path, out):
    """Return reports that only record the matrices they should write, and raise the errors in `breaks`."""

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


def test_only_changed_matrices_are_written_again(matrix, reports):
    a, b = matrix("a"), matrix("b")
    assert [line.split(" ", 1)[1] for line in refresh_texts(reports)] == ["a: 4 done", "b: 4 done"]
    assert refresh_texts(reports) == []
    before = reports.page("a").stat().st_mtime_ns, reports.page("b").stat().st_mtime_ns
    runs_of(b)[0].write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    assert [line.split(" ", 1)[1] for line in refresh_texts(reports)] == ["b: 3 done, 1 failed"]
    assert reports.page("a").stat().st_mtime_ns == before[0] and reports.page("b").stat().st_mtime_ns > before[1]
    assert reports.statuses["b"].counts == {"done": 3, "failed": 1} and a.path.name in reports.statuses


def test_a_change_while_a_report_is_written_is_found_at_the_next_refresh(matrix, written):
    folder = matrix("a")
    real = written.write

    def meanwhile(matrix_dir):
        runs_of(folder)[0].write_state(RunState(name="done", seconds=len(written.asked)))
        return real(matrix_dir)

    written.write = meanwhile
    refresh_texts(written)
    written.write = real
    assert written.asked == ["a"] and refresh_texts(written) and refresh_texts(written) == []
    assert written.asked == ["a", "a"]


def test_a_deleted_page_is_written_again(matrix, written):
    matrix("a")
    refresh_texts(written)
    shutil.rmtree(written.out)
    assert refresh_texts(written) and written.page("a").exists()


def test_missing_results_are_reported_once_and_awaited(matrix, written):
    (waiting,) = refresh_errors(written)
    assert "no such results folder" in waiting and waiting.endswith("waiting until this changes")
    assert refresh_texts(written) == [] and "no such results folder" in written.problem
    matrix("a")
    assert refresh_texts(written) and written.problem == "" and written.statuses["a"].counts["done"] == 4


def test_a_deleted_matrix_keeps_its_report_until_it_is_written_again(matrix, written):
    matrix("a")
    folder = matrix("b")
    refresh_texts(written)
    shutil.rmtree(folder.path)
    assert refresh_errors(written) == [f"b: {RESULTS_REMOVED}"] and refresh_texts(written) == []
    assert written.statuses["b"].problem == RESULTS_REMOVED and written.statuses["b"].counts["done"] == 4
    assert written.page("b").exists(), "the last report is kept"
    matrix("b")
    assert len(refresh_texts(written)) == 1 and written.statuses["b"].problem == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ResultsError("a/matrix.yaml: cannot be read"), "a: a/matrix.yaml: cannot be read"),
        (ZeroDivisionError("a bug"), "a: ZeroDivisionError: a bug; run `dcbench report"),
        (OSError(28, "No space left on device"), "a: OSError: [Errno 28] No space left"),
    ],
)
def test_a_failed_report_is_reported_once_and_tried_again(matrix, written, error, expected):
    matrix("a")
    matrix("b")
    written.breaks = {"a": error}
    (first, second) = written.refresh()
    assert first.is_error and first.text.startswith(expected) and second.text.endswith("b: 4 done")
    assert written.statuses["a"].problem == first.text.removeprefix("a: ") and not written.statuses["a"].is_writing
    assert refresh_texts(written) == [] and written.asked == ["a", "b", "a"], "tried again without another message"
    written.breaks = {}
    assert refresh_texts(written) and written.statuses["a"].problem == "" and refresh_texts(written) == []


def test_a_broken_matrix_file_keeps_the_last_report(matrix, reports):
    folder = matrix("a")
    refresh_texts(reports)
    page, plan = reports.page("a").read_bytes(), folder.matrix_file.read_text()
    folder.matrix_file.write_text("name: [")
    assert "matrix.yaml" in refresh_errors(reports)[0] and reports.page("a").read_bytes() == page
    assert reports.statuses["a"].counts["done"] == 4
    folder.matrix_file.write_text(plan)
    assert refresh_texts(reports) and reports.page("a").read_bytes() == page


def test_a_report_has_the_status_writing_while_it_is_written(matrix, written):
    matrix("a")
    seen, real = [], written.write
    written.write = lambda folder: seen.append(written.statuses["a"].is_writing) or real(folder)
    refresh_texts(written)
    assert seen == [True] and not written.statuses["a"].is_writing


def test_the_pause_is_at_least_as_long_as_the_last_refresh(written, monkeypatch):
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


def test_reports_are_written_in_a_single_process(matrix, written):
    matrix("a")
    real, pids = written.write, []

    def everywhere(folder):
        pids.extend(Parallel(n_jobs=-1)(delayed(os.getpid)() for _ in range(4)))
        return real(folder)

    written.write = everywhere
    refresh_texts(written)
    assert pids == [os.getpid()] * 4
