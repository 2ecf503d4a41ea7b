"""Measure whether the backends are interchangeable, on features of real images.

A dataset, numbers of clusters and the backends to compare go in; one row for each measure of two backends, or of one
alone, and the facts of the measurement come out. Imports: errors, registry, core, training.
"""
