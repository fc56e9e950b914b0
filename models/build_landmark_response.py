"""Measures `inference/solve/landmark_response.npz`: what the landmark network reports of rendered heads whose truth is known.

usage: python -m understudy.models.build_landmark_response FACEXMODEL_FOLDER STILLS_FOLDER [-o FILE]

Needs the pictures of response_renders.py (about five seconds each on one core; forty actors or more). Per point, a ridge
regression of what the marks are off by on the view and on the coefficients, shrunk toward plain geometry, by turns with
how people differ; then the errors that points of a frame have in common (factor analysis, by expectation maximisation).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference import face_model
from ..inference.arkit import INDEX, NAMES
from ..inference.capture.detector import FaceDetector
from ..inference.capture.finder import FaceFinder
from ..inference.capture.following import Follower
from ..inference.capture.landmarks import MIRROR, ONE_VIEW, LandmarkNet
from ..inference.face_model.assembly import ict_landmarks
from ..inference.face_model.ict_folder import IctModel, read_ict
from ..inference.solve.evidence import facing, visibility
from ..inference.solve.geometry import Camera, Poses, linearise
from ..inference.solve.landmark_network import FILE, view_terms
from .response_renders import SIZE_PX

Array = NDArray[np.float64]
SKIN = 468
VIEW_SPREAD_CM = (0.5, 0.3, 0.3, 0.3)
RESPONSE_SPREAD, RESPONSE_FLOOR_CM = 0.5, 0.03
"""Prior deviation of a response from geometry: so much of the geometric motion. Chosen by cross-validation over actors."""
ROUNDS = 3
"""Responses and what an actor is off by in all his pictures by turns: a mixed model; cross-validation gains by it."""
PART_FOR_REAL = 0.5
"""Faces of flesh answer between renderings and geometry, nobody knows where; what the middle leaves is common error."""
MARK_CM, ROBUST_CM = 0.12, 0.35
PERSON_CM, LASTING_CM = 0.2, 0.15
PEOPLE, ERRORS = 20, 24
LEAST_ERROR_CM = 0.015
_FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stills:
    """What the marks of S pictures are off by; every picture also counts mirrored."""

    off_cm: Array
    """(S, 468, 2) marks minus geometry, in the picture, at the face's scale."""
    by_point: Array
    """(S, 468, 2, 3) change of the picture with the head point."""
    visible: Array
    """(S, 468)."""
    coefficients: Array
    """(S, 52)."""
    rotation: Array
    """(S, 3, 3)."""
    actor: NDArray[np.int64]
    """(S,) a mirrored actor is another one."""


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the FaceXModel folder of ICT-FaceKit")
    parser.add_argument("stills", type=Path, help="the pictures of response_renders.py")
    parser.add_argument("-o", "--out", type=Path, default=FILE)
    options = parser.parse_args()
    ict = read_ict(options.folder, with_identity=True)
    stills, shapes = read_stills(ict, options.stills)
    arrays = measure(stills, shapes)
    with options.out.open("wb") as file:
        np.savez_compressed(file, schema=np.array(1), **{name: a.astype(np.float16) for name, a in arrays.items()})
    print(f"{len(stills.off_cm) // 2} pictures; {options.out}: {options.out.stat().st_size} bytes")
    return 0


