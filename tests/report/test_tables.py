from dcbench.analysis.summary import analyse
from dcbench.report.tables import make_tables
from tests.helpers.analyses import make_results
from tests.helpers.pages import NO_AUDIT

TEXT = "name: m\naxes: {optimizer: [sgd, adam]}\nseeds: [0, 1]\nsettings: {epochs: 1}\n"


def test_runs_have_a_column_for_the_repeat_where_a_matrix_has_repeats():
    repeated = make_tables(analyse(make_results(f"{TEXT}repeats: 2\n", failed=[1])), NO_AUDIT)
    assert repeated["runs"].columns[:5].tolist() == ["run_id", "state", "optimizer", "seed", "repeat"]
    assert repeated["runs"]["repeat"].tolist() == [0, 1] * 4
    assert repeated["unfinished"][["optimizer", "seed", "repeat"]].to_numpy().tolist() == [["sgd", 0, 1]]
    once = make_tables(analyse(make_results(TEXT)), NO_AUDIT)
    assert "repeat" not in once["runs"] and "repeat" not in once["unfinished"]
