import json
import os
from collections import Counter

import pytest

from dcbench.report.watch.reports import ReportStatus
from dcbench.report.watch.site import CONTENT_TYPES, respond

PAGE = b"<!doctype html>\n<html><body>\n<p>figures</p>\n</body>\n</html>\n"


def body(found):
    if isinstance(found.content, bytes):
        return found.content
    with found.content as file:
        return file.read()


@pytest.fixture
def site(out, reports, tmp_path):
    """A report with a page, a figure, what is being written, and links that lead out."""
    (out / "m" / "figures").mkdir(parents=True)
    (out / "m" / "index.html").write_bytes(PAGE)
    (out / "m" / "figures" / "a b.svg").write_bytes(b"<svg/>")
    (out / "m" / ".new.x").mkdir()
    (out / "m" / ".new.x" / "index.html").write_bytes(b"half")
    (out / "m" / ".index.html.y").write_bytes(b"half")
    secret = tmp_path / "reports-of-others"
    secret.mkdir()
    (secret / "index.html").write_text("secret")
    (secret / "x.csv").write_text("secret")
    (out / "m" / "link.csv").symlink_to(secret / "x.csv")
    (out / "outside").symlink_to(secret)
    (out / "circle").symlink_to(out / "circle")
    os.mkfifo(out / "pipe.csv")
    return lambda path: respond(path, reports)


def test_a_page_is_sent_with_the_script_that_keeps_it_fresh_and_stays_as_it_is_on_disk(site, out):
    for path in ("/m/", "/m/index.html"):
        found = site(path)
        assert (found.status, found.content_type) == (200, "text/html; charset=utf-8")
        version = json.loads(body(site(f"/.watch/version{path}")))["version"]
        before, after = PAGE.split(b"</body>")
        snippet = body(found).removeprefix(before).removesuffix(b"</body>" + after).decode()
        assert snippet == (
            f'<script src="/.watch/refresh.js" data-version-url="/.watch/version" data-version="{version}"></script>\n'
        )
    assert (out / "m" / "index.html").read_bytes() == PAGE


def test_a_page_without_an_end_gets_the_script_too(site, out):
    (out / "m" / "index.html").write_bytes(b"<p>torn")
    assert body(site("/m/")).startswith(b'<p>torn<script src="/.watch/refresh.js"')


def test_the_version_changes_with_the_page_and_only_with_it(site, out):
    ask = lambda: json.loads(body(site("/.watch/version/m/")))["version"]  # noqa: E731
    first = ask()
    os.utime(out / "m" / "index.html", (1, 1))
    assert ask() == first
    (out / "m" / "index.html").write_bytes(PAGE.replace(b"figures", b"tables"))
    assert ask() != first


def test_the_version_comes_with_what_is_wrong_with_the_matrix(site, reports):
    reports.statuses = {"m": ReportStatus(name="m", problem="no space left")}
    assert json.loads(body(site("/.watch/version/m/")))["problem"] == "no space left"
    assert json.loads(body(site("/.watch/version/")))["problem"] == ""
    assert site("/.watch/version/none/").status == 404


def test_any_other_file_is_sent_as_it_is_with_its_type(site, out):
    for suffix, kind in {**CONTENT_TYPES, ".txt": "application/octet-stream"}.items():
        if suffix != ".html":
            (out / "m" / f"x{suffix}").write_bytes(b"\x00content")
            found = site(f"/m/x{suffix}")
            assert (found.status, found.content_type, body(found)) == (200, kind, b"\x00content")
    assert body(site("/m/figures/a%20b.svg")) == b"<svg/>"


def test_a_folder_is_sent_to_its_page(site):
    found = site("/m")
    assert (found.status, found.location) == (302, "/m/")


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/none/",
        "/m/figures/",
        "/m/figures",
        "/../reports-of-others/x.csv",
        "/%2e%2e/reports-of-others/x.csv",
        "/m/..%2f..%2freports-of-others/x.csv",
        "/m/../../reports-of-others/",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/m//index.html",
        "/m/./index.html",
        "/m/index.html%00.csv",
        "/m/.new.x/index.html",
        "/m/.new.x/",
        "/m/.index.html.y",
        "/m/link.csv",
        "/outside/x.csv",
        "/outside/",
        "/outside",
        "/circle",
        "/pipe.csv",
        "/" + 5000 * "x",
        "/.watch/",
        "/.watch/version/outside/",
        "/.watch/version/../m/",
    ],
)
def test_nothing_else_is_ever_sent(site, path):
    found = site(path)
    assert (found.status, found.location) == (404, None) and b"secret" not in body(found) != b"half"


def test_a_link_that_stays_inside_is_followed(site, out):
    (out / "newest").symlink_to(out / "m")
    assert b"figures" in body(site("/newest/"))


def test_there_is_nothing_where_no_report_has_been_written(reports):
    assert respond("/m/", reports).status == 404 and respond("/", reports).status == 200


def test_the_index_lists_the_matrices_with_their_runs_and_what_is_wrong(site, reports):
    reports.statuses = {
        "zero": ReportStatus(name="zero", is_writing=True),
        "m": ReportStatus(name="m", counts=Counter(done=3, failed=1), written="10:11:12"),
        "broken": ReportStatus(name="broken", problem="<script>alert('x')</script>"),
    }
    page = body(site("/")).decode()
    assert '<a href="/m/">m</a>' in page and '<a href="/broken/"' not in page, "no link to a page that is not there"
    assert "3 done" in page and "1 failed" in page and "written 10:11:12" in page and "being written" in page
    assert "&lt;script&gt;alert" in page and "<script>alert" not in page
    assert page.index("broken") < page.index(">m<") < page.index("zero")
    assert 'data-version="' in page
    reports.problem = "results: no such results folder"
    assert "no such results folder" in body(site("/")).decode()


def test_browsers_that_ask_for_an_icon_get_no_error(site):
    assert site("/favicon.ico").status == 204


def test_a_folder_whose_name_is_no_text_does_not_hide_the_others(site, reports):
    reports.statuses = {name: ReportStatus(name=name) for name in (os.fsdecode(b"bad\xff"), "good")}
    page = body(site("/")).decode()
    assert "good" in page and "bad?" in page
