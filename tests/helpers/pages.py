"""Renders a page and parses it for the tests."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.audit.axes import Audit
from dcbench.core.columns import GAIN
from dcbench.report.html.page import render_page
from dcbench.report.provenance import ReportProvenance
from dcbench.report.tables import make_tables

TEXT = """name: m
axes: {dataset: [mnist, cifar10], optimizer: [sgd, adam], backend: [faiss, sklearn]}
seeds: [0, 1, 2]
settings: {epochs: 2}
"""


METRICS_USED = [metric for metric in OUTCOMES if metric.name in ("nmi_true", "ami_true", GAIN, "seconds")]


NO_AUDIT = Audit(name="m", runs=0, axes=[], failures=[])


VOID = ("meta", "img", "br", "link", "input")


class Page(HTMLParser):
    """Collects links, ids, texts and tags of a page, and fails on elements that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.links, self.open, self.texts, self.ids, self.tags = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def render_html(results, audited=NO_AUDIT, figures=(), facts=None):
    analysis = analyse(results, METRICS_USED)
    provenance = ReportProvenance(matrix="name: m\n", facts=facts or {})
    return render_page(analysis, list(figures), make_tables(analysis, audited), audited, provenance)


def read_page(results, **more):
    """Return the parsed page of the results; check that its elements are closed, its links valid and its ids unique."""
    page = Page(render_html(results, **more))
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    assert all(link[1:] in page.ids if link.startswith("#") else link.startswith("data:") for link in page.links)
    assert not re.search(r"\bnan\b|\bNone\b", re.sub(r"became nan|kind nan", "", page.text)), "missing values are empty"
    return page


NAMES = ["</script><script>alert(1)</script>", "a \"quoted\" & 'other' --> name", "🦆 & \u2028 é", "x" * 200]
