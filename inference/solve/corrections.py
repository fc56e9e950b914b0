"""A shot solved again with coefficients that a person has set: exact there, and what is near in time and meaning adapts.

The result is the take plus what the corrections change: the difference of two solutions, with and without them. In that
difference the evidence itself cancels out and only its strength stays: how much worse other values would explain the points.
So whatever made the take, pixels included, is kept, and nothing is detected again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError
from ..face_model.types import FaceModel
from ..progress import Progress, silent
from ..take import Take
from .certainty import spreads
from .coefficients import (
    ACCELERATION,
    EXCLUSIVE,
    FAST,
    LID_ACCELERATION,
    QUIET_SPREAD,
    SUPPORT_FRAMES,
    around,
    with_prior,
)
from .geometry import Array, Camera, Poses, chunks
from .identity import FOV_SPREAD, Actor
from .landmark_groups import MESH_COUNT
from .landmark_network import measured
from .lids import BLINKS, closing_blinks
from .lips import CLOSE, CONTACT_CM, JAW, lip_contact, lip_evidence, lip_gaps_cm, noise_cm, part_gaps
from .performance import EYE_LOOK, EYES, PerformanceSolver
from .timeline import Timeline, solve_along_time

REACH_S = 1.0
"""No correction changes frames further away than this."""
ERRORS_LAST_S = 0.12
"""What misled the solver in a frame misled it in those around, too: there its evidence counts less."""
LEAST_EVIDENCE = 0.1
STILL = 0.005
"""Coefficients that are smaller than this all around stay at rest, unless a person moves them."""
MEANT_CM = 0.06
"""Corrections that part or close the lips by more than this are meant to."""
SURE = 0.01
"""Standard deviation of what a person has set."""
NEAR_TRUST = 0.95
"""Frames whose evidence counts less than this are near a correction."""
FIRMNESS = 1e7
ACTIVE_SET_ROUNDS = 6


@dataclass(frozen=True)
class Fixed:
    """M coefficients that are known."""

    position: NDArray[np.int64]
    """(M,) frames of the take, counted from 0."""
    coefficient: NDArray[np.int64]
    """(M,) columns of the take's coefficients."""
    value: Array
    """(M,) 0..1."""


def resolve(take: Take, model: FaceModel, fixed: Fixed, progress: Progress = silent) -> Take:
    """The take that agrees with what a person has set, exactly where they did.

    `model` is the one the take was solved with. What is set in frames without a face has nothing around it to adapt and
    changes that frame alone. Raises InputError for positions and coefficients that the take does not have.
    """
    _check(take, fixed)
    wanted = np.full(take.coefficients.shape, np.nan)
    wanted[fixed.position, fixed.coefficient] = np.clip(fixed.value, 0.0, 1.0)
    seen = np.flatnonzero((take.confidence > 0) & np.isfinite(take.landmarks_px).all((1, 2)))
    result = take.coefficients.astype(np.float64)
    windows = _windows(take.time_s, seen, np.unique(fixed.position))
    for done, window in enumerate(windows):
        progress("correct", done, len(windows))
        result[window] += _difference(take, model, window, wanted[window])
    known = np.isfinite(wanted)
    result = np.clip(result, np.minimum(take.coefficients, 0.0), np.maximum(take.coefficients, 1.0))
    result[known] = wanted[known]
    progress("correct", len(windows), len(windows))
    sigma = None if take.sigma is None else np.where(known, np.float32(SURE), take.sigma)
    return replace(take, coefficients=result.astype(np.float32), sigma=sigma)


def _check(take: Take, fixed: Fixed) -> None:
    for numbers, count, what in (
        (fixed.position, len(take), "frames"),
        (fixed.coefficient, len(arkit.NAMES), "coefficients"),
    ):
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < count):
            raise InputError(f"A correction lies outside of the take's {count} {what}; was it made for another take?")


