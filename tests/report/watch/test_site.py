import json
import os
from collections import Counter

import pytest

from dcbench.report.watch.reports import ReportStatus
from dcbench.report.watch.site import CONTENT_TYPES, respond

PAGE = b"<!doctype html>\n<html><body>\n<p>figures</p>\n</body>\n</html>\n"


def body(response):
    if isinstance(response.content, bytes):
        return response.content
    with response.content as file:
        return file.read()


@pytest.fixture
def site(out, reports, tmp_path):
    """Write a report with a page, a figure, unfinished files, and links that lead out of the folder."""
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


def test_a_page_is_sent_with_the_refresh_script_and_not_changed_on_disk(site, out):
    for path in ("/m/", "/m/index.html"):
        response = site(path)
        assert (response.status, response.content_type) == (200, "text/html; charset=utf-8")
        version = json.loads(body(site(f"/.watch/version{path}")))["version"]
        before, after = PAGE.split(b"</body>")
        snippet = body(response).removeprefix(before).removesuffix(b"</body>" + after).decode()
        assert snippet == (
            f'<script src="/.watch/refresh.js" data-version-url="/.watch/version" data-version="{version}"></script>\n'
        )
    assert (out / "m" / "index.html").read_bytes() == PAGE


def test_a_page_without_a_closing_tag_gets_the_script_too(site, out):
    (out / "m" / "index.html").write_bytes(b"<p>torn")
    assert body(site("/m/")).startswith(b'<p>torn<script src="/.watch/refresh.js"')


def test_the_version_changes_only_with_the_content_of_the_page(site, out):
    ask = lambda: json.loads(body(site("/.watch/version/m/")))["version"]  # noqa: E731
    first = ask()
    os.utime(out / "m" / "index.html", (1, 1))
    assert ask() == first
    (out / "m" / "index.html").write_bytes(PAGE.replace(b"figures", b"tables"))
    assert ask() != first


def test_the_version_has_the_problem_of_the_matrix(site, reports):
    reports.statuses = {"m": ReportStatus(name="m", problem="no space left")}
    assert json.loads(body(site("/.watch/version/m/")))["problem"] == "no space left"
    assert json.loads(body(site("/.watch/version/")))["problem"] == ""
    assert site("/.watch/version/none/").status == 404


def test_other_files_are_sent_unchanged_with_their_type(site, out):
    for suffix, kind in {**CONTENT_TYPES, ".txt": "application/octet-stream"}.items():
        if suffix != ".html":
            (out / "m" / f"x{suffix}").write_bytes(b"\x00content")
            response = site(f"/m/x{suffix}")
            assert (response.status, response.content_type, body(response)) == (200, kind, b"\x00content")
    assert body(site("/m/figures/a%20b.svg")) == b"<svg/>"


def test_a_folder_redirects_to_its_page(site):
    response = site("/m")
    assert (response.status, response.location) == (302, "/m/")


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
def test_other_paths_are_not_found(site, path):
    response = site(path)
    assert (response.status, response.location) == (404, None) and b"secret" not in body(response) != b"half"


def test_a_link_inside_the_reports_is_followed(site, out):
    (out / "newest").symlink_to(out / "m")
    assert b"figures" in body(site("/newest/"))


def test_without_a_report_a_page_is_not_found_and_the_index_is_sent(reports):
    assert respond("/m/", reports).status == 404 and respond("/", reports).status == 200


def test_the_index_lists_the_matrices_with_their_runs_and_problems(site, reports):
    reports.statuses = {
        "zero": ReportStatus(name="zero", is_writing=True),
        "m": ReportStatus(name="m", counts=Counter(done=3, failed=1), written="10:11:12"),
        "broken": ReportStatus(name="broken", problem="<script>alert('x')</script>"),
    }
    page = body(site("/")).decode()
    assert '<a href="/m/">m</a>' in page and '<a href="/broken/"' not in page, "no link to a missing page"
    assert "3 done" in page and "1 failed" in page and "written 10:11:12" in page and "being written" in page
    assert "&lt;script&gt;alert" in page and "<script>alert" not in page
    assert page.index("broken") < page.index(">m<") < page.index("zero")
    assert 'data-version="' in page
    reports.problem = "results: no such results folder"
    assert "no such results folder" in body(site("/")).decode()


def test_a_request_for_an_icon_is_no_error(site):
    assert site("/favicon.ico").status == 204


def test_a_folder_name_that_is_not_unicode_does_not_hide_the_others(site, reports):
    reports.statuses = {name: ReportStatus(name=name) for name in (os.fsdecode(b"bad\xff"), "good")}
    page = body(site("/")).decode()
    assert "good" in page and "bad?" in page
