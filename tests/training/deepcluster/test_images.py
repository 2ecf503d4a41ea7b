import pytest
import torch
from torchvision.transforms import RandomResizedCrop

from dcbench.training.deepcluster import images
from dcbench.training.seeds import torch_generator


def make_images(n=50, c=3, side=32, size=32):
    pixels = torch.randint(0, 256, (n, c, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images.make_training_images(pixels, size, torch.device("cpu"))


def test_training_images_are_standardised_by_their_own_mean_and_deviation():
    training = make_images()
    batch = training.plain(torch.arange(50))
    assert torch.allclose(batch.mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(batch.std((0, 2, 3)), torch.ones(3), atol=1e-3)
    assert torch.allclose(training.mean, training.pixels.float().mean((0, 2, 3)), atol=1e-2)


def test_constant_images_do_not_divide_by_zero():
    training = images.make_training_images(torch.full((4, 1, 8, 8), 7, dtype=torch.uint8), 8, torch.device("cpu"))
    assert torch.equal(training.plain(torch.arange(4)), torch.zeros(4, 1, 8, 8))


@pytest.mark.parametrize(("side", "size"), [(8, 32), (96, 32), (32, 224), (32, 32)])
def test_images_of_any_side_are_resized_to_the_given_size(side, size):
    assert make_images(n=3, side=side, size=size).plain(torch.tensor([2, 0])).shape == (2, 3, size, size)


def test_augment_none_is_the_plain_image():
    training, indices = make_images(), torch.tensor([3, 1, 4])
    assert torch.equal(training.augmented(indices, "none", torch_generator(0, "augment")), training.plain(indices))


@pytest.mark.parametrize("augment", ["crop", "crop_flip", "published"])
def test_crops_are_inside_the_image_and_within_their_scale(augment):
    boxes = images.draw_crop_boxes(4000, augment, torch_generator(0, "augment"))
    width, height = boxes[:, 0, 0].abs(), boxes[:, 1, 1]
    low, high = images.SCALES[augment]
    area = width * height
    assert area.min() >= low * 0.7 and area.max() <= high + 1e-6
    assert (boxes[:, 0, 2].abs() + width <= 1 + 1e-6).all() and (boxes[:, 1, 2].abs() + height <= 1 + 1e-6).all()
    mirrored = (boxes[:, 0, 0] < 0).float().mean()
    assert mirrored == 0 if augment == "crop" else 0.45 < mirrored < 0.55
    if augment == "crop":
        assert torch.allclose(width, height) and 0.79 < area.mean() < 0.81


def test_published_crops_have_the_sizes_of_torchvisions_random_resized_crop():
    boxes = images.draw_crop_boxes(20_000, "published", torch_generator(0, "augment"))
    width, height = boxes[:, 0, 0].abs(), boxes[:, 1, 1]
    torch.manual_seed(0)
    canvas = torch.zeros(1, 1000, 1000)
    sizes = [RandomResizedCrop.get_params(canvas, (0.08, 1.0), (3 / 4, 4 / 3))[2:] for _ in range(4000)]
    other_height, other_width = torch.tensor(sizes).T / 1000
    # Cutting crops to the image instead of drawing them again gives a mean area of 0.53.
    assert (width * height).mean() == pytest.approx(float((other_width * other_height).mean()), abs=0.015)
    assert (width * height).mean() == pytest.approx(0.477, abs=0.005)
    assert (width / height).log().std() == pytest.approx(float((other_width / other_height).log().std()), abs=0.01)
    assert width.mean() == pytest.approx(float(height.mean()), abs=0.01)


def test_a_full_crop_is_the_image_and_a_flip_is_its_mirror_image(monkeypatch):
    training, indices = make_images(n=4), torch.arange(4)
    whole = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]).repeat(4, 1, 1)
    monkeypatch.setattr(images, "draw_crop_boxes", lambda *_: whole)
    assert torch.allclose(training.augmented(indices, "crop", torch.Generator()), training.plain(indices), atol=1e-4)
    mirrored = whole.clone()
    mirrored[:, 0, 0] = -1
    monkeypatch.setattr(images, "draw_crop_boxes", lambda *_: mirrored)
    flipped = training.augmented(indices, "crop_flip", torch.Generator())
    assert torch.allclose(flipped, training.plain(indices).flip(-1), atol=1e-4)


def test_the_same_generator_gives_the_same_crops():
    training, indices = make_images(), torch.arange(10)
    first, second = (training.augmented(indices, "crop", torch_generator(0, "augment", 3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, training.augmented(indices, "crop", torch_generator(0, "augment", 4)))


def test_batches_are_channels_last():
    batch = make_images().augmented(torch.arange(4), "crop", torch_generator(0, "augment"))
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_large_images_stay_on_the_cpu_and_reach_the_device_in_batches(monkeypatch):
    small, meta = make_images(n=5), torch.device("meta")
    assert images.make_training_images(small.pixels, 32, torch.device("cpu")).pixels is small.pixels
    monkeypatch.setattr(images, "RESIDENT_BYTES", 1)
    large = images.make_training_images(small.pixels, 32, meta)
    assert large.pixels.device.type == "cpu" and large.device.type == "meta"
    assert large.plain(torch.arange(2)).device.type == "meta"


def test_the_mean_is_the_same_when_it_is_computed_in_chunks(monkeypatch):
    expected = make_images().mean
    monkeypatch.setattr(images, "CHUNK", 7)
    assert torch.equal(make_images().mean, expected)
