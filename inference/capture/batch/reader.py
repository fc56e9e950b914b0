"""Both landmark networks on regions of many pictures at once: crops, networks and points stay on the device in between.

Nothing here needs OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...networks.bound import on_device, run_bound
from ...networks.providers import Choice, choose
from ...networks.sessions import open_session
from ..types import LANDMARK_COUNT
from .pictures import Pictures
from .regions import SIDE, Floats, Regions, scaled, to_image
from .sampling import Integers, feed_of_crops

_GRAPHS = Path(__file__).with_name("graphs")
_COEFFICIENTS = 52
Views = tuple[tuple[float, bool], ...]
"""As in `landmarks`: at which scale a region is looked at, and whether mirrored."""
ONE_VIEW: Views = ((1.0, False),)


@dataclass(frozen=True)
class Seen:
    """What MediaPipe's network reads in N regions."""

    points_px: Floats
    """(N, 478, 2)."""
    depth_px: Floats
    """(N, 478)."""
    presence: Floats
    """(N,)."""


@dataclass(frozen=True)
class OwnSeen:
    """What our own network reads in N regions; as in `types.Landmarks`."""

    points_px: Floats
    depth_px: Floats
    sigma_px: Floats
    visible: Floats
    coefficients: Floats
    coefficient_sigma: Floats


@dataclass(frozen=True)
class _Chain:
    """Crops, a network and the gathering of its outputs."""

    side: int
    soft: bool
    crops: ort.InferenceSession
    network: ort.InferenceSession
    gather: ort.InferenceSession

    def run(
        self, pictures: Pictures, cells: Integers, regions: Regions, *, mirrored: bool, choice: Choice
    ) -> list[NDArray[np.float32]]:
        """What the gathering graph gives for the (N,) cells of pictures in (N, 4) regions."""
        results: list[NDArray[np.float32]] = []
        for rows, stored, (piece, begin) in pictures.showing(cells, regions, self.side):
            feed = feed_of_crops(
                regions[rows], self.side, pictures.size, (piece, begin, stored.size), soft=self.soft, mirrored=mirrored
            )
            found = self._on_device(stored.pieces, feed, np.full(len(rows), mirrored, np.float32), choice)
            if not results:
                results = [np.empty((len(cells), *part.shape[1:]), np.float32) for part in found]
            for result, part in zip(results, found, strict=True):
                result[rows] = part
        return results

    def _on_device(
        self, pieces: ort.OrtValue, feed: dict[str, NDArray[Any]], mirrored: Floats, choice: Choice
    ) -> list[NDArray[np.float32]]:
        values = {name: on_device(array, choice) for name, array in feed.items()}
        crops = run_bound(self.crops, {"pictures": pieces, **values}, ["crops"], choice)["crops"]
        names = [output.name for output in self.network.get_outputs()]
        said = run_bound(self.network, {self.network.get_inputs()[0].name: crops}, names, choice)
        wanted = [output.name for output in self.gather.get_outputs()]
        gathered = run_bound(self.gather, {**said, "mirrored": on_device(mirrored, choice)}, wanted, choice)
        return [gathered[name].numpy() for name in wanted]


class BatchReader:
    """Reads regions of pictures with both networks on one device, averaged over views as the single readers do."""

    def __init__(self, device: str = "auto", views: Views = ONE_VIEW, own_views: Views = ONE_VIEW) -> None:
        """Without ``own_views`` our own network is not opened; raises like `open_session`."""
        self.choice = choose(device)
        self._views, self._own_views = views, own_views
        self._mediapipe = _chain("face_landmarks_attention", 192, soft=False, device=device)
        self._own = _chain("face_points", 256, soft=True, device=device) if own_views else None

    @property
    def reads_own(self) -> bool:
        """Whether it can read with our own network."""
        return self._own is not None

    def read(self, pictures: Pictures, cells: Integers, regions: Regions) -> Seen:
        """The points of MediaPipe's network in the (N, 4) regions of (N,) cells, averaged over the views."""
        points, presence = [], []
        for scale, mirrored in self._views:
            seen, sure = self._mediapipe.run(
                pictures, cells, scaled(regions, scale), mirrored=mirrored, choice=self.choice
            )
            points.append(_in_region(seen, scale))
            presence.append(sure)
        mean = np.mean(points, axis=0) if len(points) > 1 else points[0]
        sizes = regions[:, SIDE, None].astype(np.float32)
        return Seen(to_image(regions, mean[..., :2]), mean[..., 2] * sizes, np.min(presence, axis=0))

    def read_own(self, pictures: Pictures, cells: Integers, regions: Regions) -> OwnSeen:
        """The same with our own network, in its own (N, 4) regions."""
        assert self._own is not None
        total: NDArray[np.float32] | None = None
        for scale, mirrored in self._own_views:
            (rows,) = self._own.run(pictures, cells, scaled(regions, scale), mirrored=mirrored, choice=self.choice)
            points = _in_region(rows[:, : 3 * LANDMARK_COUNT].reshape(-1, LANDMARK_COUNT, 3), scale)
            rows[:, : 3 * LANDMARK_COUNT] = points.reshape(len(rows), -1)
            rows[:, 3 * LANDMARK_COUNT : 4 * LANDMARK_COUNT] *= np.float32(scale)
            total = rows if total is None else total + rows
        assert total is not None
        mean = total / np.float32(len(self._own_views))
        points, sigma, visible, coefficients, coefficient_sigma = np.split(
            mean, np.cumsum([3 * LANDMARK_COUNT, LANDMARK_COUNT, LANDMARK_COUNT, _COEFFICIENTS]), axis=1
        )
        points = points.reshape(-1, LANDMARK_COUNT, 3)
        sizes = regions[:, SIDE, None].astype(np.float32)
        return OwnSeen(
            points_px=to_image(regions, points[..., :2]),
            depth_px=points[..., 2] * sizes,
            sigma_px=sigma * sizes,
            visible=visible,
            coefficients=coefficients,
            coefficient_sigma=coefficient_sigma,
        )


@cache
def _chain(name: str, side: int, *, soft: bool, device: str) -> _Chain:
    """Opened once for a device."""
    return _Chain(
        side,
        soft,
        open_session(_GRAPHS / ("soft_crops.onnx" if soft else "crops.onnx"), device),
        open_session(name, device),
        open_session(_GRAPHS / ("own_points.onnx" if soft else "mediapipe_points.onnx"), device),
    )


def _in_region(points: Floats, scale: float) -> Floats:
    """(N, 478, 3) of a view of the region -> of the region."""
    if scale == 1.0:
        return points
    points = points.copy()
    points[..., :2] = (points[..., :2] - np.float32(0.5)) * np.float32(scale) + np.float32(0.5)
    points[..., 2] *= np.float32(scale)
    return points
