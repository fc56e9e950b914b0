"""One picture of the scaling benchmark: a bar for each point, milliseconds of a frame by what they are spent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from understudy.inference.media.images import write_png

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]
Line = Mapping[str, object]

TITLES: Final = {
    "resolution": "lines of the picture (16:9), one face",
    "faces": "faces in 1080p, one solved",
    "length": "frames of the shot, 512 px",
    "networks": "quality, 512 px",
}
PARTS: Final[tuple[tuple[str, str, Colour], ...]] = (
    ("read_ms", "read", (120, 150, 190)),
    ("capture_ms", "capture", (33, 102, 172)),
    ("solve_ms", "solve", (230, 160, 60)),
)
_WIDTH: Final = 960
_LABEL: Final = 215
_RIGHT: Final = 190
_ROW: Final = 20
_HEAD: Final = 30
_INK: Final = (70, 70, 70)
_DARK: Final = (20, 20, 20)


def draw(path: Path, lines: Sequence[Line]) -> None:
    """Write a PNG with a block for each axis that was measured."""
    points = [line for line in lines if "label" in line]
    longest = max(spent_ms(line) for line in points)
    blocks = [_legend()]
    for axis, title in TITLES.items():
        rows = [line for line in points if line["axis"] == axis]
        if rows:
            blocks.append(_block(title, rows, longest))
    write_png(path, np.vstack(blocks))


def spent_ms(line: Line) -> float:
    """All that a frame costs."""
    return sum(float(str(line[figure])) for figure, _, _ in PARTS)


def _legend() -> Canvas:
    canvas = _blank(_HEAD + 4)
    _write(canvas, "CPU milliseconds a frame, all threads:", (10, 22), _DARK)
    at = 300
    for _, name, colour in PARTS:
        cv2.rectangle(canvas, (at, 11), (at + 20, 24), colour, -1)
        _write(canvas, name, (at + 26, 22), _INK)
        at += 60 + 9 * len(name)
    _write(canvas, "most memory", (_WIDTH - 110, 22), _DARK)
    return canvas


def _block(title: str, rows: Sequence[Line], longest: float) -> Canvas:
    canvas = _blank(_HEAD + _ROW * len(rows) + 6)
    _write(canvas, title, (10, 20), _DARK)
    for number, line in enumerate(rows):
        top = _HEAD + _ROW * number
        _write(canvas, str(line["label"]), (22, top + 13), _INK)
        at = float(_LABEL)
        for figure, _, colour in PARTS:
            end = at + float(str(line[figure])) / longest * (_WIDTH - _LABEL - _RIGHT)
            cv2.rectangle(canvas, (round(at), top + 2), (round(end) - 1, top + _ROW - 4), colour, -1)
            at = end
        _write(canvas, f"{spent_ms(line):.1f} ms", (round(at) + 6, top + 13), _DARK)
        if line.get("memory_mib") is not None:
            _write(canvas, f"{line['memory_mib']} MiB", (_WIDTH - 90, top + 13), _INK)
    return canvas


def _blank(height: int) -> Canvas:
    return np.full((height, _WIDTH, 3), 255, np.uint8)


def _write(canvas: Canvas, text: str, at: tuple[int, int], colour: Colour) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
