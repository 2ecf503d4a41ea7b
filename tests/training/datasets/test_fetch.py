"""`python -m dcbench.training.datasets` downloads a dataset before the runs start."""

from dcbench import registry
from dcbench.training.datasets.__main__ import main


def test_a_failed_download_names_the_reason_and_the_remedy(tmp_path, monkeypatch, capsys):
    def offline(data_dir):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(registry.load("datasets", "kmnist"), "download", offline)
    assert main("kmnist", tmp_path) == 1
    output = capsys.readouterr().out
    for expected in ("could not be downloaded: Network is unreachable", "KMNIST/raw/train-images", "--data-dir"):
        assert expected in output


def test_files_on_disk_are_not_downloaded_again(tmp_path, monkeypatch, capsys):
    calls = []

    def fetch(data_dir):
        calls.append(data_dir)
        for file in registry.facts("datasets", "svhn")["files"]:
            (data_dir / file).write_text("")

    monkeypatch.setattr(registry.load("datasets", "svhn"), "download", fetch)
    assert main("svhn", tmp_path / "new") == 0
    assert main("svhn", tmp_path / "new") == 0
    assert len(calls) == 1
    assert "downloading svhn" in capsys.readouterr().err
