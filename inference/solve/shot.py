"""The door of the room: landmarks of one face through one shot in, a take out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .. import arkit
from ..capture.types import FaceTrack, ShotTracks
from ..errors import InputError
from ..face_model.surface import carried
from ..face_model.types import FaceModel
from ..progress import Progress, silent
from ..take import UNKNOWN_SIGMA, Take
from .geometry import Array
from .identity import Actor
from .landmark_groups import LEFT_LIDS, MESH_COUNT, RIGHT_LIDS
from .performance import Performance, PerformanceSolver
from .reading import reading_of
from .surface import SurfaceSolver

log = logging.getLogger(__name__)

OFFSET_SMOOTHING = 1.0
OFFSET_REACH_CM = 2.0
"""Landmarks' offsets are spread over a dense mesh without dents, and end this far outside the landmarks."""


Refine = Callable[[PerformanceSolver, Performance, NDArray[np.int64]], Performance]
"""Makes a performance better by more than its landmarks; the last argument are the positions of the seen frames."""


def solve_shot(
    shot: ShotTracks,
    track: FaceTrack,
    model: FaceModel,
    progress: Progress = silent,
    refine: Refine | None = None,
    neutral: tuple[int, int] | None = None,
) -> Take:
    """Turn one face's landmarks into a take: one identity and camera, and head, gaze and coefficients per frame.

    Frames in which the face is lost keep confidence 0 and NaN landmarks. Their other values are those of the nearest
    seen frame, so that every array stays finite; they say nothing about the actor.
    `neutral` are the first and last frame of the source in which the actor's face is known to be neutral.
    Raises InputError when the face was seen in no frame, or in none of the neutral ones.
    """
    landmarks = track.landmarks_px.astype(np.float64)
    seen = np.flatnonzero((track.confidence > 0) & np.isfinite(landmarks).all((1, 2)))
    if not len(seen):
        raise InputError(f"There is no face in {shot.info.path.name}; use footage in which a face can be seen.")
    size = (shot.info.width, shot.info.height)
    resting = neutral_frames(shot, seen, neutral)
    solver = solver_of(track, seen, shot.time_s[seen], size, model, resting)
    progress("solve", 0, solver.steps)
    found = solver.solve(lambda done: progress("solve", done, solver.steps))
    if refine is not None:
        found = refine(solver, found, seen)
    log_camera(found.actor, size)
    return assemble(shot, track, model, found, seen)


def solver_of(
    track: FaceTrack, seen: NDArray[np.int64], time_s: Array, size: tuple[int, int], model: FaceModel,
    resting: NDArray[np.bool_] | None,
) -> PerformanceSolver:  # fmt: skip
    """The solver for the network that read these frames: ours says how sure its points are, MediaPipe's does not."""
    reading = reading_of(track, seen)
    if reading is None:
        return PerformanceSolver(track.landmarks_px[seen].astype(np.float64), time_s, size, model, resting)
    return SurfaceSolver(reading, time_s, size, model, resting)


def neutral_frames(
    shot: ShotTracks, seen: NDArray[np.int64], neutral: tuple[int, int] | None
) -> NDArray[np.bool_] | None:
    """(N,) which of the seen frames lie in the source's range of neutral frames; None where nobody gave one."""
    if neutral is None:
        return None
    first, last = neutral
    index = shot.frame_index[seen]
    resting = (index >= first) & (index <= last)
    if not resting.any():
        name = f"neutral frame {first}" if first == last else f"neutral frames {first}-{last}"
        raise InputError(f"There is no face in the {name} of {shot.info.path.name}; choose frames that show it.")
    return np.asarray(resting)


def assemble(shot: ShotTracks, track: FaceTrack, model: FaceModel, found: Performance, seen: NDArray[np.int64]) -> Take:
    """The take of all frames from the solved seen frames."""
    frames = len(shot.time_s)
    nearest = nearest_seen(frames, seen)
    confidence = np.zeros(frames, np.float32)
    confidence[seen] = track.confidence[seen] * fit_quality(found.residual_cm)
    landmarks = track.landmarks_px.astype(np.float32).copy()
    landmarks[confidence == 0] = np.nan
    sigma = np.full((frames, len(arkit.NAMES)), UNKNOWN_SIGMA, np.float32)
    sigma[seen] = found.sigma
    return Take(
        names=arkit.NAMES,
        coefficients=found.coefficients[nearest].astype(np.float32),
        confidence=confidence,
        time_s=shot.time_s.astype(np.float64),
        rotation=found.poses.rotation[nearest].astype(np.float32),
        translation_cm=found.poses.translation_cm[nearest].astype(np.float32),
        gaze=found.gaze[nearest].astype(np.float32),
        camera_matrix=found.actor.camera.matrix(),
        landmarks_px=landmarks,
        identity=found.actor.identity.astype(np.float32),
        neutral_cm=neutral_mesh(model, found.actor),
        fps=shot.info.fps,
        frame_size=(shot.info.width, shot.info.height),
        frame_index=shot.frame_index.astype(np.int64),
        face_model=model.name,
        source_sha256=shot.source_sha256,
        tool_version=tool_version(),
        sigma=sigma,
    )


def nearest_seen(frames: int, seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T,) for every frame the position in `seen` of the nearest seen frame; the earlier one of two."""
    every = np.arange(frames)
    after = np.clip(np.searchsorted(seen, every), 0, len(seen) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(every - seen[before]) <= np.abs(seen[after] - every), before, after)


def fit_quality(residual_cm: Array) -> Array:
    """(N,) 1 for frames that fit as the shot does, less for those that fit worse."""
    return np.asarray(np.clip(1.5 * np.median(residual_cm) / np.maximum(residual_cm, 1e-9), 0.1, 1.0))


def neutral_mesh(model: FaceModel, actor: Actor) -> NDArray[np.float32]:
    """(V, 3) the actor's neutral face: identity, and the static offsets spread from the landmarks to their surroundings."""
    mean = model.mean_cm.astype(np.float64)
    mesh = mean + np.einsum("i,ivc->vc", actor.identity, model.identity_modes_cm)
    shift = np.zeros_like(model.landmark_mean_cm)
    shift[:MESH_COUNT] = actor.offsets_cm
    for lids, irises in ((LEFT_LIDS, slice(473, 478)), (RIGHT_LIDS, slice(468, 473))):
        shift[irises] = actor.offsets_cm[list(lids)].mean(0)
    spread = carried(shift[:MESH_COUNT], model.landmark_mean_cm[:MESH_COUNT], mean, OFFSET_SMOOTHING)
    distance = cKDTree(model.landmark_mean_cm).query(mean)[0]
    spread *= np.exp(-0.5 * (distance[:, None] / OFFSET_REACH_CM) ** 2)
    vertices = model.landmark_weights == 1
    spread[model.landmark_corners[vertices]] = shift[vertices.any(1)]
    return np.asarray((mesh + spread).astype(np.float32))


def log_camera(actor: Actor, size: tuple[int, int]) -> None:
    """Say which focal length was found and how sure it is."""
    field_deg = np.degrees(2 * np.arctan(max(size) / (2 * actor.camera.focal_px)))
    log.info(
        "focal length %.0f px (+- %.0f %%), field of view %.0f degrees",
        actor.camera.focal_px, 100 * actor.focal_spread, field_deg,
    )  # fmt: skip


def tool_version() -> str:
    """Version of the installed package; "source" when it runs from an extension folder."""
    try:
        return version("understudy")
    except PackageNotFoundError:
        return "source"
