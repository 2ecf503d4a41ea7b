"""Show the figures as people with a colour vision deficiency see them: `python -m benchmarks.colour_vision`.

Draws figures of results/small_cpu and writes them and their simulations to docs/colour_vision.png. Dichromacy is
simulated after Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency
(IEEE TVCG 15, 2009), severity 1: matrices on linear sRGB. Distances are CIEDE2000 (Sharma, Wu and Dalal 2005).
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dcbench import registry
from dcbench.analysis import results
from dcbench.analysis.summary import Analysis, analyse
from dcbench.core.store.run_dir import MatrixDir
from dcbench.figures.style.theme import STYLE

TOP = Path(__file__).parent.parent
PICTURE = TOP / "docs" / "colour_vision.png"
FIGURES = (("curves", "optimizer"), ("occupancy", "backend"))
"""The figures, each with the axis that it is drawn for."""
DPI = 75

VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Kind of vision -> the matrix that linear sRGB is multiplied with."""

TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ under D65."""


# --- simulation -----------------------------------------------------------------------------


def linear(srgb: np.ndarray) -> np.ndarray:
    """Return the linear intensities of sRGB values in 0 to 1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encoded(intensities: np.ndarray) -> np.ndarray:
    """Return the sRGB values of linear intensities, the inverse of `linear`."""
    return np.where(intensities <= 0.0031308, 12.92 * intensities, 1.055 * intensities ** (1 / 2.4) - 0.055)


def simulate_vision(srgb: np.ndarray, vision: str) -> np.ndarray:
    """Return the colours `(..., 3)` as people with this kind of vision see them."""
    return encoded(np.clip(linear(srgb) @ VISIONS[vision].T, 0, 1))


# --- distances ------------------------------------------------------------------------------


def luminance(srgb: np.ndarray) -> np.ndarray:
    """Return the relative luminance, from which the contrast is computed (WCAG 2)."""
    return linear(srgb) @ TO_XYZ[1]


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return WCAG's contrast ratio, 1 to 21."""
    low, high = sorted(float(luminance(colour)) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def lab(srgb: np.ndarray) -> np.ndarray:
    """Return the colours in CIE L*a*b* under D65."""
    relative = linear(srgb) @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    root = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return CIEDE2000 of two colours in L*a*b*; the numbers are those of Sharma, Wu and Dalal (2005)."""
    (light, a, b), (light_2, a_2, b_2) = first, second
    mean = (np.hypot(a, b) + np.hypot(a_2, b_2)) / 2  # (3)
    stretch = 1.5 - 0.5 * _saturating(mean)  # (4), (5)
    (chroma, hue), (chroma_2, hue_2) = _polar(a * stretch, b), _polar(a_2 * stretch, b_2)
    turn = (hue_2 - hue + 180) % 360 - 180 if chroma * chroma_2 else 0.0  # (10)
    hue_mean = (hue + turn / 2) % 360 if chroma * chroma_2 else hue + hue_2  # (14)
    light_mean, chroma_mean = (light + light_2) / 2, (chroma + chroma_2) / 2
    lightness = (light_2 - light) / (1 + 0.015 * (light_mean - 50) ** 2 / np.sqrt(20 + (light_mean - 50) ** 2))
    saturation = (chroma_2 - chroma) / (1 + 0.045 * chroma_mean)
    tint = 2 * np.sqrt(chroma * chroma_2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma_mean * _ripple(hue_mean))
    twist = np.sin(np.radians(60 * np.exp(-(((hue_mean - 275) / 25) ** 2))))  # (16)
    rotation = -2 * _saturating(chroma_mean) * twist
    return float(np.sqrt(lightness**2 + saturation**2 + tint**2 + rotation * saturation * tint))  # (22)


def _saturating(chroma: float) -> float:
    return float(np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))


def _polar(a: float, b: float) -> tuple[float, float]:
    return float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)


def _ripple(hue: float) -> float:
    """Return formula (15)."""
    terms = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    return float(1 + sum(weight * np.cos(np.radians(times * hue + phase)) for weight, times, phase in terms))


# --- the picture ----------------------------------------------------------------------------


def main() -> None:
    analysis = analyse(results.read_results(MatrixDir(TOP / "results" / "small_cpu")))
    images = [draw_figure(name, axis, analysis) for name, axis in FIGURES]
    height = max(len(image) for image in images)
    columns = [np.pad(image, ((0, height - len(image)), (0, 30), (0, 0)), constant_values=1) for image in images]
    row = np.concatenate(columns, axis=1)
    strips = [strip for vision in VISIONS for strip in (draw_title(vision, row.shape[1]), simulate_vision(row, vision))]
    page = Image.fromarray((np.concatenate(strips) * 255).round().astype(np.uint8))
    page.quantize(256).save(PICTURE, optimize=True)


def draw_figure(name: str, axis: str | None, analysis: Analysis) -> np.ndarray:
    """Return a figure of the report as an array `(height, width, 3)` of sRGB in 0 to 1."""
    with matplotlib.rc_context(STYLE):
        figure = registry.load("figures", name).draw(analysis, axis)
        return rasterize(figure)


def draw_title(text: str, width: int) -> np.ndarray:
    """Return a strip with the name of a kind of vision."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width / DPI, 0.35))
        figure.text(0.01, 0.5, text, va="center", weight="bold", fontsize=11)
        return rasterize(figure)[:, :width]


def rasterize(figure: Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return np.asarray(Image.open(file).convert("RGB"), dtype=float) / 255


if __name__ == "__main__":
    main()
