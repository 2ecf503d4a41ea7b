"""Reports that follow a matrix while it runs, served to browsers on this machine.

In: a results folder and a function that writes one matrix's report. Out: the reports written anew whenever results
change, and pages under http://127.0.0.1 that load themselves anew. `marks` sees changes, `reports` has the reports
written, `site` says what answers a URL, `server` listens.
"""
