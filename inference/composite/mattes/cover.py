"""What lies in front of the actor's face: hands, cups, microphones, strands, and the hair at its rim.

Found on a small picture by the actor's own `appearance`, steadied along the plate's flow, and at full size brought to
the edges of the picture: there each pixel is a mixture of what is in front and the face, and its share is solved for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, enlarge, shrink
from ..regions import face_region
from ..stabiliser.flow import Trail, mean_along
from ..types import Floats, Pixels, Region
from .appearance import Appearance, look_at, surprise
from .islands import Mask, flooded, islands
from .layout import face_layout

STEADY_SIGMA: Final = 1.0
"""Frames over which a cover is averaged; half of the mean decides."""
STEADY_REACH: Final = 2
"""Frames before and after that count."""
_GROWTH_ROUNDS: Final = 14
_NEIGHBOURHOOD: Final = (13, 13)
_ALIKE: Final = 2.0
"""Deviations from the colours of what is in front, up to which a neighbouring pixel belongs to it."""
_BAND: Final = 2.5
"""Small pixels to both sides of a found edge between which the true edge lies."""
_SOFTNESS: Final = 0.6
"""Small pixels; standard deviation of the soft edge."""
_SLIVER: Final = 11
"""Small pixels."""
_APART: Final = 0.06
"""Encoded; where what is in front and the face differ by less, their mixture cannot be solved for."""


@dataclass(frozen=True)
class Cover:
    """What is in front of the face in one frame, small."""

    amount: Floats
    """(h, w) 0..1."""
    region: Region


def find_cover(plate: Pixels, points_px: Floats, face: Appearance) -> Cover | None:
    """What covers a face with landmarks (478, 2) in a plate; None when nothing does."""
    region = face_region(points_px, (plate.shape[1], plate.shape[0]))
    if min(region.width, region.height) < 16:
        return None
    look = look_at(plate, points_px, region)
    height, width = look.colours.shape[:2]
    places = face_layout().places(look.points_px, (width, height))
    surprised, unusual = surprise(look, face, places)
    found = islands(surprised, places.inside)
    features = places.look_up(face.features)
    found = _beside(found, features)
    if not found.any():
        return None
    found = flooded(found, unusual, surprised, features)
    found = _grown(found, look.colours, unusual, features, places.inside, face.noise)
    found = _closed(found, places.inside, np.maximum(features, np.minimum(surprised, 1)))
    return Cover(found.astype(np.float32), region)


def steady_cover(covers: Mapping[int, Cover | None], along: Mapping[int, Trail]) -> Cover | None:
    """The cover of the frame at offset 0 of its run, steadied along the trails: what is seen in a single frame only is
    none, and what is missed in a single frame is still there.
    """
    known = {at: cover for at, cover in covers.items() if cover is not None}
    if not known:
        return None
    own = covers[0] or next(iter(known.values()))
    nothing = np.zeros_like(own.amount)
    fields = {0: (own.amount if covers[0] is not None else nothing, own.region)}
    fields |= {
        at: (nothing, own.region) if cover is None else (cover.amount, cover.region)
        for at, cover in covers.items()
        if at
    }
    return Cover(mean_along(fields, along, STEADY_SIGMA), own.region)


def matte_of_cover(cover: Cover, plate: Pixels, region: Region) -> Floats:
    """(H, W) 0..1 share of what is in front, at the full size of a region of the plate, its edge where the picture has it."""
    size = (region.width, region.height)
    small = _over(cover, region)
    amount = np.clip(enlarge(small, size), 0, 1)
    if not (small > 0.02).any():
        return np.zeros_like(amount)
    per_px = region.width / small.shape[1]
    solid = (small > 0.5).astype(np.uint8)
    x, y, width, height = cv2.boundingRect((small > 0.02).view(np.uint8))
    room = round(3 * _BAND)
    rows, columns = slice(max(y - room, 0), y + height + room), slice(max(x - room, 0), x + width + room)
    reach = round(_BAND * 2) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    picture = shrink(np.ascontiguousarray(plate[region.slices]), (small.shape[1], small.shape[0]))
    encoded = picture.astype(np.float32) / np.float32(np.iinfo(plate.dtype).max if plate.dtype.kind == "u" else 1)
    front, behind = cv2.erode(solid, disc), 1 - cv2.dilate(solid, disc)
    front = np.maximum(front, solid * (cv2.dilate(front, disc) == 0))
    parts = [_continued(encoded, mask.astype(np.float32)) for mask in (front, behind)]
    band = cv2.dilate(solid, disc) - cv2.erode(solid, disc)
    return _solved(amount, parts, band, plate, region, (rows, columns), per_px)


def _solved(
    amount: Floats,
    parts: list[Floats],
    band: Pixels,
    plate: Pixels,
    region: Region,
    window: tuple[slice, slice],
    per_px: float,
) -> Floats:
    """``amount`` with the shares solved for in the band; only the window of small pixels is touched."""
    height, width = amount.shape
    scale_y = height / band.shape[0]
    top, bottom = (min(height, round(edge * scale_y)) for edge in (window[0].start, window[0].stop))
    left, right = (min(width, round(edge * per_px)) for edge in (window[1].start, window[1].stop))
    size = (right - left, bottom - top)
    if min(size) < 1:
        return amount
    maximum = np.float32(np.iinfo(plate.dtype).max if plate.dtype.kind == "u" else 1)
    pixels = plate[region.slices][top:bottom, left:right].astype(np.float32) / maximum
    front, behind = (enlarge(part, (width, height))[top:bottom, left:right] for part in parts)
    axis = front - behind
    length = (axis * axis).sum(-1)
    share = np.clip(((pixels - behind) * axis).sum(-1) / np.maximum(length, 1e-6), 0, 1)
    # A pixel that is no mixture of the two says nothing either.
    stray = np.linalg.norm(pixels - behind - share[..., None] * axis, axis=-1) / np.sqrt(np.maximum(length, 1e-6))
    trust = np.clip(np.sqrt(length) / _APART - 1, 0, 1) * np.clip(2 - 2 * stray, 0, 1)
    trust *= np.clip(enlarge(band.astype(np.float32), (width, height))[top:bottom, left:right], 0, 1)
    plain = _step(amount[top:bottom, left:right], 0.3, 0.7)
    amount = _step(amount, 0.3, 0.7)
    sharp = plain + trust * (_step(share, 0.06, 0.94) - plain)
    amount[top:bottom, left:right] = blur(sharp.astype(np.float32), max(0.6, _SOFTNESS * per_px))
    return amount


def _beside(found: Mask, features: Floats) -> Mask:
    """Without islands that lie in eyes and mouth alone: these are lids, teeth and tongue."""
    count, labels = cv2.connectedComponents(found.astype(np.uint8))
    size = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    inside = np.bincount(labels.ravel(), features.ravel(), minlength=count) / size
    inside[0] = 1
    beside: Mask = (inside < 0.6)[labels]
    return beside


def _grown(found: Mask, colours: Floats, unusual: Floats, features: Floats, inside: Mask, noise: Floats) -> Mask:
    """With the neighbouring pixels that look more like what is in front than like the face."""
    grown = found.astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    for _ in range(_GROWTH_ROUNDS):
        # Means over neighbourhoods are the dear part, and wanted at the new pixels' edge alone.
        box = _around(grown, max(_NEIGHBOURHOOD))
        within, seen = grown[box], colours[box]
        share = cv2.blur(within.astype(np.float32), _NEIGHBOURHOOD)[..., None] + np.float32(1e-4)
        held = seen * within[..., None]
        rows, columns = np.nonzero((cv2.dilate(within, disc) > 0) & (within == 0) & inside[box])
        here, most = seen[rows, columns], share[rows, columns]
        mean = cv2.blur(held, _NEIGHBOURHOOD)[rows, columns] / most
        squares = cv2.blur(held * seen, _NEIGHBOURHOOD)[rows, columns] / most
        spread = np.maximum(squares - mean * mean, 0) + (0.7 * noise) ** 2
        own = np.sqrt(((here - mean) ** 2 / spread).sum(-1))
        odd, feature = unusual[box][rows, columns], features[box][rows, columns]
        alike = (own < _ALIKE) & ((own < 0.7 * odd) | ((feature > 0.6) & (odd > 1) & (own < 0.65 * _ALIKE)))
        if alike.sum() < 3:
            break
        within[rows[alike], columns[alike]] = 1
    return grown > 0


def _around(mask: NDArray[np.uint8], margin: int) -> tuple[slice, slice]:
    """Rows and columns of what is set, with a margin."""
    x, y, width, height = cv2.boundingRect(mask)
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)


def _closed(found: Mask, inside: Mask, doubt: Floats) -> Mask:
    """Without holes of the face that were only doubtful: an eye in the middle of a hand is under it."""
    # Nor is a sliver of face left between what is in front and the outline.
    shore = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_SLIVER, _SLIVER))
    joined = cv2.morphologyEx((found | ~inside).astype(np.uint8), cv2.MORPH_CLOSE, shore) > 0
    near = cv2.dilate(found.astype(np.uint8), shore) > 0
    found = found | (joined & near & inside)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((inside & ~found).astype(np.uint8), connectivity=4)
    closed = found.copy()
    if count <= 2:
        return closed
    largest = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
    for label in range(1, count):
        area = int(boxes[label, cv2.CC_STAT_AREA])
        if label != largest and area < found.sum():
            hole = labels == label
            if area < 12 or doubt[hole].mean() > 0.4:
                closed |= hole
    return closed


def _over(cover: Cover, region: Region) -> Floats:
    """The cover's amount as seen over another region of the frame, at the same scale."""
    if cover.region == region:
        return cover.amount
    height, width = cover.amount.shape
    per_x, per_y = width / cover.region.width, height / cover.region.height
    size = (max(2, round(region.width * per_x)), max(2, round(region.height * per_y)))
    x = (region.x - cover.region.x + (np.arange(size[0], dtype=np.float32) + 0.5) * region.width / size[0]) * per_x
    y = (region.y - cover.region.y + (np.arange(size[1], dtype=np.float32) + 0.5) * region.height / size[1]) * per_y
    grid = np.meshgrid(x.astype(np.float32) - np.float32(0.5), y.astype(np.float32) - np.float32(0.5))
    moved: Floats = cv2.remap(cover.amount, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return moved


def _continued(picture: Floats, where: Floats) -> Floats:
    """Colours (h, w, 3) of one side of an edge, continued to the other side."""
    near = cv2.blur(where, (9, 9))[..., None]
    far = cv2.blur(where, (31, 31))[..., None]
    colours_near = cv2.blur(picture * where[..., None], (9, 9)) / np.maximum(near, 1e-3)
    colours_far = cv2.blur(picture * where[..., None], (31, 31)) / np.maximum(far, 1e-4)
    known = np.clip(near / 0.1, 0, 1)
    continued: Floats = colours_far + known * (colours_near - colours_far)
    return continued


def _step(value: Floats, low: float, high: float) -> Floats:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((value - low) / (high - low), 0, 1)
    smooth: Floats = (share * share * (3 - 2 * share)).astype(np.float32)
    return smooth
