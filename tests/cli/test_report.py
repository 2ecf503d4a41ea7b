from tests.cli.conftest import MATRIX, RUN


def test_report_of_the_root_writes_every_matrix(call, tmp_path):
    call(*RUN)
    (tmp_path / "n.yaml").write_text(MATRIX.replace("name: m", "name: n").replace("[0, 1]", "[0]"))
    call("run", "n.yaml", "--executor", "inline")
    told = call("report", "results")
    assert told.exit_code == 0
    assert (tmp_path / "reports" / "m" / "index.html").exists() and (tmp_path / "reports" / "n" / "index.html").exists()
