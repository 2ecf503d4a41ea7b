import base64
import io
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dcbench.figures.style.theme import COLOURS, STYLE
from dcbench.report.svg import light


@pytest.fixture(scope="module")
def svg():
    rng = np.random.default_rng(0)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3, 2))
        panel = figure.subplots()
        panel.set_title("Title, 1.2345678")
        for colour in COLOURS[:3]:
            panel.plot(rng.normal(size=(100, 20)), color=colour, lw=0.6, alpha=0.3, rasterized=True)
        panel.plot(rng.normal(size=100))
        file = io.BytesIO()
        figure.savefig(file, format="svg", dpi=100, transparent=True)
    return file.getvalue()


def pixels(svg):
    (found,) = re.findall(rb'base64,\s*([^"]*)"', svg)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("RGBA"), dtype=float)


def test_it_is_much_lighter_and_stays_an_svg(svg):
    made = light(svg)
    assert len(made) < 0.5 * len(svg) and made.rstrip().endswith(b"</svg>")
    assert re.findall(rb"<[a-z]+", made) == re.findall(rb"<[a-z]+", svg)


def test_points_move_by_less_than_can_be_seen_and_letters_not_at_all(svg):
    def numbers(text):
        paths = re.findall(rb' d="([^"]*)"', re.sub(rb"<defs>.*?</defs>", b"", text, flags=re.DOTALL))
        return np.array([float(one) for path in paths for one in re.findall(rb"-?\d+\.?\d*", path)])

    made = light(svg)
    assert np.abs(numbers(made) - numbers(svg)).max() <= 0.005001
    assert re.findall(rb"<defs>.*?</defs>", made, re.DOTALL) == re.findall(rb"<defs>.*?</defs>", svg, re.DOTALL)
    assert re.findall(rb"scale\([^)]*\)", made) == re.findall(rb"scale\([^)]*\)", svg)


def test_the_pixels_keep_their_colours(svg):
    before, after = pixels(svg), pixels(light(svg))
    assert before.shape == after.shape
    on_white = [image[..., :3] * (shade := image[..., 3:] / 255) + 255 * (1 - shade) for image in (before, after)]
    assert np.abs(on_white[0] - on_white[1]).mean() < 8


def test_an_svg_without_pixels_is_only_rounded():
    assert light(b'<svg><path d="M 1.23456 2 \nL 3.999999 -0.001" scale="0.015625"/></svg>') == (
        b'<svg><path d="M 1.23 2 L 4 -0" scale="0.015625"/></svg>'
    )
