import http.client
import socket
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from dcbench.errors import PortError
from dcbench.report.watch import server
from dcbench.report.watch.server import serve_reports
from dcbench.report.writing import write_report
from tests.helpers.watched import FEW
from tests.helpers.workers import wait_for


@pytest.fixture
def ask(url, out):
    """Send a request exactly as given; returns the response with its content."""
    (out / "m").mkdir(parents=True)
    (out / "m" / "index.html").write_text("<p>page</p>")

    def send(method="GET", path="/m/", host=None, more=()):
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=30)
        connection.putrequest(method, path, skip_host=True)
        for name in [urlsplit(url).netloc] if host is None else host:
            connection.putheader("Host", name)
        for header in more:
            connection.putheader(*header)
        connection.endheaders()
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        return response

    return send


def test_a_page_has_strict_security_headers(ask):
    response = ask()
    assert response.status == 200 and response.content.startswith(b"<p>page</p>")
    headers = dict(response.getheaders())
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["Server"] == "dcbench"
    assert int(headers["Content-Length"]) == len(response.content)
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self' data:"
    assert not [source for rule in policy.values() for source in rule.split() if source in ("*", "http:", "https:")]


def test_head_has_the_same_headers_and_no_content(ask):
    whole, head = ask(), ask("HEAD")
    assert head.status == 200 and head.content == b""
    assert head.getheader("Content-Length") == whole.getheader("Content-Length") != "0"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
def test_methods_other_than_get_and_head_are_refused(ask, method):
    response = ask(method)
    assert response.status == 405 and response.getheader("Allow") == "GET, HEAD" and b"page" not in response.content


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8642", "127.0.0.1:1", "127.0.0.1"])
def test_local_host_names_are_allowed_with_any_port(ask, host):
    assert ask(host=[host]).status == 200


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example"],
        ["evil.example:8642"],
        ["localhost.evil.example"],
        ["127.0.0.1.evil.example"],
        ["evil.example#localhost"],
        ["localhost@evil.example"],
        ["0.0.0.0"],
        ["localhost:8642:1"],
        ["localhost", "evil.example"],
    ],
)
@pytest.mark.parametrize("path", ["/", "/m/", "/.watch/version/m/"])
def test_other_host_names_are_refused(ask, hosts, path):
    response = ask(path=path, host=hosts)
    assert response.status == 403 and b"page" not in response.content and b"version" not in response.content


def test_an_invalid_request_is_refused_and_the_server_continues(ask, url):
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as raw:
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert raw.recv(1000).startswith(b"Bad Request")
    assert ask().status == 200


def test_the_server_listens_on_127_0_0_1_only(url):
    with pytest.raises(ConnectionRefusedError):  # 127.0.0.2 is this machine as well, but not the address asked for
        socket.create_connection(("127.0.0.2", urlsplit(url).port), timeout=30)


def test_a_port_in_use_is_an_error_with_the_remedy(reports, url):
    message = r"already in use; is another .* running\? Choose another port with --port"
    with pytest.raises(PortError, match=message), serve_reports(reports, urlsplit(url).port):
        pass


def test_the_port_is_released_at_the_end(reports):
    with serve_reports(reports, 0) as url:
        pass
    with serve_reports(reports, urlsplit(url).port) as again:
        assert again == url


def test_a_large_file_is_sent_whole_and_an_aborted_download_is_ignored(ask, url, out, capfd):
    content = bytes(range(256)) * 80_000
    (out / "m" / "rows.csv").write_bytes(content)
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as raw:
        raw.sendall(b"GET /m/rows.csv HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert raw.recv(10).startswith(b"HTTP/1.0")
    wait_for(
        lambda: "Thread" not in str([thread for thread in threading.enumerate() if "process_request" in thread.name])
    )
    assert ask(path="/m/rows.csv").content == content
    assert capfd.readouterr().err == ""


def test_an_internal_error_is_printed_and_the_server_continues(ask, monkeypatch, capfd):
    with monkeypatch.context() as patch:
        patch.setattr(server, "respond", lambda path, reports: 1 / 0)
        with pytest.raises(http.client.BadStatusLine):
            ask()
    wait_for(lambda: "web server" in capfd.readouterr().err)
    assert ask().status == 200


@contextmanager
def read_continuously(ask):
    """Request the report continuously while the block runs; yield the list of responses."""
    responses, finished = [], threading.Event()

    def read():
        while not finished.is_set():
            responses.extend(ask(path=path) for path in ("/m/", "/m/figures/stage_times.png", "/m/tables/final.csv"))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield responses
    finally:
        finished.set()
        thread.join()


def test_every_file_is_complete_while_the_report_is_rewritten(matrix, ask, out):
    folder = matrix("m")
    write_report(folder, out, FEW)
    whole = {path: ask(path=path).content for path in ("/m/", "/m/figures/stage_times.png", "/m/tables/final.csv")}
    with read_continuously(ask) as responses:
        for _ in range(2):
            before = len(responses)
            write_report(folder, out, FEW)
            wait_for(lambda before=before: len(responses) > before)
    assert len(responses) > 9 and {response.status for response in responses} == {200}
    assert {response.content for response in responses} == set(whole.values())


def test_the_printed_address_serves_the_index_and_the_pages(url, matrix, reports):
    matrix("m")
    list(reports.refresh())
    with urlopen(url) as index, urlopen(f"{url}m") as page:
        assert b"4 done" in index.read() and page.url == f"{url}m/"
