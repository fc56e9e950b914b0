"""What the pixels of the skin say about head and face: samples, their average, and normal equations per frame.

Every frame is moved so that the skin looks as it looks on average (Lucas and Kanade 1981); derivatives are the mean of
the frame's own and of the average's (Benhimane and Malis 2004), since the frame's own are noisy and therefore steps
made from them alone are too short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..solve.geometry import Array, Linearised, Poses, chunks
from .appearance import ROBUST, Texture, normalised, robust, sample
from .crops import FaceCrops, stored
from .skin import ActorSkin

INDEPENDENT_PART = 0.5
"""Errors of neighbouring points go together (light, folds that the model lacks): so many of them are worth one."""
FRAMES_NEEDED = 3
"""A point seen in fewer frames has no average that could say anything."""
AVERAGING_ROUNDS = 3
EDGE_PX = 2.0
LEAST_FORESHORTENING = 0.1


@dataclass(frozen=True)
class Samples:
    """The look of every skin point in every frame."""

    value: NDArray[np.float16]
    """(T, S)."""
    change: NDArray[np.float16]
    """(T, S, 2) per cm along the picture's axes."""
    seen: NDArray[np.float16]
    """(T, S) 0..1."""


@dataclass(frozen=True)
class State:
    """The estimate that is being refined: one entry per frame."""

    coefficients: Array
    poses: Poses


def pictures(crops: FaceCrops, sigma_cm: float, px_per_cm: Array) -> NDArray[np.int8]:
    """(T, side, side) the structure of one size on the face, frame by frame, in a temporary file."""
    found = stored(crops.grey.shape, np.int8)
    for t, grey in enumerate(crops.grey):
        found[t] = normalised(grey, float(sigma_cm * px_per_cm[t] * crops.scale[t]))
    return found


def take_samples(crops: FaceCrops, layer: NDArray[np.int8], skin: ActorSkin, state: State) -> Samples:
    """Look at every point where the state says that it is."""
    frames, points = len(crops.grey), len(skin.neutral_cm)
    value = np.empty((frames, points), np.float16)
    change = np.empty((frames, points, 2), np.float16)
    seen = np.empty((frames, points), np.float16)
    for part in chunks(frames):
        linear, visible = skin.placed(state.coefficients[part], state.poses[part])
        places = crops.to_crop(linear.points_px, part)
        inside = ((places > EDGE_PX) & (places < layer.shape[1] - EDGE_PX)).all(-1)
        per_cm = linear.px_per_cm * crops.scale[part]
        seen[part] = visible * inside
        for n, t in enumerate(range(frames)[part]):
            value[t], by_px = sample(layer[t], places[n])
            change[t] = by_px * per_cm[n]
    return Samples(value, change, seen)


def average(samples: Samples, skin: ActorSkin, state: State) -> Texture:
    """The actor's skin as most frames show it."""
    value, seen = samples.value.astype(np.float32), samples.seen.astype(np.float32)
    weight = seen
    noise = 1.0
    for _ in range(AVERAGING_ROUNDS):
        mean = (value * weight).sum(0) / np.maximum(weight.sum(0), 1e-6)
        off = np.abs(value - mean)
        noise = max(1.4826 * float(np.median(off[seen > 0.5])), 1e-3) if (seen > 0.5).any() else 1.0
        weight = seen * robust(value - mean, noise).astype(np.float32)
    total = np.zeros((len(mean), 2))
    for part in chunks(len(value)):
        linear, _ = skin.placed(state.coefficients[part], state.poses[part])
        along = linear.by_point @ skin.tangents
        total += np.einsum(
            "ts,tsa,tsab->sb", weight[part], samples.change[part].astype(np.float64), along, optimize=True
        )
    by_surface = total / np.maximum(weight.sum(0), 1e-6)[:, None]
    known = np.clip((seen > 0.3).sum(0) / FRAMES_NEEDED, 0.0, 1.0)
    return Texture(mean.astype(np.float64), by_surface, known, noise)


def expected_change(texture: Texture, skin: ActorSkin, linear: Linearised) -> Array:
    """(T, S, 2) change per cm along the picture's axes that the average skin has in these views."""
    along = linear.by_point @ skin.tangents
    (a, b), (c, d) = np.moveaxis(along, (-2, -1), (0, 1))
    area = a * d - b * c
    area = np.where(np.abs(area) < LEAST_FORESHORTENING, np.copysign(LEAST_FORESHORTENING, area), area)
    first, second = texture.by_surface.T
    return np.asarray(np.stack([d * first - c * second, a * second - b * first], -1) / area[..., None])


def normal_equations(samples: Samples, texture: Texture, skin: ActorSkin, state: State) -> tuple[Array, Array]:
    """(T, 58, 58), (T, 58) for steps of the 52 coefficients and the 6 of the pose (`Poses.moved`)."""
    frames = len(samples.value)
    hessian, gradient = np.empty((frames, 58, 58)), np.empty((frames, 58))
    for part in chunks(frames):
        linear, _ = skin.placed(state.coefficients[part], state.poses[part])
        change = (expected_change(texture, skin, linear) + samples.change[part]) / 2
        missing = texture.value - samples.value[part]
        weight = samples.seen[part] * texture.known * robust(missing, texture.noise)
        weight = np.sqrt(weight * INDEPENDENT_PART) / texture.noise
        change = change * weight[..., None]
        by_point = np.einsum("tsa,tsac->tsc", change, linear.by_point).astype(np.float32)
        by_pose = np.einsum("tsa,tsak->tsk", change, linear.by_pose).astype(np.float32)
        pull = (missing * weight).astype(np.float32)
        rows = np.empty((pull.shape[1], 58), np.float32)
        for n, t in enumerate(range(frames)[part]):
            rows[:, :52] = by_point[n, :, 0, None] * skin.by_axis[0]
            rows[:, :52] += by_point[n, :, 1, None] * skin.by_axis[1]
            rows[:, :52] += by_point[n, :, 2, None] * skin.by_axis[2]
            rows[:, 52:] = by_pose[n]
            hessian[t] = rows.T @ rows
            gradient[t] = rows.T @ pull[n]
    return hessian, gradient


def misfit(samples: Samples, texture: Texture) -> Array:
    """(T,) how badly each frame's skin fits the average: half the robust squares, in the units of the evidence."""
    off = samples.value - texture.value
    square = (ROBUST * texture.noise) ** 2
    cost = 0.5 * off**2 / (1.0 + off**2 / square) / texture.noise**2
    return np.asarray((cost * samples.seen * texture.known).sum(1) * INDEPENDENT_PART, np.float64)
