"""Pictures and clips rendered by Cycles -> shards, labelled from what is known of them.

usage: python3 run.py train cycles FACEXMODEL_FOLDER --stills FOLDER -o SHARD
       python3 run.py train cycles FACEXMODEL_FOLDER --clips CLIP... -o FOLDER_OF_SHARDS [--every N]

Stills are those of `models/response_renders.py`; a clip has its truth beside it, `CLIP.truth.npz` as `benchmarks/` writes
it, and its shard is numbered as the clip.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference import arkit
from ..inference.errors import InputError
from ..inference.face_model.ict_folder import IctModel, ict_name, read_ict
from ..inference.media import read_frames
from .faces.expression import FULL_LOOK_RAD
from .hidden import visible
from .renderer.head import Head, read_head
from .shards import Row, framed, upright, write_shard

Array = NDArray[np.float64]
_TWO_SIDED: Final = ("browInnerUp", "cheekPuff")
_CONTACTS: Final = ("mouthClose", "eyeBlinkLeft", "eyeBlinkRight")
"""Shapes that our face models scale so that lips and lids close."""
_CHEEKS: Final = (50, 280, 205, 425, 151)
"""Points of bare skin: cheeks and forehead."""


@dataclass(frozen=True)
class Posed:
    """What is known of one picture."""

    shapes: dict[str, float]
    """Value of each of ICT-FaceKit's shapes."""
    gaze: Array
    """(2, 2) yaw to the actor's left and pitch up of the left and the right eye, radians."""
    rotation: Array
    """(3, 3) head axes to camera axes."""
    position_cm: Array
    """(3,) of the head's origin in camera axes."""
    focal_px: float
    centre_px: Array
    """(2,)."""


class Labeller:
    """Computes labels of the pictures of one actor after the other."""

    def __init__(self, folder: Path) -> None:
        self._head: Head = read_head(folder)
        self._ict: IctModel = read_ict(folder)
        head = self._head
        self._known_faces = np.concatenate(
            [head.corner_vertex[head.triangles[part]] for part in ("M_Face", "M_BackHead")]
        )
        self._gain = {name: self._our_value(name) for name in _CONTACTS}

    def neutral(self, identity: Array) -> NDArray[np.float32]:
        """(V, 3) the actor's head at rest."""
        return self._head.shaped(identity.astype(np.float32))

    def row(self, rgb: NDArray[np.uint8], neutral_cm: NDArray[np.float32], truth: Posed, actor: int) -> Row:
        """The picture around the face with its labels."""
        head = self._head
        vertices = self._vertices(neutral_cm, truth)
        points = in_camera(head.points(neutral_cm, vertices, truth.gaze), truth)
        image, points_px, region = framed(rgb, project(points, truth))
        normals = head.normals(vertices)
        skin_normals = (normals[head.landmarks] * head.landmark_weights[..., None]).sum(1)
        turned = np.concatenate([skin_normals, np.zeros((10, 3)), normals[head.known]]) @ truth.rotation.T
        return Row(
            images=image,
            points=points_px,
            visible=visible(points, turned.astype(np.float32), in_camera(vertices, truth)[self._known_faces]),
            coefficients=self._coefficients(truth.shapes),
            rotation=upright(truth.rotation, region),
            skin=skin_luminance(image, points_px),
            actor=actor,
        )

    def _vertices(self, neutral_cm: NDArray[np.float32], truth: Posed) -> NDArray[np.float32]:
        """(V, 3) as Cycles had them: with ICT-FaceKit's own shapes, not with ours, whose lids and lips close better."""
        vertices = self._head.posed(neutral_cm, np.zeros(len(arkit.NAMES), np.float32), truth.gaze)
        for name, value in truth.shapes.items():
            if value:
                vertices += np.float32(value) * self._ict.shapes_cm[name][self._head.source]
        return vertices

    def _coefficients(self, shapes: dict[str, float]) -> NDArray[np.float32]:
        """(52,) in the convention of our face models."""
        values = np.zeros(len(arkit.NAMES), np.float32)
        for name in arkit.NAMES:
            sides = [f"{name}_L", f"{name}_R"] if name in _TWO_SIDED else [ict_name(name)]
            values[arkit.INDEX[name]] = np.mean([shapes.get(side, 0.0) for side in sides]) * self._gain.get(name, 1.0)
        return np.clip(values, 0.0, 1.0)

    def _our_value(self, name: str) -> float:
        """How much of our shape moves as much as ICT-FaceKit's own at 1."""
        theirs = self._ict.shapes_cm[ict_name(name)][self._head.source].ravel()
        ours = self._head.expressions_cm[arkit.INDEX[name]]
        return float(theirs @ ours / (ours @ ours))


def in_camera(points_cm: NDArray[np.float32], truth: Posed) -> NDArray[np.float32]:
    """(N, 3) points of the head in camera axes."""
    return np.asarray(points_cm @ truth.rotation.T + truth.position_cm, np.float32)


