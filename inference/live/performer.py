"""From pictures to samples: the face of now, its performance, and what the user says is neutral."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import face_model
from ..solve.identity import Actor
from ..solve.live import LiveFrame, LiveSolver
from .calibration import Calibration
from .follow import FaceOfNow
from .newest import Picture
from .sample import LiveSample


@dataclass(frozen=True)
class Seen:
    """What was found in one picture."""

    picture: Picture
    frame: LiveFrame
    landmarks_px: NDArray[np.float32] | None
    """(478, 2); None where no face is seen."""
    calibrated: float

    def sample(self) -> LiveSample:
        """As it is sent, without what only the sender knows."""
        found = self.frame
        return LiveSample(
            frame=self.picture.frame,
            time_s=self.picture.time_s,
            confidence=found.confidence,
            coefficients=found.coefficients,
            rotation=found.rotation,
            translation_cm=found.translation_cm,
            gaze=found.gaze,
            calibrated=self.calibrated,
            latency_ms=(time.monotonic() - self.picture.arrived_s) * 1000.0,
        )


class Performer:
    """Sees one actor, picture by picture."""

    def __init__(self, device: str = "auto") -> None:
        """Load the networks and the face model; raises `MissingComponentError` where one is missing."""
        self._face = FaceOfNow(device)
        self._model = face_model.load("default")
        self._solver: LiveSolver | None = None
        self._size = (0, 0)
        self.calibration = Calibration()
        self._warm_up()

    @property
    def actor(self) -> Actor | None:
        """As known now; None before a face was seen."""
        return self._solver.actor if self._solver is not None else None

    def see(self, picture: Picture) -> Seen:
        """The performance in a picture."""
        rgb = picture.rgb()
        if self._solver is None or picture.size != self._size:  # a stream that came back with another size
            self._size, self._solver = picture.size, LiveSolver(self._model, picture.size)
            self.calibration = self.calibration if self.calibration.running else Calibration()
        points_px = self._face.read(rgb, picture.time_s)
        found = self._solver.step(points_px, picture.time_s)
        if self.calibration.running:
            if points_px is not None:
                self._solver.rest()
            if self.calibration.count(picture.time_s, points_px is not None):
                self.calibration.refused = not self._solver.calibrate_neutral()
        return Seen(picture, found, points_px, self.calibration.progress)

    def _warm_up(self) -> None:
        """See a face that is none, so that the first one does not wait for what is loaded on first use."""
        self._face.warm_up()
        solver, points_px = LiveSolver(self._model, (640, 480)), self._model.landmark_mean_cm[:, :2] * (15.0, -15.0)
        for frame in range(3):
            solver.step(points_px + (320.0, 240.0), frame / 30)
