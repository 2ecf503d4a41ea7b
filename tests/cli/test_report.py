from tests.cli.conftest import MATRIX, RUN


def test_report_of_the_root_writes_every_matrix(call, tmp_path):
    call(*RUN)
    (tmp_path / "n.yaml").write_text(MATRIX.replace("name: m", "name: n").replace("[0, 1]", "[0]"))
    call("run", "n.yaml", "--executor", "inline")
    told = call("report", "results")
    assert told.exit_code == 0
    assert (tmp_path / "reports" / "m" / "index.html").exists() and (tmp_path / "reports" / "n" / "index.html").exists()


def test_margins_rules_and_formats_are_asked_for_and_told_beside_the_numbers(call, tmp_path):
    call(*RUN)
    told = call("report", "--margin", "nmi_true=.5", "--rule", "best:loss", "--format", "csv,png")
    assert told.exit_code == 0
    kinds = {path.suffix for path in (tmp_path / "reports" / "m").glob("*/*")}
    assert kinds == {".csv", ".png"}
    effects = (tmp_path / "reports" / "m" / "tables" / "effects.csv").read_text()
    assert ",0.5,at the lowest loss" in effects


def test_what_cannot_be_asked_is_told_before_anything_is_read(call):
    for words, told in ((("--format", "jpg"), "unknown format"), (("--margin", "x=1"), "unknown metric")):
        result = call("report", *words)
        assert result.exit_code == 2 and told in result.output
