"""While a shot is tracked, the scene shows the frame that was read last, so that its landmarks lie on their picture.

It begins when an editor draws the shot's clip, ends with the job, and gives way to a user who moves in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..jobs import job
from .clip import scene_frame

INTERVAL_S = 0.4
"""Blender decodes the clip to show a frame; the job needs the processor more."""

Live = tuple[int, NDArray[np.float32]]


@dataclass
class _Following:
    """What is followed now."""

    scene: str = ""
    home: int = 0
    """Where the user was."""
    shown: int = 0
    """The frame of the scene that was set last."""
    live: Live | None = None
    ended: bool = False
    """The user went elsewhere in time."""


_now = _Following()


def follow(scene: bpy.types.Scene) -> Live | None:
    """The landmarks to draw for the frame that the scene shows, following the running job from now on."""
    newest = job.latest_landmarks()
    if newest is None or not scene.understudy.follow_tracking or scene.understudy.clip is None:
        return newest
    if not bpy.app.timers.is_registered(_step):
        _now.scene, _now.home, _now.shown = scene.name, scene.frame_current, scene.frame_current
        _now.live, _now.ended = None, False
        bpy.app.timers.register(_step, first_interval=0.0)
    return _now.live if _now.live is not None and not _now.ended else newest


def stop() -> None:
    """Follow no more."""
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)


def _step() -> float | None:
    """A timer: go to the newest frame; when the job is over, back to where the user was."""
    scene, newest = bpy.data.scenes.get(_now.scene), job.latest_landmarks()
    if scene is None:
        return None
    _now.ended = _now.ended or scene.frame_current != _now.shown
    if newest is None:
        if not _now.ended:
            scene.frame_current = _now.home
        return None
    settings = scene.understudy
    if not _now.ended and settings.clip is not None:
        _now.live = newest
        _now.shown = scene_frame(settings.clip, newest[0])
        scene.frame_current = _now.shown
    return INTERVAL_S


CLASSES = ()
