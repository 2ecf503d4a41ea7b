import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from dcbench.comparison import terminal
from dcbench.comparison.provenance import FactDiff, ProvenanceDiff
from dcbench.comparison.result import Comparison, Gate
from dcbench.comparison.terminal import ComparisonReport, as_markdown
from dcbench.core import console
from tests.helpers.comparisons import NAN, SECONDS, WORSE, change, metric, overlap, unmatched

SAME = ProvenanceDiff(
    pairs=12, recorded=12, differences=(), common={"torch": "2.9", "commit": "a" * 40},
    random_numbers={"images": (12, 12), "weights": (12, 12)},
)  # fmt: skip
RUNS = overlap(planned=(12, 14), done=(12, 13), identical=6)


def make_report(*metrics, gates=(), runs=RUNS, provenance=SAME, **more):
    facts = {"health": ("12 healthy", "12 healthy"), "timing": ("12 shared", "12 exclusive")} | more
    comparison = Comparison(runs=runs, metrics=metrics, **facts)
    paths = ("old/m", "new/[b]m|<i>")
    return ComparisonReport(paths=paths, comparison=comparison, provenance=provenance, gates=gates)


@pytest.fixture
def printed(monkeypatch):
    """Return a function that prints a report to a terminal of a width, or to a pipe, and returns the text."""

    def show(contents, width=None):
        out = io.StringIO()
        stdout = Console(file=out, force_terminal=width is not None, width=width, color_system=None, soft_wrap=True)
        monkeypatch.setattr(console, "stdout", stdout)
        terminal.show(contents)
        return out.getvalue()

    return show


PARTS = metric(WORSE, change("identical", "a", "x"), change("worse", "a", "y", -0.2, -0.22, -0.18, left_out=3, pairs=9))
NAMED = replace(PARTS, label="NMI with the truth")


def test_the_first_lines_have_the_failed_gate_and_the_reasons(printed):
    first, second, *rest = printed(make_report(NAMED, gates=(Gate(word="worse"),))).splitlines()
    assert first == "failed --fail-on worse"
    assert second == "  NMI with the truth: worse: overall -0.100 (-0.120 to -0.080); a y -0.200 (-0.220 to -0.180)"
    assert rest[0] == "NMI with the truth: worse, overall -0.100 (-0.120 to -0.080); identical: a x"
    assert printed(make_report(metric(change()), gates=(Gate(word="worse"),))).startswith("passed --fail-on worse\n")
    assert printed(make_report(NAMED)).startswith("NMI with the truth: worse"), "there is no gate"


def test_every_change_is_in_a_table_without_truncation(printed):
    for width in (None, 120):
        out = printed(make_report(NAMED), width)
        row = next(line for line in out.splitlines() if line.startswith("a y"))
        words = "a y 0.500 0.300 -0.200 -0.220 to -0.180 9 of 12 3 worse"
        assert row.split() == words.split() and "\u2026" not in out
        assert "NMI with the truth (last row; higher is better; same: within 0.02)" in out
    narrow = printed(make_report(NAMED), 60)
    assert "\u2026" not in narrow and "-0.220" in narrow and "identi" in narrow


def test_an_identical_metric_takes_one_line(printed):
    out = printed(make_report(metric(change("identical"), change("identical", "a", "x"))))
    assert "nmi_true: identical in every pair (12 overall)\n" in out and "95 % interval" not in out
    assert "12 runs in both: 12 done in both and compared, 6 identical in every value\n" in out
    assert "left out: 0 runs that only OLD plans, 2 that only NEW plans\n" in out


def test_names_are_printed_without_markup_and_escaped_in_markdown(printed):
    contents = make_report(metric(change("same", "dataset", "imagefolder:/[red]a|b<i>")))
    assert "dataset imagefolder:/[red]a|b<i>" in printed(contents, 200)
    assert "NEW: new/[b]m|<i>, 13 of 14 runs done" in printed(contents)
    text = as_markdown(contents)
    assert "| dataset imagefolder:/\\[red]a\\|b&lt;i> |" in text and "new/\\[b]m\\|&lt;i>" in text


def test_unfinished_runs_are_listed_with_their_reason(printed):
    lost = tuple(unmatched(f"run-{n}", "done", "failed (nan)", "[b]nan") for n in range(6))
    gained = unmatched("new", "failed (crash)", "done", "died")
    neither = unmatched("no", "pending", "skipped", "why")
    runs = replace(RUNS, done_only_in_old=lost, done_only_in_new=(gained,), done_in_neither=(neither,))
    out = printed(make_report(metric(change()), runs=runs))
    assert "done only in OLD, so left out of every mean: run-0: failed (nan) in NEW ([b]nan); run-1" in out
    assert "run-3: failed (nan) in NEW ([b]nan); and 2 more\n" in out
    assert "done only in NEW, so left out of every mean: new: failed (crash) in OLD (died)\n" in out
    assert "done in neither, so left out of every mean: no: pending in OLD, skipped in NEW (why)\n" in out


