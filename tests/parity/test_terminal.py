import io
import itertools

import pytest
from rich.console import Console

from dcbench.parity import terminal
from dcbench.parity.table import ParitySettings
from tests.helpers.parity_rows import make_row


def print_table(rows, backends=("faiss", "torch"), width=None):
    out = io.StringIO()
    console = Console(file=out, force_terminal=width is not None, width=width, color_system=None)
    settings = ParitySettings(dataset="mnist", limit=10_000, k_values=(10,), backends=backends)
    terminal.show_parity(rows, settings, console)
    return out.getvalue()


def words_after(text, label):
    """Return the words after the label in the only line that has it."""
    (line,) = [line for line in text.splitlines() if label in line]
    return line.split(label)[1].split()


def test_values_are_below_their_pair_with_median_and_range():
    out = print_table([
        make_row("pca", "largest_angle", "faiss", "torch", values=(3.21e-3,)),
        make_row("kmeans", "ari", "faiss", "torch", 10, (1.0, 0.25, 0.5)),
        make_row("kmeans", "seconds_kmeans", "torch", k=10, values=(0.123, 0.123)),
    ])  # fmt: skip
    assert "mnist, 10,000 images" in out and "of 10 starts" in out and "faiss / torch" in out
    assert words_after(out, "largest angle of subspaces (rad)") == ["3.2e-03"]
    assert words_after(out, "adjusted Rand index at the end") == ["10", "0.5000", "(0.2500-1.0000)"]
    assert words_after(out, "k-means (s)") == ["10", "0.123", "(0.123-0.123)"]


@pytest.mark.parametrize(
    ("measure", "values", "expected"),
    [
        ("parting_iteration", (), ["10", "never"]),
        ("parting_iteration", (3,), ["10", "3", "in", "1"]),
        ("parting_iteration", (3, 5, 4), ["10", "4", "(3-5)", "in", "3"]),
        ("ari", (), ["10", "-"]),
    ],
)
def test_missing_differences_and_values_are_printed(measure, values, expected):
    label = terminal.MEASURES[measure].label
    assert words_after(print_table([make_row("kmeans", measure, "faiss", "torch", 10, values)]), label) == expected


@pytest.mark.parametrize("width", [None, 120])
def test_the_widest_table_fits_120_columns_without_truncation(width):
    backends = ("faiss", "sklearn", "torch")
    values = (0.99987, 1.00012, 1.0)
    pairs = list(itertools.combinations(backends, 2))
    out = print_table(
        [make_row("kmeans", name, *pair, 1000, values) for name in ("objective_ratio", "ari") for pair in pairs],
        backends,
        width,
    )
    assert "…" not in out and max(map(len, out.splitlines())) <= 120
    assert out.count("1.00000 (0.99987-1.00012)") == 3 and "1000" in out
    for label in ("objective at the end, a/b", "adjusted Rand index at the end"):
        assert len([line for line in out.splitlines() if label in line]) == 1


def test_pairs_that_do_not_fit_are_printed_below(tmp_path):
    backends = ("a", "b", "c", "d")
    pairs = list(itertools.combinations(backends, 2))
    out = print_table([make_row("kmeans", "ari", *pair, 10, (0.5,)) for pair in pairs], backends)
    assert all(" / ".join(pair) in out for pair in pairs) and out.count("0.5000") == 6
    assert max(map(len, out.splitlines())) <= 120


def test_every_row_is_collected_and_the_last_is_shown_on_a_terminal():
    out = io.StringIO()
    rows = [make_row("pca", "seconds_pca", "torch", values=(1.0,)), make_row("kmeans", "ari", "a", "b", 10)]
    collected = terminal.collect_rows(iter(rows), Console(file=out, force_terminal=True, width=80, color_system=None))
    assert collected == rows and "kmeans, k = 10 is done" in out.getvalue()
    quiet = io.StringIO()
    terminal.collect_rows(iter(rows), Console(file=quiet, width=80))
    assert quiet.getvalue() == ""
