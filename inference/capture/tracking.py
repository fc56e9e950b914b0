"""Following faces from frame to frame: who is who, what is lost, and where to look again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Picture
from .finder import FaceFinder, overlap
from .following import Follower, Reading
from .landmarks import region_of_points
from .region import box_of
from .types import Landmarks

OwnReader: TypeAlias = Callable[[Picture, Reading], Landmarks]
"""Reads the face that MediaPipe's network read with our own."""

_SAME_FACE = 0.5
_LOOKS_SIDE = 12
_LOOK_EVERY = 10
_LOOKS_ALIKE = 0.7
"""Correlation of straightened thumbnails. Measured: a person with herself 0.71-0.99, with others mostly below 0.5."""
_LOOKS_STRANGE = 0.2
"""At the very place of a lost face less likeness is enough, because light and expression may have changed."""
_REACH, _REACH_PER_FRAME, _MAX_REACH = 1.0, 0.03, 2.0
"""Place counts within this many sizes of the face from where it was lost, and farther the longer it is away."""
_PATIENCE = 60
"""Frames for which a lost face keeps its place from strangers."""


@dataclass(frozen=True)
class SearchPlan:
    """How often to look for faces, in frames."""

    new_every: int
    """While others are tracked and there is room for more."""
    thorough_every: int
    """Turned and very small faces, while none is tracked."""
    own_every: int = 1
    """With our own network at the tracked ones."""


@dataclass(frozen=True)
class Observation:
    """One face in one frame."""

    frame: int
    """Count of `ShotTracker.step` calls before this frame's."""
    track_id: int
    landmarks: Landmarks
    """MediaPipe's."""
    confidence: float
    own: Landmarks | None = None
    """The same face as our own network reads it; None where it was not asked."""


@dataclass(frozen=True)
class Sighting:
    """One face in one frame as MediaPipe's network read it: all that our own needs to read it, too."""

    frame: int
    """Count of `ShotTracker.step` calls before this frame's."""
    track_id: int
    reading: Reading
    rgb: Picture

    def observation(self, own: Landmarks | None = None) -> Observation:
        """With what our own network read."""
        return Observation(self.frame, self.track_id, self.reading.landmarks, self.reading.confidence, own)


@dataclass
class TrackedFace:
    """A face that the tracker knows."""

    track_id: int
    reading: Reading
    """The last one."""
    looks: NDArray[np.float32]
    """Unit vector of a straightened thumbnail."""
    last_frame: int
    """In which it was seen."""
    motion_px: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    """(2,) from the frame before."""
    frames: int = 1
    """In which it was seen."""

    @property
    def landmarks(self) -> Landmarks:
        """Its points in the last frame in which it was seen."""
        return self.reading.landmarks


