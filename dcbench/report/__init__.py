"""Reports: the results of a matrix as figures, tables, sentences and one offline page.

In: a results folder. Out: a folder with index.html, figures/, tables/ and data.parquet; `writing` is the way in.
Imports: errors, registry, core, audit, analysis, figures, parity.
"""
