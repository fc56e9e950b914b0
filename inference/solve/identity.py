"""One actor, one camera: identity, focal length and the static offsets of the points, from the shot's key frames.

Bundle adjustment: every key frame's pose is eliminated (Schur complement), so each step solves one small system for the
identity and the focal length together. The focal length is only observable through perspective, so it has a prior.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..face_model.types import FaceModel
from .evidence import residuals_cm, rough_weights, visibility
from .geometry import Array, Camera, Linearised, Poses, Real, linearise
from .landmark_groups import MESH_COUNT
from .landmark_network import Response
from .pose import INDEPENDENT_PART, limited
from .products import rows_of

USUAL_FOV_DEG = 40.0
FOV_SPREAD = 0.25
"""Standard deviation of the logarithm of the focal length: 25 to 65 degrees is within two of them."""
TELLING_TURN_RAD = 0.2
"""Heads that turn this far (root mean square over the key frames) tell the focal length. What is read off a head that
keeps still is the network's own idea of faces, the same in every frame and therefore never averaged out."""
NEAREST_USUAL_CM = 70.0
"""Distance of the camera; a webcam or telephone at arm's length sees more around the head and is not affected."""
CHEEKS = (234, 454)
"""The widest points of the mesh; at a turned head they are seen less far apart."""
OFFSET_CM = 0.05
"""Standard deviation of a point's static offset: what neither identity nor the network's own errors explain. Where it is
large, a smile that lasts through the shot becomes the actor's face."""
FEW_FRAMES = 6
"""With fewer key frames than this an offset can hardly be told from an expression, so the expression has it."""
LARGEST_KEY_COUNT = 24


@dataclass(frozen=True)
class Actor:
    """What stays the same through a shot."""

    camera: Camera
    focal_spread: float
    """Standard deviation of the logarithm of the focal length."""
    identity: Array
    """(I,)."""
    offsets_cm: Array
    """(468, 3)."""
    points_cm: Array
    """(468, 3) neutral mesh points, offsets included."""
    people: Array = field(default_factory=lambda: np.zeros(0))
    """(S,) how the landmark network misjudges this actor (`landmark_network.Response.people`)."""


@dataclass(frozen=True)
class KeyPoints:
    """The points of the key frames."""

    points_px: Array
    """(T, 468, 2) as seen."""
    marks_cm: Real
    """(T, 468, 3) where they are expected, in head axes."""
    normals: Array
    """(468, 3) of the face's surface."""


def usual_focal_px(size: tuple[int, int], points_px: Array, mean_cm: Array) -> float:
    """Focal length to expect before anything is measured.

    That of the usual field of view over the picture's longer side; but a head that fills the picture is a crop or a
    long lens rather than a camera under the actor's nose, so it is never nearer than the usual nearest distance.
    """
    usual = max(size) / (2 * np.tan(np.radians(USUAL_FOV_DEG) / 2))
    widths_px = np.linalg.norm(points_px[:, CHEEKS[0]] - points_px[:, CHEEKS[1]], axis=1)
    px_per_cm = np.percentile(widths_px, 90) / np.linalg.norm(mean_cm[CHEEKS[0]] - mean_cm[CHEEKS[1]])
    return float(max(usual, NEAREST_USUAL_CM * px_per_cm))


def mesh_points(model: FaceModel) -> tuple[Array, Array, Array]:
    """Mean (468, 3), identity modes (I, 468, 3) and expressions (52, 468, 3) at the mesh landmarks."""
    return (
        model.landmark_mean_cm[:MESH_COUNT],
        model.landmark_modes_cm[:, :MESH_COUNT],
        model.landmark_expressions_cm[:, :MESH_COUNT],
    )


def first_actor(model: FaceModel, camera: Camera, network: Response | None = None) -> Actor:
    """The mean face behind the usual camera."""
    mean, modes, _ = mesh_points(model)
    people = np.zeros(0 if network is None else len(network.people))
    return Actor(camera, FOV_SPREAD, np.zeros(len(modes)), np.zeros_like(mean), mean, people)


def key_frames(poses: Poses, points_px: Array) -> NDArray[np.int64]:
    """Indices of frames that differ most in head pose and in expression (farthest-point sampling)."""
    shape = points_px - points_px.mean(1, keepdims=True)
    shape = shape / np.sqrt((shape**2).sum((1, 2), keepdims=True))
    change = 4.0 * (shape - shape.mean(0)).reshape(len(shape), -1)
    look = np.concatenate([2.0 * poses.rotation[:, 2], 0.5 * poses.rotation[:, 0], change], 1)
    chosen = [int(np.argmin(np.linalg.norm(look - np.median(look, 0), axis=1)))]
    distance = np.linalg.norm(look - look[chosen[0]], axis=1)
    while len(chosen) < min(LARGEST_KEY_COUNT, len(look)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(look - look[chosen[-1]], axis=1))
        distance[chosen] = -1.0
    return np.sort(np.array(chosen))


