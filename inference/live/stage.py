"""The sources as the loop sees them: something that, asked again and again, gives the newest sample."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..solve.identity import Actor
from ..solve.live.rest import PARTS, was_acted
from .calibration import Calibration
from .footage import PictureSource, footage
from .performer import Performer
from .preview import Preview
from .recording import Recording
from .sample import LiveSample
from .trackers import TrackerSource, is_tracker, rested

_FIRST_S = 15.0
"""So long a camera may take until its first picture."""
STALLED_S = 1.0
"""Cameras are slow in the dark; a source that sends nothing for so long shows no face."""
_SILENT_S = 8.0
"""A camera that sends nothing for so long is taken for gone."""


class Stage(Protocol):
    """A source, and who watches it."""

    recording: Recording | None
    preview: Preview | None
    """Who is shown every picture that was solved."""

    @property
    def calibration(self) -> Calibration:
        """The neutral one."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Of the pictures; None before the first, and for trackers without pictures."""

    @property
    def rate(self) -> Fraction | None:
        """Pictures a second that the source promises; None like the size."""

    def newest(self, patience_s: float) -> LiveSample | None:
        """The newest sample, as soon as there is one; None when there is nothing new in so long."""

    def record(self, path: Path) -> None:
        """Begin to record; raises `InputError`."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""

    @property
    def actor(self) -> Actor | None:
        """What is known of the actor."""

    def close(self) -> None:
        """End."""


class PictureStage:
    """Pictures, in which a performer is watched."""

    def __init__(
        self, name: str, size: tuple[int, int] | None, loop: bool, device: str, rate: int | None = None
    ) -> None:
        """Open the source last, so that no picture waits until the networks are loaded."""
        source = footage(name, size, loop, rate)
        self._performer = Performer(device)
        self._source = PictureSource(source)
        self.size: tuple[int, int] | None = None
        self.rate: Fraction | None = None
        self.recording: Recording | None = None
        self.preview: Preview | None = None
        self._last: LiveSample | None = None
        self._source.start()
        self._heard_s = time.monotonic() + _FIRST_S - _SILENT_S

    @property
    def calibration(self) -> Calibration:
        """The neutral one."""
        return self._performer.calibration

    @property
    def actor(self) -> Actor | None:
        """What is known of the actor."""
        return self._performer.actor

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._source.newest.over

    def newest(self, patience_s: float) -> LiveSample | None:
        """See `Stage`; raises `InputError` when the source is gone."""
        picture = self._source.newest.take(patience_s)
        if picture is None:
            silent_s = time.monotonic() - self._heard_s
            self._check_silence(silent_s)
            if self._last is None or self.over or silent_s < STALLED_S:
                return None
            return replace(self._last, confidence=0.0)
        self._heard_s, self.size, self.rate = time.monotonic(), picture.size, picture.rate
        seen = self._performer.see(picture)
        sample = replace(seen.sample(), dropped=self._source.newest.dropped)
        self._last = sample
        if self.recording is not None:
            self.recording.note(seen, sample)
        if self.preview is not None:
            self.preview.show(picture.rgb(), picture.frame, self.actor)
        return sample

    def record(self, path: Path) -> None:
        """Begin to record."""
        self.recording = Recording(path)
        self._source.tap = self.recording.show

    def close(self) -> None:
        """End."""
        self._source.close()

    def _check_silence(self, silent_s: float) -> None:
        name = self._source.source.name
        if self._source.source.kind == "camera" and silent_s > _SILENT_S:
            raise InputError(f"{name} sends no pictures any more; check its cable, and that no other program uses it.")


class TrackerStage:
    """Another tracker's coefficients."""

    def __init__(self, name: str) -> None:
        self._source = TrackerSource(name)
        self.calibration = Calibration()
        self.recording: Recording | None = None
        self.preview: Preview | None = None
        self.size: tuple[int, int] | None = None
        self.rate: Fraction | None = None
        self.actor: Actor | None = None
        self.over = False
        self._neutral: NDArray[np.float32] | None = None
        self._resting: list[NDArray[np.float32]] = []

    def newest(self, patience_s: float) -> LiveSample | None:
        """See `Stage`."""
        sample = self._source.newest(patience_s)
        if sample is None:
            return None
        if self.calibration.running:
            self._calibrate(sample)
        sample = sample if self._neutral is None else rested(sample, self._neutral)
        sample = replace(sample, calibrated=self.calibration.progress)
        if self.recording is not None:
            self.recording.note_sample(sample)
        return sample

    def record(self, path: Path) -> None:
        """Begin to record; there is a take only."""
        self.recording = Recording(path, pictures=False)

    def close(self) -> None:
        """End."""
        self._source.close()

    def _calibrate(self, sample: LiveSample) -> None:
        """What the tracker says of a face at rest counts as nothing from now on."""
        if sample.confidence > 0:
            self._resting.append(sample.coefficients)
        if self.calibration.count(sample.time_s, sample.confidence > 0):
            resting, self._resting = np.stack(self._resting), []
            parts = np.stack([part.mean(0) for part in np.array_split(resting, min(PARTS, len(resting)))])
            self.calibration.refused = was_acted(parts)
            if not self.calibration.refused:
                self._neutral = np.median(resting, axis=0).astype(np.float32)


def open_stage(name: str, size: tuple[int, int] | None, loop: bool, device: str, rate: int | None = None) -> Stage:
    """The stage of a source's name; raises `UnderstudyError`s that say what to do."""
    return TrackerStage(name) if is_tracker(name) else PictureStage(name, size, loop, device, rate)
