"""Methods: what is trained and clustered. What they share lives here.

A part has two functions:

    begin(spec, device) -> Learner                              the untrained network, or what stands in for one
    relabel(learner, assignment, split, spec, epoch) -> bool    what the next passes train on; True when this row's
                                                                clustering became the labels; else they
                                                                stay, and are the true ones until then

FACTS: `network`, whether there is one to train; `supervised`, whether true labels train it; and for a baseline how a
matrix's cells become its specs: a spec for `each` difference in these fields, the `first` cell's values of those,
what it `sets`, and its `variants`.
"""
