import numpy as np

from dcbench.inspect.figures import nearest
from dcbench.inspect.image_sheet import enlarged, rgb
from dcbench.inspect.result import InspectionResult, majority
from tests.helpers.inspection_results import bundle


def parts(found):
    (axes,) = nearest.draw(found).axes
    return axes, np.asarray(axes.images[0].get_array())


def test_each_row_is_the_clusters_mean_and_its_images_in_order():
    found = bundle(k=3, n=60)
    _, picture = parts(found)
    pitch = 32 * 1.08
    for row in range(3):
        y = round(row * pitch)
        assert (picture[y : y + 32, :32] == enlarged(rgb(found["means"][row]), 32)).all()
        for place, position in enumerate(found["nearest"][row]):
            x = round((nearest.APART + place) * pitch)
            assert (picture[y : y + 32, x : x + 32] == enlarged(rgb(found.image(position)), 32)).all()


def test_images_of_another_label_than_the_majority_are_framed():
    found = bundle(k=4, n=200)
    axes, _ = parts(found)
    labels = majority(found.counts)[0]
    other = sum(
        int(found["labels"][position] != labels[cluster])
        for cluster, row in zip(found["clusters"], found["nearest"], strict=True)
        for position in row
    )
    assert len(axes.patches) == other > 0


def test_rows_say_the_majority_its_share_and_the_size():
    found = bundle(k=2, n=40)
    arrays = {**found.arrays, "assignment": np.repeat([1, 0], [30, 10]), "labels": np.repeat([2, 1, 0], [27, 3, 10])}
    axes, _ = parts(InspectionResult(arrays | {"clusters": np.array([1, 0])}, found.facts))
    told = [text.get_text() for text in axes.texts]
    assert told[2:] == ["label 2: 90%", "cluster 1, 30 images", "label 0: 100%", "cluster 0, 10 images"]


def test_a_small_cluster_has_fewer_images():
    found = bundle(k=60, n=60, shown=60)
    _, picture = parts(found)
    assert (found["nearest"] == -1).any() and picture.shape[1] < 32 * 1.08 * 12


def test_the_caption_says_how_many_clusters_of_how_many():
    told = nearest.caption(bundle(n=1500, k=1000, shown=20))
    assert told.startswith("The 20 largest of ") and "% of the images)" in told
    assert nearest.caption(bundle(k=4)).startswith("All 4 clusters")
    found = bundle(k=4)
    one = InspectionResult({**found.arrays, "assignment": np.zeros(90, int), "clusters": np.array([0])}, found.facts)
    assert nearest.caption(one).startswith("The only cluster")
