import pytest

from dcbench.core.text import escape_markdown, format_duration, format_markdown_table, format_megabytes, plural


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 50 % & 1 > 0", "plain, 50 % & 1 > 0"), ("top_optimizer", "top_optimizer"), ("_a_ b_", "\\_a\\_ b\\_"),
        ("a|b\nc", "a\\|b c"), ("`x` *y* [z](w)", "\\`x\\` \\*y\\* \\[z](w)"), ("<script>", "&lt;script>"),
        ("\\|", "\\\\\\|"), ("", ""),
    ],
)  # fmt: skip
def test_markdown_characters_are_escaped(text, expected):
    assert escape_markdown(text) == expected


def test_a_markdown_table_has_a_line_for_each_row():
    table = format_markdown_table(("", "a|b"), [("x", "y_z"), ("1", "2")])
    assert table == "|  | a\\|b |\n| --- | --- |\n| x | y_z |\n| 1 | 2 |\n"
    assert format_markdown_table(("a",), []) == "| a |\n| --- |\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0.4 s"), (16.52, "16.5 s"), (59.6, "59.6 s"), (59.97, "1 min 00 s"), (75, "1 min 15 s"),
        (3599.7, "1 h 00 min"), (7260, "2 h 01 min"), (86_400 * 2 + 3 * 3600, "2 d 03 h"),
    ],
)  # fmt: skip
def test_durations_are_shown_in_their_two_largest_units(seconds, text):
    assert format_duration(seconds) == text


def test_counts_have_a_plural_and_sizes_a_unit():
    assert [plural(count, "run") for count in (0, 1, 2, 1234)] == ["0 runs", "1 run", "2 runs", "1,234 runs"]
    assert [format_megabytes(size) for size in (12.4, 999, 1000, 80_000)] == ["12 MB", "999 MB", "1.0 GB", "80.0 GB"]
