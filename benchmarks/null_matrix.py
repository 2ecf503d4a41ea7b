"""Report matrices in which nothing makes a difference: `python -m benchmarks.null_matrix` writes docs/null_matrix.csv.

results/null_cpu holds 48 real runs, 16 for each of three seeds, that differ in nothing but nuisance seeds. A resampling
deals eight runs of each seed to the cells of a made-up matrix of three choices, so that none of them does anything, and
the report writes its sentences. The table has a line for each kind of sentence, over 200 resamplings:

no difference   sentences on choices and interactions; right if they claim no difference
no training     sentences on training, where the last rows are those of other untrained networks; right if they claim no
                change
planted         the sentence on a choice one value of which adds the effect that `dcbench plan` promises to find in 80 %
                of matrices like this one; right if it names that value as the better one

The resamplings share their 48 runs, so the shares hold for these networks and images, not for any.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dcbench.analysis.results import Results, read_results
from dcbench.analysis.summary import OUTCOMES, analyse
from dcbench.core.columns import COLUMNS, DEFAULT_RULER, RULERS
from dcbench.core.matrix.expand import Plan, parse_matrix
from dcbench.core.power import estimate_power
from dcbench.core.store.run_dir import MatrixDir
from dcbench.report.findings.choices import find_choice_effects
from dcbench.report.findings.learning import find_learning

TOP = Path(__file__).parent.parent
TABLE = TOP / "docs" / "null_matrix.csv"
RESAMPLINGS = 200

MATRIX = """name: made_up
axes:
  optimizer: [sgd, adam]
  top_optimizer: [sgd, adam]
  backend: [faiss, sklearn]
seeds: [0, 1, 2]
settings: {dataset: mnist, arch: alexnet, limit: 2000, test_limit: 1000, width: 0.25, pca_dim: 32, epochs: 3}
"""
"""The made-up matrix: its runs are those of null_cpu, whatever its choices say."""

METRIC = RULERS[DEFAULT_RULER].column
JUDGED = [outcome for outcome in OUTCOMES if outcome.name == METRIC]
"""The score that the sentences are about; times are no part of the null."""


def deal(real: Results, plan: Plan, rng: np.random.Generator, untrained: bool = False) -> Results:
    """Return the results of the made-up matrix, each of whose runs is another real run of the same seed.

    If `untrained`, all rows after the first are row 0 of yet another run: what training cannot have done.
    """
    first_rows = real.rows[real.rows["epoch"] == 0].set_index("run_id")
    curves = {str(name): curve for name, curve in real.rows.groupby("run_id", observed=True)}
    pools = {seed: list(rng.permutation(group["run_id"])) for seed, group in real.runs.groupby("seed")}
    runs, rows = [], []
    for spec in plan.runs:
        source = pools[spec.seed].pop()
        curve = curves[source][list(COLUMNS)].copy()
        if untrained:
            other = first_rows.loc[pools[spec.seed].pop(), list(COLUMNS)]
            curve.loc[curve["epoch"] > 0, list(COLUMNS)] = other.to_numpy(dtype=float)
            curve["epoch"] = np.arange(len(curve))
        fields = spec.model_dump() | {"backend": spec.backend, "run_id": spec.run_id}
        run = real.runs[real.runs["run_id"] == source].iloc[0].to_dict() | fields
        runs.append(run)
        rows.append(curve.assign(**run))
    varied = {name: values for name, values in plan.axes.items() if len(values) > 1}
    all_rows = pd.concat(rows, ignore_index=True)
    return Results(
        name=plan.name, varied=varied, runs=pd.DataFrame(runs), rows=all_rows, chance=real.chance, groups=plan.groups
    )


def plant(results: Results, effect: float) -> Results:
    """Return the results with an effect of Adam on the judging score of all trained networks."""
    rows = results.rows.copy()
    rows.loc[(rows["optimizer"] == "adam") & (rows["epoch"] > 0), METRIC] += effect
    return replace(results, rows=rows)


def judge_sentences(real: Results, plan: Plan, effect: float, rng: np.random.Generator) -> Iterator[tuple[str, bool]]:
    """Yield each sentence of a resampling: what kind it is, and whether it is right."""
    dealt = deal(real, plan, rng)
    for finding in find_choice_effects(analyse(dealt, JUDGED)):
        yield "no difference", finding.tone != "difference"
    for finding in find_learning(analyse(deal(real, plan, rng, untrained=True), JUDGED)):
        # A claim under any ruler is one, whether that ruler judges or not.
        claims = finding.values["up"] or finding.values["down"] or finding.verdict in ("raised", "lowered", "depends")
        yield "no training", not claims
    for finding in find_choice_effects(analyse(plant(dealt, effect), JUDGED)):
        if finding.about == "optimizer":
            yield "planted", finding.verdict == "adam better"


def measure(resamplings: int) -> pd.DataFrame:
    """Return the table of docs/null_matrix.csv."""
    real = read_results(MatrixDir(TOP / "results" / "null_cpu"))
    plan = parse_matrix(MATRIX, "made_up.yaml", "float32")
    (power,) = estimate_power(plan, [])
    effect = power.detectable[3]
    sentences = [
        sentence
        for number in range(resamplings)
        for sentence in judge_sentences(real, plan, effect, np.random.default_rng(number))
    ]
    frame = pd.DataFrame(sentences, columns=["kind", "right"])
    table = frame.groupby("kind", sort=False)["right"].agg(sentences="size", right="sum", share="mean").reset_index()
    return table.assign(resamplings=resamplings, effect=np.where(table["kind"] == "planted", effect, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamplings", type=int, default=RESAMPLINGS)
    table = measure(parser.parse_args().resamplings)
    table.to_csv(TABLE, index=False, float_format="%.3f")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
