"""Sets the stage: the camera of the shot in front of the avatar, the footage behind it, light, and the avatar's way.

The camera stands still, upright before the avatar where it stands, as far away as the actor was (median of the shot).
The avatar's object moves, so that in every frame the face model's origin is where the take says; the head turns by
its bone.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ....inference.take import Take
from ..keys import bake, timing, turns
from ..keys.fcurves import Curve, write_curves
from ..rigs.rig import Rig, read_rig
from ..rigs.standing import parent_space, stand
from . import camera, lights

STEP = "shot"
AVATAR_POINTER = "understudy_shot_avatar"
_SAME_RATE = 1e-5
"""Rates as near as this part by less than a frame in an hour."""


def setup_shot(
    scene: bpy.types.Scene,
    avatar: bpy.types.Object,
    take: Take,
    footage: Path | None = None,
    *,
    name: str = "take",
    add_lights: bool = True,
) -> bpy.types.Object:
    """Make the scene show the avatar as the take's camera saw the actor; returns the camera.

    Sets the scene's rate, range, picture size and transparent film. Call it before `bake_take`, or bake again when the
    scene had another rate. `name` is that of the take's actions.
    """
    rig = read_rig(avatar, take)
    bake.require_face(take)
    clip = camera.load_footage(footage) if footage is not None else None
    timing.match_rate(scene, _rate(take, clip))
    timing.match_range(scene, take)
    line = bake.timeline(take, scene)
    rest = stand(rig.root)
    view, units = view_axes(rig, rest)
    way = take.translation_cm[line.seen].astype(np.float64) @ np.array(view).T * units
    middle = view @ Vector(np.median(take.translation_cm[line.seen], axis=0).astype(np.float64)) * units
    eye = rest @ rig.origin - middle
    made = camera.place_camera(scene, take, Matrix.Translation(eye) @ view.to_4x4(), middle.length)
    if clip is not None:
        camera.show_footage(made, take, clip)
    if add_lights:
        lights.light_head(scene, rest @ rig.origin, view, units)
    heads = turns.turn_tracks(rig, take, line.seen, eyes=False)
    locations = _locations(rig, rest, np.array(eye) + way, turns.head_turns(rig, take, line.seen))
    curves = [Curve("location", axis, locations[:, axis], "Object Transforms") for axis in range(3)]
    for ob, turned in heads:
        if ob == rig.root:
            curves += turned
        else:
            write_curves(ob, name, STEP, turned, line.frames, line.hold)
    write_curves(rig.root, name, STEP, curves, line.frames, line.hold)
    _set_output(scene)
    scene[AVATAR_POINTER] = rig.root
    return made


def _rate(take: Take, clip: bpy.types.MovieClip | None) -> Fraction:
    """The take's rate; of footage without a constant one the rate at which Blender plays it, or the avatar would run
    away from the picture behind it. A still has no rate.
    """
    if clip is None or clip.fps <= 0 or math.isclose(clip.fps, float(take.fps), rel_tol=_SAME_RATE):
        return take.fps
    return Fraction(clip.fps).limit_denominator(1001)


def shot_avatar(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The avatar that `setup_shot` put before the camera."""
    avatar = scene.get(AVATAR_POINTER)
    return avatar if isinstance(avatar, bpy.types.Object) and avatar.name in scene.objects else None


def view_axes(rig: Rig, rest: Matrix) -> tuple[Matrix, float]:
    """3x3 camera-aligned axes in the world for an avatar at `rest`, and world units per centimetre."""
    axes = rest.to_quaternion().to_matrix() @ rig.face_axes
    return axes, rig.units_per_cm * rest.median_scale


def _locations(rig: Rig, rest: Matrix, origins: NDArray[np.float64], heads: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) locations of the root that put the face model's origin, turned with the head, at world `origins`."""
    space = np.array(parent_space(rig.root).inverted())
    local = np.array(rest.to_3x3())
    pivot, arm = np.array(rig.pivot), np.array(rig.origin - rig.pivot)
    world = origins - (pivot + heads @ arm) @ local.T
    return np.asarray(world @ space[:3, :3].T + space[:3, 3])


def _set_output(scene: bpy.types.Scene) -> None:
    """Transparent film and colours as they are, for a render that goes over footage."""
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.exposure = 0.0
    scene.view_settings.gamma = 1.0
