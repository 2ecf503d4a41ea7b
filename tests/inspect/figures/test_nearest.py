import numpy as np

from dcbench.inspect.figures import nearest
from dcbench.inspect.image_sheet import enlarge, to_rgb
from dcbench.inspect.result import InspectionResult, find_majority_labels
from tests.helpers.inspection_results import make_result


def draw_figure(result):
    (axes,) = nearest.draw(result).axes
    return axes, np.asarray(axes.images[0].get_array())


def test_each_row_has_the_mean_of_a_cluster_and_its_nearest_images():
    result = make_result(k=3, n=60)
    _, picture = draw_figure(result)
    pitch = 32 * 1.08
    for row in range(3):
        y = round(row * pitch)
        assert (picture[y : y + 32, :32] == enlarge(to_rgb(result["means"][row]), 32)).all()
        for column, position in enumerate(result["nearest"][row]):
            x = round((nearest.NEAREST_COLUMN + column) * pitch)
            assert (picture[y : y + 32, x : x + 32] == enlarge(to_rgb(result.image(position)), 32)).all()


def test_images_of_another_label_than_the_majority_are_framed():
    result = make_result(k=4, n=200)
    axes, _ = draw_figure(result)
    labels = find_majority_labels(result.counts)[0]
    other = sum(
        int(result["labels"][position] != labels[cluster])
        for cluster, row in zip(result["clusters"], result["nearest"], strict=True)
        for position in row
    )
    assert len(axes.patches) == other > 0


def test_rows_have_the_majority_label_its_share_and_the_size():
    result = make_result(k=2, n=40)
    arrays = {**result.arrays, "assignment": np.repeat([1, 0], [30, 10]), "labels": np.repeat([2, 1, 0], [27, 3, 10])}
    axes, _ = draw_figure(InspectionResult(arrays=arrays | {"clusters": np.array([1, 0])}, facts=result.facts))
    texts = [text.get_text() for text in axes.texts]
    assert texts[2:] == ["label 2: 90%", "cluster 1, 30 images", "label 0: 100%", "cluster 0, 10 images"]


def test_a_small_cluster_has_fewer_images():
    result = make_result(k=60, n=60, clusters_shown=60)
    _, picture = draw_figure(result)
    assert (result["nearest"] == -1).any() and picture.shape[1] < 32 * 1.08 * 12


def test_the_caption_counts_the_clusters():
    text = nearest.caption(make_result(n=1500, k=1000, clusters_shown=20))
    assert text.startswith("The 20 largest of ") and "% of the images)" in text
    assert nearest.caption(make_result(k=4)).startswith("All 4 clusters")
    result = make_result(k=4)
    single_cluster = InspectionResult(
        arrays={**result.arrays, "assignment": np.zeros(90, int), "clusters": np.array([0])}, facts=result.facts
    )
    assert nearest.caption(single_cluster).startswith("The only cluster")
