"""Methods: what a run trains on, and when its clustering becomes the labels.

In: the spec, and each row's assignment. Out: a Learner, with its labels and its head. A method has two functions:

    begin(spec, device) -> Learner
        Return the untrained network, or what replaces it.
    relabel(learner, assignment, split, spec, epoch) -> bool
        Set what the next passes train on; True if this row's clustering became the labels. Otherwise they stay as
        they were, and a method that never returns True trains on the true labels of the split.

Its FACTS: `network`, whether there is one to train; `supervised`, whether true labels train it; and for a baseline, how
the cells of a matrix become its specs: a spec for `each` difference in these fields, with the `first` cell's values of
those fields, what it `sets`, and its `variants`.
"""
