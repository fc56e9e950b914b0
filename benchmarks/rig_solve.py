"""The rig-aware solve on avatars whose right answer is known, beside mapping by names and the best that each rig can do.

    python benchmarks/rig_solve.py [ICT_FOLDER_OR_ARCHIVE] [--clips CLIP.mp4|TAKE.npz ...] [--truths FILE.npz ...] [--only ...]

The avatars (rig_avatars.py) are ICT-FaceKit under other names, topologies, proportions and controls. The actor's
coefficients are those of rendered performances (the truth files), of real clips (tracked now) and of a mouth that chews
with closed lips. One JSON line per avatar and system. Systems: "solve"; "list", the links that the sidebar shows;
"names", the keys under the names that their artist would give them, mapped by name; "limit", the nearest that the
channels can come to the right surface, vertex by vertex, which nobody who does not know it can reach.
Figures: error of the face's skin in millimetres on a face of human size; how often the avatar's lips touch (< 1 mm) when
the actor's do though jaw or lips move, and are open when they should be by 3 mm; channels at work; roughness (mean
second difference, in units of a channel). Needs the Blender module (it decimates and remeshes).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import announce
from numpy.typing import NDArray
from rig_avatars import Avatar, ict
from rig_cast import avatars
from understudy.inference import arkit, face_model
from understudy.inference.capture.shot import track_shot
from understudy.inference.face_model.ict_folder import ict_name
from understudy.inference.face_model.rims import INNER_LIPS
from understudy.inference.retarget import match_names
from understudy.inference.retarget import weights as mapped
from understudy.inference.retarget.by_shape.fit import RigFit, as_mapping, fit
from understudy.inference.retarget.by_shape.solve import solve
from understudy.inference.solve import solve_shot
from understudy.inference.take import load
from understudy.models.ict_archive import unpack_ict

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", ROOT.parent / "shared"))
TOUCHING_CM, OPEN_CM = 0.05, 0.3
EVERY = 3
"""Of real clips every third frame; second differences are those of every frame."""


def of_truth(path: Path) -> Array:
    """(T, 52) coefficients of a truth file."""
    with np.load(path) as stored:
        names, values = [str(name) for name in stored["names"]], stored["coefficients"]
    result = np.zeros((len(values), len(arkit.NAMES)))
    for index, name in enumerate(arkit.NAMES):
        if ict_name(name) in names:
            result[:, index] = values[:, names.index(ict_name(name))]
        elif f"{name}_L" in names:
            result[:, index] = (values[:, names.index(f"{name}_L")] + values[:, names.index(f"{name}_R")]) / 2
    return result


def of_clip(path: Path) -> Array:
    """(T, 52) coefficients that our solver reads in a clip, or has read: of a take."""
    if path.suffix == ".npz":
        return load(path).coefficients.astype(np.float64)
    shot = track_shot(path)
    return solve_shot(shot, shot.tracks[0], face_model.load("default")).coefficients.astype(np.float64)


def chewing() -> Array:
    """(60, 52) a jaw that moves behind closed lips, which are round, drawn or at rest."""
    time_s = np.arange(60) / 30
    result = np.zeros((60, len(arkit.NAMES)))
    jaw = 0.3 * np.sin(np.pi * time_s * 1.5) ** 2
    for name, value in (("jawOpen", jaw), ("mouthClose", jaw), ("mouthPucker", 0.4 * (time_s > 1) * jaw / 0.3)):
        result[:, arkit.INDEX[name]] = value
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        result[:, arkit.INDEX[name]] = 0.4 * (time_s < 0.6) * jaw / 0.3
    return result


def lips_cm(coefficients: Array) -> Array:
    """(T,) how far the actor's lips are apart, the widest of the seven pairs in the middle."""
    expressions = face_model.load("default").landmark_expressions_cm
    upper, lower = list(INNER_LIPS.upper[2:-2]), list(INNER_LIPS.lower[2:-2])
    return np.asarray((coefficients @ (expressions[:, upper, 1] - expressions[:, lower, 1])).max(1))


def gap(avatar: Avatar, surfaces: Array) -> Array:
    """(T,) how much further than at rest the avatar's lips are apart, in its units, the widest of the middle pairs."""
    corners, weights = avatar.head.rims["lips"]
    at_rest = np.einsum("nk,nk->n", weights, avatar.shapes.rest[corners, 1])
    height = np.einsum("nk,tnk->tn", weights, surfaces[:, corners, 1]) - at_rest
    half = height.shape[1] // 2
    return np.asarray((height[:, :half] - height[:, half:])[:, 1:-1].max(1))


def limit(avatar: Avatar, ideal: Array) -> Array:
    """(T, C) weights nearest to the right skin, when it is known; pairs and turns left out."""
    shapes, skin = avatar.shapes, avatar.head.skin
    basis = shapes.deltas[:, skin].reshape(len(shapes.keys), -1).astype(np.float64)
    size = np.maximum(np.linalg.norm(basis, axis=1), 1e-12)
    basis /= size[:, None]
    square, mixed = basis @ basis.T, (ideal - shapes.rest)[:, skin].reshape(len(ideal), -1) @ basis.T
    low, high = shapes.lower / shapes.unit * size, shapes.upper / shapes.unit * size
    step, momentum = 1 / np.linalg.eigvalsh(square)[-1], 1.0
    weights = ahead = np.zeros(mixed.shape)
    for _ in range(1000):
        new = np.clip(ahead - step * (ahead @ square - mixed), low, high)
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, weights, momentum = new + (momentum - 1) / faster * (new - weights), new, faster
    return np.asarray(weights / size * shapes.unit)


