"""Write docs/measurements.md from the committed results: `python -m benchmarks.measurements`.

Every figure on that page is computed here, from results/, with the functions that the report uses.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from dcbench.analysis.results import Results, read_results
from dcbench.analysis.statistics.finals import measure_stage_seconds, reduce_curves
from dcbench.analysis.summary import name_baseline
from dcbench.audit.axes import audit
from dcbench.core.columns import COLUMNS, DEFAULT_RULER, GAIN, RULERS
from dcbench.core.store import status
from dcbench.core.store.run_dir import MatrixDir
from dcbench.parity.table import MEASURES
from dcbench.report.html.page_tables import format_parity_value

TOP = Path(__file__).parent.parent
PAGE = TOP / "docs" / "measurements.md"
START = TOP / "docs" / "start_times.csv"
METRIC = RULERS[DEFAULT_RULER].column
MATRICES = ("mnist_cifar_cpu", "small_cpu", "recipe_cpu", "pixels_cpu", "adam_lr_cpu", "backends")
STORED = ("packing", "overhead", "prediction", "coverage", "report_scale")
VARIANCES, ERROR_ESTIMATES = (TOP / "docs" / f"{name}.csv" for name in ("variances", "error_estimates"))
PARITY = TOP / "results" / "parity" / "mnist-10000.csv"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    read = {name: read_results(MatrixDir(TOP / "results" / name)) for name in MATRICES}
    tables = {
        "costs": costs(),
        "axes": axes(),
        "audit_seconds": audit_seconds(),
        "levels": levels(read["pixels_cpu"], read["recipe_cpu"]),
        "health": health(read),
        "parity": parity(),
        "recipe": recipe(read["recipe_cpu"]),
        "adam": adam(read["adam_lr_cpu"]),
        "pairs": pairs(read),
        "mixtures": mixtures(read["backends"]),
        "stages": stages(read["mnist_cifar_cpu"]),
        "variances": variances(),
        "error_estimates": error_estimates(),
        "start": markdown(pd.read_csv(START)),
        **{name: markdown(pd.read_csv(START.with_name(f"{name}.csv"), dtype=str).fillna("")) for name in STORED},
    }
    return TEXT.format(**tables)


TEXT = """# Measurements

`python -m benchmarks.measurements` writes this page from the committed results in `results/`. The folder of each run
records the command, commit, versions and machine.

## What the matrices cost on two CPU cores

{costs}

Wall time from the first start to the last end, with two runs at the same time. Tests and linting ran beside all of them
for part of the time, so the times are upper bounds.

## Does every axis act?

{axes}

`dcbench audit results/`: matched pairs of runs that agree on all other axes and the seed. *Acted*: the recorded effect
of the choice differs (the library that ran, the live optimizer, the input of the network). *Common*: the random numbers
that must be the same are the same. Every check of every run passed. [trust.md](trust.md) defines the checks. In the
median, recording took {audit_seconds} of the time of those runs that took more than a minute.

## What the scores stand between

{levels}

Median (lowest to highest) of five seeds on 10,000 training images, with as many clusters as classes:
`matrices/pixels_cpu.yaml`, and `matrices/recipe_cpu.yaml` for the supervised network (10 epochs). *Preprocessed*: after
the same PCA, whitening and L2 normalisation as the features. Whitening 256 dimensions hides the few informative ones.

## Health

{health}

