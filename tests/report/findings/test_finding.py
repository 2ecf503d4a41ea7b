import re

import jinja2
import pytest

from dcbench.report.findings.finding import TEMPLATES, Finding, join_words, quote_value

PARTIAL_MACROS = {
    "instead", "swapping", "interval", "separator", "basis", "change_of", "on_dataset", "copies", "beside_floor",
    "verdict_words", "judge", "every_ruler", "by_ruler", "other_rulers", "uncertainty", "used_runs", "too_few_seeds",
    "overruled", "equivalence",
}  # fmt: skip
"""Macros that are only parts of sentences."""


def make_finding(sentence, **values):
    return Finding(kind="cost", sentence=sentence, values=values, evidence="times")


def test_words_are_joined_with_commas_and_and():
    assert [join_words([]), join_words(["a"]), join_words(["a", "b"]), join_words("abc")] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_values_of_zipped_axes_are_quoted():
    assert [quote_value(value) for value in (0.05, None, True, "adam, 0.01")] == [
        "0.05",
        "none",
        "true",
        "“adam, 0.01”",
    ]


def test_values_are_not_escaped_in_a_sentence():
    name = '<b>{{ 7 * 7 }}</b> & "x"\N{NO-BREAK SPACE}y'
    assert make_finding("no_matched_metric", metric=name).text == (
        f"No two runs that differ in this choice alone both have {name}. The tables below show the other metrics."
    )


def test_missing_or_unknown_values_are_an_error():
    with pytest.raises(jinja2.UndefinedError, match="parameter 'metric' was not provided"):
        _ = make_finding("no_matched_metric").text
    with pytest.raises(TypeError, match="takes no keyword argument 'metric'"):
        _ = make_finding("nothing_finished", metric="NMI").text


def test_every_sentence_template_is_used_and_exists():
    words = (TEMPLATES / "sentences.txt.j2").read_text(encoding="utf-8")
    macros = set(re.findall(r"{% macro (\w+)", words))
    code = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.parent.glob("*.py"))
    assert len(macros) > 25 and macros.issuperset(PARTIAL_MACROS)
    assert [macro for macro in macros - PARTIAL_MACROS if f'"{macro}"' not in code] == []
    assert [name for name in PARTIAL_MACROS if words.count(f"{name}(") < 2] == []
