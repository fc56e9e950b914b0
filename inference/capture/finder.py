"""Finding every face of a picture, however small or turned, and refusing what only looks like one.

First exactly MediaPipe's way; what goes beyond it is tried only where that finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..media.types import Picture
from .detector import FaceDetector, Range
from .landmarks import LandmarkNet, region_of_detection, region_of_points
from .region import Region, box_of, whole
from .rules import MIN_PRESENCE
from .types import Landmarks

_MIN_BELIEF = 0.6
_SURE_BELIEF = 0.75
"""Measured: people 0.74-0.95, paintings 0.67-0.84, a dog that MediaPipe takes for a face 0.29-0.51."""
_BETTER = 0.05
"""So much surer another way up must be to be preferred."""
_WAYS_UP = 8
_SAME_FACE = 0.5
_REACHES: tuple[Range, ...] = ("short", "full")
Turn = Literal["none", "odd", "all"]
"""Which detections are tried in other ways up: those that look odd, or also those in which no face was seen."""
_TILES = ((2, 0.6), (3, 0.4))
"""Tiles per axis and their side as a share of the picture."""


@dataclass(frozen=True)
class Found:
    """A face and how surely it is one."""

    landmarks: Landmarks
    belief: float
    """0..1, agreement of both detectors on the straightened face."""


class FaceFinder:
    """Detector and landmark network together, for pictures about which nothing is known."""

    def __init__(self, detector: FaceDetector, net: LandmarkNet) -> None:
        self._detector = detector
        self._net = net

    def find(self, rgb: Picture, known: Iterable[Landmarks] = (), thorough: bool = True) -> list[Found]:
        """Faces that are not among ``known``, as read from their detections.

        ``thorough`` also tries other ways up for what looks odd, and when there is no face it looks for turned and
        very small ones (0.1 to 0.3 s of CPU).
        """
        taken, found = list(known), list[Found]()
        beyond = thorough and not taken
        for reach in _REACHES:
            self._add_new(rgb, reach, whole(rgb), "odd" if thorough else "none", taken, found)
        for stage in _beyond(rgb) if beyond and not found else ():
            for reach, region in stage:
                self._add_new(rgb, reach, region, "all", taken, found)
            if found:
                break
        return found

    def _add_new(
        self, rgb: Picture, reach: Range, region: Region, turn: Turn, taken: list[Landmarks], found: list[Found]
    ) -> None:
        for box in self._detector.detect(rgb, reach, region):
            face = self._read(rgb, region_of_detection(box), turn)
            if face is not None and not any(overlap(face.landmarks, other) > _SAME_FACE for other in taken):
                taken.append(face.landmarks)
                found.append(face)

    def _read(self, rgb: Picture, region: Region, turn: Turn) -> Found | None:
        """The face in a detected region; when it looks odd, its best way up."""
        plain = self._net.read(rgb, region)
        belief = self.belief(rgb, plain) if plain.presence >= MIN_PRESENCE else 0.0
        if belief >= _SURE_BELIEF:
            return Found(plain, belief)
        upright = self._settled(rgb, plain)
        best = upright
        turning = turn == "all" or (turn == "odd" and belief > 0)
        for way in range(1, _WAYS_UP) if turning else ():
            turned = replace(region, angle_rad=region.angle_rad + way * 2 * np.pi / _WAYS_UP)
            best = max(best, self._settled(rgb, self._net.read(rgb, turned)), key=lambda face: face.belief)
        if best.belief < _MIN_BELIEF:
            return None
        return best if best.belief > upright.belief + _BETTER else Found(plain, max(belief, upright.belief))

    def _settled(self, rgb: Picture, landmarks: Landmarks) -> Found:
        """Read again where the points are, so that a badly cut region does not decide."""
        for _ in range(2):
            if landmarks.presence < MIN_PRESENCE:
                return Found(landmarks, 0.0)
            landmarks = self._net.read(rgb, region_of_points(landmarks.points_px))
        return Found(landmarks, self.belief(rgb, landmarks) if landmarks.presence >= MIN_PRESENCE else 0.0)

    def belief(self, rgb: Picture, landmarks: Landmarks) -> float:
        """How much the straightened face looks like one to both detectors, 0..1: their scores at close range."""
        region = region_of_points(landmarks.points_px)
        scores = [
            self._detector.best_score(rgb, "short", region),
            self._detector.best_score(rgb, "full", region),
            self._detector.best_score(rgb, "full", region.scaled(1.5)),
        ]
        return float(np.mean(scores))


def overlap(first: Landmarks, second: Landmarks) -> float:
    """Intersection over the smaller of the boxes of two faces."""
    (a, b), (c, d) = box_of(first.points_px), box_of(second.points_px)
    shared = np.maximum(np.minimum(b, d) - np.maximum(a, c), 0)
    smaller = min(float(np.prod(b - a)), float(np.prod(d - c)))
    return float(np.prod(shared)) / max(smaller, 1e-6)


def _beyond(rgb: Picture) -> Iterator[list[tuple[Range, Region]]]:
    """Stages of the thorough search: the picture turned, then in tiles for small faces."""
    turns = (0.0, np.pi / 2, -np.pi / 2, np.pi)
    yield [(reach, whole(rgb, angle)) for angle in turns for reach in _REACHES]
    height, width = rgb.shape[:2]
    for count, share in _TILES:
        side = share * max(width, height)
        columns, rows = (_centres(length, side, count) for length in (width, height))
        yield [("full", Region((x, y), (side, side), 0.0)) for y in rows for x in columns]


def _centres(length: float, side: float, count: int) -> list[float]:
    """Centres of overlapping tiles along one axis; one when a tile covers it."""
    if side >= length:
        return [length / 2]
    return [float(value) for value in np.linspace(side / 2, length - side / 2, count)]
