"""docs/architecture.md, the docstrings of the packages and the imports agree."""

import ast
import graphlib
import re

import pytest

from dcbench import registry
from tests.helpers.paths import TOP

HOUSE = TOP / "dcbench"
PAGE = (TOP / "docs" / "architecture.md").read_text()
FILES = sorted(HOUSE.rglob("*.py"))
LIBRARIES = {"torch", "torchvision", "faiss", "sklearn", "scipy", "pandas", "matplotlib", "joblib", "pyarrow"}


def rows_of(heading):
    """Return the cells of the table below a heading of docs/architecture.md."""
    _, _, section = PAGE.partition(f"## {heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names_in(cell):
    return set(re.findall(r"`([\w./]+)`", cell))


TABLE = {names_in(first).pop(): names_in(last) for first, *_, last in rows_of("Packages")}
"""Package -> the packages that it may import."""

ALLOWED = [(names_in(places), names_in(libraries)) for libraries, places in rows_of("Libraries")]
"""Places below dcbench/, and the heavy libraries that they may import."""


def module_of(path):
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in FILES}


def package_of(module):
    """Return the package of a module, `core` for `dcbench.core.spec`; other modules at the root have none."""
    name = module.split(".")[1] if "." in module else ""
    return name if name in TABLE else ""


def imports(path):
    """Return every module that a file imports, and whether the import is inside a function."""
    tree = ast.parse(path.read_text())
    late = {id(node) for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef) for node in ast.walk(outer)}
    modules = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [(alias.name, id(node) in late) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports out in full"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                modules.append((name if name in MODULES else str(node.module), id(node) in late))
    return modules


def test_the_page_names_every_package():
    packages = {path.parent.name for path in HOUSE.glob("*/__init__.py")} | {
        path.stem for path in HOUSE.glob("[a-z]*.py")
    }
    assert set(TABLE) == packages
    assert len(list(HOUSE.glob("*.py"))) <= 6


@pytest.mark.parametrize("package", TABLE)
def test_a_package_imports_what_the_page_and_its_docstring_say(package):
    files = [path for path in FILES if package_of(module_of(path)) == package]
    used = {package_of(name) for path in files for name, _ in imports(path) if name.startswith("dcbench.")}
    assert used - {package, ""} == TABLE[package]
    if (HOUSE / package).is_dir():
        docstring = ast.get_docstring(ast.parse((HOUSE / package / "__init__.py").read_text()))
        (listed,) = re.findall(r"Imports: ([^.]+)\.$", " ".join(docstring.split()))
        assert set(listed.split(", ")) == (TABLE[package] or {"nothing"})


def test_packages_have_no_circular_imports():
    graphlib.TopologicalSorter(TABLE).prepare()


def test_modules_have_no_circular_imports():
    graph = {module_of(path): {name for name, late in imports(path) if name in MODULES and not late} for path in FILES}
    graphlib.TopologicalSorter({name: needs - {name} for name, needs in graph.items()}).prepare()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_heavy_libraries_are_imported_only_where_the_page_allows_them(path):
    name = path.relative_to(HOUSE).as_posix()
    allowed = {library for places, libraries in ALLOWED for library in libraries if any(map(name.startswith, places))}
    used = {module.split(".")[0] for module, _ in imports(path)} & LIBRARIES
    assert used <= allowed, f"{name} may not import {', '.join(sorted(used - allowed))}"


@pytest.mark.parametrize("kind", registry.KINDS)
def test_plugins_never_import_each_other(kind):
    package = registry.KINDS[kind].package
    files = list(TOP.joinpath(*package.split(".")).glob("[a-z]*.py"))
    plugins = {module_of(path) for path in files}
    assert plugins
    for path in files:
        assert not plugins & {name for name, _ in imports(path)}, path.name


def test_wrong_and_circular_imports_are_detected(tmp_path):
    file = tmp_path / "x.py"
    file.write_text(
        "from dcbench.training import loop\nimport torch\ndef f():\n    from dcbench.execution import worker\n"
    )
    assert imports(file) == [("dcbench.training.loop", False), ("torch", False), ("dcbench.execution.worker", True)]
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"core": {"training"}, "training": {"core"}}).prepare()
