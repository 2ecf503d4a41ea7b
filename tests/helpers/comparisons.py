"""Made-up changes, metrics and run counts for comparisons of two result sets."""

from __future__ import annotations

import math

from dcbench.comparison.result import MetricChange, MetricComparison, RunOverlap, UnmatchedRun

NAN = math.nan


def change(verdict="same", axis="", value="", mean=0.0, low=-0.01, high=0.01, **more):
    """Return a change of 12 pairs; `more` replaces any other field."""
    numbers = {"old": 0.5, "new": 0.5 + mean, "mean": mean, "low": low, "high": high, "improved": 0.5}
    counts = {"pairs": 12, "cells": 4, "seeds": 3, "left_out": 0, "p": 0.5, "p_holm": 1.0, "p_same": 0.5}
    return MetricChange(axis=axis, value=value, verdict=verdict, **(numbers | counts | more))


def metric(*changes, name="nmi_true", cost=False, lost_runs=0, **more):
    """Return a metric with these changes; `more` replaces any other field."""
    facts = {"label": name, "better": "higher", "margin": 0.02, "ratio": False, "rule": "last row"} | more
    return MetricComparison(name=name, cost=cost, lost_runs=lost_runs, changes=changes, **facts)


def overlap(**more):
    """Return 12 runs that both sets plan and have done; `more` replaces any field."""
    counts = {"planned": (12, 12), "done": (12, 12), "planned_in_both": 12, "compared": ("a",) * 12, "identical": 12}
    unmatched = dict.fromkeys(("done_only_in_old", "done_only_in_new", "done_in_neither"), ())
    return RunOverlap(**({"compared_baselines": 0} | counts | unmatched | more))


def unmatched(run_id, old, new, reason):
    """Return a run that is not done in both sets."""
    return UnmatchedRun(run_id=run_id, old=old, new=new, reason=reason)


WORSE = change("worse", mean=-0.1, low=-0.12, high=-0.08)


SECONDS = {"name": "seconds", "cost": True, "better": "lower", "ratio": True, "margin": 1.1}