def test_lost_metrics_are_listed(printed):
    out = printed(make_report(metric(change(), name="purity", lost_runs=4), metric(lost_runs=1)))
    assert "purity: left out of every mean for 4 runs without it in NEW\n" in out
    assert "nmi_true: only OLD has it (1 run)\n" in out


def test_a_pass_without_power_has_a_note(printed):
    few = metric(change("too few seeds", mean=-0.3, low=NAN, high=NAN, seeds=2))
    out = printed(make_report(few, gates=(Gate(word="worse"),)))
    assert out.startswith(
        "passed --fail-on worse\nNo number can fail these gates: a verdict needs at least three seeds"
    )
    assert "No number can fail" in as_markdown(make_report(few, gates=(Gate(word="worse"),)))
    nothing = make_report(runs=replace(RUNS, compared=()), health=("", ""), timing=("", ""))
    assert printed(nothing).startswith("No run is done in both, so no number was compared.\n")


def test_environments_and_random_numbers_are_printed(printed):
    out = printed(make_report(metric(change())))
    assert f"environment: the same, torch 2.9, commit {'a' * 40}\n" in out
    assert "random numbers: every pair shares its images, weights, as runs of one seed should\n" in out
    assert "timing" not in out and "health" not in out
    differences = (
        FactDiff(name="commit", pairs=12, old={"a" * 40: 12}, new={"b" * 40 + "+": 10, "c" * 40: 2}),
        FactDiff(name="cpu", pairs=3, old={str(n): 1 for n in range(5)}, new={"[x]": 12}),
        FactDiff(name="dataset.sha256", pairs=2, old={"d": 12}, new={"e": 12}),
    )
    numbers = {"images": (12, 12), "weights": (3, 12), "x": (0, 0)}
    provenance = replace(SAME, pairs=14, differences=differences, random_numbers=numbers)
    health = ("12 healthy", "11 healthy, 1 collapsed")
    out = printed(make_report(metric(change(), **SECONDS), provenance=provenance, health=health))
    assert "environment (recorded for 12 of 14 pairs): 3 differences\n" in out
    assert ["commit", "aaaaaaaaaaaa", "bbbbbbbbbbbb+", "(10),", "cccccccccccc", "(2)", "12", "of", "12"] in [
        row.split() for row in out.splitlines()
    ]
    assert "0 (1), 1 (1), 2 (1) and 2 more" in out and "[x]" in out
    assert "random numbers that pairs share: images 12 of 12, weights 3 of 12; with other random numbers" in out
    assert "the training images differ, so a change need not come from the code\n" in out
    assert "health: OLD 12 healthy; NEW 11 healthy, 1 collapsed\n" in out
    assert "timing (whether other runs used the device): OLD 12 shared; NEW 12 exclusive" in out
    some = replace(SAME, pairs=14)
    assert "random numbers: 12 of 14 pairs record them, and share their images, weights\n" in printed(
        make_report(metric(change()), provenance=some)
    )
    none = ProvenanceDiff(pairs=12, recorded=0, differences=(), common={}, random_numbers={"images": (0, 0)})
    out = printed(make_report(metric(change()), provenance=none))
    assert "environment: not recorded" in out and "random numbers: not recorded" in out


def test_markdown_has_reasons_a_row_for_each_metric_and_folded_changes():
    lost = metric(name="purity", lost_runs=4)
    text = as_markdown(make_report(NAMED, lost, gates=(Gate(word="worse"),)))
    assert text.startswith("### dcbench compare: failed --fail-on worse\n\n- **NMI with the truth: worse: overall")
    assert (
        "| NMI with the truth | 0.500 | 0.400 | -0.100 | -0.120 to -0.080 | 12 | 3 | worse | identical: a x |" in text
    )
    assert "| purity |  |  |  |  |  |  |  | only OLD has it (4 runs) |" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "</summary>\n\n|  | OLD |" in text and "| a y | 0.500 | 0.300 |" in text
    assert as_markdown(make_report(NAMED)).startswith("### dcbench compare: OLD and NEW\n")


def test_json_has_the_whole_comparison():
    contents = json.loads(json.dumps(make_report(NAMED, gates=(Gate(word="worse"),)).as_json(), allow_nan=False))
    assert contents["old"] == "old/m" and len(contents["failures"]) == 1
    assert contents["metrics"][0]["lines"][2]["value"] == "y"
    assert contents["made_with"]["alike"]["torch"] == "2.9" and contents["runs"]["planned"] == [12, 14]
