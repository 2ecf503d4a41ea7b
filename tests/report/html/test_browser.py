"""The page in a real browser: reading, filters, sorting, hovering, the keyboard, printing, and no external requests."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.writing import ReportSettings, write_report
from tests.helpers.analyses import make_results
from tests.helpers.pages import NAMES, TEXT, render_html

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("report_browser")]

COMMITTED = Path(__file__).parents[3] / "results" / "small_cpu"
"""48 real runs: two datasets, two optimizers of trunk and head, two libraries, three seeds."""

WAIT = 60_000
"""Milliseconds that the browser may take on a busy machine."""

MESSAGE = "#message"

SCORE = "NMI with the truth, low whitened PCA"
"""The score that judges, whose curves are shown first."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The report of the committed results, as a file."""
    written = write_report(MatrixDir(COMMITTED), tmp_path_factory.mktemp("reports"), ReportSettings(formats=("svg",)))
    return written.page.as_uri()


@pytest.fixture
def visit(browser):
    """Open a page in a new browser context; check at the end that it logged no error and requested only the file."""
    opened = []

    def go(address, size=(1366, 900), **options):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        tab = context.new_page()
        tab.set_default_timeout(WAIT)
        tab.errors, tab.requests = [], []
        tab.on("console", lambda message: tab.errors.append(message.text))
        tab.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.on("request", lambda request: tab.requests.append(request.url.split("#")[0]))
        tab.goto(address)
        opened.append((context, tab, address))
        return tab

    yield go
    for context, tab, address in opened:
        assert tab.errors == [] and set(tab.requests) == {address}
        context.close()


@pytest.fixture
def page(visit, address):
    tab = visit(address)
    expect(tab.locator("#panes svg")).to_have_count(2, timeout=WAIT)
    return tab


def column(page, head):
    """Return the texts of a column in the visible rows, in order."""
    heads = [text.strip() for text in page.locator("#all-runs thead th").all_text_contents()]
    return page.locator(f"#all-runs tbody tr:visible > :nth-child({heads.index(head) + 1})").all_text_contents()


# --- reading --------------------------------------------------------------------------------


def test_verdicts_are_readable_and_link_to_their_evidence(page):
    choice = page.locator("#answers li", has_text="Using sklearn instead of faiss")
    expect(choice).to_contain_text("undecided on mnist")
    expect(choice).to_contain_text(re.compile(r"The time of clustering changes by ×0\.\d\d \(×.*faster\)"))
    expect(page.locator("#answers")).to_contain_text("On mnist, training")
    choice.get_by_role("link").click()
    assert page.url.endswith("#backends")
    assert abs(page.evaluate("document.getElementById('backends').getBoundingClientRect().top")) < 2


def test_every_link_has_a_target_and_the_page_is_complete_without_scripts(visit, address):
    without = visit(address, java_script_enabled=False)
    links = without.locator("a[href^='#']").evaluate_all("all => all.map(link => link.getAttribute('href').slice(1))")
    assert len(set(links)) > 60
    assert without.evaluate("(ids) => ids.filter(id => !document.getElementById(id))", links) == []
    for selector in ("#filters", "#chart", "#message"):
        expect(without.locator(selector)).to_be_hidden()
    assert len(column(without, "run")) == 48 and without.locator("#map a").count() == 48
    assert "sklearn instead of faiss" in without.inner_text("#answers")
    assert without.locator("figure svg").count() >= 4


# --- filters, sorting, linked selection -----------------------------------------------------


def test_filters_apply_to_table_map_and_curves(page):
    page.get_by_role("group", name="dataset", exact=True).get_by_label("cifar10").uncheck()
    expect(page.locator("#count")).to_have_text("24 of 48 runs shown")
    assert set(column(page, "dataset")) == {"mnist"}
    expect(page.locator("#map a.faded")).to_have_count(24)
    expect(page.locator("#panes svg")).to_have_count(1)
    page.get_by_label("Find in the table").fill("sklearn s2")
    expect(page.locator("#count")).to_have_text("4 of 48 runs shown")
    assert set(column(page, "backend")) == {"sklearn"} and set(column(page, "seed")) == {"2"}
    page.get_by_label("Find in the table").fill("no such run")
    expect(page.locator("#panes")).to_have_text("No shown run has this curve.")
    page.get_by_role("button", name="Show all runs").click()
    expect(page.locator("#count")).to_have_text("48 of 48 runs shown")
    expect(page.locator("#panes svg")).to_have_count(2)


