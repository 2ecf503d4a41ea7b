"""Repeat a finished run, and find what differs between two runs.

The folder of a finished run goes in, and is only read; runs of the same spec to execute in new folders, and how each
repetition differs from the original come out, or how any two run folders differ. Imports: errors, core.
"""
