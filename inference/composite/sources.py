"""Where the avatar's landmarks in its own render come from: the renderer's file, else the landmark network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..capture import detect_landmarks
from .renders import Render, RenderFolder
from .types import Floats


class AvatarLandmarks:
    """Landmarks (478, 2) of the avatar in rendered frames."""

    def __init__(self, renders: RenderFolder, device: str) -> None:
        self._renders = renders
        self._device = device

    def of(self, frame_index: int, render: Render, plate: NDArray[np.uint8]) -> Floats | None:
        """The landmarks of one frame; None when the network sees no face.

        The render is shown to the network over its plate: a face cut out on plain grey is off by pixels.
        """
        known = self._renders.landmarks_px(frame_index)
        if known is not None:
            return known
        picture = plate.copy()
        scale = np.iinfo(render.rgba.dtype).max
        alpha = render.rgba[..., 3:].astype(np.float32) / scale
        colour = render.rgba[..., :3].astype(np.float32) * (255 / scale)
        behind = picture[render.region.slices]
        behind[:] = np.rint(behind + alpha * (colour - behind))
        faces = detect_landmarks(picture, self._device)
        return faces[0].points_px if faces else None
