"""The classic 68 points of ICT-FaceKit out of the 478 landmarks, and how far they are from the true ones.

    python benchmarks/points68.py ICT_FOLDER      makes points68.json anew

Each of the 68 vertices is a sum of its eight nearest landmarks on ICT-FaceKit's surface; the weights add up to 1 and
were chosen so that it stays in place over the mean face, all shapes and all identities (ridge). Sums of points move
with the camera as their points do, so they hold in pictures. On random faces this costs 0.16 % of the distance of the
outer eye corners, and independent noise becomes smaller on average (0.87). Nothing is subtracted: where a network puts its points
elsewhere on a face than ICT-FaceKit's topology does, that counts as its error.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

TABLE: Final = Path(__file__).with_suffix(".json")
NEIGHBOURS: Final = 8
RIDGE_CM2: Final = 1e-3
"""Of 1e-4 to 1e-2 the one whose sums do not amplify noise and still lose little."""
OUTER_EYE_CORNERS: Final = (36, 45)
PICTURE_PX: Final = 512
"""Width of the picture that pixel errors are told for."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PointError:
    """Distances of found points from true ones."""

    mean_px: float
    """Pixels of a picture 512 px wide."""
    median_px: float
    p95_px: float
    share_of_eyes: float
    """Mean distance as a share of the distance of the outer eye corners (NME)."""


@cache
def _table() -> tuple[NDArray[np.int64], Array]:
    stored = json.loads(TABLE.read_text("utf-8"))
    return np.array(stored["landmarks"], np.int64), np.array(stored["weights"], np.float64)


def classic68(landmarks_px: NDArray[np.floating]) -> Array:
    """(..., 68, 2) of (..., 478, 2) landmarks."""
    near, weights = _table()
    return np.einsum("pk,...pkc->...pc", weights, landmarks_px[..., near, :].astype(np.float64))


def error68(found_px: NDArray[np.floating], true_px: NDArray[np.floating], width_px: int) -> PointError:
    """Error of (T, 68, 2) points in a picture of this width; lost frames (NaN) are left out."""
    distance = np.linalg.norm(found_px.astype(np.float64) - true_px, axis=2)
    first, second = (true_px[:, corner] for corner in OUTER_EYE_CORNERS)
    share = distance / np.linalg.norm(second - first, axis=1)[:, None]
    seen = np.isfinite(distance).all(axis=1)
    if not seen.any():
        return PointError(*[float("nan")] * 4)
    at_512 = distance[seen] * PICTURE_PX / width_px
    return PointError(
        mean_px=float(at_512.mean()),
        median_px=float(np.median(at_512)),
        p95_px=float(np.percentile(at_512, 95)),
        share_of_eyes=float(share[seen].mean()),
    )


def _weights(target: Array, source: Array) -> Array:
    """(68, K) with sources (S, 68, K, 3) around targets (S, 68, 3): least squares over all samples, rows add up to 1."""
    apart = source - target[:, :, None]
    normal = np.einsum("spkc,splc->pkl", apart, apart) + RIDGE_CM2 * np.eye(source.shape[2])
    weights = np.linalg.solve(normal, np.ones((*source.shape[1:3], 1)))[..., 0]
    return np.asarray(weights / weights.sum(1, keepdims=True))


def build(folder: Path) -> None:
    """Choose neighbours and weights on ICT-FaceKit, and write the table."""
    from understudy.inference.face_model.assembly import ict_landmarks
    from understudy.inference.face_model.ict_folder import read_ict

    ict = read_ict(folder, with_identity=True)
    known = ict_landmarks()
    corners, weights = known["corners"], known["weights"].astype(np.float64)
    moves = np.concatenate([[ict.shapes_cm[name] for name in ict.shapes_cm], ict.identity_cm]).astype(np.float64)
    moves[: len(ict.shapes_cm)] /= 2
    faces = np.concatenate([ict.neutral_cm[None], moves])
    source = np.einsum("vk,svkc->svc", weights, faces[:, corners])
    target = faces[:, ict.landmarks68]
    jaw = 1 + list(ict.shapes_cm).index("jawOpen")
    apart = [
        np.linalg.norm((target[0] + shift_t)[:, None] - (source[0] + shift_s)[None], axis=2)
        for shift_t, shift_s in ((0.0, 0.0), (2 * target[jaw], 2 * source[jaw]))
    ]
    near = np.argsort(np.maximum(*apart), axis=1)[:, :NEIGHBOURS]  # near in an open mouth too: of the same lip
    found = _weights(target, source[:, near])
    rows = {"landmarks": near.tolist(), "weights": np.round(found, 5).tolist()}
    TABLE.write_text(json.dumps(rows).replace("], [", "],\n  [") + "\n", "utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
