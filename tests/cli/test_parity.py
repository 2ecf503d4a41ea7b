import json

import pytest

from dcbench.errors import DcbenchError
from tests.helpers.command_line import ON_CPU, shell

PARITY = ("parity", "--dataset", "digits", "--limit", "120", "--k", "4", "--pca-dim", "8", "--starts", "2")


def test_parity_prints_one_table_and_writes_it_with_its_provenance(call, tmp_path):
    result = call(*PARITY, "--backends", "torch,sklearn", "--threads", "1", "--results", "out")
    assert result.exit_code == 0, result.exception
    for expected in (
        "digits, 120 images",
        "torch / sklearn",
        "adjusted Rand index",
        "table: out/parity/digits-120.csv",
    ):
        assert expected in result.stdout
    table = (tmp_path / "out" / "parity" / "digits-120.csv").read_text()
    assert table.startswith("dataset,limit,k,stage,measure,") and "digits,120,4,kmeans,ari,torch,sklearn," in table
    facts = json.loads((tmp_path / "out" / "parity" / "digits-120.json").read_text())
    assert (facts["threads"], facts["device"], facts["starts"]) == (1, "cpu", 2) and "torch" in facts["libraries"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--dataset", "mnits"), "unknown dataset 'mnits'. Did you mean 'mnist'?"),
        (("--backends", "faiss,scikit"), "unknown backend 'scikit'"),
        (("--k", "10,many"), "--k 10,many: expected whole numbers"),
        (("--k", "121"), "k 121 is more than the 120 training images"),
        (("--device", "tpu"), "unknown device"),
        (("--results", "m.yaml"), "m.yaml"),
    ],
)
def test_parity_reports_bad_input(call, arguments, expected):
    result = call(*PARITY, *arguments)
    assert isinstance(result.exception, DcbenchError) and expected in str(result.exception)


def test_parity_exits_with_2_and_no_traceback(tmp_path):
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = shell("parity", "--dataset", "kmnist", "--data-dir", "data", cwd=tmp_path, environment=ON_CPU | dead)
    assert result.returncode == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "could not be downloaded" in result.stderr and "--data-dir" in result.stderr
