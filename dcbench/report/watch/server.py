"""The web server of the reports: this machine only, this machine's names only, GET and HEAD only.

In: the Reports and a port. Out: answers of `site`, with headers that let a page load nothing from elsewhere.
"""

from __future__ import annotations

import io
import shutil
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from dcbench.errors import PortError
from dcbench.report.watch.reports import Reports
from dcbench.report.watch.site import Answer, answer, plain

ADDRESS = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "connect-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A page may run its own scripts and ask this server; anything else it cannot load, whatever is in it."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(socketserver.ThreadingTCPServer):
    """A thread for each request; http.server's own class looks up the machine's name first, which may take long."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, reports: Reports, port: int) -> None:
        super().__init__((ADDRESS, port), Handler)
        self.reports = reports

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is nothing to tell."""
        error = sys.exception()
        if not isinstance(error, OSError):
            print(f"error: the web server: {type(error).__name__}: {error}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = 30

    def do_GET(self) -> None:
        """Send what the URL names."""
        if not _is_ours(self.headers.get_all("Host", [])):
            self._send(plain(HTTPStatus.FORBIDDEN, f"Only http://{ADDRESS} and http://localhost are served here"))
            return
        self._send(answer(urlsplit(self.path).path, self.server.reports))

    def do_HEAD(self) -> None:
        """Send the same without its content."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, or no request to read, in our own words."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(plain(status, f"{status.phrase}; only GET and HEAD are answered"))

    def version_string(self) -> str:
        """What the header Server says."""
        return "dcbench"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: open pages ask every few seconds."""

    def _send(self, found: Answer) -> None:
        content = io.BytesIO(found.content) if isinstance(found.content, bytes) else found.content
        with content:
            length = content.seek(0, io.SEEK_END)
            content.seek(0)
            self.send_response(found.status)
            more = {"Location": found.location, "Content-Type": found.kind, "Content-Length": str(length)}
            if found.status == HTTPStatus.METHOD_NOT_ALLOWED:
                more["Allow"] = "GET, HEAD"
            for name, value in (HEADERS | more).items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                shutil.copyfileobj(content, self.wfile)


def _is_ours(hosts: list[str]) -> bool:
    """Whether a request's Host is this machine's own name: a page from elsewhere cannot say so, whatever its DNS says.

    Any port will do, since an SSH tunnel may begin at another one.
    """
    if len(hosts) != 1:
        return False
    name, _, port = hosts[0].strip().lower().partition(":")
    return name in NAMES and (not port or port.isdecimal())


@contextmanager
def serving(reports: Reports, port: int) -> Iterator[str]:
    """Serve the reports while the block runs; gives the URL. Port 0 is any free one."""
    try:
        server = Server(reports, port)
    except OSError as error:
        raise PortError(
            f"port {port} of {ADDRESS}: {error.strerror}; is another dcbench report --watch running? "
            "Choose another port with --port, 0 for any that is free"
        ) from None
    listen = partial(server.serve_forever, poll_interval=0.1)  # also how long the end may wait for it
    thread = threading.Thread(target=listen, name="web server", daemon=True)
    thread.start()
    try:
        yield f"http://{ADDRESS}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
