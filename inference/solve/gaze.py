"""Gaze from the irises: the direction of each eye about its centre, and the eyeLook coefficients that show it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import grey_closing

from .. import arkit
from ..face_model.types import FaceModel
from .geometry import Array, Camera, Poses
from .landmark_groups import IRIS_CENTRES
from .timeline import Timeline

PUPIL_DEPTH = 0.9
"""Distance of the iris plane from the eye's centre, as a part of the eye's radius."""
IRIS_DROP_CM = 0.09
"""MediaPipe puts the iris this much below the pupil: measured on seven rendered actors who look straight ahead."""
USUAL_FULL_LOOK_RAD = float(np.radians(32.0))
"""Turn of an eye at coefficient 1 where the face model's own shapes do not move the iris."""
OPEN_ENOUGH = 0.3
"""Below this opening the iris is covered and follows the lid."""
BLINK_S = 0.4
"""A blink is over after this time."""
UNDISTURBED = 0.8
"""During blinks networks' irises follow lids that come down by more than this part."""
LARGEST_VERGENCE_RAD = 0.05
"""Turn of each eye inward when something 60 cm away is looked at: nobody looks closer through half a shot."""
LARGEST_GAZE_RAD = float(np.radians(45.0))


def eye_rays(landmarks_px: Array, poses: Poses, camera: Camera) -> tuple[Array, Array]:
    """Camera position (T, 3) and directions (T, 2, 3) toward the actor's left and right iris, in head axes."""
    iris = landmarks_px[:, list(IRIS_CENTRES)]
    across = (iris - np.array(camera.centre_px)) / camera.focal_px
    direction = np.stack([across[..., 0], -across[..., 1], -np.ones_like(across[..., 0])], -1)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    origin = -np.einsum("tji,tj->ti", poses.rotation, poses.translation_cm)
    return origin, direction @ poses.rotation


def gaze_angles(landmarks_px: Array, poses: Poses, camera: Camera, eyes_cm: Array, radius_cm: float) -> Array:
    """(T, 2, 2) yaw and pitch in radians of the left and right eye, where the rays meet the spheres of the irises."""
    origin, direction = eye_rays(landmarks_px, poses, camera)
    to_eye = eyes_cm - origin[:, None]
    along = np.sum(to_eye * direction, -1)
    nearest = origin[:, None] + along[..., None] * direction - eyes_cm
    radius = PUPIL_DEPTH * radius_cm
    inside = radius**2 - np.sum(nearest**2, -1)
    look = nearest - np.sqrt(np.maximum(inside, 0.0))[..., None] * direction
    look /= np.linalg.norm(look, axis=-1, keepdims=True)
    # Of strided arrays, numpy's arctan2 depends in its last bit on where they lie in memory.
    x, y, z = np.ascontiguousarray(np.moveaxis(look, -1, 0))
    angles = np.stack([np.arctan2(x, z), np.arcsin(np.clip(y, -1, 1))], -1)
    return np.asarray(np.clip(angles, -LARGEST_GAZE_RAD, LARGEST_GAZE_RAD))


def conjugate(angles: Array, openness: Array) -> Array:
    """Let the two eyes of (T, 2, 2) move together, each counting by its openness (T, 2); closed eyes take over time."""
    weight = np.maximum(openness**2, 1e-3)[..., None]
    offset = np.median(angles[:, 0] - angles[:, 1], axis=0) / 2
    centred = angles - np.stack([offset, -offset])
    common = (centred * weight).sum(1) / weight.sum(1)
    seen = openness.max(1) > OPEN_ENOUGH
    if seen.any():
        frames = np.arange(len(angles))
        common = np.stack([np.interp(frames, frames[seen], common[seen, axis]) for axis in range(2)], -1)
    vergence = np.array([np.clip(-offset[0], 0.0, LARGEST_VERGENCE_RAD), 0.0])
    return np.stack([common - vergence, common + vergence], 1)


def watched(openness: Array, timeline: Timeline) -> Array:
    """(T, 2) openness by which the irises count: none during blinks, when they are drawn along with the lids.

    A blink is a dip of both eyes that is over soon; lids that stay low show an eye that looks down.
    """
    blinking = (openness < UNDISTURBED * without_blinks(openness, timeline)).all(1, keepdims=True)
    return np.where(blinking, 0.0, openness)


def without_blinks(openness: Array, timeline: Timeline) -> Array:
    """(T, 2) with all dips filled that are over as soon as a blink; frames picked from all over a shot have none."""
    frames = min(1 + 2 * round(BLINK_S / 2 / timeline.frame_time_s), len(openness)) if timeline.connected else 1
    return np.asarray(grey_closing(openness, (frames, 1), mode="nearest"))


def full_look_rad(model: FaceModel) -> Array:
    """(52,) turn of the eye at coefficient 1 for the eyeLook shapes; the model's own where its shapes move the iris."""
    result = np.full(len(arkit.NAMES), USUAL_FULL_LOOK_RAD)
    for name in arkit.NAMES:
        if name.startswith("eyeLook"):
            iris = IRIS_CENTRES[0 if name.endswith("Left") else 1]
            shift = float(np.linalg.norm(model.landmark_expressions_cm[arkit.INDEX[name], iris]))
            if shift > 0.1 * model.eye_radius_cm:
                result[arkit.INDEX[name]] = 2 * np.arcsin(min(shift / (2 * model.eye_radius_cm), 1.0))
    return result


def look_coefficients(angles: Array, full_rad: Array) -> Array:
    """(T, 8 of 52 filled) the eyeLook coefficients that show the gaze; the others are 0."""
    result = np.zeros((len(angles), len(arkit.NAMES)))
    for eye, side in enumerate(("Left", "Right")):
        yaw, pitch = angles[:, eye, 0], angles[:, eye, 1]
        outward = yaw if side == "Left" else -yaw
        for name, value in (("Out", outward), ("In", -outward), ("Up", pitch), ("Down", -pitch)):
            index = arkit.INDEX[f"eyeLook{name}{side}"]
            result[:, index] = np.clip(value / full_rad[index], 0.0, 1.0)
    return result
