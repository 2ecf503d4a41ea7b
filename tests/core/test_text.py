import pytest

from dcbench.core.text import escape_markdown, markdown_table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 50 % & 1 > 0", "plain, 50 % & 1 > 0"), ("top_optimizer", "top_optimizer"), ("_a_ b_", "\\_a\\_ b\\_"),
        ("a|b\nc", "a\\|b c"), ("`x` *y* [z](w)", "\\`x\\` \\*y\\* \\[z](w)"), ("<script>", "&lt;script>"),
        ("\\|", "\\\\\\|"), ("", ""),
    ],
)  # fmt: skip
def test_what_would_be_formatting_is_shown_as_it_is(text, expected):
    assert escape_markdown(text) == expected


def test_a_table_has_a_line_a_row():
    told = markdown_table(("", "a|b"), [("x", "y_z"), ("1", "2")])
    assert told == "|  | a\\|b |\n| --- | --- |\n| x | y_z |\n| 1 | 2 |\n"
    assert markdown_table(("a",), []) == "| a |\n| --- |\n"
