"""How verdicts are shown."""

import pandas as pd

from dcbench.figures.style.verdicts import VERDICTS, face, verdict_handles


def test_verdicts_differ_in_colour_and_marker():
    handles = verdict_handles(pd.Series(["same", "better", "better"]))
    assert [handle.get_label() for handle in handles] == ["better", "same", "margin"]
    assert face("cannot tell") == "none" and len({VERDICTS[word] for word in VERDICTS}) == len(VERDICTS)
