from dcbench.execution import downloads


def test_fetch_says_why_a_download_failed(tmp_path):
    (tmp_path / "file").write_text("")
    problem = downloads.fetch("mnist", tmp_path / "file")
    assert "mnist is not in" in problem and "--data-dir" in problem
    assert downloads.fetch("digits", tmp_path) is None


def test_each_dataset_is_fetched_once_and_what_is_stopped_is_no_failure(tmp_path, monkeypatch):
    requested = []

    def fetch(name, where):
        requested.append(name)
        return f"no {name}"

    monkeypatch.setattr(downloads, "fetch", fetch)
    names = ("mnist", "kmnist", "mnist")
    assert downloads.fetch_all(names, tmp_path, lambda: False) == {"mnist": "no mnist", "kmnist": "no kmnist"}
    assert requested == ["mnist", "kmnist"]
    assert downloads.fetch_all(names, tmp_path, lambda: True) == {} and len(requested) == 2
