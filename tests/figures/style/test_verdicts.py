"""How verdicts are shown."""

import pandas as pd

from dcbench.figures.style.verdicts import VERDICT_STYLES, get_marker_face, make_verdict_handles


def test_verdicts_differ_in_colour_and_marker():
    handles = make_verdict_handles(pd.Series(["same", "better", "better"]))
    assert [handle.get_label() for handle in handles] == ["better", "same", "margin"]
    assert get_marker_face("cannot tell") == "none" and len({VERDICT_STYLES[word] for word in VERDICT_STYLES}) == len(
        VERDICT_STYLES
    )
