import csv
import os
import re
import signal
import socket
from urllib.request import urlopen

import pytest

from tests.helpers.command_line import MATRIX, RUN, shell
from tests.helpers.matrices import TINY
from tests.helpers.workers import wait_for


def test_report_of_a_results_folder_writes_every_matrix(call, tmp_path, few_plots):
    call(*RUN)
    (tmp_path / "n.yaml").write_text(MATRIX.replace("name: m", "name: n").replace("[0, 1]", "[0]"))
    call("run", "n.yaml", "--executor", "inline")
    result = call("report", "results")
    assert result.exit_code == 0
    assert (tmp_path / "reports" / "m" / "index.html").exists() and (tmp_path / "reports" / "n" / "index.html").exists()


def test_margin_rule_and_format_options_are_used_and_written_to_the_tables(call, tmp_path, few_plots):
    call(*RUN)
    result = call("report", "--margin", "nmi_true=.5", "--rule", "best:loss", "--format", "csv,png")
    assert result.exit_code == 0
    kinds = {path.suffix for path in (tmp_path / "reports" / "m").rglob("*.*")}
    assert kinds == {".csv", ".png", ".html"}
    effects = tmp_path / "reports" / "m" / "tables" / "effects.csv"
    with effects.open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "nmi_true"]
    assert [(row["margin"], row["rule"]) for row in rows] == [("0.5", "at the lowest loss")]


def test_invalid_options_are_refused_before_any_results_are_read(call):
    for options, message in (
        (("--format", "jpg"), "unknown format"),
        (("--margin", "x=1"), "unknown metric"),
        (("--judge-by", "knm"), "unknown ruler 'knm'. Did you mean 'knn'"),
    ):
        result = call("report", *options)
        assert result.exit_code == 2 and message in result.output


def read_url(url):
    with urlopen(url, timeout=30) as response:
        return response.read().decode()


ENDLESS = f"name: m\naxes: {{epochs: [1, 100000]}}\nsettings: {TINY.replace('epochs: 1, ', '')}\n"
"""One run that ends at once, and one that never ends."""

PATIENCE = 250.0
"""Seconds to wait for a report on a busy machine."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_watch_serves_current_reports_while_the_matrix_runs(started, tmp_path):
    watching = started("report", "results", "--watch", "--port", "0", "--every", "0.2", "--format", "csv")
    (url,) = re.findall(r"^(http://127\.0\.0\.1:\d+/) has the reports of results", watching.stdout.readline())
    wait_for(lambda: "no such results folder" in read_url(url))

    (tmp_path / "m.yaml").write_text(ENDLESS)
    running = started("run", "m.yaml", "--executor", "inline", "--first", "epochs=1")
    wait_for(lambda: "1 running" in read_url(url) and "1 done" in read_url(url), PATIENCE)
    wait_for(lambda: "1 running" in read_url(f"{url}m/") and "1 done" in read_url(f"{url}m/"), PATIENCE)
    assert "refresh.js" in read_url(f"{url}m/")
    assert running.poll() is None and "refresh.js" not in (tmp_path / "reports" / "m" / "index.html").read_text()

    os.killpg(running.pid, signal.SIGKILL)  # no file records the end
    wait_for(
        lambda: "1 failed" in read_url(f"{url}m/") and "exited without recording a result" in read_url(f"{url}m/"),
        PATIENCE,
    )
    (tmp_path / "results" / "m" / "matrix.yaml").write_text("name: [")
    wait_for(lambda: "The stored plan cannot be read" in read_url(url), PATIENCE)
    assert "1 failed" in read_url(f"{url}m/"), "the last report is still served"

    os.killpg(watching.pid, signal.SIGINT)
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 0 and out.endswith("stopped; the reports stay as they are\n")
    assert re.search(r"^\d\d:\d\d:\d\d m: 1 done, 1 failed$", out, re.MULTILINE)
    waiting, broken = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "no such results folder" in waiting and broken.startswith("error: m: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_stops_at_once_while_a_report_is_written(started, tmp_path, call, number):
    call(*RUN)
    watching = started("report", "results", "--watch", "--port", "0")
    assert watching.stdout.readline().startswith("http://")
    wait_for(lambda: list(tmp_path.glob("reports/m/.new.*")))
    watching.send_signal(number)
    out, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (0, "") and out.endswith("stopped; the reports stay as they are\n")
    assert list(tmp_path.glob("reports/m/.*")) == [], "no incomplete report is left"


def test_a_port_in_use_is_an_error_that_names_the_option(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = shell("report", "results", "--watch", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert process.returncode == 2 and process.stdout == ""
    assert (
        process.stderr.startswith("error: port ") and "--port" in process.stderr and "Traceback" not in process.stderr
    )


@pytest.mark.parametrize("option", [("--port", "8000"), ("--every", "2s")])
def test_watch_options_without_watch_are_refused(call, option):
    result = call("report", "results", *option)
    assert result.exit_code == 2 and f"{option[0]} means something only with --watch" in result.stderr


@pytest.mark.parametrize("option", [("--port", "65536"), ("--port", "-1"), ("--every", "0"), ("--every", "nan")])
def test_invalid_ports_and_intervals_are_refused(call, option):
    assert call("report", "results", "--watch", *option).exit_code == 2
