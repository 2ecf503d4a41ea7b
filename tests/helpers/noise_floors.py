"""What every figure with the noise floor as a scale bar must show."""

import pytest

from dcbench.figures.style.captions import read_note
from dcbench.figures.style.encoding import get_colour
from tests.helpers.text_overlap import find_faults


def assert_floors_are_drawn(analysis, figure):
    """Assert that bars, note and legend show the floors of digits and cifar10, and that all texts are legible."""
    floors = {name: analysis.find_floor("nmi_true", name) for name in ("digits", "cifar10")}
    panel = next(panel for panel in figure.axes if panel.get_ylabel().startswith("NMI with the"))
    bars = [line for line in panel.get_lines() if line.get_marker() == "_" and len(line.get_ydata()) == 2]
    assert {line.get_color(): line.get_ydata()[1] - line.get_ydata()[0] for line in bars} == pytest.approx(
        {get_colour(analysis, "dataset", name): floor for name, floor in floors.items()}
    )
    assert f"are below {floors['digits']:.2g} on digits, {floors['cifar10']:.2g} on cifar10" in read_note(figure)
    assert "noise floor" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert find_faults(figure) == []
