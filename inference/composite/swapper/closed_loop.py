"""The closed loop: landmarks are found again on a small draft of the composite, and the face is moved by what they are off.

The avatar's landmarks are places on its mesh; where a viewer (or the landmark network) sees its eyes and its nose may
differ by a pixel or two. Plate and draft go through the same network in the same crop, so the network's own errors cancel.
Only a shift is fed back: size, tilt and proportions are the avatar's own, and one number per axis hardly trembles.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ...capture.landmarks import LandmarkNet, region_of_points
from ..colour.transfer import decode_float, encode, to_encoded
from ..pictures import blur, sample, shrink
from ..regions import OVAL, face_width_px, fill
from ..renders import Render
from ..types import Floats, Pixels, Region
from .placement import Placement
from .warp import Warp, fit_warp

STEP: Final = 4
"""Every so many frames the loop is closed; what it corrects changes slowly."""
MAX_SHIFT: Final = 0.03
"""Face widths; more is a face that the network cannot read."""
_WIDTH: Final = 140.0
"""Face width in pixels of the draft: as large as the network sees it."""
_MARGIN: Final = 0.35
"""Face widths around the outline, which the network's crop takes in."""
_EDGE: Final = 0.02
"""Face widths; softness of the draft's edge."""
_PARTS: Final = ((33, 133, 362, 263), (168, 6, 197, 195, 5, 4, 98, 327, 2), (61, 291))
"""Corners of the eyes, nose, corners of the mouth: one vote each, for a long nose is no reason to move."""
_LEAST_PRESENCE: Final = 0.5
_LIGHT: Final = 1e-3
_SEEN_AGAIN: Final = 2
"""Rounds; the first one's outline still shows where the render ends."""


def shift_seen(plate: Pixels, render: Render, warp: Warp, actor_px: Floats, device: str) -> Floats | None:
    """(2,) pixels by which eyes, nose and mouth of a composite are off the actor's; None where the network sees no face."""
    scene = _Scene(plate, actor_px)
    before = scene.read(scene.plate, device)
    after = scene.read(scene.draft(render, warp), device)
    if before is None or after is None:
        return None
    off = np.mean([(after - before)[list(group)].mean(0) for group in _PARTS], axis=0)
    bounded: Floats = off * min(1.0, MAX_SHIFT * face_width_px(actor_px) / max(float(np.linalg.norm(off)), 1e-6))
    return bounded.astype(np.float32)


def seen_again(placed: Placement, plate: Pixels, render: Render, actor_px: Floats, device: str) -> Placement:
    """A placement whose points of the actor were wrong, with those that the network sees on its composite.

    On a render that lies over its plate as it came, its edge passes for the hair line; on the composite it does not.
    """
    if placed.correction == 0:
        return placed
    for _ in range(_SEEN_AGAIN):
        scene = _Scene(plate, placed.actor_px)
        warp = fit_warp(placed.actor_px, placed.actor_px + placed.offset_px, placed.refinement, bend_strength=0.0)
        points = scene.read(scene.draft(render, warp), device)
        if points is None:
            break
        placed = placed.with_points((actor_px + placed.correction * (points - actor_px)).astype(np.float32))
    return placed


class _Scene:
    """The plate around a face, at the size at which the network sees it."""

    def __init__(self, plate: Pixels, points_px: Floats) -> None:
        height, width = plate.shape[:2]
        face_width = face_width_px(points_px)
        self._region = Region.around(points_px[list(OVAL)], _MARGIN * face_width, (width, height))
        scale = min(1.0, _WIDTH / face_width)
        self._size = tuple(max(2, round(full * scale)) for full in (self._region.width, self._region.height))
        self._per_px = np.array(self._size, np.float32) / (self._region.width, self._region.height)
        self._points = ((points_px - self._region.origin_px) * self._per_px).astype(np.float32)
        self.plate = to_encoded(shrink(plate[self._region.slices], (self._size[0], self._size[1])))

    def read(self, picture: Floats, device: str) -> Floats | None:
        """(478, 2) landmarks, in the full plate, of an encoded picture of this size."""
        pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        face = LandmarkNet(device).read(pixels, region_of_points(self._points))
        if face.presence < _LEAST_PRESENCE:
            return None
        points: Floats = face.points_px / self._per_px + self._region.origin_px
        return points.astype(np.float32)

    def draft(self, render: Render, warp: Warp) -> Floats:
        """Encoded composite (H, W, 3); soft edge and mean light are enough for the network."""
        full = np.array([render.region.width, render.region.height], np.float32)
        own = np.maximum(np.rint(full * self._per_px), 2)
        x, y = warp.map(self._region, (self._size[0], self._size[1]))
        x, y = (
            (axis - np.float32(start)) * step
            for axis, start, step in ((x, render.region.x, own[0] / full[0]), (y, render.region.y, own[1] / full[1]))
        )
        face = sample(render.small((int(own[0]), int(own[1]))), x, y)
        cover = face[..., 3] * (fill(face[..., 3], self._points[list(OVAL)]) / np.float32(255))
        matte = cover * blur(cover, _EDGE * face_width_px(self._points))
        inside = matte > 0.5
        if not inside.any():
            return self.plate
        there, here = decode_float(self.plate), decode_float(face[..., :3])
        gain = (there[inside].mean(0) + _LIGHT) / (here[inside].mean(0) + _LIGHT)
        mixed: Floats = self.plate + matte[..., None] * (encode(here * gain.astype(np.float32)) - self.plate)
        return mixed
