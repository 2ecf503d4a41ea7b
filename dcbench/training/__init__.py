"""Train one run from start to end, with all parts that it is made of.

In: a spec, a run folder and a worker's configuration. Out: the run's metrics, records and weights, by way of loop.py,
which reads like the algorithm. Imports: errors, registry, core.
"""
