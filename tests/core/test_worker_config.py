import json
from pathlib import Path

import pytest

from dcbench.core.worker_config import WorkerConfig
from dcbench.execution import worker

FULL = WorkerConfig(data_dir=Path("/data"), device="cuda", gpu="GPU-a", memory_mb=1234.56789, redo=True)


def test_json_holds_every_field_and_gives_the_same_record():
    assert WorkerConfig.from_json(FULL.to_json()) == FULL
    assert set(json.loads(FULL.to_json())) == set(WorkerConfig.__dataclass_fields__)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thread": 2}, "unknown key 'thread'"),
        ({"threads": None}, "threads"),
        ({"threads": "2"}, "threads"),
        ({"device": "tpu"}, "'cpu' or 'cuda'"),
    ],
)
def test_unknown_keys_and_wrong_values_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        WorkerConfig.from_json(json.dumps(json.loads(FULL.to_json()) | change))


def test_missing_keys_are_named_and_json_other_than_an_object_is_refused(capsys):
    values = json.loads(FULL.to_json())
    del values["jobs"], values["redo"]
    with pytest.raises(ValueError, match="missing key 'jobs', missing key 'redo'"):
        WorkerConfig.from_json(json.dumps(values))
    for text in ("[]", "no json"):
        with pytest.raises(SystemExit):
            worker.parse_arguments(["run", "--config", text])
    assert "expected a JSON object" in capsys.readouterr().err
