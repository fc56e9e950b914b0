"""The light of a shot from the actor's face: shading of fitted normals over many frames, albedo unknown.

What a side of the face shows more than its mirror image comes from the light; what both show alike may be the skin's
own colour, so only that part of the differences between points is ever given to the skin. The lamp's direction is found
by trying many: for each, ambient, gradient and lamp are a linear least-squares fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..face_model.types import FaceModel
from ..media.reader import read_frames
from ..media.types import Image
from ..progress import Progress, silent
from ..take import Take
from ..texture.layout import Array, face_surface
from ..texture.views import ActorFace, linear, plain_skin
from .types import ShotLight, shot_light

FRAMES = 32
LEAST_POINTS = 200
BLUR_CM = 0.25
"""Finer structure is skin, not light."""
DIRECTIONS = 500
TRIED_ON = 6000
"""Looks on which directions are tried; more change nothing."""
FARTHEST_BACK = -0.35
"""Lamps further behind the face (z of their direction) hardly light what the camera sees."""
ROUNDS = 5
SKIN_SHARE = 0.6
"""So much of what both sides of the face show alike is taken for the skin's own colour."""
SKIN_RANGE = 0.35
"""Natural logarithm of how far skin is from its own average."""
GRADIENT_COST = 0.05
"""The lamp explains what it can; the gradient takes the rest."""
TINT_COST = 0.05
"""Shadows of skin are redder than its lights, whatever the light: coloured light must show clearly."""
ROBUST = 2.0
CLIPPED = 0.98


@dataclass(frozen=True)
class _Samples:
    """N looks at V points of the skin."""

    colour: NDArray[np.float32]
    """(N, 3) linear."""
    normal: NDArray[np.float32]
    """(N, 3) camera-aligned."""
    vertex: NDArray[np.int64]
    """(N,)."""
    weight: NDArray[np.float32]
    """(N,)."""


def estimate_light(take: Take, footage: Path, model: FaceModel, progress: Progress = silent) -> ShotLight:
    """The light of the shot; raises InputError where the footage shows too little of the face."""
    face = ActorFace(take, model)
    rows = face.good_frames()
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, FRAMES).round().astype(int))]
    place = {int(take.frame_index[row]): row for row in rows}
    plain = np.flatnonzero(plain_skin(face.points_cm))
    found, done = [], 0
    for frame in read_frames(footage, min(place), max(place) + 1, exact_colours=False):
        if frame.index in place:
            found.append(_look(frame.rgb, face, place[frame.index], plain))
            done += 1
            progress("light", done, len(place))
    if not found:
        raise InputError(f"{footage} is shorter than the take; choose the video that was tracked.")
    samples = _Samples(*(np.concatenate([getattr(look, name) for look in found]) for name in _Samples.__annotations__))
    if len(samples.vertex) < LEAST_POINTS:
        raise InputError("The footage shows too little of the face to tell its light; choose another shot.")
    return fit_light(samples.colour, samples.normal, samples.vertex, samples.weight, len(found))


def _look(rgb: Image, face: ActorFace, row: int, plain: NDArray[np.int64]) -> _Samples:
    view = face.view(row)
    picture = cv2.GaussianBlur(linear(rgb.astype(np.float32) / 255), (0, 0), max(BLUR_CM * view.px_per_cm, 0.7))
    x, y = (view.points_px[plain] - 0.5).T
    colour = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    weight = view.weight[plain] * (colour.max(axis=1) < CLIPPED)
    seen = weight > 0
    return _Samples(colour[seen], view.normals[plain][seen], plain[seen], weight[seen])


def fit_light(
    colour: NDArray[np.floating[Any]],
    normal: NDArray[np.floating[Any]],
    vertex: NDArray[np.int64],
    weight: NDArray[np.floating[Any]],
    frames: int = 1,
) -> ShotLight:
    """The light behind N looks (N, 3) in linear RGB at normals (N, 3) of the vertices (N,) of the dense face."""
    colour, normal = np.asarray(colour, np.float64), np.asarray(normal, np.float64)
    grey = colour.mean(axis=1)
    grey = grey / np.median(grey)
    skin = np.ones(len(face_surface().uv))
    trust = np.asarray(weight, np.float64)
    direction, values = np.array([0.0, 0.0, 1.0]), np.zeros(5)
    for _ in range(ROUNDS):
        direction, values = _lamp(grey, normal, skin[vertex], trust)
        shown = _columns(normal, direction) @ values
        ratio = np.log(np.maximum(grey, 1e-3) / np.maximum(shown, 1e-2))
        skin = _skin_colour(ratio, vertex, weight)
        off = grey - skin[vertex] * shown
        usual = 1.4826 * np.median(np.abs(off)) + 1e-6
        trust = weight / (1 + (off / (ROBUST * usual)) ** 2) ** 2
    columns = _columns(normal, direction) * skin[vertex][:, None]
    channels = np.stack([_tinted(columns, colour[:, c], trust, values) for c in range(3)])
    return _exposed(channels, direction, frames, float(usual))