class ShotTracker:
    """Feed it the frames of a shot in order; it hands out sightings, also belated ones of earlier frames.

    The detectors run only after a loss, or while fewer than ``max_faces`` are tracked. Points are not smoothed. Our own
    network has no part in the following: `read` may come later, and in another thread.
    """

    def __init__(
        self,
        finder: FaceFinder,
        follower: Follower,
        max_faces: int,
        plan: SearchPlan,
        read_own: OwnReader | None = None,
    ) -> None:
        self._finder, self._follower, self._read_own = finder, follower, read_own
        self._max_faces, self._plan = max_faces, plan
        self._tracks: list[TrackedFace] = []
        self._frame = -1
        # Faces found late are followed backward through these frames.
        self._recent: deque[Picture] = deque(maxlen=max(plan.thorough_every, plan.new_every))

    def step(self, rgb: Picture) -> list[Sighting]:
        """Sightings in this frame and, for faces found late, in frames before it."""
        self._frame += 1
        sightings = list(self._follow(rgb))
        if self._search_is_due():
            sightings.extend(self._search(rgb))
        self._recent.append(rgb)
        return sightings

    @property
    def frames_at_once(self) -> int:
        """How many frames `step_many` likes to get."""
        return 1

    def step_many(self, frames: Sequence[Picture]) -> list[list[Sighting]]:
        """What `step` gives for each of the frames in order."""
        return [self.step(rgb) for rgb in frames]

    def read(self, sightings: Iterable[Sighting]) -> tuple[Observation, ...]:
        """The same faces, also as our own network reads them in the frames in which it is asked."""
        read, every = self._read_own, self._plan.own_every
        return tuple(
            one.observation(read(one.rgb, one.reading) if read and one.frame % every == 0 else None)
            for one in sightings
        )

    @property
    def memory(self) -> int:
        """How many frames it looks back."""
        return self._recent.maxlen or 0

    def faces(self) -> tuple[TrackedFace, ...]:
        """How it stands: every face it knows, as they are now."""
        return tuple(replace(face) for face in self._tracks)

    def go_on(self, frames: int, faces: Iterable[TrackedFace], recent: Iterable[Picture]) -> None:
        """Stand as a tracker that has seen so many frames and came out with these faces; `recent` are the last of them,
        `memory` or all.
        """
        self._frame = frames - 1
        self._tracks = [replace(face) for face in faces]
        self._recent.extend(recent)

    def _active(self) -> list[TrackedFace]:
        return [track for track in self._tracks if track.last_frame == self._frame]

    def _follow(self, rgb: Picture) -> Iterator[Sighting]:
        """Read every tracked face again; the longer a face is known, the earlier it is its turn."""
        kept: list[Landmarks] = []
        tracked = [track for track in self._tracks if track.last_frame == self._frame - 1]
        for track in sorted(tracked, key=lambda track: -track.frames):
            reading = self._read_again(rgb, track)
            if reading is None or any(overlap(reading.landmarks, other) > _SAME_FACE for other in kept):
                continue
            kept.append(reading.landmarks)
            track.motion_px = _centre(reading.landmarks) - _centre(track.landmarks)
            if track.frames % _LOOK_EVERY == 0:
                track.looks = _looks(rgb, reading.landmarks)
            yield self._note(rgb, track, reading)

    def _read_again(self, rgb: Picture, track: TrackedFace) -> Reading | None:
        """A face that was seen in the frame before, in this one."""
        return self._follower.follow(rgb, track.reading, track.motion_px)

    def _note(self, rgb: Picture, track: TrackedFace, reading: Reading) -> Sighting:
        track.reading, track.last_frame = reading, self._frame
        track.frames += 1
        return Sighting(self._frame, track.track_id, reading, rgb)

    def _search_is_due(self) -> bool:
        active = self._active()
        if not active:
            return True
        lost = [track for track in self._tracks if track.last_frame < self._frame]
        just_lost = any(self._frame - track.last_frame <= self._plan.new_every for track in lost)
        shortest = min(track.frames for track in active)
        room = len(active) < self._max_faces or any(track.frames > shortest for track in lost)
        return room and (just_lost or self._frame % self._plan.new_every == 0)

    def _search(self, rgb: Picture) -> Iterator[Sighting]:
        active = self._active()
        last_seen = max((track.last_frame for track in self._tracks), default=-1)
        thorough = not active and (self._frame - last_seen - 1) % self._plan.thorough_every == 0
        found = self._finder.find(rgb, [track.landmarks for track in active], thorough)
        for face in sorted(found, key=lambda face: -_size(face.landmarks)):
            reading = self._follower.begin(rgb, face.landmarks)
            if reading is None:
                continue
            if all(overlap(reading.landmarks, track.landmarks) <= _SAME_FACE for track in self._active()):
                yield from self._admit(rgb, reading)

    def _admit(self, rgb: Picture, reading: Reading) -> Iterator[Sighting]:
        """Give a found face back its identity, or a new one while there is room."""
        looks = _looks(rgb, reading.landmarks)
        active = self._active()
        known = self._lost_track_like(reading.landmarks, looks)
        if known is None:
            awaited = sum(0 < self._frame - track.last_frame <= _PATIENCE for track in self._tracks)
            if len(active) + awaited >= self._max_faces:
                return
            gap = len(self._recent)
            known = TrackedFace(len(self._tracks), reading, looks, self._frame, frames=0)
            self._tracks.append(known)
        else:
            if len(active) >= self._max_faces:
                shortest = min(active, key=lambda track: track.frames)
                if known.frames <= shortest.frames:
                    return
                shortest.last_frame = -1
            gap = min(len(self._recent), self._frame - known.last_frame - 1)
            known.looks, known.motion_px = looks, np.zeros(2, np.float32)
        yield self._note(rgb, known, reading)
        yield from self._backward(known.track_id, reading, gap)

    def _backward(self, track_id: int, reading: Reading, frames: int) -> Iterator[Sighting]:
        """Follow a face that was found late into the frames before."""
        others = [track.landmarks for track in self._active() if track.track_id != track_id]
        for back in range(1, frames + 1):
            before = self._recent[-back]
            earlier = self._follower.follow(before, reading, np.zeros(2, np.float32))
            if earlier is None or any(overlap(earlier.landmarks, other) > _SAME_FACE for other in others):
                return
            reading = earlier
            yield Sighting(self._frame - back, track_id, reading, before)

    def _lost_track_like(self, landmarks: Landmarks, looks: NDArray[np.float32]) -> TrackedFace | None:
        """The lost track that this face continues: near its last place, or alike in looks."""
        best: tuple[float, TrackedFace] | None = None
        for track in self._tracks:
            if track.last_frame == self._frame:
                continue
            size = max(_size(track.landmarks), 1.0)
            reach = min(_REACH + _REACH_PER_FRAME * (self._frame - track.last_frame), _MAX_REACH)
            away = float(np.linalg.norm(_centre(landmarks) - _centre(track.landmarks))) / (reach * size)
            resized = not 0.4 < _size(landmarks) / size < 2.5
            alike = float((looks * track.looks).sum())
            margin = alike - float(np.interp(1.0 if resized else away, (0, 1), (_LOOKS_STRANGE, _LOOKS_ALIKE)))
            if margin > 0 and (best is None or margin > best[0]):
                best = (margin, track)
        return best[1] if best else None


def _looks(rgb: Picture, landmarks: Landmarks) -> NDArray[np.float32]:
    """Unit vector of a straightened thumbnail without its mean brightness."""
    crop = region_of_points(landmarks.points_px).crop(rgb, 8 * _LOOKS_SIDE, cv2.BORDER_REPLICATE)
    small = cv2.resize(crop, (_LOOKS_SIDE, _LOOKS_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), dtype=np.float32)


def _centre(landmarks: Landmarks) -> NDArray[np.float32]:
    low, high = box_of(landmarks.points_px)
    return (low + high) / 2


def _size(landmarks: Landmarks) -> float:
    low, high = box_of(landmarks.points_px)
    return float((high - low).max())
