"""Write and execute docs/small_cpu.ipynb: `make notebook`, which installs nbclient and ipykernel first."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

TOP = Path(__file__).parent.parent
TARGET = TOP / "docs" / "small_cpu.ipynb"

CELLS = [
    (
        "markdown",
        "# What did the choices do?\n\n"
        "`results/small_cpu` holds 48 runs on 2,000 images of MNIST and CIFAR-10 each: SGD or Adam for the trunk and "
        "for the top layer, faiss or scikit-learn, three seeds. They are short (3 epochs), so this notebook shows how "
        "to ask questions, and gives no final answers.",
    ),
    ("code", "%matplotlib inline\nimport dcbench\n\nresults = dcbench.load_results('results/small_cpu')"),
    (
        "markdown",
        "The object shows the counts of its runs and the effect of each choice on the NMI with the true labels.",
    ),
    ("code", "results"),
    ("markdown", "The frames are tidy: a row for each run and epoch. Row 0 is the untrained network."),
    (
        "code",
        "scores = results.metrics.groupby(['dataset', 'epoch'], observed=True)[['nmi_true', 'pseudo_label_accuracy']]\n"
        "scores.mean().round(3)",
    ),
    ("markdown", "Each thin line is a run, each thick line the mean of the matched runs with its interval."),
    ("code", "results.plot('curves', axis='optimizer')"),
    (
        "markdown",
        "The forest plot shows every swap with its interval, and the margin within which two values count as the same.",
    ),
    ("code", "results.plot('forest')"),
    ("markdown", "The audit says whether each choice took effect in every pair of runs."),
    ("code", "{axis.name: axis.verdict for axis in results.audit().axes}"),
]


def main():
    cells = [
        nbformat.v4.new_markdown_cell(text) if kind == "markdown" else nbformat.v4.new_code_cell(text)
        for kind, text in CELLS
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # random ids would make every execution a difference
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(TOP)}}).execute()
    for cell in notebook.cells:
        cell.get("metadata", {}).pop("execution", None)  # the times of day
    nbformat.write(notebook, TARGET)


if __name__ == "__main__":
    main()
