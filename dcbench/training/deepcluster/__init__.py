"""The method: features, pseudo-labels, samplers, heads, the training pass and the stage clock."""
