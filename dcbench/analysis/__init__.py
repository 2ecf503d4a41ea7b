"""Read the run folders of a matrix into frames and analyse them.

In: the results folder of a matrix. Out: a Results and an Analysis, whose frames figures, tables and sentences are made
from. Imports: errors, registry, core, audit, parity.
"""
