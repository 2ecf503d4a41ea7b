"""Statistics of a factorial experiment: frame in, frame out.

    finals.py      curves -> a row for each run, by a rule    effects.py     effects of swaps; interactions
    matching.py    runs that differ in one axis only          levels.py      each value of an axis; baselines
    intervals.py   intervals, tests, Holm                     ranks.py       ranks; the Pareto front
    moderation.py  errors, estimated over many effects        stability.py   epochs until assignments stay
    components.py  variance with seed, cell, and pair         changes.py     one set of runs against another
    cells.py       means over seeds by cell; counts

They know nothing of files and figures. Only finals.py knows columns of metrics.csv; elsewhere the caller names the
metrics and says which direction is better.
"""
