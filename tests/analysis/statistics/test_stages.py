import pandas as pd

from dcbench.analysis.statistics.stages import stage_seconds


def test_a_stage_is_timed_over_the_epochs_that_have_it_by_the_library_that_did_it():
    base = {"dataset": "mnist", "arch": "alexnet", "backend": "faiss+torch+faiss", "pca_backend": "faiss"}
    base["timing"] = "shared"
    rows = pd.DataFrame([{"run_id": "a", "seconds_pca": value, **base} for value in (1.0, 3.0, None)])
    assert stage_seconds(rows, "pca")[["library", "seconds"]].to_numpy().tolist() == [["faiss", 2.0]]
    trained = rows.rename(columns={"seconds_pca": "seconds_train"})
    assert stage_seconds(trained, "train")["library"].tolist() == ["faiss+torch+faiss"]
