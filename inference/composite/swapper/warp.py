"""The swapper: brings the rendered face onto the tracked one so that its outline meets the actor's.

Inside, the avatar keeps its own proportions (a similarity puts it in place); toward the outline a thin-plate spline
bends it until avatar and actor share one contour. The render is resampled once, premultiplied, in linear light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2, enlarge, sample
from ..regions import INNER, OVAL, STEADY, face_width_px
from ..renders import Render
from ..types import Floats, Region

FloatT = TypeVar("FloatT", np.float32, np.float64)

LANDMARK_NOISE: Final = 0.01
"""Face widths; differences between two outlines below this are the landmark network's error, not shape."""
MAX_BEND: Final = 0.2
"""Face widths; a larger difference is a wrong landmark."""
_GRID_CELLS: Final = 48
"""Cells along the longer side of the grid on which the spline is computed."""
_MATTE_REACH: Final = (0.6, 1.4)
"""Shares of the way from the middle of the face to its outline between which the edge of a matte is looked for."""
_MATTE_STEPS: Final = 161
_KERNEL_PX: Final = 5
_OPAQUE: Final = 0.9999
_STIFFNESS: Final = 1e-3
IDENTITY: Final = np.eye(2, 3, dtype=np.float32)


@dataclass(frozen=True)
class Warp:
    """Where each point of the plate is in the render: similarity, then bend, then a fine affine correction first of all."""

    similarity: Floats
    """(2, 3) plate pixels to render pixels."""
    controls_px: Floats
    """(K, 2) plate points at which the bend is known."""
    bend_px: Floats
    """(K, 2) what is added to the similarity there."""
    refinement: Floats
    """(2, 3) applied to plate pixels before everything else; see `refinement`."""

    def source_of(self, points_px: Floats) -> Floats:
        """(N, 2) render points of (N, 2) plate points."""
        refined = apply_affine(self.refinement, points_px)
        placed = apply_affine(self.similarity, refined)
        if not self.bend_px.any():
            return placed
        return placed + _thin_plate(self.controls_px, self.bend_px, refined)

    def map(self, region: Region, size: tuple[int, int] | None = None) -> tuple[Floats, Floats]:
        """Source x and y (corner convention, full-size render pixels) for each pixel of a plate region.

        ``size`` (W, H) gives the map of the region shown at that size. The spline is smooth: a coarse grid is enough.
        """
        width, height = size or (region.width, region.height)
        step = -(-max(width, height) // _GRID_CELLS)
        # One cell more all around: then every pixel lies between middles of cells, and linear maps are exact.
        columns, rows = (-(-side // step) + 2 for side in (width, height))
        x, y = ((np.arange(count) - 0.5) * step for count in (columns, rows))
        shown = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        plate = shown * (region.width / width, region.height / height) + region.origin_px
        source = self.source_of(plate.astype(np.float32)).reshape(rows, columns, 2)
        fine = enlarge(source, (columns * step, rows * step))[step : step + height, step : step + width]
        return np.ascontiguousarray(fine[..., 0]), np.ascontiguousarray(fine[..., 1])


def fit_warp(
    actor_px: Floats,
    avatar_px: Floats,
    refinement: Floats = IDENTITY,
    bend_strength: float = 1.0,
    shift_px: Floats | None = None,
    outline_px: Floats | None = None,
) -> Warp:
    """The warp that takes an avatar with landmarks (478, 2) onto an actor with landmarks (478, 2).

    ``shift_px`` (2,) is how far the inside of the face would then lie off in the plate, see `closed_loop`; it is taken
    back while the outline stays. ``outline_px`` (36, 2), see `outline_of_matte`, is where the avatar's outline goes instead of
    the actor's.
    """
    steady = [*STEADY, *OVAL]
    similarity = fit_similarity(actor_px[steady], avatar_px[steady])
    if shift_px is not None:
        similarity = chain(similarity, np.column_stack([np.eye(2, dtype=np.float32), shift_px]))
    width = face_width_px(actor_px)
    noise = LANDMARK_NOISE * width if outline_px is None else 0.0
    goal = actor_px[list(OVAL)] if outline_px is None else outline_px
    bend = avatar_px[list(OVAL)] - apply_affine(similarity, goal)
    length = np.linalg.norm(bend, axis=1, keepdims=True)
    wanted = np.minimum(np.maximum(length - noise, 0), MAX_BEND * width)
    bend *= bend_strength * wanted / np.maximum(length, 1e-6)
    controls = np.concatenate([goal, actor_px[list(INNER)]])
    bends = np.concatenate([bend, np.zeros((len(INNER), 2), np.float32)])
    return Warp(similarity, controls.astype(np.float32), bends.astype(np.float32), refinement)


def outline_of_matte(matte: Floats, points_px: Floats) -> Floats:
    """(36, 2) where a matte (H, W) ends on the way from the middle of the face out through each point of its outline.

    Points (478, 2) in pixels of the matte. Where it does not end anywhere near, the actor's own outline stays.
    """
    outline = points_px[list(OVAL)]
    centre = outline.mean(0)
    reach = np.linspace(*_MATTE_REACH, _MATTE_STEPS, dtype=np.float32)
    rays = centre + reach[:, None, None] * (outline - centre)
    inside = sample(matte, np.ascontiguousarray(rays[..., 0]), np.ascontiguousarray(rays[..., 1])) >= 0.5
    # From outside, so that holes do not count.
    last = len(reach) - 1 - np.argmax(inside[::-1], axis=0)
    ends = inside.any(0) & ~inside[-1] & inside[0]
    share = np.where(ends, reach[last] + 0.5 * (reach[1] - reach[0]), 1)
    share = (np.roll(share, 1) + 2 * share + np.roll(share, -1)) / 4
    found: Floats = centre + share[:, None] * (outline - centre)
    return found.astype(np.float32)


def stay(points_px: Floats) -> Warp:
    """The warp that leaves the render where it is."""
    return Warp(IDENTITY, points_px[:1], np.zeros((1, 2), np.float32), IDENTITY)


def warp_render(render: Render, warp: Warp, region: Region) -> tuple[Floats, Floats]:
    """The render as the plate's region sees it: linear RGB (H, W, 3), straight, and alpha (H, W)."""
    x, y = warp.map(region)
    x -= np.float32(render.region.x)
    y -= np.float32(render.region.y)
    # Only the part that is looked at is taken to linear light.
    left, top = (max(0, int(axis.min()) - _KERNEL_PX) for axis in (x, y))
    light = render.light(
        slice(top, max(top, int(y.max()) + _KERNEL_PX)), slice(left, max(left, int(x.max()) + _KERNEL_PX))
    )
    if not light.size:
        return np.zeros((*x.shape, 3), np.float32), np.zeros(x.shape, np.float32)
    x -= np.float32(left)
    y -= np.float32(top)
    warped = sample(light, x, y, sharp=True)
    alpha = np.clip(cv2.extractChannel(warped, 3), 0, 1)
    rgb: Floats = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    np.maximum(rgb, 0, out=rgb)
    edge = (alpha > 0) & (alpha < _OPAQUE)
    rgb[edge] /= np.maximum(alpha[edge], 1 / 255)[:, None]
    return rgb, alpha


def fit_similarity(source: Floats, target: Floats) -> Floats:
    """(2, 3) least-squares rotation, scale and shift from (N, 2) to (N, 2)."""
    centre, goal = source.mean(0), target.mean(0)
    a, b = source - centre, target - goal
    norm = float((a * a).sum())
    cosine = float((a * b).sum()) / norm
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, goal - linear @ centre]).astype(np.float32)


def apply_affine(affine: Floats, points: Floats) -> Floats:
    """(N, 2) points through a (2, 3) affine."""
    moved: Floats = points @ affine[:, :2].T + affine[:, 2]
    return moved


def chain(first: NDArray[FloatT], then: NDArray[FloatT]) -> NDArray[FloatT]:
    """The affine (2, 3) that applies ``then`` to a point and ``first`` to the result."""
    linear = first[:, :2]
    return np.column_stack([linear @ then[:, :2], linear @ then[:, 2] + first[:, 2]]).astype(first.dtype)


def inverse(affine: NDArray[FloatT]) -> NDArray[FloatT]:
    """The affine (2, 3) that undoes one."""
    linear = np.linalg.inv(affine[:, :2].astype(float))
    return np.column_stack([linear, -linear @ affine[:, 2]]).astype(affine.dtype)


def _thin_plate(controls: Floats, values: Floats, points: Floats) -> Floats:
    """Thin-plate spline without its affine part, which the similarity already holds: it fades with the bends.

    Bookstein, "Principal warps", 1989; kernel r^2 log r, lightly smoothed.
    """
    centre = controls.mean(0)
    size = float(np.abs(controls - centre).max())
    places, wanted = (controls - centre) / size, (points - centre) / size
    count = len(places)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(places, places) + _STIFFNESS * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), places])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))])).astype(np.float32)
    basis = np.column_stack([_kernel(wanted, places), np.ones(len(wanted)), wanted]).astype(np.float32)
    return basis @ weights


def _kernel(a: Floats, b: Floats) -> Floats:
    squared = np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 1e-12)
    bent: Floats = 0.5 * squared * np.log(squared)
    return bent
