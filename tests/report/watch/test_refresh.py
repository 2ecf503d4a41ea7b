"""The script that refreshes pages, in a real browser."""

import pytest
from playwright.sync_api import expect

from dcbench.core.store.run_state import RunState
from dcbench.report.watch.server import serve_reports
from tests.helpers.watched import runs_of
from tests.helpers.workers import wait_for

pytestmark = pytest.mark.browser

TIMEOUT = 90_000
"""Milliseconds that the browser may take for an expected change, on a busy machine."""

expect.set_options(timeout=TIMEOUT)

FORM = """<!doctype html>
<html><head><title>form</title></head><body>
<p id="version">{version}</p>
<input id="search"><input type="checkbox" name="failed">
<select id="axis"><option>sgd</option><option>adam</option></select>
<details id="more"><summary>more</summary>text</details>
<p id="heard"></p>
<script>
const heard = document.getElementById("heard");
addEventListener("input", ({{ target }}) => heard.append(target.id || target.name, " "));
</script>
</body></html>
"""


@pytest.fixture
def page(browser):
    """Open a tab that records its errors and its requests."""
    tab = browser.new_page(viewport={"width": 1000, "height": 600})
    tab.set_default_timeout(TIMEOUT)
    tab.errors, tab.requests = [], []
    tab.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("request", lambda request: tab.requests.append(request.url))
    yield tab
    tab.close()


def test_an_open_page_is_refreshed_and_keeps_the_scroll_position(page, matrix, reports, url):
    folder = matrix("m")
    list(reports.refresh())
    page.goto(f"{url}m/")
    assert "4 done" in page.inner_text("header")
    page.evaluate("document.getElementById('levels').scrollIntoView(); scrollBy(0, 40)")
    top = "document.getElementById('levels').getBoundingClientRect().top"
    height = page.evaluate("document.body.scrollHeight")
    assert page.evaluate(top) == pytest.approx(-40, abs=1)
    runs_of(folder)[0].write_state(RunState(name="failed", kind="nan", reason="the loss became nan"))
    list(reports.refresh())
    expect(page.locator("header")).to_contain_text("1 failed")
    assert page.evaluate("document.body.scrollHeight") != height, "the page has new sentences above"
    wait_for(lambda: abs(page.evaluate(top) + 40) < 2)
    assert page.errors == [] and all(request.startswith((url, "data:")) for request in page.requests)


def test_the_index_is_refreshed(page, matrix, reports, url):
    page.goto(url)
    matrix("m")
    list(reports.refresh())
    expect(page.locator("main")).to_contain_text("4 done")
    page.get_by_role("link", name="m", exact=True).click()
    page.wait_for_url(f"{url}m/")
    page.get_by_role("link", name="all reports").click()
    page.wait_for_url(url)
    assert page.errors == []


def test_a_refresh_keeps_the_form_values_and_fires_input_events(page, reports, url, out):
    (out / "form").mkdir(parents=True)
    (out / "form" / "index.html").write_text(FORM.format(version="first"))
    page.goto(f"{url}form/")
    page.fill("#search", "adam lr .05")
    page.check("[name=failed]")
    page.select_option("#axis", "adam")
    page.click("summary")
    (out / "form" / "index.html").write_text(FORM.format(version="second"))
    expect(page.locator("#version")).to_have_text("second")
    expect(page.locator("#heard")).to_have_text("search failed axis")
    assert page.input_value("#search") == "adam lr .05" and page.is_checked("[name=failed]")
    assert page.input_value("#axis") == "adam" and page.evaluate("document.getElementById('more').open")


def test_a_page_shows_when_it_is_no_longer_refreshed(page, matrix, reports):
    folder = matrix("m")
    list(reports.refresh())
    with serve_reports(reports, 0) as url:
        page.goto(f"{url}m/")
        assert page.inner_text("#dcbench-watch") == "refreshed as runs end · all reports"
        folder.matrix_file.write_text("name: [")
        list(reports.refresh())
        expect(page.locator("#dcbench-watch")).to_contain_text("matrix.yaml")
        assert page.inner_text("#dcbench-watch").startswith("not refreshed: ")
    expect(page.locator("#dcbench-watch")).to_contain_text("dcbench report --watch has ended")
    assert "4 done" in page.inner_text("header"), "the last report is still shown"


def test_the_file_on_disk_makes_no_requests(page, matrix, reports):
    matrix("m")
    list(reports.refresh())
    page.goto(reports.page("m").as_uri())
    assert [url for url in page.requests if not url.startswith("data:")] == [reports.page("m").as_uri()]
    assert page.query_selector("#dcbench-watch") is None and page.errors == []
