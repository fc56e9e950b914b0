"""The plate's optical flow (DIS) near the face, and how a picture of a neighbouring frame is brought along it.

Flow is measured between frames in a row, on small grey pictures of one box that holds the face in both, and chained to
frames farther away; where nothing can be followed there is a cut. Always of the plate, never of the composite: what is
steadied must not steer the steadying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2, enlarge, scaled, shrink
from ..regions import OVAL, face_width_px
from ..types import Floats, Pixels, Region

FACE_SIZE: Final = 160
"""Face width in pixels of the pictures on which flow is measured."""
MARGIN: Final = 0.25
"""Face widths around the outline: what moves in front of the face comes from there."""
CHECK: Final = 0.01
"""Face widths by which there and back may miss: the trust in a place falls to 1/e there."""


KEPT: Final = 0.4
"""Share of places that can be followed from frame to frame: real motion keeps nearly all of them (0.95 and more on nine
clips), a cut to another shot, even one with a face at the same place, less than 0.25."""
_KEPT_STEP: Final = 4
"""Every how many pixels of the small pictures a place is tried."""


@dataclass(frozen=True)
class Flow:
    """Motion between a frame and the one before it, in full-size pixels, over a box of the frame."""

    box: Region
    back: Floats
    """(h, w, 2) what to add to a point of this frame to find it in the frame before."""
    forth: Floats
    """(h, w, 2) what to add to a point of the frame before to find it in this frame."""
    check_px: float
    """A miss of there and back that makes a place doubtful."""

    @property
    def is_cut(self) -> bool:
        """Do the two frames belong to different shots?"""
        height, width = self.back.shape[:2]
        tried = places(self.box, (max(2, width // _KEPT_STEP), max(2, height // _KEPT_STEP)))
        return float((self.backward(tried)[1] > 0.5).mean()) < KEPT

    def backward(self, points_px: Floats) -> tuple[Floats, Floats]:
        """Places (h, w, 2) in the frame before of points of this frame, and the trust (h, w) in them."""
        return self._carried(points_px, self.back, self.forth)

    def forward(self, points_px: Floats) -> tuple[Floats, Floats]:
        """Places (h, w, 2) in this frame of points of the frame before, and the trust (h, w) in them."""
        return self._carried(points_px, self.forth, self.back)

    def _carried(self, points_px: Floats, there: Floats, back: Floats) -> tuple[Floats, Floats]:
        moved = points_px + _at(there, points_px, self.box)
        miss = np.linalg.norm(moved + _at(back, moved, self.box) - points_px, axis=-1)
        trust: Floats = np.exp(-((miss / np.float32(self.check_px)) ** 2))
        return moved, trust


@dataclass(frozen=True)
class Trail:
    """Where the places of a frame are in a neighbouring frame."""

    points_px: Floats
    """(h, w, 2) full-size pixels of the neighbour."""
    trust: Floats
    """(h, w) 0..1."""

    def over(self, places_px: Floats, region: Region) -> Trail:
        """The same motion at more or fewer places (a, b, 2); these and this trail's own lie evenly over ``region``."""
        if places_px.shape == self.points_px.shape:
            return self
        (height, width), size = self.trust.shape, (places_px.shape[1], places_px.shape[0])
        motion = enlarge(self.points_px - places(region, (width, height)), size)
        return Trail(cv2.add(places_px, motion, dst=motion), enlarge(self.trust, size))

    def bring(self, field: Floats, region: Region, sharp: bool = False) -> Floats:
        """The neighbour's ``field`` (a, b[, C]) over its ``region`` as seen from the frame's own places: (h, w[, C])."""
        return _at(field, self.points_px, region, sharp)


