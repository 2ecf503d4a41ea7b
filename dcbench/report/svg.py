"""Make matplotlib's SVG files small, and make them part of a page, with the ids and the ink of the page."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

from PIL import Image

from dcbench.figures.style.theme import INK

MAX_COLOURS = 64
"""Colours of an embedded image, transparent ones included."""

COORDINATES = re.compile(r'( d="[^"]*"| [xy]="[^"]*"| transform="translate\([^"]*")')
"""Attributes whose numbers are points on paper; the scale of a letter is none."""
DEFINITIONS = re.compile(r"<defs>.*?</defs>", re.DOTALL)
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
PIXELS = re.compile(r'"data:image/png;base64,([^"]*)"')

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{LINK}}}href"
LEFT_OUT = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}
URL_REFERENCE = re.compile(r"url\(#([^)]*)\)")

ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", LINK)


def compress_svg(svg: bytes) -> bytes:
    """Return the same picture in a fifth to a half of the bytes, if it has runs by the hundred.

    Coordinates are rounded to a hundredth of a point, which is 1/72 inch, and embedded images get a palette: thin lines
    and bands in a few colours have hardly more shades. Neither can be seen.
    """
    parts, end, text = [], 0, svg.decode()
    for letters in DEFINITIONS.finditer(text):
        # The outlines of letters are in units of their own, and stay as they are.
        parts += [_round_coordinates(text[end : letters.start()]), letters[0]]
        end = letters.end()
    return PIXELS.sub(_reduce_colours, "".join([*parts, _round_coordinates(text[end:])])).encode()


def _round_coordinates(text: str) -> str:
    def round_number(match: re.Match[str]) -> str:
        return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")

    return COORDINATES.sub(lambda match: " " + LONG_NUMBER.sub(round_number, " ".join(match[0].split())), text)


def _reduce_colours(match: re.Match[str]) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGBA")
    file = io.BytesIO()
    image.quantize(MAX_COLOURS, method=Image.Quantize.FASTOCTREE).save(file, "png", optimize=True)
    return f'"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"'


def inline_svg(svg: bytes, prefix: str, title: str) -> str:
    """Return a figure as an element whose ids start with a prefix that no other figure of the page has.

    Comments, metadata, the style sheet and ids that nothing refers to are left out. The ink becomes the page's, which
    dark mode turns; every other colour stays, so that it means the same in light and dark.
    """
    root = ElementTree.fromstring(svg)
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {name for value in values for name in URL_REFERENCE.findall(value)}
    used |= {element.get(HREF, "").removeprefix("#") for element in root.iter()}
    for element in root.iter():
        for child in [child for child in element if child.tag in LEFT_OUT]:
            element.remove(child)
        if element.attrib.get("id") not in used:
            element.attrib.pop("id", None)
        for name, value in element.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name == HREF:
                # Other links are embedded images.
                element.set(name, f"#{prefix}-{value[1:]}" if value.startswith("#") else value)
            else:
                element.set(name, URL_REFERENCE.sub(rf"url(#{prefix}-\1)", value).replace(INK, "var(--ink)"))
        element.text = element.tail = None
    width = root.attrib.pop("width")
    del root.attrib["height"]
    root.attrib |= {"role": "img", "aria-label": title, "style": f"width: {width}"}
    return ElementTree.tostring(root, encoding="unicode")
