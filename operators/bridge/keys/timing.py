"""Seconds of a take to frames of a scene, and the scene's rate and range.

A take's first frame is at scene frame 1. Nothing outside this folder knows scene frames.
"""

from __future__ import annotations

import math
from fractions import Fraction

import bpy
import numpy as np
from numpy.typing import NDArray

from ....inference.take import Take

FIRST_FRAME = 1
SNAP_FRAMES = 0.05
"""Containers round times (milliseconds in Matroska): keys this near to a whole frame are put on it."""


def scene_rate(scene: bpy.types.Scene) -> float:
    """Frames per second of the scene."""
    return float(scene.render.fps / scene.render.fps_base)


def match_rate(scene: bpy.types.Scene, fps: Fraction) -> bool:
    """Give the scene the rate of a take, exactly as Blender writes such rates (30 / 1.001); True when that changed
    it.
    """
    before = scene_rate(scene)
    whole = max(1, math.ceil(fps))
    scene.render.fps = whole
    scene.render.fps_base = float(whole / fps)
    return not math.isclose(before, scene_rate(scene), rel_tol=1e-6)


def take_frames(take: Take, scene: bpy.types.Scene) -> NDArray[np.float64]:
    """(T,) scene frame of every frame of a take; fractions where the rates differ or the footage has no constant
    rate.
    """
    rate = scene_rate(scene)
    if math.isclose(rate, float(take.fps), rel_tol=1e-6):
        rate = float(take.fps)  # Blender's own value is single precision
    frames = FIRST_FRAME + (take.time_s - take.time_s[0]) * rate
    whole = np.round(frames)
    snapped = np.where(np.abs(frames - whole) < SNAP_FRAMES, whole, frames)
    return snapped if np.all(np.diff(snapped) > 0) else frames


def whole_frame_times(take: Take, scene: bpy.types.Scene) -> NDArray[np.float64]:
    """(M,) times of the take at which the scene has a whole frame, from the take's first frame to its last."""
    frames = take_frames(take, scene)
    whole = np.arange(math.ceil(frames[0]), math.floor(frames[-1]) + 1)
    return np.asarray(np.interp(whole, frames, take.time_s))


def match_range(scene: bpy.types.Scene, take: Take) -> None:
    """Let the scene play exactly the take."""
    frames = take_frames(take, scene)
    scene.frame_start = FIRST_FRAME
    scene.frame_end = max(FIRST_FRAME, math.ceil(float(frames[-1])))
