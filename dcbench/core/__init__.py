"""What both halves share: the run spec, the columns, the devices, and the packages matrix and store, without torch.

In: a matrix file, and the results folder that its runs write to. Out: planned runs, their specs, and their states and
files on disk. Imports: errors, registry.
"""
