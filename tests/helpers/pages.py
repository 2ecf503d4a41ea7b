"""A page parsed into what its tests ask for."""

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


SPOKEN_OF = [one for one in OUTCOMES if one.name in ("nmi_true", "ami_true", GAIN, "seconds")]


NOTHING = Audit(name="m", runs=0, axes=[], failures=[])


VOID = ("meta", "img", "br", "link", "input")


class Page(HTMLParser):
    """Collects what the tests ask about, and fails on elements that are not closed."""

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


def html(found, audited=NOTHING, figures=(), facts=None):
    analysis = analyse(found, SPOKEN_OF)
    provenance = ReportProvenance(matrix="name: m\n", facts=facts or {})
    return render_page(analysis, list(figures), make_tables(analysis, audited), audited, provenance)


def read(found, **more):
    """The page, which is whole whatever the results are: closed, every link leads to something, no two ids alike."""
    told = Page(html(found, **more))
    assert told.open == [] and len(told.ids) == len(set(told.ids))
    assert all(link[1:] in told.ids if link.startswith("#") else link.startswith("data:") for link in told.links)
    assert not re.search(r"\bnan\b|\bNone\b", re.sub(r"became nan|kind nan", "", told.text)), "absence is empty"
    return told


NAMES = ["</script><script>alert(1)</script>", "a \"quoted\" & 'other' --> name", "🦆 & \u2028 é", "x" * 200]
