import re

import jinja2
import pytest

from dcbench.report.findings.finding import TEMPLATES, Finding, join_words, quote_value

PARTS = {"instead", "swapping", "interval", "separator", "basis", "change_of"}
"""Macros that are parts of sentences."""


def finding(sentence, **values):
    return Finding(kind="cost", sentence=sentence, values=values, evidence="times")


def test_words_are_joined_as_in_a_sentence():
    assert [join_words([]), join_words(["a"]), join_words(["a", "b"]), join_words("abc")] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_a_value_made_of_several_is_quoted():
    assert [quote_value(value) for value in (0.05, None, True, "adam, 0.01")] == [
        "0.05",
        "none",
        "true",
        "“adam, 0.01”",
    ]


def test_a_sentence_is_plain_text_whatever_its_values_are():
    name = '<b>{{ 7 * 7 }}</b> & "x"\N{NO-BREAK SPACE}y'
    assert finding("no_matched_metric", metric=name).text == (
        f"No two runs that differ in this choice alone both have {name}. The tables below show the other metrics."
    )


def test_a_value_that_is_not_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="parameter 'metric' was not provided"):
        _ = finding("no_matched_metric").text
    with pytest.raises(TypeError, match="takes no keyword argument 'metric'"):
        _ = finding("nothing_learned_yet", metric="NMI").text


def test_every_sentence_of_the_templates_is_used_and_every_used_sentence_is_there():
    words = (TEMPLATES / "sentences.txt.j2").read_text(encoding="utf-8")
    macros = set(re.findall(r"{% macro (\w+)", words))
    code = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.parent.glob("*.py"))
    assert len(macros) > 25 and macros.issuperset(PARTS)
    assert [macro for macro in macros - PARTS if f'"{macro}"' not in code] == []
    assert [part for part in PARTS if words.count(f"{part}(") < 2] == []