def by_list(avatar: Avatar, fitted: RigFit, coefficients: Array) -> Array:
    """(T, C) weights of the fit's list of links."""
    return _in_order(avatar.shapes.keys, *mapped(as_mapping(fitted), coefficients.astype(np.float32)))


def by_names(avatar: Avatar, coefficients: Array) -> Array:
    """(T, C) weights when keys are mapped by the names that their artist would have given them."""
    named = match_names([name for name in avatar.names if name])
    return _in_order(avatar.names, *mapped(named, coefficients.astype(np.float32)))


def _in_order(order: tuple[str, ...], keys: tuple[str, ...], weights: NDArray[np.float32]) -> Array:
    result = np.zeros((len(weights), len(order)))
    for key, column in zip(keys, weights.T, strict=True):
        result[:, order.index(key)] = column
    return result


def figures(avatar: Avatar, weights: Array, ideal: Array, actor_cm: Array, busy: NDArray[np.bool_]) -> dict[str, float]:
    """What one system's weights give."""
    unit = (
        np.ptp(avatar.shapes.rest[avatar.head.skin], axis=0).mean()
        / np.ptp(avatar.head.rest[avatar.head.skin], axis=0).mean()
    )
    surfaces = avatar.evaluate(weights)
    error_mm = 10 * np.linalg.norm((surfaces - ideal)[:, avatar.head.skin], axis=2) / unit
    open_cm, right_cm = gap(avatar, surfaces) / unit, gap(avatar, ideal) / unit
    touching, apart = (actor_cm < TOUCHING_CM) & busy, (actor_cm > OPEN_CM) & (right_cm > OPEN_CM)
    units = weights / avatar.shapes.unit
    return {
        "error_mm": float(np.sqrt((error_mm**2).mean())),
        "error_95_mm": float(np.quantile(error_mm, 0.95)),
        "closure_recall": float((open_cm[touching] < 0.1).mean()),
        "open_recall": float((open_cm[apart] > 0.1).mean()),
        "opening_ratio": float(np.median(open_cm[apart] / right_cm[apart])),
        "active": float((np.abs(units) > 0.02).sum(1).mean()),
        "roughness": float(np.abs(np.diff(units, 2, axis=0)).mean()),
    }


def measure(avatar: Avatar, coefficients: Array) -> dict[str, Array]:
    """Print the lines of one avatar; the weights by system."""
    start = time.perf_counter()
    fitted = fit(avatar.shapes, face_model.load("default"))
    fit_s = time.perf_counter() - start
    start = time.perf_counter()
    solved = solve(fitted, coefficients).astype(np.float64)
    solve_s = time.perf_counter() - start
    ideal = avatar.ideal(coefficients)
    systems = {
        "solve": solved,
        "list": by_list(avatar, fitted, coefficients),
        "names": by_names(avatar, coefficients),
        "limit": limit(avatar, ideal),
    }
    actor_cm = lips_cm(coefficients)
    mouth = [arkit.INDEX[name] for name in ("jawOpen", "mouthPucker", "mouthFunnel")]
    busy = coefficients[:, mouth].max(1) > 0.05
    for system, weights in systems.items():
        line: dict[str, object] = {"benchmark": "rig_solve", "avatar": avatar.name, "system": system}
        line |= {name: round(value, 4) for name, value in figures(avatar, weights, ideal, actor_cm, busy).items()}
        if system == "solve":
            line |= {"fit_s": round(fit_s, 2), "solve_s_per_1000_frames": round(1000 * solve_s / len(solved), 3)}
            line |= {"channels": len(avatar.names), "vertices": len(avatar.shapes.rest), "frames": len(solved)}
            line["touching_frames"] = int(((actor_cm < TOUCHING_CM) & busy).sum())
        print(json.dumps(line), flush=True)
    return systems


def main() -> None:
    """Measure every avatar."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    archive = SHARED / "data" / "ict_facekit" / "ICT-FaceKit.tar.xz"
    truths = [*sorted((SHARED / "data" / "synthetic").glob("*.truth.npz")), ROOT / "samples" / "performance.truth.npz"]
    parser.add_argument("ict", type=Path, nargs="?", default=archive, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--clips", type=Path, nargs="*", default=sorted((SHARED / "data" / "clips").glob("d*.mp4")))
    parser.add_argument("--truths", type=Path, nargs="*", default=truths)
    parser.add_argument("--only", nargs="*", help="avatars whose names begin so")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of some frames")
    options = parser.parse_args()
    parts = [
        *(of_truth(path) for path in options.truths),
        chewing(),
        *(of_clip(path)[::EVERY] for path in options.clips),
    ]
    coefficients = np.concatenate(parts)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.ict if options.ict.is_dir() else unpack_ict(options.ict, Path(scratch))
        model = ict(folder)
    announce("rig_solve")
    for avatar in avatars(model):
        if options.only and not any(avatar.name.startswith(name) for name in options.only):
            continue
        systems = measure(avatar, coefficients)
        if options.pictures:
            from rig_pictures import sheet

            sheet(avatar, systems, coefficients, options.pictures)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the Blender module does not end cleanly by itself
