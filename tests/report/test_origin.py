import pytest

from dcbench.core.store import status
from dcbench.report import origin

MADE = {"dcbench": "1.0", "libraries": {"torch": "2.9"}, "device": "cpu", "command": "dcbench run m.yaml"}


@pytest.fixture
def ids(folder):  # noqa: F811
    return status.read_stored_plan(folder).run_ids


def test_facts_are_counted_over_the_runs_the_most_frequent_first(folder, ids):  # noqa: F811
    for number, run_id in enumerate(ids):
        folder.run(run_id).write_provenance(MADE | {"libraries": {"torch": "2.8" if number < 3 else "2.9"}})
    found = origin.read(status.read_status(folder))
    assert found.facts["torch"] == [("2.9", 5), ("2.8", 3)] and found.facts["command"] == [("dcbench run m.yaml", 8)]
    assert found.facts["device"] == [("cpu", 8)] and found.matrix == folder.matrix_file.read_text()


def test_runs_that_recorded_nothing_or_a_torn_file_are_no_facts(folder, ids):  # noqa: F811
    assert origin.read(status.read_status(folder)).facts == {}
    folder.run(ids[0]).provenance_file.write_text("{")
    folder.run(ids[1]).write_provenance(MADE)
    assert origin.read(status.read_status(folder)).facts["dcbench"] == [("1.0", 1)]
