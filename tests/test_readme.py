"""The README agrees with the files that it names."""

import re
from pathlib import Path

import pytest

from dcbench.core.matrix.expand import parse_matrix, read_matrix

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()


def test_the_example_matrix_is_valid():
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    plan = parse_matrix(example, "README.md", "float32")
    assert plan.cells == 13


def test_every_linked_file_exists():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    for link in links:
        assert (TOP / link).exists(), link


def test_every_matrix_is_listed_with_its_number_of_runs():
    listed = {}
    for line in README.splitlines():
        cells = line.strip("|").split("|")
        if line.startswith("| `"):
            names, numbers = re.findall(r"`(\w+)`", cells[0]), [int(word) for word in re.findall(r"\d+", cells[-1])]
            listed |= dict(zip(names, numbers * len(names) if "each" in cells[-1] else numbers, strict=False))
    paths = (TOP / "matrices").glob("*.yaml")
    assert listed == {path.stem: len(read_matrix(path, "float32").runs) for path in paths}


@pytest.mark.parametrize("target", ["demo", "test", "lint", "readme-figures", "test-slow"])
def test_every_named_make_target_exists(target):
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(), re.MULTILINE)