Runs by health, a rule that never looks at the labels ([trust.md](trust.md#health)), and the median change of their NMI
with the truth from their own untrained network. Health describes the geometry of features and clusters: a network whose
features lie almost on a line can still contain what whitening recovers.

## Are the backends interchangeable?

{parity}

`dcbench parity`, the rows for k = 10: medians over ten starts with their range. Given the same matrix and the same
first centroids, the backends agree. With each library's own PCA, a small angle suffices for k-means to reach another
optimum.

## The published recipe on 10,000 MNIST images

{recipe}

Median (lowest to highest) of five seeds, `matrices/recipe_cpu.yaml`. The head learns to predict the pseudo-labels. What
training did to the features depends on how they are looked at: in the space that the run clusters in, 256 whitened
dimensions, the clusters match the digits no better than those of the untrained network; in a PCA to ten dimensions,
which orders networks of known quality rightly ([rulers.md](rulers.md)), they match them much better.

## Adam at SGD's learning rate

{adam}

Mean of three seeds, `matrices/adam_lr_cpu.yaml`; trunk and head use the same optimizer and learning rate. At 0.05, Adam
collapses the trunk: the effective rank of the raw features falls to between 1 and 2, and the NMI with the truth falls
below that of the other two settings. The largest cluster still holds less than half of the images, which alone would
look like imbalance, because whitening spreads the remaining variance over several clusters.

## faiss and scikit-learn in matched pairs

{pairs}

Differences of the NMI with the truth between runs that differ in the backend alone. Both runs start from the same
weights, first centroids and first batch. Once a single image changes its cluster in an early epoch, the two trainings
diverge.

## Every mixture of faiss, scikit-learn and torch

{mixtures}

NMI with the truth of the 27 mixtures over PCA, whitening and k-means, `matrices/backends.yaml`.

## Seconds of a stage

{stages}

Mean per epoch over the runs of `matrices/mnist_cifar_cpu.yaml` (1,000 images, 1,024 features reduced to 32 dimensions),
with one thread for each run and two runs at the same time.

## The scheduler

288 runs of six classes (from 4 GB and 1 minute to 40 GB and 60 minutes, 48 runs each) on four simulated cards of 80 GB.
The real loop of the scheduler runs in virtual time (`python -m benchmarks.packing`; a test checks the table):

{packing}

*Least possible*: the larger of total memory times time over the memory of the cards, and the longest run; no schedule
is faster. Memory is the reserved memory.

1,000 runs of one epoch on 64 of scikit-learn's digits on two CPU cores (`python -m benchmarks.overhead`):

{overhead}

*Own work* is what the stage clock counts. Everything else is overhead: the fork, the claim, reading the data, building
the network, the first calls of the libraries in a process, the files, and the next start.

`dcbench plan --probe matrices/mnist_cifar_cpu.yaml` without any earlier run, followed by `dcbench run` on two CPU cores
(`python -m benchmarks.prediction`):

{prediction}

## How far effects vary

{variances}

`matrices/small_cpu.yaml`: the standard deviation over three seeds of the scores themselves, of the effect in all cells
alike (*seed by effect*), and of a single pair beside that; by the score that judges choices, and by the run's own
clustering. A variance that is estimated below 0 is shown as 0. [variances.csv](variances.csv) holds all scores and
swaps (`python -m benchmarks.variances`). By the run's own clustering, the effect of the optimizer on MNIST is another
one with each seed; by the score that judges, it varies a quarter as much.

## Statistics against a known truth

{coverage}

`python -m benchmarks.coverage`: 2,000 simulated matrices for each row, from the variances above, with two datasets; the
margin is 0.02. *Deviations*: how the seeds move the effects. *measured*: the variance of each axis is drawn from the
measured ones; *heavy tails*: the same, with Student's t with five degrees of freedom; *alike*: all axes have the mean
variance; *one noisy*: one axis has the largest measured variance, the others none; *odd seeds*: some seeds deviate more
than others, in all axes at once. *Covers*: the share of intervals that contain the true mean effect over the cells of
the matrix, over all swaps, *within a dataset*, and of the noisiest swap alone; *other cells'*: that contain the mean
over all possible cells. *Wrong difference*: matrices without any effect in which some swap is called better or worse.
*Wrong equivalence*: the verdict is the same although the effect equals the margin. *Finds*: a swap with this effect is
called better, while the other axes have none. [statistics.md](statistics.md) defines the statistics.

What three seeds cannot tell with 24 cells: an effect of 0.02 is found in fewer than half of the matrices, and a swap
without any effect is called the same in one of five, since it must be the same on each dataset. An effect of 0.04 is
found in 96 %. The interval of the noisiest swap of a matrix covers less often than 95 %, at worst 89 %, where only one
of the swaps varies with the seed at all; those of the other swaps cover more often.

## How the errors are estimated

{error_estimates}

Four ways on the same simulated matrices (`python -m benchmarks.error_estimates`): lowest to highest value over 24 and
48 cells, three, five and ten seeds, and the five kinds of deviations ([error_estimates.csv](error_estimates.csv)). *t*:
Student's t over the seeds, each swap by itself. *moderated*: Smyth's moderated t (2004), as in limma. *mixed*: a mixed
model for each swap, with Satterthwaite's degrees of freedom. *posterior*: Smyth's model, with its prior integrated
over; dcbench uses this one. It finds more than t, and of the three that do, it alone shows a difference in no more than
about 5 % of the matrices without any.

## Reports of many runs

`dcbench report` of made-up runs of 100 epochs on two CPU cores, with all figures in every format
(`python -m benchmarks.report_scale`):

{report_scale}

Memory is the peak of all its processes together; shared memory is counted once. *Look*: one check of `--watch` over
folders that have not changed.

## The command line

{start}

`python -m benchmarks.start_times`: seconds of the whole process, with compiled bytecode.
"""


def markdown(table: pd.DataFrame) -> str:
    head = [str(name) for name in table.columns]
    rows = [head, ["---"] * len(head), *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def costs() -> str:
    rows = []
    for name in MATRICES:
        folder = MatrixDir(TOP / "results" / name)
        entries = status.read_planned_runs(status.read_stored_plan(folder), folder)
        states = [entry.state for entry in entries if entry.state.name == "done"]
        starts = [datetime.fromisoformat(str(state.started)) for state in states]
        ends = [start + timedelta(seconds=state.seconds or 0) for start, state in zip(starts, states, strict=True)]
        made = json.loads(entries[0].folder.provenance_file.read_text())
        rows.append(
            {
                "matrix": name, "done": f"{len(states)} of {len(entries)}",
                "wall time": f"{(max(ends) - min(starts)).total_seconds() / 60:.1f} min",
                "a run, median": f"{pd.Series([state.seconds for state in states]).median():.1f} s",
                "CPU": made["cpu"], "date": f"{min(starts):%Y-%m-%d}", "commit": str(made["commit"])[:12],
            }
        )  # fmt: skip
    return markdown(pd.DataFrame(rows))


def axes() -> str:
    rows = []
    for name in MATRICES:
        for axis in audit(MatrixDir(TOP / "results" / name)).axes:
            common = f"{axis.common} ({', '.join(axis.must_share)})" if axis.must_share else "none due"
            rows.append({"matrix": name, "axis": axis.name, "pairs": axis.pairs, "acted": axis.acted,
                         "outcome differs": axis.outcome, "common": common, "verdict": axis.message})  # fmt: skip
    return markdown(pd.DataFrame(rows))


def audit_seconds() -> str:
    shares = []
    for name in MATRICES:
        folder = MatrixDir(TOP / "results" / name)
        for entry in status.read_planned_runs(status.read_stored_plan(folder), folder):
            facts, seconds = entry.folder.read_audit(), entry.state.seconds or 0
            shares += [facts["seconds"] / seconds] if facts and seconds > 60 else []
    return f"{pd.Series(shares).median():.2%}" if shares else "nothing"


def levels(pixels: Results, recipe: Results) -> str:
    names = {
        "refit_cluster_accuracy": "accuracy", "refit_nmi_true": "NMI", "test_refit_cluster_accuracy": "test accuracy",
        "test_unwhitened_refit_cluster_accuracy": "test accuracy without whitening",
        "test_head_accuracy": "head's test accuracy",
    }  # fmt: skip
    untrained = pixels.rows.assign(level="untrained network")
    baselines = pd.concat([pixels.baselines, recipe.baselines[recipe.baselines["method"] == "supervised"]])
    baselines = baselines.assign(level=[name_baseline(run) for _, run in baselines.iterrows()])
    groups = pd.concat([baselines, untrained]).groupby(["dataset", "level"], sort=True)[list(names)]
    return markdown(groups.agg(spread).rename(columns=names).reset_index())


def health(read: dict[str, Results]) -> str:
    rows = []
    for name, results in read.items():
        final = reduce_curves(results.rows)
        for state, runs in final.groupby("health"):
            gain = runs[GAIN]
            change = f"{gain.median():+.3f} ({gain.min():+.3f} to {gain.max():+.3f})"
            rows.append({"matrix": name, "health": state, "runs": len(runs), "change of NMI": change})
    return markdown(pd.DataFrame(rows))


def parity() -> str:
    table = pd.read_csv(PARITY)
    rows = table[(table["k"].isna() | (table["k"] == 10)) & table["backend_b"].notna()]
    rows = rows.assign(
        pair=rows["backend_a"] + " / " + rows["backend_b"],
        measure=[
            f"{stage}: {MEASURES[name].label}" for stage, name in zip(rows["stage"], rows["measure"], strict=True)
        ],
        text=[format_parity_value(row) for row in rows.to_dict("records")],
    )
    return markdown(
        rows.pivot_table(index="measure", columns="pair", values="text", aggfunc="first", sort=False).reset_index()
    )


def spread(values: pd.Series) -> str:
    return "" if values.isna().all() else f"{values.median():.3f} ({values.min():.3f} to {values.max():.3f})"


def recipe(results: Results) -> str:
    names = ("pseudo_label_accuracy", "nmi_true", METRIC, "test_probe_accuracy", "largest_cluster_share")
    columns = {name: COLUMNS[name].label for name in names}
    rows = results.rows[results.rows["epoch"].isin([0, 1, 2, 4, 8, 10])].astype({"epoch": int})
    return markdown(rows.groupby("epoch")[list(columns)].agg(spread).rename(columns=columns).reset_index())


def adam(results: Results) -> str:
    keys = ["dataset", "optimizer", "lr"]
    ranks = results.rows.pivot_table(index=keys, columns="epoch", values="feature_rank", sort=False)
    ends = reduce_curves(results.rows).groupby(keys, sort=False)[["largest_cluster_share", "nmi_true"]].mean()
    table = pd.DataFrame(
        {
            "rank untrained": ranks[0].map("{:.1f}".format),
            "after 1 epoch": ranks[1].map("{:.1f}".format),
            "after 3 epochs": ranks[3].map("{:.1f}".format),
            "largest cluster at the end": ends["largest_cluster_share"].map("{:.2f}".format),
            "NMI with the truth at the end": ends["nmi_true"].map("{:.3f}".format),
        }
    )
    return markdown(table.reset_index())


def pairs(read: dict[str, Results]) -> str:
    table = []
    for name in ("mnist_cifar_cpu", "small_cpu"):
        results = read[name]
        others = [axis for axis in results.varied if axis != "backend"] + ["seed"]
        for epoch, label in ((0, "untrained"), (results.rows["epoch"].max(), "at the end")):
            rows = results.rows[results.rows["epoch"] == epoch]
            both = rows.pivot_table(index=others, columns="backend", values="nmi_true").dropna()
            apart = (both["faiss"] - both["sklearn"]).abs()
            table.append(
                {
                    "matrix": name, "row": label, "pairs": len(apart), "the same NMI": int((apart < 1e-12).sum()),
                    "median difference": f"{apart.median():.4f}", "largest": f"{apart.max():.4f}",
                }
            )  # fmt: skip
    return markdown(pd.DataFrame(table))


def mixtures(results: Results) -> str:
    table = []
    for epoch, label in ((0, "untrained"), (results.rows["epoch"].max(), "at the end")):
        for seed, nmi in results.rows[results.rows["epoch"] == epoch].groupby("seed")["nmi_true"]:
            table.append(
                {
                    "row": label, "seed": seed, "mixtures": len(nmi), "different values": nmi.round(12).nunique(),
                    "lowest": f"{nmi.min():.4f}", "median": f"{nmi.median():.4f}", "highest": f"{nmi.max():.4f}",
                }
            )  # fmt: skip
    return markdown(pd.DataFrame(table))


def stages(results: Results) -> str:
    rows = []
    for stage in ("pca", "whiten", "kmeans"):
        seconds = measure_stage_seconds(results.rows, stage).groupby("library")["seconds"].mean()
        rows.append({"stage": stage} | {library: f"{value:.4f} s" for library, value in seconds.items()})
    return markdown(pd.DataFrame(rows))


def variances() -> str:
    table = pd.read_csv(VARIANCES)
    table = table[(table["matrix"] == "small_cpu") & table["metric"].isin([METRIC, "nmi_true"])]
    parts = {"scores": "seed_level", "seed by effect": "seed_by_effect", "a pair": "residual"}
    deviations = {name: (table[column].clip(lower=0) ** 0.5).map("{:.3f}".format) for name, column in parts.items()}
    swaps = {"swap": table["before"] + " to " + table["after"], "effect": table["effect"].map("{:+.3f}".format)}
    labels = [COLUMNS[metric].label for metric in table["metric"]]
    return markdown(table[["dataset", "axis"]].assign(score=labels, **swaps, **deviations))


def error_estimates() -> str:
    table = pd.read_csv(ERROR_ESTIMATES)
    rows = []
    for method, cases in table.groupby("method", sort=False):
        row = {"method": method}
        for name in ("covers", "covers the noisiest", "wrong in a null matrix"):
            row[name] = f"{cases[name].min():.3f} to {cases[name].max():.3f}"
        for seeds, effect in ((3, "0.06"), (3, "0.1"), (10, "0.02")):
            found = cases.loc[cases["seeds"] == seeds, f"finds {effect}"]
            row[f"{seeds} seeds find {effect}"] = f"{found.min():.2f} to {found.max():.2f}"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
