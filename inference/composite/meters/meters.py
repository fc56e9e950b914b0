"""Quality meters of a composite that need no reference: outside change, seam, colour step, flicker.

- ``outside_change_max``: largest 8-bit difference to the decoded plate where the matte is 0; must be 0.
- ``seam_ratio``: slope of the brightness at the matte's edge over that beside it; 1 is invisible, and the plate's own
  figure at the same place stands beside it.
- ``edge_step_delta_e``: CIEDE2000 between 3 pixels inside and 3 outside the edge, median; the plate's own beside it.
- ``flicker_excess``: warping error along the plate's optical flow, over the plate's own error, minus 1.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...files import write_whole
from ..pictures import cv2, distance
from ..types import CompositeOptions, CompositeReport, Floats, Region

Image = NDArray[np.uint8]

_EDGE_PX: Final = 2.5
_BESIDE_PX: Final = (4.0, 7.0)
_STEP_PX: Final = 3.0
_FLOW_CHECK_PX: Final = 1.0


class Meters:
    """Collects figures frame by frame."""

    def __init__(self) -> None:
        self._outside = 0
        self._rows: dict[str, list[float]] = {}
        self._before: tuple[int, Image, Image] | None = None
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def add(self, frame_index: int, plate: Image, picture: Image, matte: Floats) -> None:
        """Measure a finished frame; ``matte`` is (H, W) of the whole frame."""
        self._outside = max(self._outside, int(cv2.absdiff(plate, picture)[matte == 0].max(initial=0)))
        box = cv2.boundingRect((matte > 0).view(np.uint8))
        if box[2] == 0:
            return
        corners = np.array([box[:2], (box[0] + box[2], box[1] + box[3])], np.float32)
        region = Region.around(corners, 12, (plate.shape[1], plate.shape[0]))
        inside = matte[region.slices] > 0
        for name, image in (("", picture), ("_plate", plate)):
            self._note("seam_ratio" + name, seam_ratio(image[region.slices], inside))
            self._note("edge_step_delta_e" + name, edge_step(image[region.slices], inside))
        if self._before is not None and self._before[0] == frame_index - 1:
            self._note_flicker(plate, picture, region, inside)
        self._before = (frame_index, plate, picture)

    def figures(self) -> dict[str, float]:
        """Medians over all frames; flicker is the ratio of sums."""
        figures = {"outside_change_max": float(self._outside)}
        for name, values in self._rows.items():
            if not name.startswith("_"):
                figures[name] = round(float(np.median(values)), 4)
        plate_error = sum(self._rows.get("_plate_error", []))
        if plate_error > 0:
            figures["flicker_excess"] = round(sum(self._rows["_error"]) / plate_error - 1, 4)
        return figures

    def _note(self, name: str, value: float) -> None:
        if np.isfinite(value):
            self._rows.setdefault(name, []).append(value)

    def _note_flicker(self, plate: Image, picture: Image, region: Region, inside: NDArray[np.bool_]) -> None:
        assert self._before is not None
        before, now = (cv2.cvtColor(image[region.slices], cv2.COLOR_RGB2GRAY) for image in (self._before[1], plate))
        back = self._flow.calc(now, before, None)
        forth = self._flow.calc(before, now, None)
        rows, columns = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
        x, y = columns + back[..., 0], rows + back[..., 1]
        returned = cv2.remap(forth, x, y, cv2.INTER_LINEAR)
        steady = inside & (np.linalg.norm(back + returned, axis=-1) < _FLOW_CHECK_PX)
        if steady.any():
            for name, old, new in (("_error", self._before[2], picture), ("_plate_error", self._before[1], plate)):
                moved = cv2.remap(old[region.slices].astype(np.float32), x, y, cv2.INTER_CUBIC)
                self._note(name, float(((new[region.slices] - moved)[steady] ** 2).mean()))


def seam_ratio(image: Image, inside: NDArray[np.bool_]) -> float:
    """Mean slope of a picture (H, W, 3) in the band of the edge of a region over that in the bands beside it."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))
    away = np.abs(_signed_distance(inside))
    edge = slope[away <= _EDGE_PX]
    beside = slope[(away >= _BESIDE_PX[0]) & (away <= _BESIDE_PX[1])]
    return float(edge.mean() / max(beside.mean(), 1e-6)) if edge.size and beside.size else float("nan")


def edge_step(image: Image, inside: NDArray[np.bool_]) -> float:
    """Median CIEDE2000 across the edge of a region of a picture (H, W, 3)."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    depth = _signed_distance(inside)
    smooth = cv2.GaussianBlur(depth, (0, 0), 2.0)
    normal = np.stack([cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)], -1)
    rows, columns = np.nonzero(np.abs(depth) <= 0.5)
    if not len(rows):
        return float("nan")
    direction = normal[rows, columns] / np.maximum(np.linalg.norm(normal[rows, columns], axis=1, keepdims=True), 1e-6)
    place = np.stack([columns, rows], 1).astype(np.float32)
    sides = [
        cv2.remap(lab, *(place + sign * _STEP_PX * direction).astype(np.float32).T.reshape(2, -1, 1), cv2.INTER_LINEAR)
        for sign in (1, -1)
    ]
    return float(np.median(delta_e_2000(sides[0][:, 0], sides[1][:, 0])))


def delta_e_2000(first: Floats, second: Floats) -> NDArray[np.float64]:
    """CIEDE2000 of (N, 3) Lab colours (Sharma, Wu, Dalal, 2005)."""
    l1, a1, b1 = first.T.astype(float)
    l2, a2, b2 = second.T.astype(float)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.arctan2(b1, stretch * a1), np.arctan2(b2, stretch * a2)
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    mean_h = h1 + turn / 2
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1 - 0.17 * np.cos(mean_h - np.radians(30)) + 0.24 * np.cos(2 * mean_h)
        + 0.32 * np.cos(3 * mean_h + np.radians(6)) - 0.2 * np.cos(4 * mean_h - np.radians(63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * weight
    hue_degrees = np.degrees(mean_h) % 360
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation *= np.sin(np.radians(60) * np.exp(-(((hue_degrees - 275) / 25) ** 2)))
    lightness, chroma = (l2 - l1) / s_l, (c2 - c1) / s_c
    hue = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / s_h
    squared: NDArray[np.float64] = lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue
    steps: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0))
    return steps


def write_report(report: CompositeReport, options: CompositeOptions, folder: Path) -> None:
    """Write ``composite.json``; `InputError` when the folder cannot be written."""
    content = {
        "stages": list(options.stages),
        "swapper": options.swapper,
        **asdict(report),
        "notes": list(report.notes),
    }
    write_whole(folder / "composite.json", f"{json.dumps(content, indent=1)}\n".encode())


def _signed_distance(inside: NDArray[np.bool_]) -> Floats:
    """(H, W) pixels to the region's edge, positive inside."""
    return np.where(inside, distance(inside) - 0.5, 0.5 - distance(~inside)).astype(np.float32)
