"""How figures show verdicts and margins."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dcbench.figures.style.theme import COLOURS, GREY

VERDICT_STYLES = {
    "better": (COLOURS[2], "^"),
    "worse": (COLOURS[4], "v"),
    "higher": (COLOURS[1], ">"),
    "lower": (COLOURS[1], "<"),
    "same": (COLOURS[0], "s"),
    "cannot tell": (GREY, "o"),
    "too few seeds": (GREY, "D"),
}
"""Verdict -> colour and marker; either tells them apart, but for which way an effect goes."""

MARGIN_BAND: dict[str, Any] = {"color": GREY, "alpha": 0.22, "lw": 0}
"""How a margin is shaded."""

GUIDE_LINE: dict[str, Any] = {"color": GREY, "alpha": 0.25, "lw": 0.5, "zorder": 0.5}
"""How the line is drawn that leads from a row's label to its marks."""


def get_marker_face(verdict: str) -> str:
    """The colour inside a verdict's marker."""
    return "none" if verdict == "cannot tell" else VERDICT_STYLES[verdict][0]


def make_verdict_handles(verdicts: pd.Series) -> list[Artist]:
    """What a legend shows of these verdicts, and of the margin."""
    there = set(verdicts)
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, mfc=get_marker_face(word), ls="", label=word)
        for word, (colour, marker) in VERDICT_STYLES.items()
        if word in there
    ]
    return [*handles, Patch(**MARGIN_BAND, label="margin")]
