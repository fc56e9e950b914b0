"""The live twin of the whole-shot solver: the landmarks of one frame in, the performance of that frame out.

Causal, one pass, bounded in time and memory. The face model and the error model are the whole-shot solver's; where that
smooths over the shot, here the head follows the Kalman filter of the same motion, and coefficients are drawn toward
where they were going: ``min |D w - d|^2 + l1 sum(w) + lt |w - expected|^2`` within bounds, with the same ``lt`` on both
sides, so that nothing shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import arkit
from ...errors import UsageError
from ...face_model.types import FaceModel
from ..geometry import Array, Camera, nearest_rotation
from ..identity import FOV_SPREAD, NEAREST_USUAL_CM, Actor, usual_focal_px
from ..landmark_groups import MESH_COUNT
from .frame import FrameSolver
from .session import Found, Session

FRAME_S = 1 / 30
"""Frame time that constants are meant for."""
FRAMES_RANGE = (0.1, 10.0)
"""Steps in time, in frame times, are taken to be within this."""
KNOWN_FOCAL_SPREAD = 1e-3
HOLD_S, FADE_S = 0.25, 0.5
"""A lost face is held for so long, then confidence fades to 0 in so long."""
RETURN_S = 0.2
"""A face that was lost takes over from where it was held in so long, or in as long as it was away if that is less."""


@dataclass(frozen=True)
class LiveOptions:
    """What a caller may know beforehand."""

    focal_px: float | None = None
    """Focal length of a calibrated camera; learned when None."""


@dataclass(frozen=True)
class LiveFrame:
    """The performance in one frame; axes and units are those of `take.Take`."""

    time_s: float
    coefficients: NDArray[np.float32]
    """(52,) 0..1, in the order of `arkit.NAMES`."""
    sigma: NDArray[np.float32]
    """(52,) their standard deviations."""
    rotation: NDArray[np.float32]
    """(3, 3) head axes to camera-aligned axes."""
    translation_cm: NDArray[np.float32]
    """(3,)."""
    gaze: NDArray[np.float32]
    """(2, 2) yaw and pitch in radians of the actor's left and right eye."""
    confidence: float
    """0..1; 0 where no face has been seen for a while, and the other values are the last ones."""


class LiveSolver:
    """Feed it the landmarks of every frame in order; the first frame already gives a usable performance."""

    def __init__(self, model: FaceModel, frame_size: tuple[int, int], options: LiveOptions | None = None) -> None:
        self._model, self._frame_size = model, frame_size
        self._options = options or LiveOptions()
        self._solver = FrameSolver(model)
        self.reset()

    def reset(self) -> None:
        """Forget the actor and the camera, for another one."""
        self._session: Session | None = None
        self._last = nobody()
        self._seen_s, self._seen_confidence = 0.0, 0.0
        self._held, self._returned_s, self._return_s = self._last, 0.0, 0.0

    @property
    def actor(self) -> Actor | None:
        """The actor and the camera as they are known now; None before a face was seen."""
        return self._session.actor if self._session else None

    def rest(self) -> None:
        """The face seen last is known to be neutral: `calibrate_neutral` will count it. Does nothing before one was seen."""
        if self._session is not None:
            self._session.rest()

    def calibrate_neutral(self) -> bool:
        """The faces since the last time of which `rest` was called are this actor's neutral one, or the face seen last.

        Does nothing before a face was seen, and nothing where the face moved meanwhile; returns whether it did.
        """
        return self._session is not None and self._session.calibrate()

    def step(self, landmarks_px: NDArray[np.float32] | Array | None, time_s: float) -> LiveFrame:
        """The performance at `time_s` from (478, 2) landmarks; None, or any that is not finite: no face is seen.

        Raises UsageError for landmarks of another shape.
        """
        points_px = None if landmarks_px is None else np.array(landmarks_px, np.float64)
        if points_px is not None and points_px.shape != self._model.landmark_mean_cm[:, :2].shape:
            raise UsageError(f"A face has 478 landmarks of two coordinates, these are {points_px.shape}.")
        if points_px is None or not np.isfinite(points_px).all():
            self._last = replace(self._last, time_s=time_s, confidence=self._fading(time_s - self._seen_s))
        else:
            self._last = self._seen(points_px, time_s)
        return self._last

    def _seen(self, points_px: Array, time_s: float) -> LiveFrame:
        away_s, was_lost = time_s - self._seen_s, self._last.time_s > self._seen_s
        if self._session is None:
            away_s, was_lost = FRAME_S, False
            spread = FOV_SPREAD if self._options.focal_px is None else KNOWN_FOCAL_SPREAD
            self._session = Session(self._model, self._solver, self._first_camera(points_px), spread, points_px)
        if was_lost:
            self._held, self._returned_s, self._return_s = self._last, time_s, min(RETURN_S, away_s)
        frames = float(np.clip(away_s / FRAME_S, *FRAMES_RANGE))
        found = self._session.step(points_px, frames, search=away_s > HOLD_S)
        self._seen_s, self._seen_confidence = time_s, found.quality
        return self._returning(shown(found, time_s))

    def _first_camera(self, points_px: Array) -> Camera:
        width, height = self._frame_size
        usual = usual_focal_px(self._frame_size, points_px[None, :MESH_COUNT], self._solver.mean)
        return Camera(self._options.focal_px or usual, (width / 2, height / 2))

    def _fading(self, away_s: float) -> float:
        """Confidence of a face that was seen last so long ago."""
        return self._seen_confidence * float(np.clip(1.0 - (away_s - HOLD_S) / FADE_S, 0.0, 1.0))

    def _returning(self, frame: LiveFrame) -> LiveFrame:
        """Between where a lost face was held and where it is found again, for a short time."""
        since_s = frame.time_s - self._returned_s + FRAME_S
        if since_s >= self._return_s:
            return frame
        held, part = self._held, np.float32((since_s / self._return_s) ** 2 * (3.0 - 2.0 * since_s / self._return_s))
        return LiveFrame(
            frame.time_s,
            coefficients=held.coefficients + part * (frame.coefficients - held.coefficients),
            sigma=np.maximum(held.sigma, frame.sigma),
            rotation=nearest_rotation(held.rotation + part * (frame.rotation - held.rotation)).astype(np.float32),
            translation_cm=held.translation_cm + part * (frame.translation_cm - held.translation_cm),
            gaze=held.gaze + part * (frame.gaze - held.gaze),
            confidence=held.confidence + float(part) * (frame.confidence - held.confidence),
        )


def shown(found: Found, time_s: float) -> LiveFrame:
    """What the caller sees of a solved frame."""
    return LiveFrame(
        time_s,
        coefficients=found.coefficients.astype(np.float32),
        sigma=found.sigma.astype(np.float32),
        rotation=found.pose.rotation[0].astype(np.float32),
        translation_cm=found.pose.translation_cm[0].astype(np.float32),
        gaze=found.gaze.astype(np.float32),
        confidence=found.quality,
    )


def nobody() -> LiveFrame:
    """A neutral face straight ahead, before any was seen."""
    size = len(arkit.NAMES)
    return LiveFrame(
        -np.inf,
        coefficients=np.zeros(size, np.float32),
        sigma=np.ones(size, np.float32),
        rotation=np.eye(3, dtype=np.float32),
        translation_cm=np.array([0.0, 0.0, -NEAREST_USUAL_CM], np.float32),
        gaze=np.zeros((2, 2), np.float32),
        confidence=0.0,
    )
