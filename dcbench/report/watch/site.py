"""What answers a URL: the index, a page with the snippet that keeps it fresh, a file of the reports, or nothing.

In: the path of a URL, and the Reports. Out: an Answer. Nothing outside the reports' folder is ever read, and nothing is
written: the snippet is in what is sent, not in the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

import jinja2

from dcbench.report.watch.reports import Reports

HERE = Path(__file__).parent
SCRIPT = "/.watch/refresh.js"
VERSION = "/.watch/version"
SNIPPET = '<script src="{script}" data-ask="{ask}" data-version="{version}"></script>\n'

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
KINDS = {
    ".html": HTML,
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".tex": "text/x-tex; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}
"""Content types of the files of a report; any other file is bytes."""


@dataclass(frozen=True)
class Answer:
    """What is sent: a status, the content's type, the content, and where to look instead."""

    status: HTTPStatus
    kind: str
    content: bytes | BinaryIO
    location: str | None = None


def plain(status: HTTPStatus, text: str) -> Answer:
    """A line of text."""
    return Answer(status, TEXT, f"{text}\n".encode())


ICON = "/favicon.ico"
"""What browsers ask for unasked; there is none, and that is no error."""

NOTHING = plain(HTTPStatus.NOT_FOUND, "There is no such file among the reports; the list of them is at /")


def answer(path: str, reports: Reports) -> Answer:
    """What answers a URL's path."""
    if path == SCRIPT:
        return Answer(HTTPStatus.OK, "text/javascript; charset=utf-8", (HERE / "refresh.js").read_bytes())
    if path == ICON:
        return Answer(HTTPStatus.NO_CONTENT, TEXT, b"")
    if path.startswith(f"{VERSION}/"):
        return _version(path.removeprefix(VERSION), reports)
    page = _page(path, reports)
    if page is not None:
        return Answer(HTTPStatus.OK, HTML, _with_snippet(page))
    return _file(path, reports.out)


def _version(path: str, reports: Reports) -> Answer:
    """What tells a page whether it is the newest, and what is wrong with its matrix."""
    page = _page(path, reports)
    if page is None:
        return NOTHING
    matrix = reports.shown.get(unquote(path).split("/")[1])
    told = {"version": _digest(page), "problem": matrix.problem if matrix else ""}
    return Answer(HTTPStatus.OK, "application/json", json.dumps(told).encode())


def _page(path: str, reports: Reports) -> bytes | None:
    """The index, or a page as it is on disk."""
    if path == "/":
        return _index(reports).encode(errors="replace")  # a folder's name may be any bytes
    found = _inside(reports.out, path)
    if found is None or KINDS.get(found.suffix) != HTML:
        return None
    try:
        return found.read_bytes()
    except OSError:
        return None


def _file(path: str, out: Path) -> Answer:
    """Any other file, or where a folder's page is."""
    found = _inside(out, path)
    if found is None:
        if not path.endswith("/") and _inside(out, f"{path}/"):
            return Answer(HTTPStatus.FOUND, TEXT, b"", quote(f"{unquote(path)}/"))
        return NOTHING
    try:
        return Answer(HTTPStatus.OK, KINDS.get(found.suffix, "application/octet-stream"), found.open("rb"))
    except OSError:
        return NOTHING


def _inside(out: Path, path: str) -> Path | None:
    """The file under `out` that a URL's path names, index.html for a folder; None where it leads out or nowhere.

    Names that begin with a dot are ours while we write, and no one else's business.
    """
    steps = [*unquote(path).split("/")[1:-1], unquote(path).rpartition("/")[2] or "index.html"]
    if any(not step or step.startswith(".") for step in steps):
        return None
    try:
        found = out.joinpath(*steps).resolve(strict=True)
        known = found.is_relative_to(out.resolve()) and found.is_file()
    except (OSError, ValueError, RuntimeError):  # no such file; a zero byte; links in a circle
        return None
    return found if known else None


def _with_snippet(page: bytes) -> bytes:
    """The page with the script that keeps it fresh, as its last element."""
    before, end, after = page.rpartition(b"</body>")
    snippet = SNIPPET.format(script=SCRIPT, ask=VERSION, version=_digest(page)).encode()
    return before + snippet + end + after if end else page + snippet


def _digest(page: bytes) -> str:
    return hashlib.blake2b(page, digest_size=12).hexdigest()


def _index(reports: Reports) -> str:
    engine = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    engine.filters["url"] = lambda name: quote(os.fsencode(name), safe="")
    listed = [(shown, reports.page(name).exists()) for name, shown in sorted(reports.shown.items())]
    page = engine.from_string((HERE / "index.html.j2").read_text(encoding="utf-8"))
    return page.render(path=reports.path, problem=reports.problem, listed=listed)
