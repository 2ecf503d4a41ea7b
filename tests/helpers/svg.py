"""A figure whose SVG is hard to embed."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dcbench.figures.style.theme import STYLE
from dcbench.report.svg import compress_svg


def draw_svg(name='<script>alert(1)</script> --> & "x"'):
    """Draw a figure with a vector curve, rasterised curves, and a name that must be escaped."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4, 3))
        axes = figure.subplots()
        axes.plot(np.linspace(0, 1, 50), np.random.default_rng(0).random(50), color="#3c96ff")
        for colour in ("#3c96ff", "#e17800"):
            axes.plot(np.random.default_rng(1).random((40, 15)), color=colour, alpha=0.4, rasterized=True)
        axes.set_title(name)
        file = io.BytesIO()
        figure.savefig(file, format="svg")
    return compress_svg(file.getvalue())
