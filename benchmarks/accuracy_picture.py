"""One picture of an accuracy benchmark: curves of the busiest shapes against the truth, and bars of the figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from understudy.inference import arkit
from understudy.inference.media.images import write_png
from understudy.inference.report.accuracy import known_coefficients
from understudy.inference.take import Take

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]

SHAPES: Final = 12
_PLOT: Final = (420, 130)
_COLUMNS: Final = 3
_BAR_ROW_PX: Final = 17
_TRUTH: Final = (20, 20, 20)
_INK: Final = (90, 90, 90)
_PALETTE: Final = (
    *((214, 96, 77), (230, 160, 60), (33, 102, 172), (90, 160, 90)),
    *((130, 80, 160), (0, 150, 150), (170, 20, 60), (120, 120, 120)),
)
_BARS: Final = {
    "mean_correlation": "mean correlation, active shapes (more is better)",
    "mean_absolute_error": "mean absolute error, active shapes",
    "leakage": "leakage into inactive shapes",
    "blink_gain": "blink gain (1 is perfect)",
    "short_gain": "gain of short events (1 is perfect)",
    "long_gain": "gain of long events (1 is perfect)",
    "jitter": "jitter",
    "lag_frames": "lag in frames (0 is perfect)",
    "head_error_deg": "head rotation error, degrees",
    "points68_mean_px": "error of the 68 known points, pixels of 512",
    "solve_ms": "solver, CPU ms per frame",
}


def draw(path: Path, clip: Path, takes: dict[str, Take], means: dict[str, dict[str, float]]) -> None:
    """Write a PNG: curves of the first clip, bars of the means over all clips."""
    colours = dict(zip(takes, _PALETTE * 2, strict=False))
    truth = known_coefficients(clip.with_suffix(".truth.npz"))
    busiest = sorted((n for n in truth if n in arkit.INDEX), key=lambda n: -float(truth[n].std()))[:SHAPES]
    plots = [_curves(name, truth[name], takes, colours) for name in busiest]
    while len(plots) % _COLUMNS:
        plots.append(_blank(_PLOT[0], _PLOT[1]))
    rows = [np.hstack(plots[i : i + _COLUMNS]) for i in range(0, len(plots), _COLUMNS)]
    width = _COLUMNS * _PLOT[0]
    title = _blank(width, 48)
    _write(title, f"{clip.name}: the busiest shapes (curves 0 to 1); bars: means over all clips", (10, 18), _TRUTH)
    at = 10
    for system, colour in {"truth": _TRUTH, **colours}.items():
        cv2.line(title, (at, 35), (at + 22, 35), colour, 3, cv2.LINE_AA)
        _write(title, system, (at + 28, 39), _INK)
        at += 48 + 8 * len(system)
    bars = [_bar_block(name, label, means, colours, width // 2) for name, label in _BARS.items()]
    if len(bars) % 2:
        bars.append(_blank(width // 2, len(bars[0])))
    pairs = [np.hstack(bars[i : i + 2]) for i in range(0, len(bars), 2)]
    write_png(path, np.vstack([title, *rows, *pairs]))


def _blank(width: int, height: int) -> Canvas:
    return np.full((height, width, 3), 255, np.uint8)


def _write(canvas: Canvas, text: str, at: tuple[int, int], colour: Colour) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def _curves(name: str, true: NDArray[np.float64], takes: dict[str, Take], colours: dict[str, Colour]) -> Canvas:
    width, height = _PLOT
    plot = _blank(width, height)
    cv2.rectangle(plot, (6, 22), (width - 6, height - 6), (225, 225, 225), 1)
    for system, take in takes.items():
        _line(plot, take.coefficients[:, arkit.INDEX[name]].astype(float), colours[system], 1)
    _line(plot, true, _TRUTH, 2)
    _write(plot, name, (8, 15), _TRUTH)
    return plot


def _line(plot: Canvas, curve: NDArray[np.float64], colour: Colour, thickness: int) -> None:
    height, width = plot.shape[:2]
    x = 6 + np.arange(len(curve)) / max(len(curve) - 1, 1) * (width - 12)
    y = height - 6 - np.clip(curve, 0, 1) * (height - 28)
    points = np.round(np.stack([x, y], 1) * 16).astype(np.int32)
    cv2.polylines(plot, [points], False, colour, thickness, cv2.LINE_AA, shift=4)


def _bar_block(
    name: str, label: str, means: dict[str, dict[str, float]], colours: dict[str, Colour], width: int
) -> Canvas:
    block = _blank(width, 26 + _BAR_ROW_PX * len(means))
    _write(block, label, (8, 16), _TRUTH)
    values = {system: figures.get(name, math.nan) for system, figures in means.items()}
    largest = max((abs(value) for value in values.values() if not math.isnan(value)), default=0.0)
    for row, (system, value) in enumerate(values.items()):
        top = 22 + _BAR_ROW_PX * row
        _write(block, system, (8, top + 11), _INK)
        if math.isnan(value):
            _write(block, "-", (180, top + 11), _INK)
            continue
        length = round(abs(value) / largest * (width - 260)) if largest else 0
        cv2.rectangle(block, (176, top + 1), (176 + max(length, 1), top + _BAR_ROW_PX - 4), colours[system], -1)
        _write(block, f"{value:.3f}", (182 + length, top + 11), _TRUTH)
    return block
