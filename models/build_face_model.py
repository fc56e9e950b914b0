"""Builds `inference/face_model/default.npz`, the face model that ships with Understudy, from measurements of ICT-FaceKit.

usage: python -m understudy.models.build_face_model ICT-FaceKit.tar.xz [--renders FOLDER] [-o FILE]

Three steps: pictures of posed heads (landmark_renders.py, Blender module), where the landmark network sees its 478 points on them
(landmark_correspondence.py), and expressions as anatomical fields (muscle_fields.py). About six minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.arkit import INDEX, NAMES
from ..inference.face_model.ict_folder import IctModel
from .ict_eyes import EYEBALLS, eyeball
from .landmark_correspondence import SKIN, Correspondence, found_in_archive
from .landmark_topology import (
    BROW,
    EYES,
    INNER_LIPS,
    IRISES,
    LOWER_LIP,
    UPPER_LIP,
    Rim,
    oriented_triangles,
    vertex_normals,
)
from .muscle_fields import Bumps, fit_hinge, fit_shape, jaw_guide, lid_guide, make_bumps

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "inference" / "face_model" / "default.npz"
IDENTITY_MODES = 40
IRIS_RADIUS_CM = 0.59
LIPS_STAY_CLOSED_CM = 0.21
FOLLOW_CM = 0.35
BROW_SHIFT_CM, BROW_REACH_CM = 0.3, 0.7
NOTICE = (
    "Computed from ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative Technologies, under the MIT licence; "
    "the licence text is in models/NOTICE.md."
)
_POINTS = 478
_FLIP = np.array([-1.0, 1.0, 1.0])


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="the ICT-FaceKit archive")
    parser.add_argument(
        "--renders", type=Path, help="folder that keeps the pictures of step 1; used again when it holds them"
    )
    parser.add_argument("-o", "--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    save(build(*found_in_archive(options.archive, options.renders)), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    return 0


def build(ict: IctModel, where: Correspondence) -> dict[str, NDArray[np.generic]]:
    """The arrays of the model file."""
    mirror = _mirror_all(where)
    centres, radius = _eyes(ict)
    mean = _symmetric(_with_irises(where.sample(ict.neutral_cm), centres, radius), mirror)
    for upper, lower in _pairs(INNER_LIPS):
        mean[[upper, lower]] = mean[[upper, lower]].mean(axis=0)
    expressions = _expressions(ict, where, mirror, mean, centres)
    triangles = oriented_triangles(mean)
    identity = np.concatenate([_identity_modes(ict, where), _brow_modes(mean, triangles, mirror)])
    return {
        "schema": np.array(1),
        "names": np.array(NAMES),
        "mean_cm": mean.astype(np.float32),
        "identity_modes_cm": identity.astype(np.float16),
        "expressions_cm": expressions.astype(np.float16),
        "triangles": triangles.astype(np.int16),
        "mirror": mirror.astype(np.int16),
        "eye_centres_cm": centres.astype(np.float32),
        "eye_radius_cm": np.array(radius, dtype=np.float32),
        "notice": np.array(NOTICE),
    }


def save(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    """Write the model file in one step."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def _mirror_all(where: Correspondence) -> NDArray[np.int64]:
    """(478,) mirror partners with the irises: centre to centre, the two side points of the ring change places."""
    left, right = IRISES
    mirror = np.concatenate([where.mirror, np.zeros(_POINTS - SKIN, dtype=np.int64)])
    for a, b in zip(left, (right[0], right[3], right[2], right[1], right[4]), strict=True):
        mirror[a], mirror[b] = b, a
    return mirror


