"""Aligned face crops for networks: published templates of five points, cutting a crop out and putting a change back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .pictures import blur, cv2
from .swapper.warp import apply_affine, fit_similarity, inverse
from .types import Floats, Region

FIVE_POINTS: Final = (468, 473, 4, 61, 291)
"""Eye at the left of the image, eye at the right, nose tip, mouth corner at the left, at the right."""


_SEEN_AROUND: Final = 2
"""Pixels of a crop around it that its softening looks at, see `device.matrices`."""


@dataclass(frozen=True)
class Template:
    """Where a network wants the five points, in shares of its square input."""

    size: int
    points: tuple[tuple[float, float], ...]


ARCFACE_112: Final = Template(
    112,
    (
        (0.34191607, 0.46157411), (0.65653393, 0.45983393), (0.500225, 0.64050536),
        (0.37097589, 0.82469196), (0.63151696, 0.82325089),
    ),
)  # fmt: skip
ARCFACE_128: Final = Template(
    128,
    (
        (0.36167656, 0.40387734), (0.63696719, 0.40235469), (0.50019687, 0.56044219),
        (0.38710391, 0.72160547), (0.61507734, 0.72034453),
    ),
)  # fmt: skip
FFHQ_512: Final = Template(
    512,
    (
        (0.37691676, 0.46864664), (0.62285697, 0.46912813), (0.50123859, 0.61331904),
        (0.39308822, 0.725411), (0.61150205, 0.72490465),
    ),
)  # fmt: skip


def crop_affine(points_px: Floats, template: Template) -> Floats:
    """(2, 3) frame pixels to crop pixels for landmarks (478, 2)."""
    goal = np.array(template.points, np.float32) * template.size
    return fit_similarity(points_px[list(FIVE_POINTS)], goal)


def cut(image: Floats, affine: Floats, size: int) -> Floats:
    """(size, size, C) crop of an image; the border is continued, shrinking is done without aliasing."""
    shrink = _scale(affine)
    sigma = _prefilter(shrink)
    # Only what the crop sees is blurred, however large the frame is.
    box = covered(affine, size, 4 + 3 * sigma, (image.shape[1], image.shape[0]))
    image = np.ascontiguousarray(image[box.slices], np.float32)
    if shrink < 1:
        image = blur(image, sigma)
    place = _centred(_within(affine, box))
    crop: Floats = cv2.warpAffine(image, place, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return crop


def put_back(crop: Floats, affine: Floats, region: Region) -> Floats:
    """A crop as the pixels of a frame region, shrunk without aliasing; zero where the crop does not reach."""
    growth = _scale(affine)
    if growth > 1:
        crop = blur(crop, _prefilter(1 / growth))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    to_region = _centred(_within(affine, region))
    placed: Floats = cv2.warpAffine(crop, to_region, (region.width, region.height), flags=flags)
    return placed


def covered(affine: Floats, size: int, margin_px: float, frame_size: tuple[int, int]) -> Region:
    """The part of the frame that a crop sees, with a margin; at least one pixel of it."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32)
    box = Region.around(apply_affine(inverse(affine), corners), margin_px, frame_size)
    x, y = min(box.x, frame_size[0] - 1), min(box.y, frame_size[1] - 1)
    return Region(x, y, max(box.width, 1), max(box.height, 1))


def boxes(pictures: Sequence[NDArray[Any]], affines: Sequence[Floats], size: int) -> tuple[NDArray[Any], list[Floats]]:
    """What crops see of pictures (H, W, 3) of one frame size, as one array (N, h, w, 3), and the affines from its pixels."""
    height, width = pictures[0].shape[:2]
    seen = [covered(affine, size, 4 + _SEEN_AROUND / _scale(affine), (width, height)) for affine in affines]
    w, h = max(box.width for box in seen), max(box.height for box in seen)
    seen = [Region(min(box.x, width - w), min(box.y, height - h), w, h) for box in seen]
    cutout = np.stack([picture[box.slices] for picture, box in zip(pictures, seen, strict=True)])
    return cutout, [_within(affine, box) for affine, box in zip(affines, seen, strict=True)]


def edge_fade(size: int, share: float) -> Floats:
    """(size, size, 1) 1 in the middle of a crop, falling smoothly to 0 over a share of it at each border."""
    depth = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) / (share * size)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(depth, 0, 1))
    return np.outer(ramp, ramp).astype(np.float32)[..., None]


def to_tensor(crop: Floats) -> Floats:
    """(S, S, 3) to (1, 3, S, S)."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)


def from_tensor(tensor: Floats) -> Floats:
    """(1, 3, S, S) to (S, S, 3)."""
    return np.ascontiguousarray(tensor[0].transpose(1, 2, 0), np.float32)


def _scale(affine: Floats) -> float:
    """Crop pixels per frame pixel."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def _prefilter(shrink: float) -> float:
    """Blur in pixels before a picture is shrunk to this share: that of a pixel of the small picture."""
    return 0.5 * float(np.sqrt(max(1 / shrink**2 - 1, 0))) + 1e-3


def _within(affine: Floats, region: Region) -> Floats:
    """The same affine for pixels of a region."""
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ region.origin_px
    return moved


def _centred(affine: Floats) -> Floats:
    """Corner-convention affine as cv2 wants it, whose pixel centres are whole numbers."""
    half = np.full(2, 0.5, np.float32)
    return np.column_stack([affine[:, :2], affine[:, :2] @ half + affine[:, 2] - half])
