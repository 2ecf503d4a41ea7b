"""The results of a matrix, read without dcbench: data.parquet, and the raw files of the runs for what it lacks.

Only matrices whose runs are all done can be read: every mean is over all cells and seeds.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.helpers.independent_statistics import ALPHA, floor_of, holm, judge, moderate, student

RULERS = {
    "own": "nmi_true",
    "refit": "refit_nmi_true",
    "l2": "l2_nmi_true",
    "pca": "pca_nmi_true",
    "pca_whitened": "pca_whitened_nmi_true",
    "knn": "test_knn_accuracy",
    "probe": "test_probe_accuracy",
}
JUDGE = "pca_whitened"
TIMES = ("seconds", "seconds_clustering")
MARGIN, TIME_MARGIN, SHARE_AT_STAKE = 0.02, 1.1, 0.1
STAGES = ("features", "pca", "whiten", "kmeans", "train", "evaluate")
BACKENDS = ("pca_backend", "whiten_backend", "kmeans_backend")
COSTS = [*(f"seconds_{stage}" for stage in STAGES), "images_per_second_train", "peak_memory_mb"]
OWN_SCORES = ["cluster_accuracy", "purity", "nmi_true", "nmi_true_geometric", "ari_true", "ami_true"]
ONE_CHANNEL = ("mnist",)


class MatrixResults:
    """The results of a matrix and what follows from them.

    Attributes:
        axes: Each axis with its values, in the order of the matrix file.
        seeds: The planned seeds.
        rows: A row for each epoch of each run, from data.parquet.
        finals: The last row of each run, with the seconds of clustering over all its rows.
        first: Row 0 of each run.
        raw: A row for each run and baseline, read from its folder: its spec, its state, and its last row of metrics.
        audits: The audit.json of each run and baseline.
    """

    def __init__(self, data: Path, folder: Path) -> None:
        matrix = (folder / "matrix.yaml").read_text()
        axes = re.search(r"^axes:\n((?:  .*\n)+)", matrix, re.M)[1]
        lists = {name: values.split(", ") for name, values in re.findall(r"^  (\w+): \[(.*?)\]", axes, re.M)}
        self.axes = {name: [int(v) if v.isdigit() else v for v in values] for name, values in lists.items()}
        self.seeds = [int(seed) for seed in re.search(r"^seeds: \[(.*)\]", matrix, re.M)[1].split(", ")]
        rows = pd.read_parquet(data)
        texts = rows.columns[rows.dtypes == "category"]
        self.rows = rows.astype(dict.fromkeys(texts, object)).sort_values(["run_id", "epoch"]).reset_index(drop=True)
        runs = self.rows.groupby("run_id")
        clustering = self.rows[["seconds_pca", "seconds_whiten", "seconds_kmeans"]].sum(axis=1)
        seconds = clustering.groupby(self.rows["run_id"]).sum()
        finals = runs.tail(1).set_index("run_id", drop=False)
        self.finals = pd.concat([finals, seconds.rename("seconds_clustering")], axis=1).rename_axis(None)
        self.first = runs.head(1).set_index("run_id")
        self.audits, facts = {}, []
        for run in sorted(path.parent for path in folder.glob("*/spec.yaml")):
            # Each line of a spec is a name and a value as JSON writes it.
            lines = (run / "spec.yaml").read_text().splitlines()
            spec = {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}
            state, provenance = (json.loads((run / f"{name}.json").read_text()) for name in ("state", "provenance"))
            metrics = pd.read_csv(run / "metrics.csv")
            self.audits[run.name] = json.loads((run / "audit.json").read_text())
            facts.append(
                metrics.iloc[-1].to_dict()
                | spec
                | {"run_id": run.name, "state": state["name"], "seconds": state["seconds"], "rows": len(metrics)}
                | {"shared": bool(provenance["shared_with"])}
            )
        self.raw = pd.DataFrame(facts).set_index("run_id", drop=False)
        self.fields = [name for name in spec if name in self.rows]
        self.baselines = self.raw[self.raw["method"] != "deepcluster"]

    @property
    def datasets(self) -> list[str]:
        return self.axes.get("dataset", self.finals["dataset"].unique().tolist())

    @property
    def choices(self) -> dict[str, list[Any]]:
        return {name: values for name, values in self.axes.items() if name != "dataset"}

    # --- matched pairs ----------------------------------------------------------------------

    def match(self, axis: str, value: Any, metric: str, dataset: str | None = None) -> pd.Series:
        """Return a column of the runs with this value of the axis, indexed by seed and the other axes."""
        finals = self.finals if dataset is None else self.finals[self.finals["dataset"] == dataset]
        keys = ["seed", *(name for name in self.axes if name != axis)]
        # Only the columns that count, since to index all of them takes long.
        columns = finals[[axis, *keys, metric]]
        return columns[columns[axis] == value].set_index(keys)[metric].sort_index()

    def difference(self, swap: tuple, metric: str, dataset: str | None = None) -> pd.Series:
        """Return the difference of each matched pair of a swap (axis, before, after), of logarithms for times."""
        axis, before, after = swap
        values = [self.match(axis, value, metric, dataset) for value in (before, after)]
        assert values[0].index.equals(values[1].index) and values[0].index.is_unique, "every run has its partner"
        assert not pd.concat(values).isna().any()
        return np.log(values[1] / values[0]) if metric in TIMES else values[1] - values[0]

    def over_seeds(self, numbers: pd.Series) -> np.ndarray:
        """Return the mean of each seed, over the cells; every seed has as many."""
        assert numbers.groupby("seed").size().nunique() == 1
        return numbers.groupby("seed").mean().to_numpy()

    def list_swaps(self) -> list[tuple]:
        return [(axis, *pair) for axis, values in self.choices.items() for pair in itertools.combinations(values, 2)]

    @cached_property
    def traces(self) -> dict[str, bytes]:
        """What the training and the clusterings of each run left in its rows, to the last bit.

        Time and memory are never the same twice, only some libraries count split clusters, and the scores of a refit
        come after the run, from random starts of its library.
        """
        columns = [name for name in self.rows.columns[: self.rows.columns.get_loc("run_id")] if "refit" not in name]
        columns = [name for name in columns if name not in (*COSTS, "split_clusters")]
        return {run: rows[columns].to_numpy(dtype=float).tobytes() for run, rows in self.rows.groupby("run_id")}

    def count_pairs(self, swap: tuple) -> tuple[int, int]:
        """Return the number of pairs of a swap, and of different pairs of two different runs."""
        runs = [self.match(swap[0], value, "run_id").map(self.traces) for value in swap[1:]]
        pairs = list(zip(*runs, strict=True))
        return len(pairs), len({pair for pair in pairs if pair[0] != pair[1]})

    def list_changes(self, swap: tuple) -> set[str]:
        """Return what else differs between the two sides of a swap, as `lr 0.05 → 0.001`."""
        axis = swap[0]
        own = {axis, *(BACKENDS if axis == "backend" else ())}
        changes = set()
        sides = [self.finals.loc[self.match(axis, value, "run_id")] for value in swap[1:]]
        for field in [name for name in self.fields if name not in own and name not in self.axes and name != "seed"]:
            before, after = (side[field].to_numpy() for side in sides)
            if (before != after).any():
                assert len(set(before)) == len(set(after)) == 1, f"{field} changes in several ways"
                changes.add(f"{field} {before[0]:g} → {after[0]:g}")
        return changes

    # --- effects ----------------------------------------------------------------------------

    def margin(self, metric: str, dataset: str) -> float:
        """Return what counts as the same on a dataset: 0.02, at most a tenth of what is at stake there."""
        if metric in TIMES:
            return float(np.log(TIME_MARGIN))
        runs = self.finals[self.finals["dataset"] == dataset]
        levels = [runs.groupby(list(self.choices))[metric].mean().max()]
        references = self.baselines[self.baselines["dataset"] == dataset]
        levels += references.groupby("method")[metric].mean().tolist()
        chance = next(facts["chance"] for run, facts in self.audits.items() if run in runs.index)
        kind = "nmi_true" if metric.endswith("nmi_true") else "cluster_accuracy"
        return min(MARGIN, SHARE_AT_STAKE * (max(levels) - chance[kind]))

    def effects(self, metric: str) -> pd.DataFrame:
        """Return each swap over all datasets (`dataset` is "") and within each, with p values and verdicts."""
        if metric not in self._effects:
            self._effects[metric] = self._estimate(metric)
        return self._effects[metric]

    @cached_property
    def _effects(self) -> dict[str, pd.DataFrame]:
        return {}

    @cached_property
    def _intervals(self) -> dict[tuple, dict[str, Any]]:
        return {}

    def _estimate(self, metric: str) -> pd.DataFrame:
        swaps, better = self.list_swaps(), "lower" if metric in TIMES else "higher"
        table = []
        for dataset in ["", *self.datasets]:
            pairs = {swap: self.difference(swap, metric, dataset or None) for swap in swaps}
            lines = [
                {"dataset": dataset, "swap": swap, "mean": numbers.mean(), "cells": len(numbers) // len(self.seeds)}
                for swap, numbers in pairs.items()
            ]
            if len(self.seeds) >= 3:
                means = moderate({swap: self.over_seeds(numbers) for swap, numbers in pairs.items()})
                margin = self.margin(metric, dataset) if dataset else MARGIN
                if metric in TIMES:
                    margin = np.log(TIME_MARGIN)
                for line in lines:
                    mean = means[line["swap"]]
                    line |= {"estimate": mean, "p": mean.p, "p_same": mean.p_same(margin)}
            table += lines
        frame = pd.DataFrame(table)
        if len(self.seeds) < 3:
            return frame.assign(verdict="too few seeds")
        # The correction counts the swaps over all datasets, and apart from them those within the datasets.
        pooled = frame["dataset"] == ""
        frame["p_holm"] = pd.concat([holm(part["p"]) for _, part in frame.groupby(pooled)])
        # `same` over all datasets needs the same on each: the largest p value counts.
        largest = frame.groupby("swap")["p_same"].transform("max")
        frame["p_same"] = frame["p_same"].where(~pooled, largest)
        columns = frame[["mean", "p_holm", "p_same"]].itertuples(index=False)
        return frame.assign(verdict=[judge(*line, better) for line in columns])

    def effect(self, swap: tuple, metric: str, dataset: str = "") -> dict[str, Any]:
        """Return the effect of one swap, with its 95 % and 90 % intervals where there are seeds enough."""
        key = (swap, metric, dataset)
        if key not in self._intervals:
            self._intervals[key] = self._find_effect(swap, metric, dataset)
        return self._intervals[key]

    def _find_effect(self, swap: tuple, metric: str, dataset: str) -> dict[str, Any]:
        table = self.effects(metric)
        lines = table[(table["dataset"] == dataset) & (table["swap"] == swap)].to_dict("records")
        assert len(lines) == 1, f"{swap} is no swap of these axes"
        line = lines[0]
        if len(self.seeds) >= 3:
            line["low"], line["high"] = line["estimate"].interval(0.95)
            line["low_90"], line["high_90"] = line["estimate"].interval(0.9)
        return line

    def interactions(self, metric: str) -> pd.DataFrame:
        """Return how much more each swap does at one value of another axis than at its first, with verdicts."""
        differences = {}
        for (axis, values), (other, others) in itertools.combinations(self.axes.items(), 2):
            for after, where in itertools.product(values[1:], others[1:]):
                effects = self.difference((axis, values[0], after), metric)
                at = effects.index.get_level_values(other)
                change = effects[at == where].droplevel(other) - effects[at == others[0]].droplevel(other)
                differences[axis, after, other, where] = self.over_seeds(change)
        means = moderate(differences)
        table = pd.DataFrame({"p": {key: mean.p for key, mean in means.items()}})
        table["p_same"] = [mean.p_same(MARGIN) for mean in means.values()]
        table["p_holm"] = holm(table["p"])
        lines = zip(means.values(), table["p_holm"], table["p_same"], strict=True)
        return table.assign(verdict=[judge(mean.mean, p, p_same) for mean, p, p_same in lines])

    # --- training ---------------------------------------------------------------------------

    def gains(self) -> pd.DataFrame:
        """Return for each dataset and ruler how far the final scores are above those of row 0."""
        return self._compare(RULERS, lambda runs, metric: self.first.loc[runs.index, metric])

    def leads(self) -> pd.DataFrame:
        """Return for each dataset and ruler but `own` how far the final scores are above the best pixels."""
        rulers = {name: metric for name, metric in RULERS.items() if name != "own"}
        pixels = self.baselines[self.baselines["method"] == "pixels"]

        def find_best(runs: pd.DataFrame, metric: str) -> pd.Series:
            best = pixels.groupby(["dataset", "limit", "test_limit", "seed"])[metric].max()
            keys = runs[["dataset", "limit", "test_limit", "seed"]].itertuples(index=False, name=None)
            return pd.Series([best[key] for key in keys], runs.index)

        return self._compare(rulers, find_best)

    def _compare(self, rulers: dict[str, str], find_levels: Callable[..., pd.Series]) -> pd.DataFrame:
        table = []
        for dataset in self.datasets:
            runs = self.finals[self.finals["dataset"] == dataset]
            for ruler, metric in rulers.items():
                levels = find_levels(runs, metric)
                over_seeds = (runs[metric] - levels).groupby(runs["seed"]).mean().to_numpy()
                counts = {"cells": len(runs) // len(over_seeds), "seeds": len(over_seeds), "level": levels.mean()}
                test = student(over_seeds, self.margin(metric, dataset))
                table.append({"dataset": dataset, "ruler": ruler} | test | counts)
        frame = pd.DataFrame(table)
        # The judging ruler is corrected over the datasets, the others over the rulers of their dataset.
        family = frame["dataset"].where(frame["ruler"] != JUDGE, "")
        frame["p_holm"] = pd.concat([holm(part["p"]) for _, part in frame.groupby(family)])
        directions = np.where(frame["mean"] > 0, "up", "down")
        verdicts = np.where(frame["p_holm"] < ALPHA, directions, "cannot tell")
        verdicts = np.where(frame["p_same"] < ALPHA, "same", verdicts)
        return frame.assign(verdict=np.where(frame["seeds"] < 3, "too few seeds", verdicts))

    # --- noise floor ------------------------------------------------------------------------

    def noise_floor(self, dataset: str, metric: str) -> dict[str, Any] | None:
        """Return the largest floor of a dataset, of those with three degrees of freedom if there are any."""
        floors = []
        for source, groups in (("channels", self._list_twins(dataset)), ("rounding", self._list_roundings(dataset))):
            scores = [self.finals.loc[group, metric].to_numpy() for group in groups]
            if scores:
                floors.append({"source": source} | floor_of(scores))
        exact = [floor for floor in floors if floor["freedom"] >= 3] or floors
        return max(exact, key=lambda floor: floor["floor"], default=None)

    def _list_twins(self, dataset: str) -> list[list[str]]:
        """Return pairs of runs with 1 and 3 input channels, on images of one channel, trained by SGD."""
        is_twin = self.finals["input_channels"].isin([1, 3]) & (self.finals["optimizer"] == "sgd")
        runs = self.finals[is_twin & (self.finals["dataset"] == dataset)]
        if dataset not in ONE_CHANNEL:
            return []
        return self._drop_repeated(runs, [name for name in self.fields if name != "input_channels"])

    def _list_roundings(self, dataset: str) -> list[list[str]]:
        """Return groups of different runs that differ only in libraries, and that started from the same clusters."""
        runs = self.finals[self.finals["dataset"] == dataset]
        starts = self.first.loc[runs.index, OWN_SCORES].astype(str).agg(" ".join, axis=1)
        fields = [*(name for name in self.fields if name not in BACKENDS), "start"]
        traces = pd.Series(self.traces, name="trace").loc[runs.index]
        runs = pd.concat([runs, starts.rename("start"), traces], axis=1).drop_duplicates([*fields, "trace"])
        return self._drop_repeated(runs, fields)

    def _drop_repeated(self, runs: pd.DataFrame, fields: list[str]) -> list[list[str]]:
        """Return the groups of two runs or more that agree in these fields, each set of trajectories once."""
        groups: dict[Any, list[str]] = {}
        for _, group in runs.groupby(fields, dropna=False, sort=False):
            if len(group) > 1:
                groups.setdefault(tuple(sorted(self.traces[run] for run in group.index)), group.index.tolist())
        return list(groups.values())

    # --- runs -------------------------------------------------------------------------------

    def health(self) -> pd.Series:
        """Return the health of each run at its end, by the limits that docs/trust.md names."""
        return self.rows.groupby("run_id").apply(_judge_health, include_groups=False)

    def settling(self, level: float) -> pd.DataFrame:
        """Return for each run from when on nmi_previous stays at the level, and whether it does so before the end."""
        table = {}
        for run, rows in self.rows[self.rows["epoch"] > 0].groupby("run_id"):
            unstable = rows.loc[~(rows["nmi_previous"] >= level), "epoch"]
            since, last = unstable.max() + 1 if len(unstable) else 1, rows["epoch"].max()
            table[run] = {"time": min(since, last), "reached": since < last}
        return pd.DataFrame(table).T

    def pairs_of(self, axis: str) -> Iterator[tuple[str, str]]:
        """Yield each two runs that differ in this axis alone."""
        for before, after in itertools.combinations(self.axes[axis], 2):
            runs = (self.match(axis, value, "run_id") for value in (before, after))
            yield from zip(*runs, strict=True)


def _judge_health(rows: pd.DataFrame) -> str:
    last = rows.iloc[-1]
    low_rank, uneven = last["feature_rank"] < 2, last["cluster_entropy"] < 0.8
    if last["feature_rank"] < 1.1 or last["largest_cluster_share"] >= 0.95 or (low_rank and uneven):
        return "collapsed"
    jumps = rows["nmi_previous"].tail(4).diff().abs()
    few = last["k"] - last["refilled_clusters"] < 0.5 * last["k"]
    large = last["largest_cluster_share"] >= 0.5 and last["k"] > 2
    return "degenerate" if low_rank or uneven or few or large or (jumps >= 0.5).any() else "healthy"
