"""Images on the device as uint8, and the two views of them: plain for clustering, augmented for training.

Both views start from the same standardised batch, so training can never see other images than clustering does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = {"crop": (0.6, 1.0), "crop_flip": (0.6, 1.0), "published": (0.08, 1.0)}
"""Share of the area that a training crop keeps."""

ASPECTS = {"published": (3 / 4, 4 / 3)}
"""Width by height of a crop; square where not named."""

FLIPS = ("crop_flip", "published")


RESIDENT_BYTES = 4 * 2**30
"""Images up to this size live on the device; larger ones stay in host memory and move a batch at a time."""

CHUNK = 4096
"""Images that counting their grey levels reads at once."""


@dataclass(frozen=True)
class Images:
    """Square uint8 images `(n, c, s, s)`, with what standardises them.

    `mean` and `deviation` `(c,)` are those of the training images, in units of 0..255; they stand on the device.
    """

    pixels: Tensor
    mean: Tensor
    deviation: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        return self.mean.device

    def plain(self, indices: Tensor) -> Tensor:
        """The batch that clustering sees: `(b, c, size, size)` float32, standardised per channel."""
        batch = self.pixels[indices.to(self.pixels.device)].to(self.device).float()
        batch = (batch - self.mean[:, None, None]) / self.deviation[:, None, None]
        if batch.shape[-1] != self.size:
            batch = F.interpolate(batch, size=(self.size, self.size), mode="bilinear", antialias=True)
        return batch.contiguous(memory_format=torch.channels_last)

    def augmented(self, indices: Tensor, augment: str, generator: torch.Generator) -> Tensor:
        """The batch that training sees: the plain one, cropped and flipped as `augment` says."""
        batch = self.plain(indices)
        if augment == "none":
            return batch
        boxes = crop_boxes(len(batch), augment, generator).to(batch.device)
        grid = F.affine_grid(boxes, list(batch.shape), align_corners=False)
        cropped = F.grid_sample(batch, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return cropped.contiguous(memory_format=torch.channels_last)


def training_images(pixels: Tensor, size: int, device: torch.device) -> Images:
    """Training images with their own one mean and deviation per channel, ready to come out on the device."""
    pixels = pixels.to(device) if pixels.nbytes <= RESIDENT_BYTES else pixels
    levels = torch.arange(256, dtype=torch.float64)
    counts = torch.stack([_histogram(pixels[:, channel]) for channel in range(pixels.shape[1])]).double().cpu()
    mean = (counts * levels).sum(1) / counts.sum(1)
    variance = (counts * (levels - mean[:, None]) ** 2).sum(1) / counts.sum(1)
    deviation = variance.sqrt().clamp_min(1.0)
    return Images(pixels, mean.float().to(device), deviation.float().to(device), size)


def images_like(training: Images, pixels: Tensor) -> Images:
    """Other images, standardised as the training images are."""
    resident = pixels.nbytes <= RESIDENT_BYTES
    return replace(training, pixels=pixels.to(training.device) if resident else pixels)


def describe_augmentation(augment: str) -> str:
    """What `augment` does to the plain batch, in words."""
    if augment == "none":
        return "the plain batch"
    (low, high), (narrow, wide) = SCALES[augment], ASPECTS.get(augment, (1.0, 1.0))
    flips = ", half of them mirrored" if augment in FLIPS else ""
    return f"crops of {low:g} to {high:g} of the area, aspect {narrow:.2f} to {wide:.2f}{flips}, scaled back"


def _histogram(channel: Tensor) -> Tensor:
    """How often each grey level 0..255 occurs."""
    return torch.stack([torch.bincount(part.flatten(), minlength=256) for part in channel.split(CHUNK)]).sum(0)


def crop_boxes(count: int, augment: str, generator: torch.Generator) -> Tensor:
    """Affine maps `(count, 2, 3)` from the output square to a random crop, mirrored half the time with flips.

    The crop's area is uniform in the scale's range and its aspect log-uniform, as in RandomResizedCrop; its
    place is uniform inside the image.
    """
    area, shape, right, down, mirror = torch.rand(5, count, generator=generator)
    low, high = SCALES[augment]
    narrow, wide = ASPECTS.get(augment, (1.0, 1.0))
    area = low + (high - low) * area
    aspect = torch.exp(torch.log(torch.tensor(narrow)) * (1 - shape) + torch.log(torch.tensor(wide)) * shape)
    width = (area * aspect).sqrt().clamp(max=1.0)
    height = (area / aspect).sqrt().clamp(max=1.0)
    boxes = torch.zeros(count, 2, 3)
    boxes[:, 0, 0] = torch.where(mirror < 0.5, -width, width) if augment in FLIPS else width
    boxes[:, 1, 1] = height
    boxes[:, 0, 2] = (2 * right - 1) * (1 - width)
    boxes[:, 1, 2] = (2 * down - 1) * (1 - height)
    return boxes