def project(placed_cm: NDArray[np.float32], truth: Posed) -> NDArray[np.float32]:
    """(N, 3) pixels, and depth behind the head's origin in pixels of the origin's distance."""
    away = -float(truth.position_cm[2])
    plane = placed_cm[:, :2] * [1, -1] / -placed_cm[:, 2:]
    depth = (-placed_cm[:, 2] - away) / away
    return np.column_stack([truth.focal_px * plane + truth.centre_px, truth.focal_px * depth]).astype(np.float32)


def skin_luminance(image: NDArray[np.uint8], points_px: NDArray[np.float32]) -> float:
    """Luminance of the brighter half of cheeks and forehead as they are in the picture, linear 0..1; the paint is unknown."""
    x, y = np.clip(points_px[list(_CHEEKS), :2].astype(int), 0, len(image) - 1).T
    return float(np.median(np.sort((image[y, x] / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722])[-3:]))


def stills(folder: Path) -> Iterator[tuple[NDArray[np.uint8], Array, Posed, int]]:
    """Picture, identity, what is known, and the actor of all stills."""
    for path in sorted(folder.glob("???.npz")):
        truth = dict(np.load(path))
        for number in range(len(truth["coefficients"])):
            file = folder / f"{path.stem}_{number:02d}.png"
            picture = cv2.imread(str(file))
            if picture is None:
                raise InputError(f"{file} is missing or damaged: render the pictures of {path.name} again.")
            shapes: dict[str, float] = {}
            for name, value in zip(arkit.NAMES, truth["coefficients"][number].tolist(), strict=True):
                names = [f"{name}_L", f"{name}_R"] if name in _TWO_SIDED else [ict_name(name)]
                shapes |= dict.fromkeys(names, value)
            shapes.pop("tongueOut", None)  # ICT-FaceKit has none
            yield (
                np.ascontiguousarray(picture[..., ::-1]),
                truth["identity"],
                Posed(
                    shapes=shapes,
                    gaze=np.tile(truth["gaze"][number], (2, 1)),
                    rotation=truth["rotation"][number],
                    position_cm=truth["position_cm"][number],
                    focal_px=float(truth["focal_px"]),
                    centre_px=np.array(picture.shape[1::-1]) / 2,
                ),
                int(path.stem),
            )


def clip(path: Path, every: int) -> Iterator[tuple[NDArray[np.uint8], Array, Posed, int]]:
    """The same of every n-th frame of a clip with a truth file beside it."""
    truth = dict(np.load(path.with_suffix(".truth.npz")))
    names = [str(name) for name in truth["names"]]
    camera = np.array([0.0, float(truth["camera_height_cm"]), float(truth["camera_distance_cm"])])
    for frame in read_frames(path):
        number = frame.index
        if number % every or number >= len(truth["coefficients"]):
            continue
        shapes = dict(zip(names, truth["coefficients"][number].tolist(), strict=True))
        yield (
            frame.rgb,
            truth["identity"],
            Posed(
                shapes=shapes,
                gaze=truth["gaze"][number] if "gaze" in truth else gaze_of_lids(shapes),
                rotation=truth["rotation"][number],
                position_cm=truth["translation_cm"][number] - camera,
                focal_px=float(truth["K"][0, 0]),
                centre_px=truth["K"][:2, 2],
            ),
            number_of(path),
        )


def gaze_of_lids(shapes: dict[str, float]) -> Array:
    """(2, 2) where eyes look that take their lids along."""

    def angle(way: str, side: str) -> float:
        return shapes.get(f"eyeLook{way}_{side}", 0.0) * FULL_LOOK_RAD[way]

    pitch = [angle("Up", side) - angle("Down", side) for side in ("L", "R")]
    yaw = [angle("Out", "L") - angle("In", "L"), angle("In", "R") - angle("Out", "R")]
    return np.column_stack([yaw, pitch])


def number_of(path: Path) -> int:
    """The number at the end of a clip's name, 0 without one."""
    found = re.search(r"(\d+)$", path.stem)
    return int(found[1]) if found else 0


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(prog="run.py train cycles", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the FaceXModel folder of ICT-FaceKit")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stills", type=Path, help="the pictures of response_renders.py")
    source.add_argument("--clips", type=Path, nargs="+", help="clips with a truth file beside each")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the shard; of clips, the folder of their shards")
    parser.add_argument("--every", type=int, default=1, help="of a clip, every n-th frame")
    options = parser.parse_args()
    labeller = Labeller(options.folder)
    if options.stills:
        written = {options.out: stills(options.stills)}
    else:
        written = {options.out / f"shard_{number_of(path):04d}": clip(path, options.every) for path in options.clips}
    for shard, pictures in written.items():
        rows = [labeller.row(rgb, labeller.neutral(who), truth, actor) for rgb, who, truth, actor in pictures]
        write_shard(shard, rows, len(rows))
        print(f"{shard}: {len(rows)} pictures", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
