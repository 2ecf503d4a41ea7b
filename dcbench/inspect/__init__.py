"""Show what one run learned. In goes the folder of a run with weights, or with its last assignment; out come
learned.npz and an offline page with figures of filters, clusters and features.
Imports: errors, registry, core, training, audit, figures, replay.
"""
