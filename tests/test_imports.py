"""The import table of the house: who may import whom, read from the syntax tree."""

import ast
from pathlib import Path

import pytest

import dcbench

HOUSE = Path(dcbench.__file__).parent

TABLE = {
    # the command line and the plan: no torch, and nothing below
    "errors": set(),
    "columns": set(),
    "health": set(),
    "registry": {"errors"},
    "spec": {"errors"},
    "yaml_file": {"errors"},
    "feasibility": {"registry", "spec"},
    "baselines": {"feasibility", "registry", "spec"},
    "matrix_file": {"baselines", "errors", "registry", "spec", "yaml_file"},
    "matrix": {"baselines", "errors", "feasibility", "matrix_file", "spec", "yaml_file"},
    "files": {"errors"},
    "rundir": {"columns", "errors", "files", "spec", "yaml_file"},
    "ledger": {"errors", "matrix", "rundir", "spec"},
    "traces": set(),
    "checks": {"registry", "spec", "traces"},
    "audit": {"checks", "columns", "ledger", "matrix", "registry", "rundir", "spec", "traces"},
    "devices": {"errors"},
    "executors": {"devices", "executors"},
    "scheduler": {
        "columns",
        "devices",
        "errors",
        "executors",
        "feasibility",
        "ledger",
        "registry",
        "rundir",
        "scheduler",
        "spec",
    },
    "occupancy": set(),
    "verdict": {"columns", "errors", "rundir"},
    "replay": {"errors", "ledger", "rundir", "spec", "verdict"},
    "made_with": {"errors", "rundir", "spec", "traces", "verdict"},
    "comparison_table": set(),
    "markdown": set(),
    "inspectable": {"errors", "feasibility", "replay", "rundir", "spec", "verdict"},
    "learned": {"errors", "files", "inspectable", "registry", "verdict"},
    "parity_table": {"errors", "feasibility", "files", "registry", "spec"},
    "screens": {
        "audit",
        "columns",
        "comparison_table",
        "errors",
        "executors",
        "health",
        "ledger",
        "made_with",
        "markdown",
        "matrix",
        "parity_table",
        "replay",
        "rundir",
        "scheduler",
        "screens",
        "spec",
        "verdict",
    },
    "cli": {
        "audit",
        "cli",
        "comparison_table",
        "devices",
        "errors",
        "executors",
        "files",
        "inspectable",
        "ledger",
        "made_with",
        "matrix",
        "replay",
        "parity_table",
        "registry",
        "rundir",
        "scheduler",
        "screens",
        "verdict",
    },
    "__main__": {"cli"},
    # the run half
    "seeds": set(),
    "metrics": set(),
    "datasets": {"datasets", "errors", "feasibility", "registry", "seeds", "spec"},
    "archs": {"archs", "feasibility", "spec"},
    "backends": {"backends"},
    "deepcluster": {"backends", "deepcluster", "errors", "feasibility", "registry", "seeds", "spec"},
    "methods": {"datasets", "deepcluster", "spec"},
    "witness": {"backends", "datasets", "deepcluster", "seeds", "spec"},
    "scoring": {"backends", "datasets", "deepcluster", "metrics", "registry", "seeds", "spec"},
    "checkpoint": {"deepcluster", "rundir", "spec"},
    "provenance": {"devices", "spec"},
    "run": {
        "files",
        "checkpoint",
        "columns",
        "devices",
        "datasets",
        "deepcluster",
        "metrics",
        "provenance",
        "registry",
        "rundir",
        "scoring",
        "spec",
        "witness",
    },
    "threads": set(),
    "parity": {
        "backends",
        "datasets",
        "deepcluster",
        "executors",
        "metrics",
        "parity_table",
        "provenance",
        "registry",
        "spec",
        "threads",
    },
    "inspection": {
        "checkpoint",
        "datasets",
        "deepcluster",
        "errors",
        "executors",
        "inspectable",
        "inspection",
        "learned",
        "metrics",
        "registry",
        "seeds",
        "threads",
        "verdict",
    },
    "worker": {"checkpoint", "errors", "executors", "occupancy", "registry", "run", "rundir", "spec", "threads"},
    "preload": {"registry", "worker"},
    # the report half
    "metrics_file": {"columns"},
    "spread": set(),
    "run_files": {"columns", "errors", "health", "ledger", "metrics_file", "rundir"},
    "results": {"columns", "errors", "ledger", "parity_table", "run_files", "rundir", "spec", "spread"},
    "statistics": {"statistics"},
    "comparison": {"analysis", "columns", "comparison_table", "errors", "results", "spec", "statistics"},
    "analysis": {"columns", "results", "registry", "spec", "statistics"},
    "drawing": {"analysis", "drawing", "registry", "spec"},
    "plots": {"analysis", "columns", "drawing", "health", "parity_table", "plots", "spec", "statistics"},
    "sheet": {"drawing"},
    "pictures": {"drawing", "learned", "pictures", "registry", "sheet"},
    "report": {
        "analysis",
        "files",
        "learned",
        "pictures",
        "markdown",
        "parity_table",
        "audit",
        "columns",
        "drawing",
        "errors",
        "health",
        "ledger",
        "plots",
        "report",
        "results",
        "registry",
        "rundir",
        "spec",
        "spread",
        "statistics",
        "verdict",
    },
    "watch": {"errors", "ledger", "report", "rundir", "watch"},
}
"""Room -> rooms it may import."""