def _symmetric(points: NDArray[np.float64], mirror: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average of points or offsets (478, 3) with their mirror image."""
    return (points + points[mirror] * _FLIP) / 2


def _eyes(ict: IctModel) -> tuple[NDArray[np.float64], float]:
    """Centres (2, 3) of the left and right eyeball, mirrored exactly, and the radius."""
    (left, radius), (right, _) = (eyeball(ict, ict.neutral_cm, side) for side in (0, 1))
    left = (left + right * _FLIP) / 2
    return np.array([left, left * _FLIP]), radius


def _with_irises(skin: NDArray[np.float64], centres: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """(478, 3): the skin points and, on each eyeball looking straight ahead, the centre and four points of the iris edge."""
    depth = np.sqrt(radius**2 - IRIS_RADIUS_CM**2)
    ring = IRIS_RADIUS_CM * np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)])
    points = np.zeros((_POINTS, 3))
    points[:SKIN] = skin
    for iris, centre in zip(IRISES, centres, strict=True):
        points[list(iris)] = centre + np.column_stack([ring, np.full(5, depth)])
    return points


def _pairs(rim: Rim) -> list[tuple[int, int]]:
    """Upper and lower landmark pairs of an opening, corners left out."""
    return list(zip(rim.upper[1:-1], rim.lower[1:-1], strict=True))


def _identity_modes(ict: IctModel, where: Correspondence) -> NDArray[np.float64]:
    """(I, 478, 3) principal modes of ICT's random identities; irises follow their eyeball, closed lips stay closed."""
    modes = np.zeros((len(ict.identity_cm), _POINTS, 3))
    for mode, offset in zip(modes, ict.identity_cm, strict=True):
        mode[:SKIN] = where.sample(offset)
        for iris, material in zip(IRISES, EYEBALLS, strict=True):
            mode[list(iris)] = offset[ict.part(material)].mean(axis=0)
        for upper, lower in _pairs(INNER_LIPS):
            mode[[upper, lower]] = mode[[upper, lower]].mean(axis=0)
    _, deviation, axes = np.linalg.svd(modes.reshape(len(modes), -1), full_matrices=False)
    kept = (deviation[:IDENTITY_MODES] ** 2).sum() / (deviation**2).sum()
    print(f"identity: {IDENTITY_MODES} modes keep {100 * kept:.2f} % of the variance")
    return (deviation[:IDENTITY_MODES, None] * axes[:IDENTITY_MODES]).reshape(IDENTITY_MODES, _POINTS, 3)


def _brow_modes(
    mean: NDArray[np.float64], triangles: NDArray[np.int64], mirror: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(3, 478, 3) height, slant and spacing of the brows: hair that people wear in different places of the same bone.

    Landmarks follow the hair, ICT's identities only the surface, so brows would otherwise be explained by expressions.
    """
    brows = np.concatenate([BROW, mirror[list(BROW)]])
    near = np.linalg.norm(mean[:, None] - mean[brows][None], axis=2).min(axis=1)
    reach = BROW_SHIFT_CM * np.exp(-((near / BROW_REACH_CM) ** 2) / 2)
    outward = np.clip((np.abs(mean[:, 0]) - 1.0) / 4.5, 0.0, 1.0)
    modes = np.zeros((3, _POINTS, 3))
    modes[0, :, 1] = reach
    modes[1, :, 1] = reach * (2 * outward - 1)
    modes[2, :, 0] = reach * np.sign(mean[:, 0])
    normals = vertex_normals(mean, triangles)
    along = modes - (modes * normals).sum(axis=2, keepdims=True) * normals
    along[:, SKIN:] = 0.0
    return along


def _expressions(
    ict: IctModel,
    where: Correspondence,
    mirror: NDArray[np.int64],
    mean: NDArray[np.float64],
    centres: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(52, 478, 3) offsets: fields fitted to ICT's samples, mirrored, lips and lids closed where they should."""
    sampled = {name: _sample_shape(ict, where, name) for name in NAMES}
    guides = _guides(ict, mean, centres)
    bumps = make_bumps(mean[:SKIN])
    expressions = np.zeros((len(NAMES), _POINTS, 3))
    for name in NAMES:
        twin = _mirrored_name(name)
        if INDEX[twin] < INDEX[name]:
            expressions[INDEX[name]] = expressions[INDEX[twin]][mirror] * _FLIP
            continue
        target = (sampled[name] + sampled[twin][mirror] * _FLIP) / 2
        expressions[INDEX[name]] = _fit(bumps, name, target, guides.get(name))
        if twin == name:
            expressions[INDEX[name]] = _symmetric(expressions[INDEX[name]], mirror)
    _close_lips(expressions, sampled, mean)
    _close_lids(expressions, mean)
    return expressions


def _sample_shape(ict: IctModel, where: Correspondence, name: str) -> NDArray[np.float64]:
    """(478, 3) ICT's offset of an ARKit shape at the landmarks; zero at the irises, which only gaze turns, and for tongueOut."""
    offset = np.zeros((_POINTS, 3))
    shape = ict.arkit_shape(name)
    if shape is not None:
        offset[:SKIN] = where.sample(shape)
    return offset


def _fit(
    bumps: Bumps, name: str, target: NDArray[np.float64], guide: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """(478, 3) fields of one shape; prints what they leave."""
    fitted = np.zeros_like(target)
    if target.any():
        fitted[:SKIN], count = fit_shape(bumps, target[:SKIN], None if guide is None else guide[:SKIN])
        error = 10 * np.linalg.norm(fitted - target, axis=1)
        size = 10 * np.linalg.norm(target, axis=1).max()
        left = f"left rms {np.sqrt((error**2).mean()):.3f} max {error.max():.3f} mm"
        print(f"{name:20s} {count:3d} fields  motion {size:6.2f} mm  {left}")
    return fitted


def _mirrored_name(name: str) -> str:
    for a, b in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(a):
            return name.removesuffix(a) + b
    return name


def _guides(ict: IctModel, mean: NDArray[np.float64], centres: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Rigid motions (478, 3) behind jaw and lid shapes: the jaw's hinge from ICT's lower teeth, lids about the eyeball."""
    teeth = ict.part("M_Teeth")
    opened = ict.shapes_cm["jawOpen"][teeth]
    lower = teeth[np.linalg.norm(opened, axis=1) > 1.0]
    hinge, angle = fit_hinge(ict.neutral_cm[lower], ict.shapes_cm["jawOpen"][lower])
    print(f"jaw hinge at y {hinge[1]:.2f} z {hinge[2]:.2f} cm, jawOpen turns {np.degrees(angle):.1f} degrees")
    guides = {"jawOpen": jaw_guide(mean, hinge, angle)}
    for name in ("jawForward", "jawLeft", "jawRight"):
        guides[name] = np.broadcast_to(ict.shapes_cm[name][lower].mean(axis=0), mean.shape).astype(np.float64)
    for side, centre in zip(("Left", "Right"), centres, strict=True):
        for motion, degrees in (("Blink", 38), ("LookDown", 20), ("LookUp", -15), ("Wide", -12), ("Squint", 12)):
            guides[f"eye{motion}{side}"] = lid_guide(mean, centre, np.radians(degrees))
    return guides


def _close_lips(
    expressions: NDArray[np.float64], sampled: dict[str, NDArray[np.float64]], mean: NDArray[np.float64]
) -> None:
    """Shapes that keep ICT's lips together keep ours together exactly; mouthClose closes exactly what jawOpen opens."""
    upper, lower = list(INNER_LIPS.upper[1:-1]), list(INNER_LIPS.lower[1:-1])
    jaw = expressions[INDEX["jawOpen"]]
    for name in NAMES:
        shape = expressions[INDEX[name]]
        parted = (sampled[name][upper] - sampled[name][lower])[:, 1]
        if name == "mouthClose":
            gap = (jaw + shape)[upper] - (jaw + shape)[lower]
        elif np.abs(parted).max() < LIPS_STAY_CLOSED_CM:
            gap = (shape[upper] - shape[lower]) * [0.0, 1.0, 0.0]
        else:
            continue
        _pull(shape, mean, upper, -gap / 2, UPPER_LIP)
        _pull(shape, mean, lower, gap / 2, LOWER_LIP)


def _close_lids(expressions: NDArray[np.float64], mean: NDArray[np.float64]) -> None:
    """At eyeBlink = 1 the upper rim lies on the lower rim: the upper lid goes the rest of the way."""
    for name, eye in zip(("eyeBlinkLeft", "eyeBlinkRight"), EYES, strict=True):
        shape = expressions[INDEX[name]]
        upper = list(eye.upper[1:-1])
        rim = (mean + shape)[list(eye.lower)]
        rim = rim[np.argsort(rim[:, 0])]
        closed = (mean + shape)[upper]
        missing = np.zeros_like(closed)
        for axis in (1, 2):
            missing[:, axis] = np.interp(closed[:, 0], rim[:, 0], rim[:, axis]) - closed[:, axis]
        lid = np.flatnonzero(mean[:SKIN, 1] > np.interp(mean[:SKIN, 0], *mean[list(_by_x(eye.upper, mean))][:, :2].T))
        _pull(shape, mean, upper, missing, frozenset(int(i) for i in lid))


def _by_x(landmarks: tuple[int, ...], mean: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(sorted(landmarks, key=lambda i: float(mean[i, 0])))


def _pull(
    shape: NDArray[np.float64],
    mean: NDArray[np.float64],
    rim: list[int],
    move_cm: NDArray[np.float64],
    around: frozenset[int],
) -> None:
    """Add `move_cm` to the rim points of a shape; the points `around` follow, less the farther they are."""
    followers = sorted(around - set(rim))
    squared = ((mean[followers][:, None] - mean[rim][None]) ** 2).sum(axis=2)
    near = np.exp(-squared / (2 * FOLLOW_CM**2))
    total = np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    shape[followers] += near.max(axis=1, keepdims=True) * (near / total) @ move_cm
    shape[rim] += move_cm


if __name__ == "__main__":
    sys.exit(main())
