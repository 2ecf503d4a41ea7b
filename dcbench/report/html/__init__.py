"""The offline page of a report.

In: an Analysis, its figures and tables, an Audit and where the results come from. Out: one HTML file, which needs no
other.
Imports: core, audit, analysis, figures, parity.
"""
