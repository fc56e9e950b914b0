"""The focal length, from the pixels of the skin: how the picture of a face changes while it turns and moves.

Heads that are thought too far away are too flat in perspective, and faces that are thought too deep turn too little, so
both are looked for together, for the whole shot; every frame's pose and shapes are eliminated (Schur complement).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..face_model.skin import skin_points
from ..face_model.types import FaceModel
from ..solve.geometry import Array, Camera, Poses
from ..solve.identity import FOV_SPREAD, focal_trust
from ..solve.performance import POSE_FREEDOM
from .appearance import Texture
from .evidence import Looks, Samples, State, looks
from .skin import ActorSkin

MOST_FRAMES = 48
"""So many frames, spread over the shot, tell the camera."""
LARGEST_STEP = 0.15
"""Of the focal length's logarithm; further away the derivatives no longer hold."""
SHAPE_SPREAD = 0.3
"""Standard deviation by which the identity's parameters, that landmarks gave, may still be wrong (population: 1)."""
COEFFICIENT_SPREAD = 0.1
"""And the coefficients."""


@dataclass(frozen=True)
class SharedStep:
    """What changes for the whole shot."""

    log_focal: float
    identity: Array
    """(I,)."""


class CameraFinder:
    """Looks for focal length and depth of one shot's face; holds where they start and how the skin's shape may change."""

    def __init__(self, model: FaceModel, skin: ActorSkin, poses: Poses) -> None:
        count = len(poses.rotation)
        self.frames = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).astype(int))
        self.modes = skin_points(model).identity_modes_cm.astype(np.float32)
        self.focal_px = skin.actor.camera.focal_px
        self.focal_spread = FOV_SPREAD * focal_trust(poses[self.frames])
        self.shape = np.zeros(len(self.modes))

    def step(self, samples: Samples, texture: Texture, skin: ActorSkin, state: State) -> SharedStep:
        """One Gauss-Newton step."""
        size = 1 + len(self.modes)
        some = State(state.coefficients[self.frames], state.poses[self.frames])
        chosen = Samples(samples.value[self.frames], samples.change[self.frames], samples.seen[self.frames])
        look = looks(chosen, texture, skin, some, slice(None))
        columns = self.columns(look, skin, some.poses)
        freedom = np.concatenate([np.full(52, COEFFICIENT_SPREAD), POSE_FREEDOM])
        system, right = np.zeros((size, size)), np.zeros(size)
        for n in range(len(self.frames)):
            rows = np.concatenate([look.rows(skin, n), columns[n], look.pull[n, :, None]], 1)
            product = (rows.T @ rows).astype(np.float64)
            alone = np.linalg.solve(product[:58, :58] + np.diag(1 / freedom**2), product[:58, 58:])
            left = product[58:, 58:] - product[58:, :58] @ alone
            system += left[:-1, :-1]
            right += left[:-1, -1]
        precision = np.concatenate([[1 / self.focal_spread**2], np.full(len(self.modes), 1 / SHAPE_SPREAD**2)])
        wish = np.concatenate([[np.log(self.focal_px / skin.actor.camera.focal_px)], -self.shape])
        found = np.linalg.solve(system + np.diag(precision), right + precision * wish)
        found *= min(1.0, LARGEST_STEP / max(abs(found[0]), 1e-9))
        return SharedStep(float(found[0]), found[1:])

    def columns(self, look: Looks, skin: ActorSkin, poses: Poses) -> NDArray[np.float32]:
        """(N, S, 1 + I) how the look changes with the focal length, the face's size kept, and with the identity.

        What is the same in all frames is taken out: it would only move the average.
        """
        away_px = look.placed.points_px - np.array(skin.actor.camera.centre_px, np.float32)
        by_focal = (look.change * away_px).sum(-1)
        by_focal += look.by_place[..., 2] * poses.translation_cm[:, None, 2].astype(np.float32)
        by_shape = np.einsum("tsc,isc->tsi", look.by_point, self.modes, optimize=True)
        columns = np.concatenate([by_focal[..., None], by_shape], -1)
        weight = look.weight[..., None]
        columns -= weight * ((weight * columns).sum(0) / np.maximum(np.square(weight).sum(0), 1e-9))
        return np.asarray(columns, np.float32)

    def stepped(self, step: SharedStep, skin: ActorSkin, state: State) -> tuple[ActorSkin, State]:
        """The skin behind the new camera; heads stay as large in the picture.

        Landmarks stay where they are on the face, since their network was understood together with their places.
        """
        self.shape = self.shape + step.identity
        camera = skin.actor.camera
        actor = replace(skin.actor, camera=Camera(camera.focal_px * float(np.exp(step.log_focal)), camera.centre_px))
        neutral = skin.neutral_cm + np.einsum("i,isc->sc", step.identity, self.modes)
        return replace(skin, actor=actor, neutral_cm=neutral), farther(state, float(np.exp(step.log_focal)))


def farther(state: State, times: float) -> State:
    """Heads so many times as far away, where a focal length so many times as long shows them as large and there."""
    poses = state.poses
    translation = poses.translation_cm * np.array([1.0, 1.0, times])
    return State(state.coefficients, Poses(poses.rotation, translation))
