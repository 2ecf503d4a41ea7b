"""matplotlib's SVG made light: coordinates to a hundredth of a point, the pixels inside with a palette of their own.

In and out: the bytes of an SVG file. Nothing changes that can be seen: a point is 1/72 inch, and what is rasterised,
thin lines and bands in a few colours, has hardly more shades than the palette.
"""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

SHADES = 64
"""Colours of an embedded image, shades of transparency among them."""

PLACES = re.compile(r'( d="[^"]*"| [xy]="[^"]*"| transform="translate\([^"]*")')
"""Attributes whose numbers are points on the paper; the scale of a letter is none."""
LETTERS = re.compile(r"<defs>.*?</defs>", re.DOTALL)
LONG = re.compile(r"-?\d+\.\d{3,}")
PIXELS = re.compile(r'"data:image/png;base64,([^"]*)"')


def light(svg: bytes) -> bytes:
    """The same picture in a fifth to a half of the bytes, where there are runs by the hundred."""
    parts, at, text = [], 0, svg.decode()
    for letters in LETTERS.finditer(text):
        parts += [_rounded(text[at : letters.start()]), letters[0]]
        at = letters.end()
    return PIXELS.sub(_with_palette, "".join([*parts, _rounded(text[at:])])).encode()


def _rounded(text: str) -> str:
    return PLACES.sub(lambda attribute: " " + LONG.sub(_number, " ".join(attribute[0].split())), text)


def _number(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _with_palette(match: re.Match[str]) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGBA")
    made = io.BytesIO()
    image.quantize(SHADES, method=Image.Quantize.FASTOCTREE).save(made, "png", optimize=True)
    return f'"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"'
