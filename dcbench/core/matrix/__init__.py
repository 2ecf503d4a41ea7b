"""A matrix file turned into planned runs: YAML document -> checked sections -> cells -> specs -> Plan.

In: the path of a matrix file. Out: a Plan, or one MatrixError with every mistake in the file at its line and column.
Imports: errors, registry.
"""
