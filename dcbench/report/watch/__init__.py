"""Reports that follow a matrix while it runs, and a web server that shows them on this machine.

In: a results folder and a function that writes the report of one matrix. Out: reports that are rewritten whenever
results change, and pages under http://127.0.0.1 that reload by themselves. `fingerprint` notices changes, `reports` has
reports written, `site` answers a URL, and `server` listens.
Imports: errors, core, report.
"""