def measure_flow(before: Pixels, now: Pixels, before_px: Floats, now_px: Floats) -> Flow:
    """Flow between two plates in a row whose face has the landmarks (478, 2) ``before_px`` and ``now_px``."""
    height, width = now.shape[:2]
    outline = np.concatenate([before_px[list(OVAL)], now_px[list(OVAL)]])
    size = face_width_px(now_px)
    box = Region.around(outline, MARGIN * size, (width, height))
    return flow_in(before, now, box, min(1.0, FACE_SIZE / size), CHECK * size)


def flow_in(before: Pixels, now: Pixels, box: Region, scale: float, check_px: float) -> Flow:
    """Flow in a box of two plates in a row, measured on pictures of it shrunk by ``scale``."""
    small = (max(16, round(box.width * scale)), max(16, round(box.height * scale)))
    pictures = [_grey(plate[box.slices], small) for plate in (before, now)]
    per_px = np.array([box.width / small[0], box.height / small[1]], np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    back = search.calc(pictures[1], pictures[0], None) * per_px
    forth = search.calc(pictures[0], pictures[1], None) * per_px
    return Flow(box, back, forth, max(check_px, float(0.25 * per_px.max())))


def trails(places_px: Floats, flows: Mapping[int, Flow], offsets: Sequence[int]) -> dict[int, Trail]:
    """Trails of the places (h, w, 2) of the frame at offset 0 to the frames at ``offsets``, a run without gaps.

    ``flows`` holds, by offset, the flow between that frame and the one before it.
    """
    still = Trail(places_px, np.ones(places_px.shape[:2], np.float32))
    found = {0: still}
    here = still
    for offset in range(-1, min(offsets) - 1, -1):
        moved, trust = flows[offset + 1].backward(here.points_px)
        here = found[offset] = Trail(moved, here.trust * trust)
    here = still
    for offset in range(1, max(offsets) + 1):
        moved, trust = flows[offset].forward(here.points_px)
        here = found[offset] = Trail(moved, here.trust * trust)
    return found


def places(region: Region, size: tuple[int, int]) -> Floats:
    """(h, w, 2) full-size pixels of the middles of the cells of a region shown at ``size`` (W, H)."""
    x = region.x + (np.arange(size[0], dtype=np.float32) + 0.5) * np.float32(region.width / size[0])
    y = region.y + (np.arange(size[1], dtype=np.float32) + 0.5) * np.float32(region.height / size[1])
    return np.stack(np.meshgrid(x, y), -1)


def mean_along(fields: Mapping[int, tuple[Floats, Region]], along: Mapping[int, Trail], sigma: float) -> Floats:
    """Mean over time of a field (h, w[, C]) that every frame of a run has over its own region, along the trails.

    Nearer frames count more (Gaussian of ``sigma`` frames), and places count as far as their trail is trusted.
    """
    own, own_region = fields[0]
    grid = places(own_region, (own.shape[1], own.shape[0]))
    total = np.zeros(own.shape, np.float32)
    weights = np.zeros(own.shape[:2], np.float32)
    for offset, (field, region) in fields.items():
        trail = along[offset].over(grid, own_region)
        weight = np.float32(np.exp(-0.5 * (offset / sigma) ** 2)) * trail.trust
        brought = field.copy() if offset == 0 else trail.bring(field, region)
        total += scaled(brought, weight)
        weights += weight
    return scaled(total, 1 / weights)


def _grey(pixels: Pixels, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) 8-bit luma of a smaller picture."""
    # Luma first: a third of the pixels to shrink.
    small = shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), size)
    return small if small.dtype == np.uint8 else (small >> 8).astype(np.uint8)


def _at(field: Floats, points_px: Floats, region: Region, sharp: bool = False) -> Floats:
    """A field over a region at full-size points; beyond the region it goes on as at its border."""
    across, down = field.shape[1] / region.width, field.shape[0] / region.height
    to_field = np.array([[across, 0, -across * region.x - 0.5], [0, down, -down * region.y - 0.5]])
    kernel = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    found: Floats = cv2.remap(field, cv2.transform(points_px, to_field), None, kernel, borderMode=cv2.BORDER_REPLICATE)
    return found
