"""The landmark network alone beside MediaPipe's, on faces whose every point is known.

    python3 run.py bench face_points SHARDS|CLIP.mp4 ... [--network FILE.onnx] [--every N] [--ict ICT_FOLDER] [--out FILE.jsonl]

SHARDS is a folder of the training renderers' shards (training/README.md), CLIP.mp4 a rendered performance with its
CLIP.truth.npz beside it (needs `--ict`). Both networks start from the same place: MediaPipe's is read where the true
points say that the face is, twice, as the tracker begins; ours where MediaPipe's points then say. One JSON line for
each system and table:

- `error`: of visible points by region, in per cent of the distance of the outer eye corners in space and in pixels of a
  picture 512 px wide (152 px between the corners, as in the rendered performances); `error_without_habits` after
  each point's constant offset on the head is taken off, which is kinder to a network that means other places;
- `motion_gain`: how much of the skin's own motion the points show within a shot (1 is right, 0.7 misses 30 %);
- `calibration`: share of the coordinates within one and two of the network's own sigma (0.68 and 0.95 are right);
- `coefficients`: mean error and correlation over the faces, by shape;
- `spread`: the error by kind of face (skin, yaw, hidden parts, beard, glasses, child), and worst over best.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from face_points_data import Faces, read_clip, read_shard, shards_of
from face_points_figures import (
    LANDMARKS,
    Known,
    Readings,
    by_region,
    calibration,
    coefficient_figures,
    distances,
    motion_gain,
    spread,
    without_habits,
)
from machine import announce
from numpy.typing import NDArray
from points68 import classic68
from render_performance import ict_of
from tqdm import tqdm
from understudy.inference import arkit
from understudy.inference.capture.face_points import POINT_COUNT, FacePointNet, region_of_face
from understudy.inference.capture.landmarks import ONE_VIEW, LandmarkNet, region_to_follow
from understudy.inference.capture.rules import MIN_PRESENCE
from understudy.inference.capture.types import Landmarks
from understudy.inference.errors import UnderstudyError
from understudy.inference.media.types import Image

Both = dict[str, Readings]


def _nothing(count: int) -> Readings:
    """Readings that say nothing yet."""
    points, shapes = (count, POINT_COUNT), (count, len(arkit.NAMES))
    return Readings(np.full((*points, 2), np.nan), *(np.full(shape, np.nan) for shape in (points, shapes, shapes)))


def read_faces(faces: Faces, net: LandmarkNet, ours: FacePointNet) -> Both:
    """What both networks find in every picture; where MediaPipe's sees no face, ours looks where the truth is."""
    mediapipe, own = _nothing(len(faces)), _nothing(len(faces))
    for row in tqdm(range(len(faces)), desc=faces.name, disable=None, file=sys.stderr):
        image = np.ascontiguousarray(faces.images[row])
        true = faces.known.points_px[row, :LANDMARKS, :2].astype(np.float32)
        found = _begun(image, true, net)
        if found.presence >= MIN_PRESENCE:
            mediapipe.points_px[row] = np.concatenate([found.points_px, classic68(found.points_px)])
        seen = found.points_px if found.presence >= MIN_PRESENCE else true
        read = ours.read(image, region_of_face(seen))
        own.points_px[row], own.sigma_px[row] = read.points_px, read.sigma_px
        own.coefficients[row], own.coefficient_sigma[row] = read.coefficients, read.coefficient_sigma
    return {"mediapipe": mediapipe, "ours": own}


def _begun(image: Image, true_px: Any, net: LandmarkNet) -> Landmarks:
    first = net.read_views(image, region_to_follow(true_px), ONE_VIEW)
    return net.read_views(image, region_to_follow(first.points_px), ONE_VIEW)


def joined(parts: list[tuple[Known, Both]]) -> tuple[Known, Both]:
    """All shards as one; a trait that one of them lacks is unknown there."""
    traits = {name for known, _ in parts for name in known.traits}
    unknown = [np.full(len(known.points_px), np.nan) for known, _ in parts]
    known = Known(
        *(
            np.concatenate([getattr(part, name) for part, _ in parts])
            for name in ("points_px", "visible", "coefficients", "rotation")
        ),
        _shots([part.shot for part, _ in parts]),
        {
            name: np.concatenate([part.traits.get(name, none) for (part, _), none in zip(parts, unknown, strict=True)])
            for name in sorted(traits)
        },
    )
    names = ("points_px", "sigma_px", "coefficients", "coefficient_sigma")
    both = {
        system: Readings(*(np.concatenate([getattr(found[system], name) for _, found in parts]) for name in names))
        for system in parts[0][1]
    }
    return known, both


def _shots(numbers: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Numbers that no two shards share."""
    first = np.cumsum([0, *(int(part.max()) + 1 for part in numbers[:-1])])
    return np.concatenate([part + start for part, start in zip(numbers, first, strict=True)])


def tables(known: Known, system: str, found: Readings) -> dict[str, Any]:
    """All figures of one system, by table."""
    shares = distances(known, found)
    figures: dict[str, Any] = {
        "found": {"faces": len(shares), "share": float(np.isfinite(found.points_px[:, 0, 0]).mean())},
        "error": by_region(shares),
        "error_without_habits": by_region(distances(known, without_habits(known, found))),
        "motion_gain": motion_gain(known, found),
        "spread": spread(known, shares),
    }
    if system == "ours":
        figures |= {"calibration": calibration(known, found), "coefficients": coefficient_figures(known, found)}
    return figures


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _faces(options: argparse.Namespace) -> list[Faces]:
    """Everything that is to be measured."""
    clips = [path for path in options.sources if path.is_file()]
    if clips and options.ict is None:
        raise SystemExit("Clips need --ict: their true points lie on ICT-FaceKit's surface.")
    faces = [read_shard(shard) for path in options.sources if path.is_dir() for shard in shards_of(path)]
    if clips:
        with tempfile.TemporaryDirectory() as scratch:
            ict = ict_of(options.ict, Path(scratch))
            faces += [read_clip(clip, ict, f"ict:{options.ict}") for clip in clips]
    if not faces:
        raise SystemExit("There is no shard (a folder with images.npy) and no clip.")
    return [one.every(options.every) for one in faces]


def main() -> int:
    """Read every face with both networks and print the tables."""
    parser = argparse.ArgumentParser(prog="face_points", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", metavar="SHARDS|CLIP.mp4")
    parser.add_argument("--network", type=Path, metavar="FILE.onnx", help="a checkpoint instead of the one in use")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th face only")
    parser.add_argument("--ict", type=Path, help="ICT-FaceKit's folder")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="also append the lines to this file")
    options = parser.parse_args()
    try:
        net, ours = LandmarkNet("cpu"), FacePointNet("cpu", options.network)
        known, both = joined([(faces.known, read_faces(faces, net, ours)) for faces in _faces(options)])
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    announce("face_points", options.out)
    head = {
        "benchmark": "face_points",
        "sources": [source.name for source in options.sources],
        "network": options.network.stem if options.network else "face_points",
    }
    for system, found in both.items():
        for table, figures in tables(known, system, found).items():
            line = json.dumps({**head, "system": system, "table": table, **_rounded(figures)})
            print(line, flush=True)
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as lines:
                    lines.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
