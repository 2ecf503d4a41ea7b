"""The results folder: run folders, their states, locks and records, and files that are replaced as a whole.

In: planned runs, and what they compute. Out: files on disk, and what they say about each run. Imports: errors,
registry.
"""
