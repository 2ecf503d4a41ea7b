"""Audit finished runs: whether every setting acted as the spec says, and whether the features stayed healthy.

In: run folders with audit.json and metrics.csv. Out: an Audit of a matrix, the failures of a run, the Health of a run.
Imports: registry, core.
"""
