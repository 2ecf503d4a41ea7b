from dcbench.core import console
from dcbench.core.store.run_state import STATES


def test_every_state_has_a_colour_and_counts_are_in_order():
    assert tuple(console.STATE_COLOURS) == STATES
    assert console.format_state_counts({"failed": 1, "done": 3, "pending": 0}) == "3 done, 1 failed"
    assert console.format_state_counts({}) == "none"


def test_a_failed_state_names_its_kind():
    assert console.style_state("failed", "nan") == "[red]failed (nan)[/]"
    assert console.style_state("done") == "[green]done[/]"
