import base64
import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dcbench.figures.style.theme import COLOURS, INK, STYLE
from dcbench.report.svg import HREF, compress_svg, inline_svg
from tests.helpers.svg import draw_svg


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
    (encoded,) = re.findall(rb'base64,\s*([^"]*)"', svg)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"), dtype=float)


def test_compressing_halves_the_size_and_keeps_the_elements(svg):
    made = compress_svg(svg)
    assert len(made) < 0.5 * len(svg) and made.rstrip().endswith(b"</svg>")
    assert re.findall(rb"<[a-z]+", made) == re.findall(rb"<[a-z]+", svg)


def test_compressing_rounds_points_and_keeps_letters(svg):
    def numbers(text):
        paths = re.findall(rb' d="([^"]*)"', re.sub(rb"<defs>.*?</defs>", b"", text, flags=re.DOTALL))
        return np.array([float(number) for path in paths for number in re.findall(rb"-?\d+\.?\d*", path)])

    made = compress_svg(svg)
    assert np.abs(numbers(made) - numbers(svg)).max() <= 0.005001
    assert re.findall(rb"<defs>.*?</defs>", made, re.DOTALL) == re.findall(rb"<defs>.*?</defs>", svg, re.DOTALL)
    assert re.findall(rb"scale\([^)]*\)", made) == re.findall(rb"scale\([^)]*\)", svg)


def test_compressing_keeps_the_colours_of_pixels(svg):
    before, after = pixels(svg), pixels(compress_svg(svg))
    assert before.shape == after.shape
    on_white = [image[..., :3] * (shade := image[..., 3:] / 255) + 255 * (1 - shade) for image in (before, after)]
    assert np.abs(on_white[0] - on_white[1]).mean() < 8


def test_compressing_an_svg_without_pixels_only_rounds_numbers():
    assert compress_svg(b'<svg><path d="M 1.23456 2 \nL 3.999999 -0.001" scale="0.015625"/></svg>') == (
        b'<svg><path d="M 1.23 2 L 4 -0" scale="0.015625"/></svg>'
    )


# --- as part of a page ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def figure():
    return draw_svg()


def ids(text):
    return re.findall(r' id="([^"]*)"', text)


def test_an_inlined_figure_is_one_labelled_svg_element(figure):
    text = inline_svg(figure, "f0", 'Curves "of" <all>')
    assert text.startswith("<svg") and text.endswith("</svg>") and "<?xml" not in text and "DOCTYPE" not in text
    assert "<!--" not in text and "metadata" not in text and "<style" not in text and "script" not in text
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == 'Curves "of" <all>'
    assert root.get("viewBox") and root.get("style") == "width: 288pt" and root.get("height") is None


def test_inlined_figures_have_unique_ids_and_valid_references(figure):
    first, second = inline_svg(figure, "f0", "a"), inline_svg(figure, "f1", "b")
    assert not set(ids(first)) & set(ids(second)) and all(name.startswith("f0-") for name in ids(first))
    referred = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', first))
    assert {first_id or second_id for first_id, second_id in referred} == set(ids(first))


def test_inlined_figures_use_the_ink_of_the_page_and_keep_other_colours(figure):
    text = inline_svg(figure, "f0", "a")
    assert INK not in text and "var(--ink)" in text and "#3c96ff" in text


def test_an_inlined_figure_is_smaller_than_the_file_with_the_same_pixels(figure):
    text = inline_svg(figure, "f0", "a")
    assert len(text) < len(figure) and png(text) == png(figure.decode())


def png(text):
    return next(
        element.get(HREF)
        for element in ElementTree.fromstring(text).iter()
        if element.get(HREF, "").startswith("data:")
    )


def test_inlining_keeps_the_scale_of_letters(figure):
    assert "scale(0.015625)" in inline_svg(figure, "f0", "a")
