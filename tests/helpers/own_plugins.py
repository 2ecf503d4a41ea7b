"""A folder of the user's own plug-ins, with a tiny architecture."""

from __future__ import annotations

from pathlib import Path

ARCH = """from torch import nn
FACTS = {"features_32": 16, "features_224": 16, "smallest_image": 8}
def build(spec):
    features = 16 if spec.geometry == 32 else int(16 * spec.width)
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * spec.input_channels, features))
"""

FIGURE = """from matplotlib.figure import Figure
FACTS = {"title": "Losses", "caption": "The last losses.", "per_axis": False}
def draw(analysis, axis):
    figure = Figure()
    figure.subplots().set(xlabel="run", ylabel="loss")
    return figure
"""

MATRIX = """name: m
axes: {arch: [own, alexnet], optimizer: [sgd, adam]}
settings: {limit: 60, width: 0.05, pca_dim: 8, epochs: 1, batch_size: 32, k: 4}
"""
"""Two of the four runs use the own architecture."""


def write_plugin(folder: Path, text: str = ARCH, kind: str = "archs", name: str = "own") -> Path:
    """Write one plug-in into its folder below `folder`; return the file."""
    file = folder / kind / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file
