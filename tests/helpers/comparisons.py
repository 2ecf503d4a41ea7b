"""Made-up changes and metrics of a comparison of two result sets."""

from __future__ import annotations

import math

from dcbench.compare.result import (
    MetricChange,
    MetricComparison,
)

NAN = math.nan


def line(verdict="same", axis="", value="", mean=0.0, low=-0.01, high=0.01, **more):
    numbers = {"old": 0.5, "new": 0.5 + mean, "mean": mean, "low": low, "high": high, "improved": 0.5}
    counts = {"pairs": 12, "cells": 4, "seeds": 3, "left_out": 0, "p": 0.5, "p_holm": 1.0, "p_same": 0.5}
    return MetricChange(axis, value, verdict, **(numbers | counts | more))


def metric(*lines, name="nmi_true", cost=False, gone=0, **more):
    facts = {"label": name, "better": "higher", "margin": 0.02, "ratio": False, "rule": "last row"} | more
    return MetricComparison(name, cost=cost, gone=gone, lines=lines, **facts)


WORSE = line("worse", mean=-0.1, low=-0.12, high=-0.08)


SECONDS = {"name": "seconds", "cost": True, "better": "lower", "ratio": True, "margin": 1.1}
