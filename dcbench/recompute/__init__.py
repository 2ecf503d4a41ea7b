"""Compute the scores of finished runs again from their predictions, and compare them with metrics.csv.

The folders of runs go in, and are only read; what differs, what is damaged and what cannot be checked come out.
Imports: errors, registry, core, training, analysis.
"""
