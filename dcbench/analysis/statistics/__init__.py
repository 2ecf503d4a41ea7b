"""Frame to frame: curves made into numbers, matched pairs, effects with intervals and verdicts, ranks, stability.

    finals.py      rows -> a line for each run, by a stated rule    cells.py       means over seeds by cell; tallies
    matching.py    runs that differ in one axis alone               stages.py      seconds of a stage
    intervals.py   t intervals, tests, Holm                         levels.py      each value of an axis; mean curves
    effects.py     swaps of one axis's value; interactions          stability.py   epochs until assignments stay
    ranks.py       ranks over cells, critical differences           references.py  the baselines of each axis value
    changes.py     one set of runs against another                  pareto.py      points that no other beats
    interactions.py   the strongest of them, and a swap's effect at each value of another axis

Knows nothing of files, pictures or what the columns mean; whoever asks says which is better.
"""
