"""Both landmark networks on regions of many pictures at once: crops, networks and points stay on the device in between.

Nothing here needs OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...networks.bound import FixedRun, memory_of, on_device, run_bound
from ...networks.providers import Choice, choose
from ...networks.registry import Form
from ...networks.sessions import open_session
from ..types import LANDMARK_COUNT
from .pictures import Pictures, Shown, Staging
from .regions import SIDE, Floats, Regions, scaled, to_image
from .sampling import Integers, feed_of_crops

_GRAPHS = Path(__file__).with_name("graphs")
_COEFFICIENTS = 52
_BATCHES = (8, 16, 32, 50, 64, 100, 128)
_MOST = _BATCHES[-1]
"""TensorRT's engines take no more at once."""
_BYTES_OF_PIXEL, _BYTES_AT_ONCE = 62, 4 << 30
"""On the device, for a pixel of a region, if that is turned by half a right angle: places, pixels, weighed pixels; and in all."""
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


class _Chain:
    """Crops, a network and the gathering of its outputs, on one device."""

    def __init__(self, name: str, choice: Choice, form: Form | None, *, side: int, soft: bool, replayed: bool) -> None:
        self._side, self._soft, self._choice, self._replayed = side, soft, choice, replayed
        # GPUs look for the fastest convolutions, or record, at every new size: few sizes, filled up by the last region.
        self._in_whole_batches = replayed or memory_of(choice)[0] != "cpu"
        self._crops = open_session(_GRAPHS / ("soft_crops.onnx" if soft else "crops.onnx"), choice.for_small_graphs)
        self._network = open_session(name, choice, form=form, fixed=replayed)
        self._gather = open_session(
            _GRAPHS / ("own_points.onnx" if soft else "mediapipe_points.onnx"), choice.for_small_graphs
        )
        self._names = [output.name for output in self._network.get_outputs()]
        self._image = self._network.get_inputs()[0].name
        self._fixed: dict[int, FixedRun] = {}

    def run(self, pictures: Pictures, cells: Integers, regions: Regions, *, mirrored: bool) -> list[Floats]:
        """What the gathering graph gives for the (N,) cells of pictures in (N, 4) regions."""
        results: list[Floats] = []
        for rows, stored, (piece, begin) in _in_batches(
            pictures.showing(cells, regions, self._side), _most_of(regions)
        ):
            count = len(rows)
            filled = np.minimum(np.arange(_batch_of(count) if self._in_whole_batches else count), count - 1)
            feed = feed_of_crops(
                regions[rows][filled],
                self._side,
                pictures.size,
                (piece[filled], begin[filled], stored.size),
                soft=self._soft,
                mirrored=mirrored,
            )
            found = self._on_device(stored.pieces, feed, np.full(len(filled), mirrored, np.float32))
            results = results or [np.empty((len(cells), *part.shape[1:]), np.float32) for part in found]
            for result, part in zip(results, found, strict=True):
                result[rows] = part[:count]
        return results

    def _on_device(self, pieces: ort.OrtValue, feed: dict[str, NDArray[Any]], mirrored: Floats) -> list[Floats]:
        choice = self._choice
        values = {"pictures": pieces, **{name: on_device(array, choice) for name, array in feed.items()}}
        if self._replayed:
            fixed = self._fixed_run(len(mirrored))
            run_bound(self._crops, values, ["crops"], choice, {"crops": fixed.inputs[self._image]})
            said = fixed.run()
        else:
            crops = run_bound(self._crops, values, ["crops"], choice)["crops"]
            said = run_bound(self._network, {self._image: crops}, self._names, choice)
        wanted = [output.name for output in self._gather.get_outputs()]
        gathered = run_bound(self._gather, {**said, "mirrored": on_device(mirrored, choice)}, wanted, choice)
        return [gathered[name].numpy() for name in wanted]

    def _fixed_run(self, count: int) -> FixedRun:
        if count not in self._fixed:
            example = {self._image: np.zeros((count, self._side, self._side, 3), np.float32)}
            self._fixed[count] = FixedRun(self._network, example, self._names, self._choice)
        return self._fixed[count]


class BatchReader:
    """Reads regions of pictures with both networks on one device, averaged over views as the single readers do."""

    def __init__(
        self,
        device: str = "auto",
        views: Views = ONE_VIEW,
        own_views: Views = ONE_VIEW,
        form: Form | None = None,
        *,
        replayed: bool = False,
    ) -> None:
        """Without ``own_views`` our own network is not opened; raises like `open_session`.

        ``form`` is the networks' ("half" for float16), by default the device's; crops are float32 in every form. ``replayed``
        records the networks as CUDA graphs: only where one thread alone uses the device (`FixedRun`). Tracking gives
        neither of the two; the benchmark that measures what they gain does.
        """
        self.choice = choose(device)
        self.staging = Staging(self.choice)
        self._views, self._own_views = views, own_views
        self._mediapipe = _Chain("face_landmarks_attention", self.choice, form, side=192, soft=False, replayed=replayed)
        self._own = (
            _Chain("face_points", self.choice, form, side=256, soft=True, replayed=replayed) if own_views else None
        )

    @property
    def reads_own(self) -> bool:
        """Whether it can read with our own network."""
        return self._own is not None

    def read(self, pictures: Pictures, cells: Integers, regions: Regions) -> Seen:
        """The points of MediaPipe's network in the (N, 4) regions of (N,) cells, averaged over the views."""
        points, presence = [], []
        for scale, mirrored in self._views:
            seen, sure = self._mediapipe.run(pictures, cells, scaled(regions, scale), mirrored=mirrored)
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
            (rows,) = self._own.run(pictures, cells, scaled(regions, scale), mirrored=mirrored)
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


def _in_batches(shown: Iterator[Shown], most: int) -> Iterator[Shown]:
    """The same, no more than so many at once."""
    for rows, stored, (piece, begin) in shown:
        for first in range(0, len(rows), most):
            part = slice(first, first + most)
            yield rows[part], stored, (piece[part], begin[part])


def _most_of(regions: Regions) -> int:
    """So many regions may be read at once for the memory that their crops take."""
    bytes_of_one = _BYTES_OF_PIXEL * float(regions[:, SIDE].max()) ** 2
    return int(np.clip(_BYTES_AT_ONCE // bytes_of_one, 1, _MOST))


def _batch_of(count: int) -> int:
    """The next size."""
    return next(size for size in _BATCHES if size >= count)


def _in_region(points: Floats, scale: float) -> Floats:
    """(N, 478, 3) of a view of the region -> of the region."""
    if scale == 1.0:
        return points
    points = points.copy()
    points[..., :2] = (points[..., :2] - np.float32(0.5)) * np.float32(scale) + np.float32(0.5)
    points[..., 2] *= np.float32(scale)
    return points
