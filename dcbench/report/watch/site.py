"""Answer a URL: the index, a page with the script that keeps it fresh, another file of the reports, or an error.

Only files inside the reports' folder are read. Nothing is written: the script is added to what is sent, not to the
file.
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

from dcbench.core.templates import template_environment
from dcbench.report.watch.reports import Reports

HERE = Path(__file__).parent
SCRIPT_URL = "/.watch/refresh.js"
VERSION_URL = "/.watch/version"
ICON_URL = "/favicon.ico"
SNIPPET = '<script src="{script}" data-version-url="{version_url}" data-version="{version}"></script>\n'

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
CONTENT_TYPES = {
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
"""Suffixes of the files of a report with their content types; any other file is bytes."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the server sends.

    Attributes:
        content: The content, or a file open for reading.
        location: Where the browser should look instead.
    """

    status: HTTPStatus
    content_type: str
    content: bytes | BinaryIO
    location: str | None = None


def respond_with_text(status: HTTPStatus, text: str) -> Response:
    """Return a line of text."""
    return Response(status=status, content_type=TEXT, content=f"{text}\n".encode())


NOT_FOUND = respond_with_text(HTTPStatus.NOT_FOUND, "There is no such file among the reports. / lists them.")


def respond(path: str, reports: Reports) -> Response:
    """Return the response to the path of a URL."""
    if path == SCRIPT_URL:
        script = (HERE / "refresh.js").read_bytes()
        return Response(status=HTTPStatus.OK, content_type="text/javascript; charset=utf-8", content=script)
    if path == ICON_URL:  # browsers ask for it by themselves; that there is none is no error
        return Response(status=HTTPStatus.NO_CONTENT, content_type=TEXT, content=b"")
    is_version = path.startswith(f"{VERSION_URL}/")
    path = path.removeprefix(VERSION_URL) if is_version else path
    page = _read_page(path, reports)
    if is_version and page is not None:
        # An open page compares its own version with this one, and shows the problem of its matrix.
        status = reports.statuses.get(unquote(path).split("/")[1])
        text = json.dumps({"version": _digest(page), "problem": status.problem if status else ""})
        return Response(status=HTTPStatus.OK, content_type="application/json", content=text.encode())
    if page is not None:
        before, end, after = page.rpartition(b"</body>")
        snippet = SNIPPET.format(script=SCRIPT_URL, version_url=VERSION_URL, version=_digest(page)).encode()
        content = before + snippet + end + after if end else page + snippet
        return Response(status=HTTPStatus.OK, content_type=HTML, content=content)
    return NOT_FOUND if is_version else _respond_with_file(path, reports.out)


def _read_page(path: str, reports: Reports) -> bytes | None:
    """Return the index, or a page as it is on disk; None where the path names no page."""
    if path == "/":
        environment = template_environment(HERE)
        environment.filters["url"] = lambda name: quote(os.fsencode(name), safe="")
        statuses = [(status, reports.page(name).exists()) for name, status in sorted(reports.statuses.items())]
        index = environment.get_template("index.html.j2")
        text = index.render(path=reports.path, problem=reports.problem, statuses=statuses)
        return text.encode(errors="replace")  # the name of a folder may be any bytes
    file = _find_file(reports.out, path)
    if file is None or CONTENT_TYPES.get(file.suffix) != HTML:
        return None
    try:
        return file.read_bytes()
    except OSError:
        return None


def _respond_with_file(path: str, out: Path) -> Response:
    """Return any other file, or for a folder without a final slash its address with one."""
    file = _find_file(out, path)
    if file is None:
        if not path.endswith("/") and _find_file(out, f"{path}/"):
            location = quote(f"{unquote(path)}/")
            return Response(status=HTTPStatus.FOUND, content_type=TEXT, content=b"", location=location)
        return NOT_FOUND
    content_type = CONTENT_TYPES.get(file.suffix, "application/octet-stream")
    try:
        return Response(status=HTTPStatus.OK, content_type=content_type, content=file.open("rb"))
    except OSError:
        return NOT_FOUND


def _find_file(out: Path, path: str) -> Path | None:
    """Return the file under `out` that a path names, index.html for a folder; None where it names none or leads out."""
    steps = [*unquote(path).split("/")[1:-1], unquote(path).rpartition("/")[2] or "index.html"]
    # Names that begin with a dot are files that are being written.
    if any(not step or step.startswith(".") for step in steps):
        return None
    try:
        file = out.joinpath(*steps).resolve(strict=True)
        is_inside = file.is_relative_to(out.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # no such file; a zero byte; links in a circle
        return None
    return file if is_inside else None


def _digest(page: bytes) -> str:
    return hashlib.blake2b(page, digest_size=12).hexdigest()
