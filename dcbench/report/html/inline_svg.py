"""A figure's SVG made part of the page: its ids its own, and its ink the page's.

In: the SVG file of a figure, made light by `svg`. Out: an <svg> element. Comments, metadata, the style sheet and ids
that nothing refers to are left out. Every colour but the ink stays what it is, so that it means the same value in light
and dark.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dcbench.figures.style.theme import INK

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{LINK}}}href"
LEFT_OUT = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}
REFERENCE = re.compile(r"url\(#([^)]*)\)")

ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", LINK)


def inline(svg: bytes, prefix: str, title: str) -> str:
    """The figure as an element; `prefix` is no other figure's on the page."""
    root = ElementTree.fromstring(svg)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        for child in [child for child in element if child.tag in LEFT_OUT]:
            element.remove(child)
        if element.attrib.get("id") not in used:
            element.attrib.pop("id", None)
        element.attrib.update({name: _own(name, value, prefix) for name, value in element.items()})
        element.text = element.tail = None
    width = root.attrib.pop("width")
    del root.attrib["height"]
    root.attrib |= {"role": "img", "aria-label": title, "style": f"width: {width}"}
    return ElementTree.tostring(root, encoding="unicode")


def _references(element: ElementTree.Element) -> list[str]:
    """The ids that an element's attributes name."""
    linked = [element.get(HREF, "").removeprefix("#")]
    return linked + [name for value in element.attrib.values() for name in REFERENCE.findall(value)]


def _own(name: str, value: str, prefix: str) -> str:
    """An attribute with the page's ids and the page's ink."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == HREF:
        return f"#{prefix}-{value[1:]}" if value.startswith("#") else value
    return REFERENCE.sub(rf"url(#{prefix}-\1)", value).replace(INK, "var(--ink)")
