import numpy as np
import pytest
from matplotlib.colors import to_hex

from dcbench.inspect.figures import feature_map
from dcbench.inspect.result import InspectionResult
from tests.helpers.inspection_results import make_result


def points_by_label(panel):
    """Return the drawn points by their label in the legend."""
    return {collection.get_label(): np.asarray(collection.get_offsets()) for collection in panel.collections}


def test_both_panels_show_every_point_at_its_position():
    result = make_result(n=200, k=4, classes=3)
    by_label, by_cluster = feature_map.draw(result).axes
    positions = result["map_positions"]
    for label, positions_drawn in points_by_label(by_label).items():
        members = result["labels"][positions] == int(label.removeprefix("label "))
        assert positions_drawn == pytest.approx(result["map"][members])
    for label, positions_drawn in points_by_label(by_cluster).items():
        members = result["assignment"][positions] == int(label.split(":")[0])
        assert positions_drawn == pytest.approx(result["map"][members])
    assert (
        sum(map(len, points_by_label(by_cluster).values())) == sum(map(len, points_by_label(by_label).values())) == 100
    )


def test_the_largest_cluster_of_a_majority_label_has_the_colour_of_the_label():
    result = make_result(n=12, k=3, classes=2)
    assignment, labels = np.repeat([0, 1, 2], [5, 4, 3]), np.array([1] * 9 + [0] * 3)
    counts = InspectionResult(
        arrays={**result.arrays, "assignment": assignment, "labels": labels}, facts=result.facts
    ).counts
    assert feature_map.assign_label_styles(counts) == {0: 0, 1: 1}
    assert feature_map.assign_cluster_styles(counts) == {0: 1, 1: 2, 2: 0}


@pytest.mark.parametrize(("k", "classes"), [(2, 2), (10, 10), (40, 3), (3, 40), (1000, 100)])
def test_groups_have_different_styles(k, classes):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, (k, classes))
    for styles in (feature_map.assign_label_styles(counts), feature_map.assign_cluster_styles(counts)):
        assert len(set(styles.values())) == len(styles) <= 16
    assert len(set(feature_map.STYLES)) == 16


def test_groups_without_a_colour_are_grey():
    result = make_result(n=900, k=40)
    _, by_cluster = feature_map.draw(result).axes
    rest, *groups = by_cluster.collections
    others = set(result["assignment"][result["map_positions"]]) - set(feature_map.assign_cluster_styles(result.counts))
    assert (
        rest.get_label() == f"{len(others)} smaller ones"
        and to_hex(rest.get_facecolor()[0]) == feature_map.OTHERS_COLOUR
    )
    assert len(groups) == 16 and len(others) > 20


def test_the_caption_has_the_number_of_images_and_the_trustworthiness():
    text = feature_map.caption(make_result(n=90))
    assert text.startswith("45 of 90 training images, drawn with the run's seed") and "Trustworthiness 0.91" in text
    assert "It cannot show" in text and "different points" not in text
    result = make_result(n=90)
    piled = InspectionResult(arrays={**result.arrays, "map_different": np.array(12)}, facts=result.facts)
    assert feature_map.caption(piled).endswith("Before the map they are only 12 different points.")


def test_groups_with_unusual_names_are_in_the_legend():
    by_label, _ = feature_map.draw(make_result(n=200, classes=3, names=["_ant", "bee", "7"])).axes
    assert [text.get_text() for text in by_label.get_legend().get_texts()] == ["_ant", "bee", "label 2"]