def test_clicking_a_column_head_sorts_by_number_in_both_directions(page):
    gain = "gain over untrained, pca_whitened"
    head = page.locator("#all-runs thead th", has_text=gain)
    for way, reverse in (("ascending", False), ("descending", True)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", way)
        values = [float(text.replace("−", "-")) for text in column(page, gain)]
        assert values == sorted(values, reverse=reverse) and min(values) < 0 < max(values)
    page.locator("#all-runs thead th", has_text="dataset").get_by_role("button").click()
    expect(head).not_to_have_attribute("aria-sort", re.compile(".*"))
    assert column(page, "dataset") == ["cifar10"] * 24 + ["mnist"] * 24


def test_hovering_a_curve_shows_run_and_value_and_a_click_selects_the_run_everywhere(page):
    panel = page.locator("#panes svg").first
    panel.scroll_into_view_if_needed()
    panel.hover(position={"x": 200, "y": 100})
    expect(page.locator(MESSAGE)).to_have_text(
        re.compile(rf"Run \d+: dataset mnist, .* seed \d; {SCORE} 0\.\d+ at epoch [12]$")
    )
    number = re.match(r"Run (\d+)", page.inner_text(MESSAGE))[1]
    value = float(re.search(rf"{SCORE} (0\.\d+)", page.inner_text(MESSAGE))[1])
    assert 0.4 < value < 0.8 and panel.locator(".hot").get_attribute("d").startswith("M")
    panel.click(position={"x": 200, "y": 100})
    expect(page.locator("#all-runs tr.picked")).to_have_id(f"run-{number}")
    expect(page.locator("#map a.picked")).to_have_attribute("href", f"#run-{number}")
    page.keyboard.press("Escape")
    expect(page.locator(".picked")).to_have_count(0)


def test_a_curve_shows_the_value_in_the_table(page):
    page.locator("#panes svg").first.focus()
    message = page.inner_text(MESSAGE)
    number, value = re.match(rf"Run (\d+): .* {SCORE} (0\.\d+) at epoch 3$", message).groups()
    heads = [text.strip() for text in page.locator("#all-runs thead th").all_text_contents()]
    cell = page.locator(f"#run-{number} > :nth-child({heads.index(SCORE) + 1})")
    assert float(cell.inner_text()) == pytest.approx(float(value), abs=0.0011)


def test_metric_colours_and_panels_of_the_curves_can_be_chosen(page):
    page.get_by_label("Curve", exact=False).and_(page.locator("select")).select_option(label="pseudo-label accuracy")
    page.get_by_label("colour by").select_option(label="backend")
    page.get_by_label("a panel for each").select_option(label="seed")
    expect(page.locator("#panes svg")).to_have_count(3)
    expect(page.locator("#keys")).to_have_text(re.compile(r"faiss \(24 runs\)\s*sklearn \(24 runs\)"))
    expect(page.locator("#panes figcaption").first).to_have_text("seed 0 (16 runs)")
    page.get_by_label("colour by").select_option(label="nothing")
    page.get_by_label("a panel for each").select_option(label="nothing")
    expect(page.locator("#panes figcaption")).to_have_text("all runs (48 runs)")


def test_a_square_of_the_map_shows_its_run_and_health_and_selects_it(page):
    square = page.locator("#map a.degenerate").first
    square.hover()
    expect(page.locator(MESSAGE)).to_have_text(re.compile(r"Run 8: .*; done, degenerate \(feature rank 1\.97\)"))
    square.click()
    expect(page.locator("#run-8")).to_have_class("picked")
    assert "#" not in page.url.split("index.html")[1], "the first click selects the run, the second goes to its row"
    square.click()
    assert page.url.endswith("#run-8")


# --- the keyboard ---------------------------------------------------------------------------


def test_every_control_can_be_reached_with_the_keyboard(page):
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    assert page.locator("a.skip").bounding_box()["x"] >= 0, "the focused link is visible"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    stops = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(document.activeElement.closest('#answers, #filters, #chart, #map, #all-runs, summary') || {}).id"
        )
        if stop not in stops:
            stops.append(stop)
        if stop == "all-runs" and page.evaluate("document.activeElement.tagName") == "A":
            break
    assert [stop for stop in stops if stop] == ["answers", "filters", "chart", "map", "all-runs"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#run-2")).to_have_class("picked")


def test_arrow_keys_move_through_runs_epochs_and_squares(page):
    page.locator("#panes svg").first.focus()
    seen = [page.inner_text(MESSAGE)]
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(page.inner_text(MESSAGE))
    assert len(set(seen)) == 4 and seen[1].endswith("epoch 3") and seen[2].endswith("epoch 2")
    page.locator("#map a").first.focus()
    for key, number in (("ArrowRight", 2), ("ArrowDown", 26), ("ArrowLeft", 25), ("ArrowUp", 1)):
        page.keyboard.press(key)
        expect(page.locator(MESSAGE)).to_have_text(re.compile(f"^Run {number}: "))


def test_details_can_be_opened_with_the_keyboard(page):
    summary = page.locator("summary", has_text="Effects on AMI")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details", has=summary).get_by_role("table")).to_be_visible()


# --- how it looks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 390),
        ("dark", 1366),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("light", 1366), ("dark", 390))),
    ],
)
def test_axe_finds_no_violations_and_nothing_is_wider_than_the_window(visit, address, scheme, width):
    tab = visit(address, (width, 844), color_scheme=scheme)
    tab.wait_for_selector("#panes svg")
    tab.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(tab).response["violations"]
    assert [
        (violation["id"], [node["html"][:100] for node in violation["nodes"][:3]]) for violation in violations
    ] == []