def read_stills(ict: IctModel, folder: Path) -> tuple[Stills, Array]:
    """The pictures in which the network finds the face, and the (52, 468, 3) geometric shapes."""
    where = ict_landmarks()
    corners, weights = where["corners"], where["weights"].astype(float)

    def sample(values: NDArray[np.floating]) -> Array:
        return np.einsum("ij,...ijk->...ik", weights, values[..., corners, :], optimize=True)

    mean, people = sample(ict.neutral_cm), np.stack([sample(mode) for mode in ict.identity_cm])
    shapes = np.zeros((len(NAMES), SKIN, 3))
    for name in NAMES:
        shape = ict.arkit_shape(name)
        if shape is not None:
            shapes[INDEX[name]] = sample(shape)
    net = LandmarkNet("cpu")
    finder, follower = FaceFinder(FaceDetector("cpu"), net), Follower(net, ONE_VIEW)
    normals = facing(face_model.load("default"))
    parts = []
    for number, path in enumerate(sorted(folder.glob("???.npz"))):
        truth = dict(np.load(path))
        marks = [read_marks(picture, finder, follower) for picture in sorted(folder.glob(f"{path.stem}_*.png"))]
        seen = [i for i, found in enumerate(marks) if found is not None]
        marks_px = np.stack([found for found in marks if found is not None])
        coefficients, rotation = truth["coefficients"][seen], truth["rotation"][seen]
        points = mean + np.tensordot(truth["identity"], people, 1) + np.tensordot(coefficients, shapes, 1)
        camera = Camera(float(truth["focal_px"]), (SIZE_PX / 2, SIZE_PX / 2))
        plain = (marks_px, points, coefficients, rotation, truth["position_cm"][seen])
        for mirrored, case in enumerate((plain, mirror(*plain))):
            parts.append(stills_of(*case, camera, normals, 2 * number + mirrored))
    return Stills(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Stills))), shapes


def read_marks(picture: Path, finder: FaceFinder, follower: Follower) -> Array | None:
    """(468, 2) pixels as the network reads a face that it follows, or None."""
    rgb = np.ascontiguousarray(cv2.imread(str(picture))[..., ::-1])
    found = finder.find(rgb)
    reading = follower.begin(rgb, found[0].landmarks) if found else None
    return None if reading is None else reading.landmarks.points_px[:SKIN].astype(np.float64)