def _windows(time_s: Array, seen: NDArray[np.int64], positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of the seen frames around corrections, one array for each stretch of time that hangs together."""
    apart = np.abs(time_s[seen][:, None] - time_s[positions[np.isin(positions, seen)]][None])
    near = seen[(apart < REACH_S).any(1)]
    if not len(near):
        return []
    return np.split(near, np.flatnonzero(np.diff(time_s[near]) > REACH_S) + 1)


def _difference(take: Take, model: FaceModel, window: NDArray[np.int64], wanted: Array) -> Array:
    """(N, 52) what the corrections `wanted` (N, 52; NaN where there are none) change in the frames of a window."""
    timeline = Timeline(take.time_s[window])
    solver = PerformanceSolver(
        take.landmarks_px[window].astype(np.float64), timeline.time_s, take.frame_size, model
    )  # fmt: skip
    actor = _actor(take, model)
    poses = Poses(take.rotation[window].astype(np.float64), take.translation_cm[window].astype(np.float64))
    scale = np.ones(len(arkit.NAMES))
    scale[BLINKS] = closing_blinks(actor.points_cm, solver.expressions)
    known = np.isfinite(wanted)
    start = take.coefficients[window].astype(np.float64)
    change = np.where(known, wanted - start, 0.0) * scale
    before = start * scale
    solver.use(measured())  # how coefficients make room for each other, and softly: also where other points were read
    hessian, _ = solver.evidence(slice(None), poses, actor, before, 1.0)
    hessian *= _strength(hessian, None if take.sigma is None else take.sigma[window] * scale)
    trust = _trust(timeline.time_s, known.any(1))
    hessian *= trust[:, None, None]
    hessian += _lips(solver, poses, actor, before, change, known)
    active = np.clip(around(np.maximum(before, before + change), SUPPORT_FRAMES), QUIET_SPREAD, 1.0)
    # A smile lifts the cheeks to the lids; but whoever corrects a mouth does not expect the eyes to move.
    still = (around(before, SUPPORT_FRAMES) < STILL) & ~around(known.astype(float), len(window))[:1].astype(bool)
    still |= EYE_LOOK & ~known.any(0)
    still |= EYES & ~known[:, EYES].any()
    lower, upper = -before, np.maximum(scale - before, 0.0)
    near = trust < NEAR_TRUST
    for pair in EXCLUSIVE:
        for one, other in (pair, pair[::-1]):
            if known[:, one].any():  # what no face does at once with it does not make up for it
                upper[near, other] = 0.0
    found = _bounded(with_prior(hessian, active), change, known | still, (lower, upper), timeline)
    found[:, CLOSE] = np.minimum(found[:, CLOSE], np.maximum(before + found, before)[:, JAW] - before[:, CLOSE])
    return np.asarray(np.where(known, change, found * _fade(timeline.time_s, known.any(1))[:, None]) / scale)


def _actor(take: Take, model: FaceModel) -> Actor:
    """The actor of a take; the model's mean face where the take was solved with another model."""
    same = take.neutral_cm.shape == model.mean_cm.shape
    neutral = take.neutral_cm.astype(np.float64) if same else model.mean_cm.astype(np.float64)
    points = model.at_landmarks(neutral)[:MESH_COUNT]
    matrix = take.camera_matrix
    camera = Camera(float(matrix[0, 0]), (float(matrix[0, 2]), float(matrix[1, 2])))
    people = np.zeros(len(measured().people))
    return Actor(camera, FOV_SPREAD, take.identity.astype(np.float64), np.zeros_like(points), points, people)


def _strength(hessian: Array, sigma: Array | None) -> float:
    """How many times the landmarks' evidence at noise level 1 the take's own standard deviations (N, 52) stand for."""
    if sigma is None:
        return 1.0
    some = np.unique(np.linspace(0, len(hessian) - 1, 16).astype(int))
    low, high = -3.0, 9.0
    for _ in range(12):
        middle = 0.5 * (low + high)
        narrower = np.median(spreads(hessian[some] * np.exp(middle)) / np.maximum(sigma[some], 1e-4)) < 1.0
        low, high = (low, middle) if narrower else (middle, high)
    return float(np.exp(0.5 * (low + high)))


def _trust(time_s: Array, corrected: NDArray[np.bool_]) -> Array:
    """(N,) how much the evidence of each frame still counts, given that it misled in the `corrected` (N,) ones."""
    apart = np.abs(time_s[:, None] - time_s[corrected][None]).min(1)
    return np.asarray(1.0 - (1.0 - LEAST_EVIDENCE) * np.exp(-0.5 * (apart / ERRORS_LAST_S) ** 2))


def _fade(time_s: Array, corrected: NDArray[np.bool_]) -> Array:
    """(N,) 1, and down to 0 where a window ends."""
    apart = np.abs(time_s[:, None] - time_s[corrected][None]).min(1) / REACH_S
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(4.0 * apart - 3.0, 0.0, 1.0)))


def _lips(
    solver: PerformanceSolver, poses: Poses, actor: Actor, before: Array, change: Array, known: NDArray[np.bool_]
) -> Array:  # fmt: skip
    """(N, 52, 52) the wish that lips which touch go on touching; but corrections that part or close them are meant to, so
    there nothing else undoes it.
    """
    gaps_cm = lip_gaps_cm(solver.points_px, poses, actor.camera)
    contact = lip_contact(gaps_cm, noise_cm(gaps_cm))
    change_of_gap = part_gaps(solver.expressions)
    meant = np.abs(change @ change_of_gap.T) > MEANT_CM
    others = change_of_gap * ~known.any(0)
    result = np.empty((len(before), before.shape[1], before.shape[1]))
    kept = np.zeros_like(contact)
    for lip_part in range(contact.shape[1]):
        at = meant[:, lip_part]
        if at.any():
            trust = _trust(solver.timeline.time_s, at)
            contact[:, lip_part] *= np.where(at, 0.0, trust)
            kept[:, lip_part] = (1.0 - contact[:, lip_part]) * (1.0 - trust) / CONTACT_CM**2
    for part in chunks(len(before)):
        result[part] = lip_evidence(contact[part], before[part], solver.expressions, 1.0)
        result[part] += np.swapaxes(kept[part][:, :, None] * others, 1, 2) @ others
    return result


def _bounded(
    hessian: Array, change: Array, held: NDArray[np.bool_], bounds: tuple[Array, Array], timeline: Timeline
) -> Array:
    """(N, 52) the smallest smooth change that is `change` where `held` and stays within bounds (active set)."""
    lower, upper = bounds
    strength = np.full(change.shape[1], ACCELERATION)
    strength[FAST] = LID_ACCELERATION
    strength = 1.0 / (strength * timeline.second_difference_scale) ** 2
    held, target = held.copy(), np.where(held, change, 0.0)
    every = np.arange(change.shape[1])
    result = target
    for _ in range(ACTIVE_SET_ROUNDS):
        firm = hessian.copy()
        firm[:, every, every] += FIRMNESS * held
        result = solve_along_time(firm, FIRMNESS * held * target, timeline.second_differences, strength)
        outside = ((result < lower - 1e-6) | (result > upper + 1e-6)) & ~held
        if not outside.any():
            break
        target = np.where(outside, np.clip(result, lower, upper), target)
        held |= outside
    return np.asarray(np.where(held, target, np.clip(result, lower, upper)))
