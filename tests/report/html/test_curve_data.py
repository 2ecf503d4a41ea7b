import base64
import gzip
import json

import numpy as np
import pytest

from dcbench.analysis.summary import analyse
from dcbench.report.html import curve_data
from tests.helpers.analyses import make_results

TEXT = """name: m
axes: {optimizer: [sgd, adam]}
zip: [{k: [5, 6], epochs: [3, 7]}]
settings: {dataset: mnist}
"""


def make_analysis(**changes):
    results = make_results(TEXT, failed=[1])
    for name, value in changes.items():
        results.rows[name] = value
    return analyse(results)


def unpack(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def sum_steps(steps, scale):
    last, values = 0, []
    for step in steps:
        last += step or 0
        values.append(None if step is None else last * scale)
    return values


def test_every_curve_is_unpacked_rounded_in_the_order_of_the_plan():
    analysis = make_analysis()
    content = unpack(curve_data.pack_curves(analysis))
    assert content["every"] == 1 and content["epochs"] == [3, None, 3, 7]
    assert [metric["name"] for metric in content["metrics"]] == [
        "ami_true", "cluster_accuracy", "test_refit_nmi_true", "pseudo_label_accuracy", "nmi_previous", "feature_rank",
    ]  # fmt: skip
    for metric in content["metrics"]:
        assert metric["curves"][1] is None
        for run_id, steps in zip(analysis.results.runs["run_id"], metric["curves"], strict=True):
            rows = analysis.results.rows[analysis.results.rows["run_id"] == run_id]
            values = [np.nan if value is None else value for value in sum_steps(steps or [], metric["scale"])]
            assert values == pytest.approx(rows[metric["name"]].tolist(), abs=metric["scale"], nan_ok=True)


def test_a_missing_value_is_none():
    assert curve_data.encode_steps(np.array([np.nan, 3.4, np.nan, 5.6, np.inf, 5.6])) == [None, 3, None, 3, None, 0]
    assert curve_data.encode_steps(np.array([])) == []


def test_of_too_many_values_only_some_epochs_and_the_last_are_kept(monkeypatch):
    monkeypatch.setattr(curve_data, "MAX_CURVE_VALUES", 40)
    analysis = make_analysis()
    content = unpack(curve_data.pack_curves(analysis))
    assert curve_data.choose_epoch_step(analysis) == content["every"] == 3
    assert [curve and len(curve) for curve in content["metrics"][0]["curves"]] == [2, None, 2, 4], "0, 3, 6 and 7"


def test_packing_is_reproducible_base64():
    assert curve_data.pack_curves(make_analysis(nmi_true=0.5)) == curve_data.pack_curves(make_analysis(nmi_true=0.5))
    plain = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert set(curve_data.pack_curves(make_analysis())) <= plain


def test_without_a_finished_run_there_are_no_curves():
    empty = analyse(make_results(TEXT, pending=range(4)))
    assert unpack(curve_data.pack_curves(empty)) == {"every": 1, "epochs": [None] * 4, "metrics": []}