def colours(tab):
    """Return the background and the ink of the page, and the ink inside a figure."""
    return tab.evaluate(
        """() => {
          const body = getComputedStyle(document.body);
          const inked = document.querySelector("figure.drawn svg [style*='--ink']");
          const { fill, stroke } = getComputedStyle(inked);
          return [body.backgroundColor, body.color, fill === "none" ? stroke : fill];
        }"""
    )


def lightness(colour):
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_dark_mode_changes_page_and_figures_and_print_is_always_light(visit, address):
    for scheme, paper_is_light in (("light", True), ("dark", False)):
        tab = visit(address, color_scheme=scheme)
        paper, ink, figure = map(lightness, colours(tab))
        assert (paper > 600) == paper_is_light and (ink < 200) == paper_is_light and figure == ink
        tab.emulate_media(media="print")
        paper, ink, figure = map(lightness, colours(tab))
        assert paper > 600 and figure == ink < 200


def test_printing_opens_details_and_hides_controls(page):
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for selector in ("nav", "#filters", "#chart", MESSAGE, "a.skip"):
        expect(page.locator(selector)).to_be_hidden()
    tables = page.locator("table")
    assert all(table.is_visible() for table in tables.all()) and tables.count() > 15
    assert len(page.pdf(prefer_css_page_size=True)) > 100_000


# --- unusual results ------------------------------------------------------------------------


def unusual_page(kind):
    """Return the HTML of a page of unusual results of this kind."""
    if kind == "nothing finished":
        return render_html(make_results(TEXT, pending=range(24)))
    if kind == "one run":
        return render_html(make_results("name: m\nseeds: [0]\nsettings: {epochs: 0}\n"))
    results = make_results(TEXT)
    if kind == "columns of nan":
        results.rows[["nmi_true", "feature_rank"]] = float("nan")
        return render_html(results)
    by = dict(zip(("mnist", "cifar10"), NAMES, strict=False))
    for frame in (results.runs, results.rows):
        frame["dataset"] = frame["dataset"].map(by)
    results.varied["dataset"] = list(by.values())
    results.runs["health_why"] = NAMES[2] + NAMES[3]
    return render_html(results)


@pytest.mark.parametrize("kind", ["nothing finished", "one run", "columns of nan", "names"])
def test_pages_of_unusual_results_work(visit, tmp_path, kind):
    file = tmp_path / "index.html"
    file.write_text(unusual_page(kind), encoding="utf-8")
    tab = visit(file.as_uri(), (390, 844))
    expect(tab.locator("#count")).to_have_text(re.compile(r"of \d+ runs shown"))
    if kind != "nothing finished":
        expect(tab.locator("#panes svg").first).to_be_visible(timeout=WAIT)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert Axe().run(tab).response["violations"] == []
