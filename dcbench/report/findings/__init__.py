"""What a matrix shows, in sentences.

In: an Analysis and an Audit. Out: Findings, whose values come from Python and whose English from templates/.
Imports: core, audit, analysis.
"""
