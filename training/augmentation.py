"""Crops as the tracker takes them, and the harm that cameras and codecs do to them. Pictures (H, W, 3) u1 RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference.capture.region import Region

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator

SCALE, SHIFT, TURN_RAD = (0.90, 1.14), 0.045, 0.14


def jittered(region: Region, rng: Rng) -> Region:
    """Somewhere near where the tracker would look."""
    side = region.size_px[0] * rng.uniform(*SCALE)
    x, y = np.array(region.centre_px) + rng.normal(0, SHIFT, 2).clip(-0.1, 0.1) * side
    turn = float(np.clip(rng.normal(0, TURN_RAD), -0.4, 0.4))
    return Region((float(x), float(y)), (side, side), region.angle_rad + turn)


def harmed(picture: Picture, rng: Rng) -> Picture:
    """Light, lens, sensor and codec of an ordinary camera, each of them now and then."""
    picture = graded(picture, rng)
    side = picture.shape[0]
    if rng.random() < 0.35:
        small = int(rng.uniform(0.3, 0.85) * side)
        lens = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
        little = cv2.resize(picture, (small, small), interpolation=lens)
        little = coded(noisy(little, rng), rng)
        picture = cv2.resize(little, (side, side), interpolation=cv2.INTER_LINEAR)
    else:
        picture = coded(noisy(blurred(picture, rng), rng), rng)
    return picture


def graded(picture: Picture, rng: Rng) -> Picture:
    """Exposure, contrast, cast and saturation."""
    gain = np.exp(rng.normal(0, 0.18) + rng.normal(0, 0.05, 3))
    gamma, lift = np.exp(rng.normal(0, 0.18)), rng.uniform(-0.04, 0.06)
    steps = np.arange(256) / 255.0
    table = np.stack([np.clip(g * (steps**gamma) * (1 - lift) + lift, 0, 1) for g in gain], 1)
    picture = cv2.LUT(picture, (255 * table + 0.5).astype(np.uint8)[None])
    if rng.random() < 0.35:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        kept = 0.0 if rng.random() < 0.15 else float(rng.uniform(0.3, 1.5))
        picture = cv2.addWeighted(picture, kept, grey, 1 - kept, 0)
    return np.asarray(picture, np.uint8)


def blurred(picture: Picture, rng: Rng) -> Picture:
    """Out of focus, or moved."""
    kind = rng.random()
    if kind < 0.25:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 2.2))), np.uint8)
    if kind < 0.35:
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        arm = 0.5 * (length - 1) * np.array([np.cos(angle), np.sin(angle)])
        middle = (length - 1) / 2
        ends = [tuple(round(middle + sign * float(a)) for a in arm) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)
    return picture


def noisy(picture: Picture, rng: Rng) -> Picture:
    """A sensor's grain, of each pixel or of a few together."""
    if rng.random() > 0.6:
        return picture
    height, width = picture.shape[:2]
    grain = np.empty((height, width, 3), np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(grain, 0, float(rng.exponential(4.0) + 0.5))
    if rng.random() < 0.3:
        grain = cv2.blur(grain, (2, 2))
    return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)


def coded(picture: Picture, rng: Rng) -> Picture:
    """Blocks and smeared colour of a codec."""
    if rng.random() > 0.45:
        return picture
    quality = int(rng.uniform(18, 90))
    _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def covered(picture: Picture, points: Floats, rng: Rng) -> tuple[Picture, NDArray[np.bool_]]:
    """Something before the face, and which of the points (P, 2) in pixels it hides."""
    side = picture.shape[0]
    mask = np.zeros(picture.shape[:2], np.uint8)
    centre = points[rng.integers(len(points))] + rng.normal(0, 0.1 * side, 2)
    axes = rng.uniform(0.05, 0.22, 2) * side
    corners = cv2.ellipse2Poly(
        (int(centre[0]), int(centre[1])), (int(axes[0]), int(axes[1])), int(rng.integers(180)), 0, 360, 30
    )
    corners = corners + rng.normal(0, 0.02 * side, corners.shape).astype(np.int32)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 255)
    fill = np.roll(picture[::-1], int(rng.integers(side)), 1) if rng.random() < 0.5 else rng.integers(0, 256, 3)
    result = np.where(mask[..., None] > 0, fill, picture).astype(np.uint8)
    x, y = (np.clip(points[:, axis], 0, side - 1).astype(int) for axis in (0, 1))
    return result, mask[y, x] > 0


def cut(picture: Picture, points: Floats, rng: Rng) -> tuple[Picture, NDArray[np.bool_]]:
    """The face at an edge of the picture, whose last pixels repeat, and which of the points (P, 2) lie beyond it."""
    side, turns = picture.shape[0], int(rng.choice([0, 0, 0, 1, 2, 3]))  # mostly the lower edge
    picture = np.ascontiguousarray(np.rot90(picture, turns))
    last = int(side * rng.uniform(0.72, 0.97))
    slope = rng.normal(0, 0.08)
    columns = np.arange(side)
    edge = np.clip(last + slope * (columns - side / 2), 1, side - 1).astype(int)
    rows = np.minimum(np.arange(side)[:, None], edge[None])
    result = picture[rows, columns[None]]
    x, y = np.clip(points, 0, side - 1).astype(int).T
    beyond = np.rot90(np.arange(side)[:, None] > edge[None], -turns)
    return np.ascontiguousarray(np.rot90(result, -turns)), beyond[y, x]