def _columns(normal: Array, direction: Array) -> Array:
    """(N, 5): ambient, gradient along three axes, lamp."""
    return np.column_stack([np.ones(len(normal)), normal, np.maximum(normal @ direction, 0.0)])


def _solved(columns: Array, shown: Array, trust: Array) -> Array:
    """(5,) weighted least squares with a little cost on the gradient; ambient and lamp are never negative."""
    cost = GRADIENT_COST * trust.sum() * np.diag([1e-4, 1.0, 1.0, 1.0, 1e-4])
    left = columns.T @ (columns * trust[:, None]) + cost
    right = columns.T @ (shown * trust)
    values = np.linalg.solve(left, right)
    for held in (0, 4):
        if values[held] < 0:
            free = [k for k in range(5) if k != held]
            values = np.zeros(5)
            values[free] = np.linalg.solve(left[np.ix_(free, free)], right[free])
    return np.asarray(values)


def _tinted(columns: Array, shown: Array, trust: Array, grey: Array) -> Array:
    """(5,) of one channel: the grey light's, less of this colour or more, as far as the face clearly shows it."""
    expected = grey * (trust * shown).sum() / (trust * (columns @ grey)).sum()
    cost = TINT_COST * trust.sum() * np.eye(5)
    left = columns.T @ (columns * trust[:, None]) + cost
    return np.asarray(expected + np.linalg.solve(left, columns.T @ (trust * (shown - columns @ expected))))


def _lamp(grey: Array, normal: Array, skin: Array, trust: Array) -> tuple[Array, Array]:
    """The direction whose fit leaves least, and its five values."""
    best, found = np.inf, (np.array([0.0, 0.0, 1.0]), np.zeros(5))
    step = max(len(grey) // TRIED_ON, 1)
    grey, normal, skin, trust = grey[::step], normal[::step], skin[::step], trust[::step]
    for direction in _directions():
        columns = _columns(normal, direction) * skin[:, None]
        values = _solved(columns, grey, trust)
        off = grey - columns @ values
        left = float((trust * off**2).sum() + GRADIENT_COST * trust.sum() * (values[1:4] ** 2).sum())
        if left < best:
            best, found = left, (direction, values)
    return found


def _directions() -> Array:
    """(D, 3) unit vectors evenly over the part of the sphere that can light a face (Fibonacci lattice)."""
    index = np.arange(DIRECTIONS) + 0.5
    z = 1 - index / DIRECTIONS * (1 - FARTHEST_BACK)
    turn = np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - z**2)
    return np.column_stack([across * np.cos(turn), across * np.sin(turn), z])


def _skin_colour(ratio: Array, vertex: NDArray[np.int64], weight: NDArray[np.floating[Any]]) -> Array:
    """(V,) relative albedo of every vertex: what it shows more than the light makes of it, as far as its mirror image does."""
    uv = face_surface().uv
    total = np.bincount(vertex, weight, len(uv))
    own = np.bincount(vertex, weight * ratio, len(uv)) / np.maximum(total, 1e-9)
    mirror = _mirror()
    both = (total > 0) & (total[mirror] > 0)
    alike = np.where(both, 0.5 * (own + own[mirror]), 0.0)
    alike -= np.average(alike, weights=total)
    return np.asarray(np.exp(SKIN_SHARE * np.clip(alike, -SKIN_RANGE, SKIN_RANGE)))


@cache
def _mirror() -> NDArray[np.int64]:
    """(V,) the vertex across the middle of the face."""
    uv = face_surface().uv
    mirrored = uv * [-1, 1] + [1, 0]
    nearest = np.empty(len(uv), np.int64)
    for start in range(0, len(uv), 1024):
        part = mirrored[start : start + 1024]
        nearest[start : start + 1024] = ((part[:, None] - uv[None]) ** 2).sum(2).argmin(1)
    return nearest


def _exposed(channels: Array, direction: Array, frames: int, misfit: float) -> ShotLight:
    """(3, 5) values per channel as a light: grey on the whole, the brightest visible normal at 1."""
    ahead = _directions()
    ahead = ahead[ahead[:, 2] > 0.2]
    white = _columns(ahead, direction) @ channels.T
    # The mean colour of the light cannot be told from that of the skin: the camera's white balance is believed.
    channels = channels / white.mean(axis=0)[:, None]
    channels = channels / (_columns(ahead, direction) @ channels.mean(axis=0)).max()
    return shot_light(channels[:, 0], channels[:, 1:4], channels[:, 4], direction, frames, misfit)
