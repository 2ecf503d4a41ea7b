import torch

import dcbench
from dcbench.core.spec import make_spec
from dcbench.training import provenance


def test_provenance_has_versions_device_spec_and_dataset():
    spec = make_spec({"limit": 50, "pca_dim": 8})
    data = {"images": 50, "sha256": "abc", "indices": "def"}
    facts = provenance.gather_provenance(spec, data, torch.device("cpu"), 2, 3, "dcbench run x")
    assert facts["dcbench"] == dcbench.__version__
    assert facts["libraries"]["torch"] == torch.__version__.split("+")[0]
    assert any(name.startswith("faiss") for name in facts["libraries"])
    assert facts["dataset"] == {"name": "digits", "images": 50, "sha256": "abc"}
    assert (facts["threads"], facts["runs_at_once"], facts["command"]) == (2, 3, "dcbench run x")
    assert facts["spec"] == spec.model_dump()
    assert facts["device"] == "cpu" and facts["cpu"]


def test_the_commit_is_recorded_in_a_checkout_only(monkeypatch, tmp_path):
    commit = provenance.read_commit()
    assert commit is None or len(commit.rstrip("+")) == 40
    monkeypatch.setattr(dcbench, "__file__", str(tmp_path / "dcbench" / "__init__.py"))
    assert provenance.read_commit() is None
