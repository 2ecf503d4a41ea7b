import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from dcbench.compare import terminal
from dcbench.compare.provenance import FactDiff, ProvenanceDiff
from dcbench.compare.result import Comparison, Gate, Runs, UnmatchedRun
from dcbench.compare.terminal import Compared, as_markdown
from dcbench.core import console
from tests.helpers.comparisons import NAN, SECONDS, WORSE, line, metric

MADE = ProvenanceDiff(12, 12, (), {"torch": "2.9", "commit": "a" * 40}, {"images": (12, 12), "weights": (12, 12)})
RUNS = Runs((12, 14), (12, 13), 12, ("a",) * 12, 0, 6, (), (), ())


def compared(*metrics, gates=(), runs=RUNS, made=MADE, **more):
    facts = {"health": ("12 healthy", "12 healthy"), "timing": ("12 shared", "12 exclusive")} | more
    return Compared(("old/m", "new/[b]m|<i>"), Comparison(runs, metrics, **facts), made, gates)


@pytest.fixture
def shown(monkeypatch):
    """What the terminal shows; a width makes it one, else it is a pipe."""

    def show(told, width=None):
        out = io.StringIO()
        stdout = Console(file=out, force_terminal=width is not None, width=width, color_system=None, soft_wrap=True)
        monkeypatch.setattr(console, "stdout", stdout)
        terminal.show(told)
        return out.getvalue()

    return show


PARTS = metric(WORSE, line("identical", "a", "x"), line("worse", "a", "y", -0.2, -0.22, -0.18, left_out=3, pairs=9))
NAMED = replace(PARTS, label="NMI with the truth")


def test_the_first_line_says_that_the_gate_failed_and_the_next_ones_why(shown):
    first, second, *rest = shown(compared(NAMED, gates=(Gate("worse"),))).splitlines()
    assert first == "failed --fail-on worse"
    assert second == "  NMI with the truth: worse: overall -0.100 (-0.120 to -0.080); a y -0.200 (-0.220 to -0.180)"
    assert rest[0] == "NMI with the truth: worse, overall -0.100 (-0.120 to -0.080); identical: a x"
    assert shown(compared(metric(line()), gates=(Gate("worse"),))).startswith("passed --fail-on worse\n")
    assert shown(compared(NAMED)).startswith("NMI with the truth: worse"), "nobody asked"


def test_every_line_stands_in_a_table_and_nothing_is_cut(shown):
    for width in (None, 120):
        out = shown(compared(NAMED), width)
        row = next(line for line in out.splitlines() if line.startswith("a y"))
        words = "a y 0.500 0.300 -0.200 -0.220 to -0.180 9 of 12 3 worse"
        assert row.split() == words.split() and "\u2026" not in out
        assert "NMI with the truth (last row; higher is better; same: within 0.02)" in out
    narrow = shown(compared(NAMED), 60)
    assert "\u2026" not in narrow and "-0.220" in narrow and "identi" in narrow


def test_a_metric_that_is_identical_throughout_takes_one_line(shown):
    out = shown(compared(metric(line("identical"), line("identical", "a", "x"))))
    assert "nmi_true: identical in every pair (12 overall)\n" in out and "95 % interval" not in out
    assert "12 runs in both: 12 done in both and compared, 6 identical in every figure\n" in out
    assert "left out: 0 that only OLD plans, 2 that only NEW plans\n" in out


def test_names_are_shown_as_they_are(shown):
    told = compared(metric(line("same", "dataset", "imagefolder:/[red]a|b<i>")))
    assert "dataset imagefolder:/[red]a|b<i>" in shown(told, 200) and "new/[b]m|<i>: 13 of 14 runs done" in shown(told)
    text = as_markdown(told)
    assert "| dataset imagefolder:/\\[red]a\\|b&lt;i> |" in text and "new/\\[b]m\\|&lt;i>" in text


