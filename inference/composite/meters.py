"""Quality meters of a composite, as numbers without a data set."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .types import CompositeOptions, CompositeReport, Floats


class Meters:
    """Collects figures frame by frame."""

    def __init__(self) -> None:
        self._outside = 0

    def add(self, plate: NDArray[np.uint8], picture: NDArray[np.uint8], matte: Floats, points_px: Floats) -> None:
        """Measure a finished frame."""
        self._outside = max(self._outside, int(np.abs(plate.astype(int) - picture)[matte == 0].max(initial=0)))

    def figures(self) -> dict[str, float]:
        """Figures over all frames so far."""
        return {"outside_change_max": float(self._outside)}


def write_report(report: CompositeReport, options: CompositeOptions, folder: Path) -> None:
    """Write ``composite.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "composite.json"
    partial = path.with_name(path.name + ".partial")
    content = {"stages": list(options.stages), "swapper": options.swapper, **asdict(report), "notes": list(report.notes)}
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
