"""What the pixels of the skin say about head and face: samples, their average, and normal equations per frame.

Every frame is moved so that the skin looks as it looks on average (Lucas and Kanade 1981); derivatives are the mean of
the frame's own and of the average's (Benhimane and Malis 2004), since the frame's own are noisy and therefore steps
made from them alone are too short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..solve.geometry import Array, Poses, chunks
from .appearance import ROBUST, STEPS_PER_UNIT, Texture, normalised, robust, sample
from .crops import FaceCrops, stored
from .skin import ActorSkin, Placed, Single

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
    """(T, S, 2) per cm along the tangents of the skin."""
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
        placed = skin.placed(state.coefficients[part], state.poses[part])
        places = crops.to_crop(placed.points_px, part)
        inside = ((places > EDGE_PX) & (places < layer.shape[1] - EDGE_PX)).all(-1)
        seen[part] = placed.seen * inside
        for n, t in enumerate(range(frames)[part]):
            value[t], by_px = sample(layer[t], places[n])
            by_px *= np.float32(crops.scale[t])
            change[t] = by_px[:, None, 0] * placed.by_tangent[n, :, 0] + by_px[:, None, 1] * placed.by_tangent[n, :, 1]
    return Samples(value, change, seen)


def average(samples: Samples) -> Texture:
    """The actor's skin as most frames show it."""
    value, seen = samples.value.astype(np.float32), samples.seen.astype(np.float32)
    weight, well = seen, seen > 0.5
    noise = 1.0
    for _ in range(AVERAGING_ROUNDS):
        mean = np.einsum("ts,ts->s", value, weight) / np.maximum(weight.sum(0), 1e-6)
        off = value - mean
        noise = max(1.4826 * float(np.median(np.abs(off[well]))), 1 / STEPS_PER_UNIT) if well.any() else 1.0
        weight = seen * robust(off, noise)
    total = np.maximum(weight.sum(0), 1e-6)
    change = np.stack([np.einsum("ts,ts->s", weight, samples.change[..., n].astype(np.float32)) for n in (0, 1)], -1)
    known = np.clip((seen > 0.3).sum(0) / FRAMES_NEEDED, 0.0, 1.0)
    return Texture(mean, change / total[:, None], known.astype(np.float32), noise)


def in_picture(change: Single, placed: Placed) -> Single:
    """(T, S, 2) change per pixel of a look that changes so much, (T, S, 2), per cm along the tangents of the skin."""
    (a, b), (c, d) = np.moveaxis(placed.by_tangent, (-2, -1), (0, 1))
    area = a * d - b * c
    least = LEAST_FORESHORTENING * np.square(placed.by_place[..., 0, 0])
    area = np.where(np.abs(area) < least, np.copysign(least, area), area)
    first, second = change[..., 0], change[..., 1]
    return np.stack([(d * first - c * second) / area, (a * second - b * first) / area], -1)


@dataclass(frozen=True)
class Looks:
    """How the looks of S points in some frames differ from the average and change, all times the root of the weight."""

    placed: Placed
    weight: Single
    """(T, S) its root."""
    pull: Single
    """(T, S) average minus frame."""
    change: Single
    """(T, S, 2) per pixel."""
    by_point: Single
    """(T, S, 3) per cm in head axes."""
    by_place: Single
    """(T, S, 3) per cm in camera-aligned axes."""
    by_turn: Single
    """(T, S, 3) per radian."""

    def rows(self, skin: ActorSkin, frame: int) -> Single:
        """(S, 58) change with the 52 coefficients and the 6 of the pose (`Poses.moved`)."""
        rows = np.empty((self.pull.shape[1], 58), np.float32)
        shapes, by_point = rows[:, :52], self.by_point[frame]
        np.multiply(by_point[:, 0, None], skin.by_axis[0], out=shapes)
        shapes += by_point[:, 1, None] * skin.by_axis[1]
        shapes += by_point[:, 2, None] * skin.by_axis[2]
        rows[:, 52:55], rows[:, 55:] = self.by_turn[frame], self.by_place[frame]
        return rows


def looks(samples: Samples, texture: Texture, skin: ActorSkin, state: State, part: slice) -> Looks:
    """Compare some frames with the average."""
    placed = skin.placed(state.coefficients[part], state.poses[part])
    missing = texture.value - samples.value[part].astype(np.float32)
    weight = samples.seen[part].astype(np.float32) * texture.known * robust(missing, texture.noise)
    weight = np.sqrt(weight * np.float32(INDEPENDENT_PART)) / np.float32(texture.noise)
    change = in_picture((texture.change + samples.change[part].astype(np.float32)) / 2, placed) * weight[..., None]
    across, down = change[..., 0, None], change[..., 1, None]
    by_point = across * placed.by_point[..., 0, :] + down * placed.by_point[..., 1, :]
    by_place = across * placed.by_place[..., 0, :] + down * placed.by_place[..., 1, :]
    return Looks(placed, weight, missing * weight, change, by_point, by_place, np.cross(placed.turned_cm, by_place))


def normal_equations(samples: Samples, texture: Texture, skin: ActorSkin, state: State) -> tuple[Array, Array]:
    """(T, 58, 58), (T, 58) for steps of the 52 coefficients and the 6 of the pose (`Poses.moved`)."""
    frames = len(samples.value)
    hessian, gradient = np.empty((frames, 58, 58)), np.empty((frames, 58))
    for part in chunks(frames):
        look = looks(samples, texture, skin, state, part)
        for n, t in enumerate(range(frames)[part]):
            rows = look.rows(skin, n)
            hessian[t] = rows.T @ rows
            gradient[t] = rows.T @ look.pull[n]
    return hessian, gradient


def misfit(samples: Samples, texture: Texture) -> Array:
    """(T,) how badly each frame's skin fits the average: half the robust squares, in the units of the evidence."""
    off = samples.value - texture.value
    square = (ROBUST * texture.noise) ** 2
    cost = 0.5 * off**2 / (1.0 + off**2 / square) / texture.noise**2
    return np.asarray((cost * samples.seen * texture.known).sum(1) * INDEPENDENT_PART, np.float64)
