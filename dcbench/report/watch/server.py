"""The web server of the reports: it serves this machine only, under its own names, and answers GET and HEAD only.

Its headers let a page load nothing from elsewhere.
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
from dcbench.report.watch.site import Response, respond, respond_with_text

ADDRESS = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "connect-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A page may run its own scripts and ask this server; it can load nothing else, whatever it contains."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(socketserver.ThreadingTCPServer):
    """A server with a thread for each request.

    http.server has such a class, too, but that one first looks up the name of the machine, which may take long.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, reports: Reports, port: int) -> None:
        super().__init__((ADDRESS, port), Handler)
        self.reports = reports

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error in one line; a browser that closed the connection is no error."""
        error = sys.exception()
        if not isinstance(error, OSError):
            print(f"error: the web server: {type(error).__name__}: {error}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """The answer to one request."""

    server: Server
    timeout = 30

    def do_GET(self) -> None:
        """Send what the URL names."""
        # A page from elsewhere can make the browser ask this server, but not with this machine's own name as the host,
        # whatever its DNS says. Any port is allowed, since an SSH tunnel may start at another one.
        host, *others = self.headers.get_all("Host", [""])
        name, _, port = host.strip().lower().partition(":")
        if others or name not in NAMES or (port and not port.isdecimal()):
            text = f"Only http://{ADDRESS} and http://localhost are served here."
            self._send(respond_with_text(HTTPStatus.FORBIDDEN, text))
        else:
            self._send(respond(urlsplit(self.path).path, self.server.reports))

    def do_HEAD(self) -> None:
        """Send the same headers without the content."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse malformed requests and other methods in plain text."""
        # http.server calls an unknown method "not implemented", but here it is not wanted.
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(respond_with_text(status, f"{status.phrase}. This server answers GET and HEAD only."))

    def version_string(self) -> str:
        """Return the value of the header `Server`."""
        return "dcbench"

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing, since open pages ask every few seconds."""

    def _send(self, response: Response) -> None:
        content = io.BytesIO(response.content) if isinstance(response.content, bytes) else response.content
        with content:
            length = content.seek(0, io.SEEK_END)
            content.seek(0)
            self.send_response(response.status)
            headers = {**HEADERS, "Content-Type": response.content_type, "Content-Length": str(length)}
            if response.location is not None:
                headers["Location"] = response.location
            if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
                headers["Allow"] = "GET, HEAD"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                shutil.copyfileobj(content, self.wfile)


@contextmanager
def serve_reports(reports: Reports, port: int) -> Iterator[str]:
    """Serve the reports while the block runs, and yield the URL; port 0 means any free port."""
    try:
        server = Server(reports, port)
    except OSError as error:
        raise PortError(
            f"port {port} of {ADDRESS}: {error.strerror}; is another `dcbench report --watch` running? "
            "Choose another port with --port; 0 takes any free port"
        ) from None
    # The interval is also how long a shutdown may take.
    listen = partial(server.serve_forever, poll_interval=0.1)
    thread = threading.Thread(target=listen, name="web server", daemon=True)
    thread.start()
    try:
        yield f"http://{ADDRESS}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
