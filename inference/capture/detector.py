"""Finding faces: BlazeFace short range (near faces) and full range (small ones), decoded like MediaPipe does.

Constants: MediaPipe's face_detection_short_range and face_detection_full_range graphs (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Picture
from ..networks.sessions import open_session
from .region import Region, whole
from .types import FaceBox

Range = Literal["short", "full"]

_KEYPOINTS = 6
_OVERLAP = 0.3
"""Boxes that overlap more (intersection over union) are one face."""


@dataclass(frozen=True)
class _Network:
    name: str
    side: int
    min_score: float
    grids: tuple[tuple[int, int], ...]
    """Cells per side and anchors per cell, in the order of the network's outputs."""


_NETWORKS: dict[Range, _Network] = {
    "short": _Network("face_detector_short", 128, 0.5, ((16, 2), (8, 6))),
    "full": _Network("face_detector_full", 192, 0.6, ((48, 1),)),
}


class FaceDetector:
    """Both BlazeFace networks; the sessions are opened on first use."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._anchors = {reach: _anchor_centres(network.grids) for reach, network in _NETWORKS.items()}

    def detect(self, rgb: Picture, reach: Range = "short", region: Region | None = None) -> list[FaceBox]:
        """Faces in a square region of a picture (default: the whole of it), best first.

        A region may be turned, to find faces that are: the boxes' sizes are then those along the region's axes.
        """
        network = _NETWORKS[reach]
        region = region or whole(rgb)
        raw, scores = self._run(rgb, network, region)
        keep = scores >= network.min_score
        points = raw[keep].astype(np.float64).reshape(-1, 2 + _KEYPOINTS, 2) / network.side
        anchors = self._anchors[reach][keep]
        centres, sizes = points[:, 0] + anchors, points[:, 1]
        keypoints = points[:, 2:] + anchors[:, None]
        corners = np.stack([centres - sizes / 2, centres + sizes / 2], axis=1)
        return [
            _face_box(merged, score, region)
            for merged, score in _merge_overlapping(np.concatenate([corners, keypoints], axis=1), scores[keep])
        ]

    def best_score(self, rgb: Picture, reach: Range, region: Region) -> float:
        """The score of the best anchor in a region, 0..1, also below the threshold."""
        return float(self._run(rgb, _NETWORKS[reach], region)[1].max())

    def _run(self, rgb: Picture, network: _Network, region: Region) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        crop = region.crop(rgb, network.side, cv2.BORDER_CONSTANT)
        tensor = np.multiply(crop[None], np.float32(2 / 255), dtype=np.float32) - np.float32(1)
        raw, logits = open_session(network.name, self._device).run(None, {"image": tensor})
        return raw[0], 1 / (1 + np.exp(-np.clip(logits[0].astype(np.float64), -100, 100)))


def _anchor_centres(grids: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    """(A, 2) x, y in 0..1; every anchor has the size of the input, so that only centres matter."""
    parts = []
    for cells, per_cell in grids:
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        parts.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(parts)


def _merge_overlapping(
    points: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], float]]:
    """Weighted non-maximum suppression: overlapping boxes are averaged by score, the best score stays.

    ``points`` (N, 2 + keypoints, 2): two corners, then the key points.
    """
    remaining = np.argsort(-scores, kind="stable")
    merged = []
    while remaining.size:
        same = _overlap(points[remaining[0], :2], points[remaining, :2]) > _OVERLAP
        same[0] = True
        group = remaining[same]
        weights = scores[group] / scores[group].sum()
        merged.append((np.einsum("n,nkd->kd", weights, points[group]), float(scores[remaining[0]])))
        remaining = remaining[~same]
    return merged


def _overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of (2, 2) corners with (N, 2, 2) corners."""
    shared = np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0])
    area = np.prod(np.maximum(shared, 0), axis=-1)
    total = np.prod(box[1] - box[0]) + np.prod(boxes[:, 1] - boxes[:, 0], axis=-1) - area
    return np.asarray(np.where(total > 0, area / np.maximum(total, 1e-12), 0.0))


def _face_box(points: NDArray[np.float64], score: float, region: Region) -> FaceBox:
    """Region coordinates to image pixels; the box keeps its size along the region's axes."""
    centre = region.to_image(points[:2].mean(axis=0).astype(np.float32))
    half = (points[1] - points[0]) * region.size_px / 2
    box = np.concatenate([centre - half, centre + half]).astype(np.float32)
    return FaceBox(box, region.to_image(points[2:].astype(np.float32)), score)
