import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from dcbench.figures.style.theme import STYLE
from dcbench.inspect.figures import confusion
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import make_result


def test_the_cells_agree_with_a_crosstab():
    result = make_result(n=300, k=6, classes=5)
    axes = confusion.draw(result).axes[0]
    table = pd.crosstab(result["assignment"], result["labels"])
    ids = [int(label.get_text().split(":")[0].split()[1]) for label in axes.get_yticklabels()]
    assert sorted(ids) == sorted(table.index)
    cells = {text.get_position(): int(text.get_text().replace(",", "")) for text in axes.texts}
    for row, cluster in enumerate(ids):
        for column in range(5):
            assert cells.get((column, row), 0) == table.loc[cluster, column]
    assert sum(cells.values()) == 300
    shades = np.asarray(axes.images[0].get_array())
    assert shades == pytest.approx(table.loc[ids].to_numpy() / table.loc[ids].sum(axis=1).to_numpy()[:, None])


def luminance(colour):
    """Return the relative luminance (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_numbers_have_enough_contrast_on_the_darkest_shade():
    with matplotlib.rc_context(STYLE):
        text = confusion.draw(make_result()).axes[0].texts[0].get_color()
    assert (luminance(confusion.SHADES(1.0)) + 0.05) / (luminance(text) + 0.05) >= 4.5


def test_rows_are_in_the_order_of_their_majority_labels():
    result = make_result(n=300, k=6, classes=5)
    ids, table = confusion.count_rows(result)
    majorities = table.argmax(axis=1).tolist()
    assert majorities == sorted(majorities) and len(set(ids)) == 6


def test_small_clusters_share_a_row_and_no_image_is_lost():
    result = make_result(n=1500, k=1000, clusters_shown=20)
    axes = confusion.draw(result).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    active = int(result.counts.any(axis=1).sum())
    assert len(labels) == 21 and labels[-1].startswith(f"{active - 20} other clusters: ")
    assert sum(int(label.split(": ")[1].replace(",", "")) for label in labels) == 1500


def test_the_confusion_needs_only_the_last_assignment():
    result = make_result(n=300, k=30, classes=3)
    bare = InspectionResult(arrays={name: result[name] for name in ("assignment", "labels")}, facts=result.facts)
    ids, table = confusion.count_rows(bare)
    assert len(ids) == confusion.MAX_ROWS and table.sum() == 300


@pytest.mark.parametrize(("classes", "numbered"), [(16, True), (17, False), (100, False)])
def test_many_labels_have_no_numbers(classes, numbered):
    axes = confusion.draw(make_result(n=900, k=10, classes=classes)).axes[0]
    assert bool(axes.texts) == numbered and len(axes.get_xticklabels()) <= 20


def test_the_caption_has_the_purity():
    result = make_result(n=40, k=2)
    arrays = {**result.arrays, "assignment": np.repeat([1, 0], [30, 10]), "labels": np.repeat([2, 1, 0], [27, 3, 10])}
    text = confusion.caption(InspectionResult(arrays=arrays, facts=result.facts))
    assert "40 in 2 clusters" in text and "92.5% of the images have their cluster's majority label" in text
