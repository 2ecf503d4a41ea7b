"""How figures look, whoever draws them: plots of a matrix, pictures of a run, the page.

In: what is to be said. Out: colours, words and marks that stay the same across all figures of a report.
"""
