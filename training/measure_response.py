"""Measures what a trained network reports of rendered faces: how far its points follow every expression, and how it errs.

usage: python -m understudy.training.measure_response FACE_POINTS.onnx SHARD ... [-o FILE]

Networks that minimise their error draw what they are unsure of toward the usual face, so points follow an expression by
less than all of it; the solver (`inference/solve/surface_response.py`) expects them there. Take shards of pictures that
the network saw seldom or never; two thousand pictures are enough, about a minute.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..inference import face_model
from ..inference.capture.face_points import FacePointNet, region_of_face
from ..inference.media import sha256
from ..inference.solve.identity import mesh_points
from ..inference.solve.landmark_network import view_terms
from ..inference.solve.surface_response import FILE

Array = NDArray[np.float64]
SKIN = 468
VIEW_SPREAD_CM = 0.15
RESPONSE_SPREAD, RESPONSE_FLOOR_CM = 0.5, 0.01
"""Prior deviation of a response from geometry: so much of the geometric motion, and at least so much."""
PART_FOR_REAL = 0.7
"""Other faces, rendered by others or of flesh, answer between these pictures and plain geometry."""
MARK_CM, ROBUST_CM = 0.1, 0.3
"""Usual error of a point; one that is further off counts less."""
LEAST_VISIBLE = 0.5
LEAST_PLAYED = 0.02
"""Standard deviation of coefficients about which the pictures tell something."""


@dataclass(frozen=True)
class Read:
    """What the network read of S pictures, beside the truth; lengths in cm at the face."""

    off_cm: Array
    """(S, 468, 2) points minus truth, in the picture."""
    visible: Array
    """(S, 468)."""
    rotation: Array
    """(S, 3, 3)."""
    true: Array
    """(S, 52) coefficients."""
    seen: Array
    """(S, 52) as the network reads them."""


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, default=FILE)
    options = parser.parse_args()
    read = read_shards(FacePointNet("cpu", options.network), options.shards)
    arrays = measure(read)
    partial = options.out.with_name(options.out.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, schema=np.array(1), network=np.array(sha256(options.network)), **arrays)
    partial.replace(options.out)
    print(f"{len(read.true)} pictures; {options.out}: {options.out.stat().st_size} bytes")
    return 0


def read_shards(network: FacePointNet, shards: list[Path]) -> Read:
    """Every picture of the shards, cut as the tracker cuts it."""
    mean, _, _ = mesh_points(face_model.load("default"))
    parts: list[tuple[Array, ...]] = []
    for shard in tqdm(shards, unit="shard"):
        images, points, visible, rotation, true = (
            np.load(shard / f"{name}.npy", mmap_mode="r")
            for name in ("images", "points", "visible", "rotation", "coefficients")
        )
        for row in range(len(images)):
            known = points[row, :SKIN].astype(np.float64)
            found = network.read(images[row], region_of_face(points[row, :, :2].astype(np.float32)))
            off_cm = (found.points_px[:SKIN] - known[:, :2]) / px_per_cm(known, mean)
            truth = visible[row, :SKIN], rotation[row], true[row]
            parts.append((off_cm, *truth, found.coefficients))
    return Read(*(np.stack(column).astype(np.float64) for column in zip(*parts, strict=True)))


def px_per_cm(points_px: Array, mean_cm: Array) -> float:
    """Scale of a face (P, 3) in the picture, from its size as a whole."""
    return float(np.sqrt(points_px.var(0).sum() / mean_cm.var(0).sum()))


def measure(read: Read) -> dict[str, NDArray[np.float16]]:
    """The arrays of the file."""
    _, _, shapes = mesh_points(face_model.load("default"))
    terms = np.concatenate([view_terms(read.rotation), read.true], 1)
    views = terms.shape[1] - len(shapes)
    spread = RESPONSE_SPREAD * np.linalg.norm(shapes, axis=-1) + RESPONSE_FLOOR_CM
    spread = np.concatenate([np.full((views, SKIN), VIEW_SPREAD_CM), spread])
    by_point = read.rotation[:, :2] * np.array([1.0, -1.0])[:, None]
    found = np.stack([regress(read, by_point, terms, spread[:, point], point) for point in tqdm(range(SKIN))], 1)
    return {
        "expressions": (PART_FOR_REAL * found[views:]).astype(np.float16),
        "coefficients": coefficient_lines(read).astype(np.float16),
    }


def coefficient_lines(read: Read) -> Array:
    """(3, 52) the network's reading of each coefficient: offset, gain, and standard deviation of the noise."""
    lines = np.zeros((3, read.true.shape[1]))
    lines[2] = 1.0
    for n in range(read.true.shape[1]):
        if read.true[:, n].std() > LEAST_PLAYED:
            gain, offset = np.polyfit(read.true[:, n], read.seen[:, n], 1)
            left = read.seen[:, n] - offset - gain * read.true[:, n]
            lines[:, n] = offset, gain, left.std()
    return lines


def regress(read: Read, by_point: Array, terms: Array, spread_cm: Array, point: int) -> Array:
    """(K, 3) how far a point is off in head axes with each of the terms (S, K), by robust ridge regression."""
    seen = np.flatnonzero(read.visible[:, point] > LEAST_VISIBLE)
    rows = np.einsum("sac,sk->sakc", by_point[seen], terms[seen]).reshape(len(seen), 2, -1)
    target, weight = read.off_cm[seen, point], np.ones(len(seen))
    prior = np.diag(np.repeat(spread_cm, 3) ** -2.0)
    for _ in range(2):
        scaled = (rows * weight[:, None, None] / MARK_CM**2).reshape(-1, rows.shape[-1])
        step = np.linalg.solve(scaled.T @ rows.reshape(scaled.shape) + prior, scaled.T @ target.ravel())
        off = np.linalg.norm(target - rows @ step, axis=-1)
        weight = np.minimum(1.0, ROBUST_CM / np.maximum(off, 1e-9))
    return np.asarray(step.reshape(-1, 3))


if __name__ == "__main__":
    sys.exit(main())
