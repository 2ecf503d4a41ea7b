import numpy as np

from dcbench.inspect.measuring import thumbnails
from dcbench.training.datasets import Split

RNG = np.random.default_rng(0)


def split_of(side):
    return Split(
        pixels=RNG.integers(0, 256, (9, 3, side, side), dtype=np.uint8),
        labels=np.zeros(9, np.int64),
        indices=np.arange(9),
    )


def test_each_image_is_kept_once_as_it_is():
    split = split_of(32)
    arrays = {"nearest": np.array([[7, 2, -1]]), "first_answers": np.array([[2, 5]])}
    kept = thumbnails.collect_images(split, arrays)
    assert kept["shown"].tolist() == [2, 5, 7] and (kept["images"] == split.pixels[[2, 5, 7]]).all()


def test_large_images_are_scaled_down_and_keep_their_brightness():
    split = split_of(224)
    kept = thumbnails.collect_images(split, {"nearest": np.array([[1]])})["images"]
    assert kept.shape == (1, 3, 64, 64) and kept.dtype == np.uint8
    flat = np.full((1, 1, 96, 96), 200, dtype=np.uint8)
    assert (thumbnails.scale_down(flat) == 200).all()
    assert np.abs(kept.mean() - split.pixels[1].mean()) < 1
