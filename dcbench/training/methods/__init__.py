"""Define a method: what a run trains on, and when its clustering becomes the labels.

In: the spec, and each row's assignment. Out: a Learner, with its labels and its head. A method has two functions:

    begin(spec, device) -> Learner
        Return the untrained network, or what replaces it.
    relabel(learner, assignment, split, spec, epoch) -> bool
        Set the labels of the next passes; return True if they are this row's clustering. A method that never returns
        True trains on the true labels of the split.

Its FACTS: `network`, whether it trains a network; `supervised`, whether it trains on the true labels; and for a
baseline `baseline`, how its specs follow from the cells of a matrix: one for each combination of the values of the
fields in `each` and each of the `variants`, with the fields in `first` from the first such cell, and the values in
`sets`.
"""
