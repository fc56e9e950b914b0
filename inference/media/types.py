"""What the media room hands out: facts about a file, and its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) sRGB as decoded."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video file. Sizes are those of the picture as shown, after rotation."""

    path: Path
    width: int
    height: int
    fps: Fraction
    frame_count: int
    """0 when the container does not say."""
    duration_s: float
    rotation_deg: int
    """0, 90, 180 or 270: already applied to the frames that are handed out."""
    bit_depth: int
    codec: str
    has_audio: bool


@dataclass(frozen=True)
class VideoFrame:
    """One decoded frame, turned upright."""

    index: int
    """Position in the file's presentation order, from 0."""
    time_s: float
    """Presentation time; the first frame of a file is not always at 0."""
    rgb: Image
