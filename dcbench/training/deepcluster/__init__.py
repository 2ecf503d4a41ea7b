"""The steps of DeepCluster: images, network, features, pseudo-labels, learner and training pass.

In: pixels and a spec. Out: features, a clustering of them, and a network trained on its labels. Imports: errors,
registry, core.
"""
