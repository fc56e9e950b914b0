"""The closed loop: landmarks are found again on a small draft of the composite, and the face is moved by what they are off.

The avatar's landmarks are places on its mesh; where a viewer (or the landmark network) sees its eyes and its nose may
differ by a pixel or two. Plate and draft go through the same network in the same crop, so the network's own errors cancel.
Only a shift is fed back: size, tilt and proportions are the avatar's own, and one number per axis hardly trembles.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...capture.landmarks import LandmarkNet, region_of_points
from ..colour.transfer import decode_float, encode, to_encoded
from ..pictures import blur, sample, shrink
from ..regions import OVAL, face_width_px, fill
from ..renders import Render
from ..types import Floats, Pixels, Region
from .warp import Warp

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


def shift_seen(plate: Pixels, render: Render, warp: Warp, actor_px: Floats, device: str) -> Floats | None:
    """(2,) pixels by which eyes, nose and mouth of a composite are off the actor's; None where the network sees no face."""
    height, width = plate.shape[:2]
    face_width = face_width_px(actor_px)
    region = Region.around(actor_px[list(OVAL)], _MARGIN * face_width, (width, height))
    scale = min(1.0, _WIDTH / face_width)
    size = (max(2, round(region.width * scale)), max(2, round(region.height * scale)))
    per_px = np.array(size, np.float32) / (region.width, region.height)
    points = ((actor_px - region.origin_px) * per_px).astype(np.float32)
    before = to_encoded(shrink(plate[region.slices], size))
    after = _draft(before, render, warp, region, points)
    net, crop = LandmarkNet(device), region_of_points(points)
    seen = [net.read(_bytes(picture), crop) for picture in (before, after)]
    if min(face.presence for face in seen) < _LEAST_PRESENCE:
        return None
    change = seen[1].points_px - seen[0].points_px
    off = np.mean([change[list(group)].mean(0) for group in _PARTS], axis=0) / per_px
    bounded: Floats = off * min(1.0, MAX_SHIFT * face_width / max(float(np.linalg.norm(off)), 1e-6))
    return bounded.astype(np.float32)


def _draft(plate: Floats, render: Render, warp: Warp, region: Region, points: Floats) -> Floats:
    """Encoded small composite (H, W, 3): soft edge and mean light are enough for the network."""
    size = (plate.shape[1], plate.shape[0])
    own = tuple(max(2, round(full * size[0] / region.width)) for full in (render.region.width, render.region.height))
    x, y = warp.map(region, size)
    face = sample(
        render.small((own[0], own[1])),
        (x - np.float32(render.region.x)) * np.float32(own[0] / render.region.width),
        (y - np.float32(render.region.y)) * np.float32(own[1] / render.region.height),
    )
    cover = face[..., 3] * (fill(face[..., 3], points[list(OVAL)]) / np.float32(255))
    matte = cover * blur(cover, _EDGE * face_width_px(points))
    inside = matte > 0.5
    if not inside.any():
        return plate
    there, here = decode_float(plate), decode_float(face[..., :3])
    gain = (there[inside].mean(0) + _LIGHT) / (here[inside].mean(0) + _LIGHT)
    mixed: Floats = plate + matte[..., None] * (encode(here * gain.astype(np.float32)) - plate)
    return mixed


def _bytes(encoded: Floats) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    return pixels
