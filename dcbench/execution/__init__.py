"""Execute planned runs: in which order, where, and what follows a failure.

In: planned runs, the name of an executor, and the scheduler's settings; a worker gets a run folder and a WorkerConfig.
Out: a RunEvent as each run starts and ends, and one state on disk for every run, whatever happened to its worker.
Imports: errors, registry, core, training.
"""
