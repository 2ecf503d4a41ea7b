import pytest

from dcbench.core.store import status
from dcbench.report.provenance import read_provenance

MADE = {"dcbench": "1.0", "libraries": {"torch": "2.9"}, "device": "cpu", "command": "dcbench run m.yaml"}


@pytest.fixture
def ids(folder):
    return status.read_stored_plan(folder).run_ids


def test_facts_are_counted_over_the_runs_most_frequent_first(folder, ids):
    for number, run_id in enumerate(ids):
        folder.run_dir(run_id).write_provenance(MADE | {"libraries": {"torch": "2.8" if number < 3 else "2.9"}})
    provenance = read_provenance(status.read_status(folder))
    assert provenance.facts["torch"] == [("2.9", 5), ("2.8", 3)] and provenance.facts["command"] == [
        ("dcbench run m.yaml", 8)
    ]
    assert provenance.facts["device"] == [("cpu", 8)] and provenance.matrix == folder.matrix_file.read_text()


def test_runs_without_a_readable_provenance_are_not_counted(folder, ids):
    assert read_provenance(status.read_status(folder)).facts == {}
    folder.run_dir(ids[0]).provenance_file.write_text("{")
    folder.run_dir(ids[1]).write_provenance(MADE)
    assert read_provenance(status.read_status(folder)).facts["dcbench"] == [("1.0", 1)]