def adjust(
    seen: KeyPoints,
    poses: Poses,
    actor: Actor,
    model: FaceModel,
    usual_focal: float,
    level: float,
    network: Response | None,
) -> tuple[Actor, Poses]:
    """One Gauss-Newton step of poses, focal length, identity and static offsets together, expressions held.

    `level` is the size of the points' errors in units of MediaPipe's.
    """
    mean, modes, _ = mesh_points(model)
    linear = linearise(seen.marks_cm, poses, actor.camera)
    residual = residuals_cm(seen.points_px, linear)
    weight = rough_weights(residual, visibility(seen.normals, poses.rotation)) * len(residual) ** -0.5
    trust = focal_trust(poses)
    # Errors of the points go together, so identities would follow them, and a steady smile would be taken for a shape.
    prior = Prior(usual_focal, FOV_SPREAD * trust, max(1.0, level**2 / INDEPENDENT_PART))
    every = modes if network is None else np.concatenate([modes, network.people])
    pose_step, shared, offset_step, spread = bundle_step(linear, residual, weight, every, actor, prior)
    camera = replace(actor.camera, focal_px=actor.camera.focal_px * float(np.exp(shared[0])))
    identity, people = actor.identity + shared[1 : 1 + len(modes)], actor.people + shared[1 + len(modes) :]
    offsets = actor.offsets_cm + offset_step
    points = mean + np.einsum("i,ipc->pc", identity, modes) + offsets
    return Actor(camera, spread / trust, identity, offsets, points, people), poses.moved(limited(pose_step))


@dataclass(frozen=True)
class Prior:
    """What is known of actor and camera beforehand."""

    focal_px: float
    spread: float
    """Standard deviation of the focal length's logarithm."""
    identity: float
    """Precision of the identity's parameters."""


def focal_trust(poses: Poses) -> float:
    """Above 0 to 1: how far the key frames' views differ, as far as it matters for the focal length.

    A prior narrower by this factor has the effect of evidence weaker by its square.
    """
    views = poses.rotation[:, :, 2]
    middle = views.mean(0) / np.linalg.norm(views.mean(0))
    turn_rad = np.sqrt((np.arccos(np.clip(views @ middle, -1, 1)) ** 2).mean())
    return float(np.clip(turn_rad / TELLING_TURN_RAD, 0.05, 1)) ** 2


def bundle_step(
    linear: Linearised, residual: Real, weight: Array, modes: Array, actor: Actor, prior: Prior
) -> tuple[Array, Array, Array, float]:
    """Steps of the poses (T, 6), of focal logarithm and identity (1 + I,), of the offsets (P, 3); the focal spread.

    The offsets are eliminated point by point, as points are in every bundle adjustment. Modes move the points as offsets
    do, so all that involves modes is what involves the offsets, `own` and `cross`, times the modes.
    """
    frames, points = weight.shape
    size, focal = 6 * frames + 1 + len(modes), 6 * frames
    root = np.sqrt(weight, dtype=np.float32)[:, None, None]
    rows = np.concatenate([linear.pose_rows, linear.away_rows[:, None], rows_of(residual)], 1) * root
    offset_rows = linear.point_rows * root
    toward = (offset_rows[:, :, None] * rows[:, None]).sum(3, dtype=np.float64)
    own = (offset_rows[:, :, None] * offset_rows[:, None]).sum((0, 3), dtype=np.float64).transpose(2, 0, 1)
    by_mode = np.ascontiguousarray(modes.transpose(1, 2, 0))
    cross = np.empty((points, 3, size + 1))
    cross[..., :focal] = toward[:, :, :6].transpose(3, 1, 0, 2).reshape(points, 3, focal)
    cross[..., focal] = toward[:, :, 6].sum(0).T
    cross[..., focal + 1 : size] = own @ by_mode
    cross[..., size] = toward[:, :, 7].sum(0).T

    flat = rows.reshape(frames, 8, -1)
    product = (flat @ np.swapaxes(flat, 1, 2)).astype(np.float64)
    system, right = np.zeros((size, size)), np.empty(size)
    pose = np.arange(focal).reshape(frames, 6)
    system[pose[:, :, None], pose[:, None]] = product[:, :6, :6] + 1e-6 * np.eye(6)
    system[:focal, focal] = system[focal, :focal] = product[:, :6, 6].ravel()
    system[focal, focal] = product[:, 6, 6].sum()
    with_modes = cross.reshape(-1, size + 1).T @ by_mode.reshape(-1, len(modes))
    system[:, focal + 1 :] = with_modes[:-1]
    system[focal + 1 :] = with_modes[:-1].T
    right[:focal], right[focal] = product[:, :6, 7].ravel(), product[:, 6, 7].sum()
    right[focal + 1 :] = with_modes[-1]
    precision = np.concatenate([[1 / prior.spread**2], np.full(len(modes), prior.identity)])
    wish = np.concatenate([[np.log(prior.focal_px / actor.camera.focal_px)], -actor.identity, -actor.people])
    system[range(focal, size), range(focal, size)] += precision
    right[focal:] += precision * wish

    offset_cm = OFFSET_CM * np.sqrt(frames / (frames + FEW_FRAMES))
    cross[..., size] -= actor.offsets_cm / offset_cm**2
    halved = np.linalg.inv(np.linalg.cholesky(own + np.eye(3) / offset_cm**2))
    eliminated = (halved @ cross).reshape(-1, size + 1)
    less = eliminated.T @ eliminated
    inverse = np.linalg.inv(system - less[:-1, :-1])
    step = inverse @ (right - less[:-1, -1])
    left = (eliminated[:, -1] - eliminated[:, :-1] @ step).reshape(points, 3, 1)
    offset_step = (np.swapaxes(halved, 1, 2) @ left)[..., 0]
    return step[:focal].reshape(frames, 6), step[focal:], offset_step, float(np.sqrt(inverse[focal, focal]))
