"""What is known about the avatar from its renders: its landmarks in each frame, and a frame that shows who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..capture.shot import detect_landmarks
from .colour.space import Space
from .colour.transfer import encode, to_pixels
from .renders import Render, RenderFolder
from .types import Floats, Pixels

_GREY = 128


@dataclass(frozen=True)
class Inputs:
    """A frame that can be composited, as it came."""

    frame_index: int
    """In the footage, from 0: what is random in a picture is seeded by it."""
    row: int
    """Of the take."""
    plate: Pixels
    """(H, W, 3) the footage as shown: encoded like sRGB, whatever its own curve is."""
    original: NDArray[Any]
    """(H, W, 3) the footage's own pixels."""
    render: Render
    actor_px: Floats
    """(478, 2) in the plate."""
    avatar_px: Floats | None
    """(478, 2) in the render; None when it lies where it belongs, or when nobody finds a face in it."""


class AvatarLandmarks:
    """Landmarks (478, 2) of the avatar in rendered frames: from the renderer's file, else from the landmark network."""

    def __init__(self, renders: RenderFolder, device: str) -> None:
        self._renders = renders
        self._device = device

    def of(self, frame_index: int, render: Render, plate: Pixels) -> Floats | None:
        """The landmarks of one frame; None when the network sees no face.

        The render is shown to the network over its plate: a face cut out on plain grey is off by pixels.
        """
        known = self._renders.landmarks_px(frame_index)
        if known is not None:
            return known
        faces = detect_landmarks(lay_over(render, plate), self._device)
        return faces[0].points_px if faces else None


def portrait(
    frame_index: int, frame_size: tuple[int, int], renders: RenderFolder, landmarks: AvatarLandmarks
) -> tuple[Floats, Floats] | None:
    """Encoded picture (H, W, 3), 0..1, and landmarks (478, 2) of a rendered frame on grey; None when it shows no face."""
    render = renders.load(frame_index)
    if render is None:
        return None
    grey = np.full((frame_size[1], frame_size[0], 3), _GREY, np.uint8)
    points = landmarks.of(frame_index, render, grey)
    return None if points is None else (lay_over(render, grey).astype(np.float32) / 255, points)


def as_shown(pixels: NDArray[Any], space: Space) -> Pixels:
    """The footage's pixels as sRGB; light above its reference white and colours beyond its primaries are cut off."""
    if space.is_shown:
        return pixels
    shown: Pixels = to_pixels(encode(space.light(pixels)), np.dtype(np.uint16))
    return shown


def lay_over(render: Render, plate: Pixels) -> NDArray[np.uint8]:
    """The plate with the render on top, as it came from the renderer, in 8 bits."""
    picture = np.array(plate if plate.dtype == np.uint8 else plate >> 8, np.uint8)
    rgba = render.small((render.region.width, render.region.height))
    alpha, colour = rgba[..., 3:], 255 * rgba[..., :3]
    behind = picture[render.region.slices]
    behind[:] = np.rint(behind + alpha * (colour - behind))
    return picture