def test_runs_that_are_not_done_are_told_with_their_reason(shown):
    gone = [UnmatchedRun(f"run-{n}", "done", "failed (nan)", "[b]nan") for n in range(6)]
    come, neither = (
        UnmatchedRun("new", "failed (crash)", "done", "died"),
        UnmatchedRun("no", "pending", "skipped", "why"),
    )
    runs = replace(RUNS, gone=tuple(gone), come=(come,), neither=(neither,))
    out = shown(compared(metric(line()), runs=runs))
    assert "done in OLD alone, so in no mean: run-0: failed (nan) in NEW ([b]nan); run-1" in out
    assert "run-3: failed (nan) in NEW ([b]nan); and 2 more\n" in out
    assert "done in NEW alone, so in no mean: new: failed (crash) in OLD (died)\n" in out
    assert "done in neither, so in no mean: no: pending in OLD, skipped in NEW (why)\n" in out


def test_a_pass_that_proves_little_says_so(shown):
    few = metric(line("too few seeds", mean=-0.3, low=NAN, high=NAN, seeds=2))
    out = shown(compared(few, gates=(Gate("worse"),)))
    assert out.startswith(
        "passed --fail-on worse\nNo number can fail these gates: a change is told from three seeds on"
    )
    assert "No number can fail" in as_markdown(compared(few, gates=(Gate("worse"),)))
    nothing = compared(runs=replace(RUNS, compared=()), health=("", ""), timing=("", ""))
    assert shown(nothing).startswith("No run is done in both, so no number was compared.\n")


def test_what_the_sets_were_made_with(shown):
    out = shown(compared(metric(line())))
    assert f"made with the same: torch 2.9, commit {'a' * 40}\n" in out
    assert "random numbers: every pair shares its images, weights, as runs of one seed tree do\n" in out
    assert "timed" not in out and "health" not in out
    facts = (
        FactDiff("commit", 12, {"a" * 40: 12}, {"b" * 40 + "+": 10, "c" * 40: 2}),
        FactDiff("cpu", 3, {str(n): 1 for n in range(5)}, {"[x]": 12}), FactDiff("dataset.sha256", 2, {"d": 12}, {"e": 12}),
    )  # fmt: skip
    made = replace(MADE, pairs=14, differ=facts, drawn={"images": (12, 12), "weights": (3, 12), "x": (0, 0)})
    told = compared(metric(line(), **SECONDS), made=made, health=("12 healthy", "11 healthy, 1 collapsed"))
    out = shown(told)
    assert "made with, recorded for 12 of 14 pairs: 3 differences\n" in out
    assert ["commit", "aaaaaaaaaaaa", "bbbbbbbbbbbb+", "(10),", "cccccccccccc", "(2)", "12", "of", "12"] in [
        row.split() for row in out.splitlines()
    ]
    assert "0 (1), 1 (1), 2 (1) and 2 more" in out and "[x]" in out
    assert "random numbers that pairs share: images 12 of 12, weights 3 of 12; OLD and NEW are not of one seed" in out
    assert "the training images are not the same, so not the code alone is compared\n" in out
    assert "health: OLD 12 healthy; NEW 11 healthy, 1 collapsed\n" in out
    assert "timed: OLD 12 shared; NEW 12 exclusive" in out
    nothing = shown(compared(metric(line()), made=ProvenanceDiff(12, 0, (), {}, {"images": (0, 0)})))
    assert "made with: not recorded" in nothing and "random numbers: not recorded" in nothing


def test_markdown_has_the_reasons_a_line_a_metric_and_all_lines_folded():
    gone = metric(name="purity", gone=4)
    text = as_markdown(compared(NAMED, gone, gates=(Gate("worse"),)))
    assert text.startswith("### dcbench compare: failed --fail-on worse\n\n- **NMI with the truth: worse: overall")
    assert (
        "| NMI with the truth | 0.500 | 0.400 | -0.100 | -0.120 to -0.080 | 12 | 3 | worse | identical: a x |" in text
    )
    assert "| purity |  |  |  |  |  |  |  | 4 runs have it in OLD, and not in NEW |" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "</summary>\n\n|  | OLD |" in text and "| a y | 0.500 | 0.300 |" in text
    assert as_markdown(compared(NAMED)).startswith("### dcbench compare: OLD and NEW\n")


def test_programs_get_all_of_it():
    told = json.loads(json.dumps(compared(NAMED, gates=(Gate("worse"),)).as_json(), allow_nan=False))
    assert told["old"] == "old/m" and len(told["failures"]) == 1 and told["metrics"][0]["lines"][2]["value"] == "y"
    assert told["made_with"]["alike"]["torch"] == "2.9" and told["runs"]["planned"] == [12, 14]