def mirror(
    marks_px: Array, points_cm: Array, coefficients: Array, rotation: Array, position_cm: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """The same pictures in a mirror."""
    order, flip = MIRROR[:SKIN], np.diag(_FLIP)
    swap = [INDEX[other_side(name)] for name in NAMES]
    return (
        marks_px[:, order] * [-1.0, 1.0] + [SIZE_PX, 0.0], points_cm[:, order] * _FLIP, coefficients[:, swap],
        flip @ rotation @ flip, position_cm * _FLIP,
    )  # fmt: skip


def other_side(name: str) -> str:
    """The same shape of the other half of the face."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def stills_of(
    marks_px: Array, points_cm: Array, coefficients: Array, rotation: Array, position_cm: Array, camera: Camera,
    normals: Array, actor: int,
) -> Stills:  # fmt: skip
    """The pictures of one actor."""
    linear = linearise(points_cm, Poses(rotation, position_cm), camera)
    off = (marks_px - linear.points_px) / linear.px_per_cm[:, None, None]
    visible = visibility(normals, rotation)
    return Stills(off, linear.by_point, visible, coefficients, rotation, np.full(len(off), actor))


def measure(stills: Stills, shapes: Array) -> dict[str, Array]:
    """The arrays of the file."""
    terms = np.concatenate([view_terms(stills.rotation), stills.coefficients], 1)
    views = len(VIEW_SPREAD_CM)
    spread = np.concatenate(
        [
            np.repeat(np.array(VIEW_SPREAD_CM)[:, None], SKIN, 1),
            RESPONSE_SPREAD * np.linalg.norm(shapes, axis=-1) + RESPONSE_FLOOR_CM,
        ]
    )
    toward = stills.off_cm
    for _ in range(ROUNDS):
        found = np.stack([regress(stills, toward, terms, spread[:, point], point) for point in range(SKIN)], 1)
        left = stills.off_cm - np.einsum("spac,st,tpc->spa", stills.by_point, terms, found, optimize=True)
        toward = stills.off_cm - of_actors(stills, lasting_of(stills, left))
    found[views + INDEX["tongueOut"]] = 0.0
    found[views:] *= PART_FOR_REAL
    left = stills.off_cm - np.einsum("spac,st,tpc->spa", stills.by_point, terms, found, optimize=True)
    lasting = lasting_of(stills, left)
    every = np.stack(list(lasting.values()))
    _, size, modes = np.linalg.svd(every.reshape(len(every), -1), full_matrices=False)
    people = (modes[:PEOPLE] * size[:PEOPLE, None] / np.sqrt(len(every) - 1)).reshape(-1, SKIN, 3)
    left -= of_actors(stills, lasting)
    per_actor = len(stills.actor) / len(every)
    errors = common_errors(left * np.sqrt(per_actor / (per_actor - 1)), stills.visible)
    return {"bias": found[:views], "expressions": found[views:], "people": people, "errors": errors}


def regress(stills: Stills, off_cm: Array, terms: Array, spread_cm: Array, point: int) -> Array:
    """(K, 3) how a point of (S, 468, 2) moves with each of the terms (S, K), by robust ridge regression."""
    rows = np.einsum("sac,sk->sakc", stills.by_point[:, point], terms).reshape(len(terms), 2, -1)
    target, weight = off_cm[:, point], stills.visible[:, point].copy()
    prior = np.diag(np.repeat(spread_cm, 3) ** -2.0)
    for _ in range(2):
        scaled = (rows * weight[:, None, None] / MARK_CM**2).reshape(-1, rows.shape[-1])
        step = np.linalg.solve(scaled.T @ rows.reshape(scaled.shape) + prior, scaled.T @ target.ravel())
        size = np.linalg.norm(target - rows @ step, axis=-1)
        weight = stills.visible[:, point] * np.minimum(1.0, ROBUST_CM / np.maximum(size, 1e-9))
    return np.asarray(step.reshape(-1, 3))


def lasting_of(stills: Stills, left_cm: Array) -> dict[int, Array]:
    """What the marks of every actor are off by in all his pictures, from what (S, 468, 2) is left."""
    return {int(actor): lasting_cm(stills, left_cm, stills.actor == actor) for actor in np.unique(stills.actor)}


def of_actors(stills: Stills, lasting: dict[int, Array]) -> Array:
    """(S, 468, 2) those errors in every picture."""
    of_still = np.stack([lasting[int(actor)] for actor in stills.actor])
    return np.asarray(np.einsum("spac,spc->spa", stills.by_point, of_still))


def lasting_cm(stills: Stills, left_cm: Array, chosen: NDArray[np.bool_]) -> Array:
    """(468, 3) what the marks of one actor are off by in all his pictures."""
    by_point, weight = stills.by_point[chosen], stills.visible[chosen] / PERSON_CM**2
    own = np.einsum("spac,sp,spad->pcd", by_point, weight, by_point, optimize=True) + np.eye(3) / LASTING_CM**2
    pull = np.einsum("spac,sp,spa->pc", by_point, weight, left_cm[chosen], optimize=True)
    return np.asarray(np.linalg.solve(own, pull[..., None])[..., 0])


def common_errors(left_cm: Array, visible: Array) -> Array:
    """(ERRORS, 468, 2) factors of the remainders (S, 468, 2); points out of sight count less."""
    count = len(left_cm)
    weight = np.repeat(visible, 2, axis=1)
    rows = np.clip(left_cm, -1.0, 1.0).reshape(count, -1)
    _, size, axes = np.linalg.svd(rows * np.sqrt(weight), full_matrices=False)
    factors = (axes[:ERRORS] * size[:ERRORS, None] / np.sqrt(count)).T
    own = np.full(rows.shape[1], 0.05**2)
    for _ in range(12):
        trust = weight / own
        system = np.einsum("nm,sn,nk->smk", factors, trust, factors, optimize=True) + np.eye(ERRORS)
        spread = np.linalg.inv(system)
        values = (spread @ ((trust * rows) @ factors)[..., None])[..., 0]
        second = spread + values[:, :, None] * values[:, None]
        left = np.einsum("sn,smk->nmk", weight, second, optimize=True) + 1e-6 * np.eye(ERRORS)
        factors = np.linalg.solve(left, ((weight * rows).T @ values)[..., None])[..., 0]
        unsure = np.einsum("nm,smk,nk->sn", factors, spread, factors, optimize=True)
        own = (weight * ((rows - values @ factors.T) ** 2 + unsure)).sum(0) / count
        own = np.maximum(np.repeat(own.reshape(-1, 2).mean(1), 2), LEAST_ERROR_CM**2)
    return np.asarray(factors.T.reshape(ERRORS, -1, 2))


if __name__ == "__main__":
    sys.exit(main())