LATE = {
    ("executors", "worker"),
    *(("cli", room) for room in ("analysis", "comparison", "parity", "report", "results", "statistics", "watch")),
    *(("cli", room) for room in ("inspection", "learned")),
}
"""Imports that may stand inside a function: an executor starts a worker there, and a command one of the halves."""

RUN_HALF = {
    "seeds",
    "metrics",
    "datasets",
    "archs",
    "backends",
    "deepcluster",
    "methods",
    "witness",
    "scoring",
    "checkpoint",
    "provenance",
    "run",
    "threads",
    "parity",
    "inspection",
    "worker",
    "preload",
}
HEAVY = {"torch", "torchvision", "faiss", "sklearn", "scipy", "pandas", "matplotlib", "joblib", "pyarrow"}
ALLOWED_HEAVY = (
    dict.fromkeys(RUN_HALF, HEAVY)
    | {
        name: {"pandas", "matplotlib", "joblib", "pyarrow"}
        for name in ("results", "analysis", "drawing", "plots", "report")
    }
    | {name: {"matplotlib"} for name in ("sheet", "pictures")}
    | {"statistics": {"pandas", "scipy"}, "metrics_file": {"pyarrow"}, "comparison": {"pandas"}}
    | {name: {"joblib"} for name in ("spread", "watch")}
)


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, with whether it stands inside a function."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports out in full"
            names = [f"{node.module}.{alias.name}" if node.module == "dcbench" else node.module for alias in node.names]
            found += [(str(name), id(node) in inside) for name in names]
    return found


FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} == set(TABLE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_keep_the_table(path):
    room = room_of(path)
    for module, late in imports(path):
        top, *rest = module.split(".")
        if top == "dcbench" and rest:
            target = rest[0]
            allowed = target in TABLE[room] or (late and (room, target) in LATE)
            assert allowed, f"{room} may not import {target}" + (" here" if (room, target) in LATE else "")
        elif top in HEAVY:
            assert top in ALLOWED_HEAVY.get(room, set()), f"{room} may not import {top}"


@pytest.mark.parametrize(
    "room", ["datasets", "archs", "backends", "methods", "executors", "plots", "pictures", "screens"]
)
def test_parts_never_import_each_other(room):
    for path in (HOUSE / room).glob("[a-z]*.py"):
        for module, _ in imports(path):
            assert not module.startswith(f"dcbench.{room}."), f"{path.name} imports {module}"


def test_the_report_half_imports_nothing_of_the_run_half():
    readers = ("metrics_file", "spread", "run_files", "results")
    for room in (
        *readers,
        "statistics",
        "analysis",
        "comparison",
        "drawing",
        "plots",
        "sheet",
        "pictures",
        "report",
        "watch",
    ):
        assert not TABLE[room] & RUN_HALF


def test_a_wrong_import_would_be_found(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("from dcbench import run\nimport torch\ndef f():\n    from dcbench.execution.worker import main\n")
    assert imports(file) == [("dcbench.training.loop", False), ("torch", False), ("dcbench.execution.worker", True)]
