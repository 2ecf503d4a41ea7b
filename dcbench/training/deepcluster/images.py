"""Hold images on the device as uint8, and make two views of them: plain for clustering, augmented for training.

In: pixels `(n, c, s, s)` uint8. Out: standardised float32 batches. Both views start from the same standardised batch,
so training can never see other images than clustering does. (A public version converted standardised tensors with PIL,
which wraps values beyond 255.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = {"crop": (0.6, 1.0), "crop_flip": (0.6, 1.0), "published": (0.08, 1.0)}
"""Smallest and largest share of the area that a training crop keeps."""

ASPECTS = {"published": (3 / 4, 4 / 3)}
"""Smallest and largest width by height of a crop; crops are square where there is no entry."""

FLIPS = ("crop_flip", "published")
"""Augmentations that mirror half of the crops."""

CROP_DRAWS = 10
"""Draws of a crop before the whole image is taken."""

RESIDENT_BYTES = 4 * 2**30
"""Images up to this size live on the device; larger ones stay in host memory and move one batch at a time."""

CHUNK = 4096
"""Images read at once when grey levels are counted."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Square images, with what standardises them."""

    pixels: Tensor
    """Pixels `(n, c, s, s)` uint8, on the device or in host memory."""
    mean: Tensor
    """Mean `(c,)` of the training images in units of 0..255, on the device."""

    deviation: Tensor
    """Standard deviation `(c,)` of the training images in the same units, on the device."""
    size: int
    """Side (px) of the batches."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.mean.device

    def plain(self, indices: Tensor) -> Tensor:
        """Return the batch that clustering sees: `(b, c, size, size)` float32, standardised per channel."""
        batch = self.pixels[indices.to(self.pixels.device)].to(self.device).float()
        batch = (batch - self.mean[:, None, None]) / self.deviation[:, None, None]
        if batch.shape[-1] != self.size:
            batch = F.interpolate(batch, size=(self.size, self.size), mode="bilinear", antialias=True)
        return batch.contiguous(memory_format=torch.channels_last)

    def augmented(self, indices: Tensor, augment: str, generator: torch.Generator) -> Tensor:
        """Return the batch that training sees: the plain batch, cropped and mirrored as `augment` names it."""
        batch = self.plain(indices)
        if augment == "none":
            return batch
        boxes = draw_crop_boxes(len(batch), augment, generator).to(batch.device)
        grid = F.affine_grid(boxes, list(batch.shape), align_corners=False)
        cropped = F.grid_sample(batch, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return cropped.contiguous(memory_format=torch.channels_last)


def make_training_images(pixels: Tensor, size: int, device: torch.device) -> Images:
    """Return the training images, standardised by their own mean and deviation of each channel."""
    pixels = pixels.to(device) if pixels.nbytes <= RESIDENT_BYTES else pixels
    # Mean and variance follow exactly from the counts of the 256 grey levels, which are integers: no float copy of all
    # images is needed, and the result is the same on every device.
    levels = torch.arange(256, dtype=torch.float64)
    counts = torch.stack(
        [
            torch.stack([torch.bincount(part.flatten(), minlength=256) for part in pixels[:, channel].split(CHUNK)])
            for channel in range(pixels.shape[1])
        ]
    )  # (c, chunks, 256)
    counts = counts.sum(1).double().cpu()
    mean = (counts * levels).sum(1) / counts.sum(1)
    variance = (counts * (levels - mean[:, None]) ** 2).sum(1) / counts.sum(1)
    # A constant channel has deviation 0; one grey level is small enough to be one.
    deviation = variance.sqrt().clamp_min(1.0)
    return Images(pixels=pixels, mean=mean.float().to(device), deviation=deviation.float().to(device), size=size)


def make_images_like(training: Images, pixels: Tensor) -> Images:
    """Return other images, standardised by the mean and deviation of the training images."""
    resident = pixels.nbytes <= RESIDENT_BYTES
    return replace(training, pixels=pixels.to(training.device) if resident else pixels)


def describe_augmentation(augment: str) -> str:
    """Return what `augment` does to the plain batch, in words."""
    if augment == "none":
        return "the plain batch"
    (low, high), (narrow, wide) = SCALES[augment], ASPECTS.get(augment, (1.0, 1.0))
    flips = ", half of them mirrored" if augment in FLIPS else ""
    return f"crops of {low:g} to {high:g} of the area, aspect {narrow:.2f} to {wide:.2f}{flips}, scaled back"


def draw_crop_boxes(count: int, augment: str, generator: torch.Generator) -> Tensor:
    """Draw affine maps `(count, 2, 3)` from the output square to a random crop, half of them mirrored with flips.

    The crop's area is uniform in the range of the scale and its aspect log-uniform; its place is uniform inside the
    image. As in torchvision's RandomResizedCrop, a crop that does not fit into the image is drawn again, and after ten
    draws the whole image is taken.
    """
    # All five numbers are always drawn, so that another augmentation leaves the rest of the sequence as it is.
    area, shape, right, down, mirror = torch.rand(5, count, generator=generator)
    width, height = _size_crops(area, shape, augment)
    # Square crops always fit. Cutting the others to the image instead would make crops larger: 0.53 instead of 0.48 of
    # the area on average with the published settings.
    for _ in range(CROP_DRAWS - 1 if augment in ASPECTS else 0):
        area, shape = torch.rand(2, count, generator=generator)
        fits = (width <= 1) & (height <= 1)
        new_width, new_height = _size_crops(area, shape, augment)
        width, height = torch.where(fits, width, new_width), torch.where(fits, height, new_height)
    fits = (width <= 1) & (height <= 1)
    width, height = torch.where(fits, width, 1.0), torch.where(fits, height, 1.0)
    boxes = torch.zeros(count, 2, 3)
    # A negative width mirrors the crop.
    boxes[:, 0, 0] = torch.where(mirror < 0.5, -width, width) if augment in FLIPS else width
    boxes[:, 1, 1] = height
    # Coordinates run from -1 to 1, so a crop of width w has its centre between -(1 - w) and 1 - w.
    boxes[:, 0, 2] = (2 * right - 1) * (1 - width)
    boxes[:, 1, 2] = (2 * down - 1) * (1 - height)
    return boxes


def _size_crops(area: Tensor, shape: Tensor, augment: str) -> tuple[Tensor, Tensor]:
    """Return the width and height `(count,)` of crops, as shares of the image, from uniform random numbers."""
    (low, high), (narrow, wide) = SCALES[augment], ASPECTS.get(augment, (1.0, 1.0))
    area = low + (high - low) * area
    aspect = torch.exp(torch.log(torch.tensor(narrow)) * (1 - shape) + torch.log(torch.tensor(wide)) * shape)
    return (area * aspect).sqrt(), (area / aspect).sqrt()
