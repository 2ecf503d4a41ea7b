import hashlib

import torch

import dcbench
from dcbench import registry
from dcbench.core.spec import make_spec
from dcbench.core.store.provenance import extract_environment
from dcbench.training import provenance
from tests.helpers.own_plugins import ARCH, write_plugin


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


def test_own_plugins_are_recorded_with_the_digest_and_path_of_their_files(tmp_path):
    file = write_plugin(tmp_path / "parts")
    registry.use_plugins([tmp_path / "parts"])
    data = {"images": 50, "sha256": "abc", "indices": "def"}

    def gather(**values):
        spec = make_spec({"limit": 50, "pca_dim": 8} | values)
        return provenance.gather_provenance(spec, data, torch.device("cpu"), 1, 1, "")

    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert gather(arch="own")["plugins"] == {"archs/own": {"sha256": digest, "path": str(file)}}
    assert "plugins" not in gather(), "runs with built-in parts have no such key"
    assert extract_environment(gather(arch="own"))["plugin archs/own"] == digest
    file.write_text(ARCH + "# changed\n")
    assert gather(arch="own")["plugins"]["archs/own"]["sha256"] != digest
