"""Matrices in which nothing makes a difference are reported as such, and promised effects are found."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import null_matrix
from dcbench.analysis.results import read_results
from dcbench.core.matrix.expand import parse_matrix
from dcbench.core.power import estimate_power
from dcbench.core.store.run_dir import MatrixDir

TABLE = pd.read_csv(null_matrix.TABLE).set_index("kind")
PLAN = parse_matrix(null_matrix.MATRIX, "m.yaml", "float32")


@pytest.fixture(scope="module")
def real():
    return read_results(MatrixDir(null_matrix.TOP / "results" / "null_cpu"))


def test_the_runs_differ_in_nothing_but_their_repeat(real):
    assert (real.runs["state"] == "done").all() and real.runs.groupby("seed")["repeat"].nunique().tolist() == [16] * 3
    spec_fields = [name for name in type(PLAN.runs[0]).model_fields if name not in ("seed", "repeat")]
    assert real.runs[spec_fields].drop_duplicates().shape[0] == 1


def test_the_committed_shares_are_as_good_as_promised():
    assert (TABLE["resamplings"] == 200).all()
    assert TABLE.loc[["no difference", "no training"], "share"].min() >= 0.95
    assert TABLE.loc["planted", "share"] >= 0.8
    (power,) = estimate_power(PLAN, [])
    assert TABLE.loc["planted", "effect"] == pytest.approx(power.detectable[3], abs=5e-4)


def test_a_dealt_matrix_has_other_runs_of_the_same_seed(real):
    dealt = null_matrix.deal(real, PLAN, np.random.default_rng(0))
    last_rows = dealt.rows[dealt.rows["epoch"] == 3]
    assert len(last_rows) == 24 and last_rows[null_matrix.METRIC].nunique() == 24
    originals = real.rows[real.rows["epoch"] == 3].groupby("seed")[null_matrix.METRIC].apply(set)
    assert all(
        score in originals[seed] for seed, score in zip(last_rows["seed"], last_rows[null_matrix.METRIC], strict=True)
    )
    untrained = null_matrix.deal(real, PLAN, np.random.default_rng(0), untrained=True)
    first = real.rows[real.rows["epoch"] == 0].groupby("seed")[null_matrix.METRIC].apply(set)
    rows = untrained.rows
    assert all(score in first[seed] for seed, score in zip(rows["seed"], rows[null_matrix.METRIC], strict=True))
    ends = rows.pivot(index="run_id", columns="epoch", values=null_matrix.METRIC)
    assert (ends[0] != ends[3]).all() and (ends[1] == ends[3]).all()


def test_a_large_planted_effect_is_found_and_none_without_it(real):
    sentences = list(null_matrix.judge_sentences(real, PLAN, 0.3, np.random.default_rng(1)))
    assert {kind for kind, _ in sentences} == set(TABLE.index)
    assert all(right for _, right in sentences)
