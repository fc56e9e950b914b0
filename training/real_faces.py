"""Faces of films -> shards, with those points that MediaPipe's network can be believed.

usage: python3 run.py train real CLIP... -o FOLDER_OF_SHARDS [--at-most N]

Nobody knows the truth of a film. Where skin ends at an eyeball, teeth or the other lip, and at the irises, the network was
seen to lie on the edge itself: those points are taken as they are. On the bridge and the base of the nose it reports its own
idea of faces, and our points of the outer lips lie inside of its ones: there, what it is off by on rendered faces
(`landmark_network`) is taken off, and they count half. Brows, cheeks, the wings of the nose and the outline are left to the
rendered faces, and so are depth and coefficients. The solver's fitted surface was looked at, too: where mouths open wide it
is far off.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..inference import face_model
from ..inference.arkit import NAMES
from ..inference.capture.face_points import POINT_COUNT
from ..inference.capture.shot import CaptureOptions, track_shot
from ..inference.face_model.rims import EYES, INNER_LIPS, IRISES
from ..inference.face_model.types import FaceModel
from ..inference.media import read_frames
from ..inference.solve import solve_shot
from ..inference.solve.evidence import facing
from ..inference.solve.geometry import Camera, Poses, project
from ..inference.solve.landmark_groups import LIPS, MESH_COUNT
from ..inference.solve.landmark_network import measured, view_terms
from ..inference.take import Take
from .cycles_faces import skin_luminance
from .shards import Row, framed, upright, write_shard

Array = NDArray[np.float64]
AT_MOST: Final = 160
"""Pictures of a clip: neighbouring frames are alike."""
INNER: Final = (*INNER_LIPS.upper, *INNER_LIPS.lower)
LIDS: Final = (*EYES[0].upper, *EYES[0].lower, *EYES[1].upper, *EYES[1].lower)
OUTER_LIPS: Final = LIPS[:20]
NOSE: Final = (168, 6, 197, 195, 5, 4, 1, 2, 97, 326, 98, 327)
IDEAS: Final = (*NOSE, *OUTER_LIPS)
EDGES_COUNT, IDEAS_COUNT = 1.0, 0.5
LEAST_FACING: Final = 0.15
"""Cosine between a point's normal and the way to the camera; points further round are guesses."""
CLOSED: Final = 0.12
"""Height of an eye's opening in its widths; irises behind smaller ones are guesses."""
LEAST_CONFIDENCE: Final = 0.5


def rows_of(path: Path, at_most: int, actor: int) -> Iterator[Row]:
    """Pictures of the first face of a clip, evenly spread over the frames in which it is surely seen."""
    shot = track_shot(path, CaptureOptions(quality="high", points="mediapipe"))
    model = face_model.load("default")
    take = solve_shot(shot, shot.tracks[0], model)
    sure = np.flatnonzero(take.confidence >= LEAST_CONFIDENCE)
    chosen = sure[:: max(int(np.ceil(Fraction(len(sure), at_most))), 1)]
    off_px, normals = bias_px(take, model), facing(model)
    row_of = {int(take.frame_index[number]): int(number) for number in chosen}
    for frame in read_frames(path):
        number = row_of.get(frame.index)
        if number is None:
            continue
        marks = take.landmarks_px[number].astype(np.float64)
        marks[list(IDEAS)] -= off_px[number, list(IDEAS)]
        weight = believed(marks, normals, take.rotation[number].astype(np.float64))
        points = np.zeros((POINT_COUNT, 3), np.float32)
        points[:478, :2], points[478:, :2] = marks, marks.mean(0)
        image, points_px, region = framed(frame.rgb, points)
        yield Row(
            images=image,
            points=points_px,
            visible=(weight > 0).astype(np.uint8),
            coefficients=np.full(len(NAMES), np.nan, np.float32),
            rotation=upright(take.rotation[number].astype(np.float64), region),
            skin=skin_luminance(image, points_px),
            actor=actor,
            weight=weight,
        )


def bias_px(take: Take, model: FaceModel) -> Array:
    """(T, 468, 2) what the network is off by on rendered faces, seen from the same side, in pixels of the film."""
    poses = Poses(take.rotation.astype(np.float64), take.translation_cm.astype(np.float64))
    camera = Camera(float(take.camera_matrix[0, 0]), (take.camera_matrix[0, 2], take.camera_matrix[1, 2]))
    neutral = model.at_landmarks(take.neutral_cm.astype(np.float64))[:MESH_COUNT]
    face = neutral + np.tensordot(
        take.coefficients.astype(np.float64), model.landmark_expressions_cm[:, :MESH_COUNT], 1
    )
    bias = np.tensordot(view_terms(poses.rotation), measured().bias, 1)
    return project(face + bias, poses, camera) - project(face, poses, camera)


def believed(marks_px: Array, normals: Array, rotation: Array) -> NDArray[np.float32]:
    """(546,) how far each point of (478, 2) counts; `normals` (468, 3) of the face at rest."""
    weight = np.zeros(POINT_COUNT, np.float32)
    weight[list(IDEAS)] = IDEAS_COUNT
    weight[[*LIDS, *INNER]] = EDGES_COUNT
    # Inner edges of lips and lids face each other: whether they are seen tells the skin around them.
    turned = normals @ rotation[2]
    for side, iris in zip(EYES, IRISES, strict=True):
        seen = turned[[*side.upper, *side.lower]].mean() > LEAST_FACING
        weight[[*side.upper, *side.lower]] *= seen
        weight[list(iris)] = EDGES_COUNT * (seen and opening(marks_px, side.upper, side.lower) > CLOSED)
    weight[list(IDEAS)] *= turned[list(IDEAS)] > LEAST_FACING
    return weight


def opening(marks_px: Array, upper: Sequence[int], lower: Sequence[int]) -> float:
    """Largest distance between the lids in widths of the eye."""
    width = np.linalg.norm(marks_px[upper[-1]] - marks_px[upper[0]])
    gaps = np.linalg.norm(marks_px[list(upper[1:-1])] - marks_px[list(lower[1:-1])], axis=1)
    return float(gaps.max() / max(float(width), 1e-6))


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(prog="run.py train real", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="films of one face each; faces that you may train on")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder of the shards, one for each clip")
    parser.add_argument("--at-most", type=int, default=AT_MOST, help="pictures of a clip")
    options = parser.parse_args()
    for number, path in enumerate(options.clips):
        found = re.search(r"(\d+)$", path.stem)
        shard = options.out / f"shard_{int(found[1]) if found else number:04d}"
        rows = list(rows_of(path, options.at_most, 10_000 + number))
        write_shard(shard, rows, len(rows))
        print(f"{shard}: {len(rows)} pictures", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
