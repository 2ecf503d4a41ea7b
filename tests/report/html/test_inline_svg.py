import re
from xml.etree import ElementTree

import pytest

from dcbench.figures.style.theme import INK
from dcbench.report.html.inline_svg import HREF, inline
from tests.helpers.svg import drawn


@pytest.fixture(scope="module")
def svg():
    return drawn()


def ids(text):
    return re.findall(r' id="([^"]*)"', text)


def test_it_is_one_element_with_a_name_and_nothing_of_the_file_around_it(svg):
    text = inline(svg, "f0", 'Curves "of" <all>')
    assert text.startswith("<svg") and text.endswith("</svg>") and "<?xml" not in text and "DOCTYPE" not in text
    assert "<!--" not in text and "metadata" not in text and "<style" not in text and "script" not in text
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == 'Curves "of" <all>'
    assert root.get("viewBox") and root.get("style") == "width: 288pt" and root.get("height") is None


def test_references_stay_whole_and_ids_are_its_own(svg):
    first, second = inline(svg, "f0", "a"), inline(svg, "f1", "b")
    assert not set(ids(first)) & set(ids(second)) and all(name.startswith("f0-") for name in ids(first))
    referred = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', first))
    assert {one or other for one, other in referred} == set(ids(first))


def test_ink_is_the_pages_and_other_colours_stay(svg):
    text = inline(svg, "f0", "a")
    assert INK not in text and "var(--ink)" in text and "#3c96ff" in text


def test_it_is_smaller_than_the_file_and_its_pixels_are_the_files(svg):
    text = inline(svg, "f0", "a")
    assert len(text) < len(svg) and png(text) == png(svg.decode())


def png(text):
    return next(
        element.get(HREF)
        for element in ElementTree.fromstring(text).iter()
        if element.get(HREF, "").startswith("data:")
    )


def test_letters_keep_their_scale(svg):
    assert "scale(0.015625)" in inline(svg, "f0", "a")
