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
    """Send a request as it is written; gives the answer with its content."""
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
        found = connection.getresponse()
        found.content = found.read()
        connection.close()
        return found

    return send


def test_a_page_comes_with_headers_that_keep_it_to_itself(ask):
    found = ask()
    assert found.status == 200 and found.content.startswith(b"<p>page</p>")
    headers = dict(found.getheaders())
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["Server"] == "dcbench"
    assert int(headers["Content-Length"]) == len(found.content)
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self' data:"
    assert not [source for rule in policy.values() for source in rule.split() if source in ("*", "http:", "https:")]


def test_head_is_the_same_without_the_content(ask):
    whole, head = ask(), ask("HEAD")
    assert head.status == 200 and head.content == b""
    assert head.getheader("Content-Length") == whole.getheader("Content-Length") != "0"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
def test_nothing_but_get_and_head_is_answered(ask, method):
    found = ask(method)
    assert found.status == 405 and found.getheader("Allow") == "GET, HEAD" and b"page" not in found.content


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8642", "127.0.0.1:1", "127.0.0.1"])
def test_this_machines_own_names_are_answered_at_any_port_since_a_tunnel_may_begin_there(ask, host):
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
def test_any_other_name_is_refused(ask, hosts, path):
    found = ask(path=path, host=hosts)
    assert found.status == 403 and b"page" not in found.content and b"version" not in found.content


def test_what_is_no_request_is_refused_and_the_server_goes_on(ask, url):
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as raw:
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert raw.recv(1000).startswith(b"Bad Request")
    assert ask().status == 200


def test_only_this_machine_is_listened_to(url):
    with pytest.raises(ConnectionRefusedError):  # 127.0.0.2 is this machine as well, but not the address asked for
        socket.create_connection(("127.0.0.2", urlsplit(url).port), timeout=30)


def test_a_port_that_is_taken_is_told_with_the_way_out(reports, url):
    told = r"already in use; is another .* running\? Choose another port with --port"
    with pytest.raises(PortError, match=told), serve_reports(reports, urlsplit(url).port):
        pass


def test_the_port_is_free_again_at_the_end(reports):
    with serve_reports(reports, 0) as url:
        pass
    with serve_reports(reports, urlsplit(url).port) as again:
        assert again == url


def test_a_large_file_comes_whole_and_a_reader_who_leaves_is_nobodys_concern(ask, url, out, capfd):
    content = bytes(range(256)) * 80_000
    (out / "m" / "rows.csv").write_bytes(content)
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as raw:
        raw.sendall(b"GET /m/rows.csv HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert raw.recv(10).startswith(b"HTTP/1.0")
    wait_for(lambda: "Thread" not in str([one for one in threading.enumerate() if "process_request" in one.name]))
    assert ask(path="/m/rows.csv").content == content
    assert capfd.readouterr().err == ""


def test_an_error_of_ours_is_told_in_a_line_and_the_server_goes_on(ask, monkeypatch, capfd):
    with monkeypatch.context() as patch:
        patch.setattr(server, "respond", lambda path, reports: 1 / 0)
        with pytest.raises(http.client.BadStatusLine):
            ask()
    wait_for(lambda: "web server" in capfd.readouterr().err)
    assert ask().status == 200


@contextmanager
def readers(ask):
    """Read the report as fast as it goes while the block runs."""
    found, over = [], threading.Event()

    def read():
        while not over.is_set():
            found.extend(ask(path=path) for path in ("/m/", "/m/figures/stage_times.png", "/m/tables/final.csv"))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def test_every_file_is_there_and_whole_while_the_report_is_written_anew(matrix, ask, out):
    folder = matrix("m")
    write_report(folder, out, FEW)
    whole = {path: ask(path=path).content for path in ("/m/", "/m/figures/stage_times.png", "/m/tables/final.csv")}
    with readers(ask) as found:
        for _ in range(2):
            before = len(found)
            write_report(folder, out, FEW)
            wait_for(lambda before=before: len(found) > before)
    assert len(found) > 9 and {answer.status for answer in found} == {200}
    assert {answer.content for answer in found} == set(whole.values())


def test_the_address_that_is_told_is_the_one_that_answers(url, matrix, reports):
    matrix("m")
    list(reports.refresh())
    with urlopen(url) as index, urlopen(f"{url}m") as page:
        assert b"4 done" in index.read() and page.url == f"{url}m/"
