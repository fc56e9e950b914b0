"""One frame: warp, matte, colour, membrane, enhancer, and the single rounding to 8 bits."""

from __future__ import annotations

from collections import defaultdict
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..take import Take
from .colour import apply_match
from .mattes import face_matte
from .measure import Measurement, face_frame, face_region, warp_of
from .poisson import membrane, skin_difference
from .regions import face_width_px
from .renders import Render, RenderFolder
from .swapper import warp_render
from .transfer import encode
from .types import CompositeOptions, Floats, Region


class Blender:
    """Composites frames with the chosen stages."""

    def __init__(self, options: CompositeOptions, take: Take, renders: RenderFolder) -> None:
        self._stages = frozenset(options.stages)
        self.skipped: dict[str, str] = {}
        self._spent: dict[str, float] = defaultdict(float)
        self._done = 0

    def composite(
        self, plate: NDArray[np.uint8], render: Render, measured: Measurement, row: int
    ) -> tuple[NDArray[np.uint8], Floats]:
        """The finished picture, and its matte (H, W): where that is 0 the picture is the plate, bit by bit."""
        height, width = plate.shape[:2]
        points = measured.actor_px
        region = face_region(points, (width, height))
        started = perf_counter()
        linear, alpha = warp_render(render, warp_of(measured, "swap" in self._stages), region)
        matte = face_matte(points - region.origin_px, alpha, face_width_px(points))
        started = self._note("swap", started)
        if "colour" in self._stages and measured.match is not None:
            face = apply_match(linear, matte, measured.match, face_frame(points), region)
        else:
            face = encode(linear)
        started = self._note("colour", started)
        behind = plate[region.slices].astype(np.float32) / 255
        if "poisson" in self._stages:
            face = face + membrane(skin_difference(behind - face), matte > 0)
        started = self._note("poisson", started)
        picture = _lay_over(plate, region, face, matte)
        self._note("blend", started)
        self._done += 1
        whole = np.zeros((height, width), np.float32)
        whole[region.slices] = matte
        return picture, whole

    def seconds(self) -> dict[str, float]:
        """Mean time per frame and stage."""
        return {stage: spent / max(self._done, 1) for stage, spent in self._spent.items()}

    def _note(self, stage: str, started: float) -> float:
        now = perf_counter()
        self._spent[stage] += now - started
        return now


def _lay_over(plate: NDArray[np.uint8], region: Region, face: Floats, matte: Floats) -> NDArray[np.uint8]:
    """Face over plate: encoded floats in, rounded once, every pixel outside the matte copied."""
    behind = plate[region.slices]
    mixed = behind + matte[..., None] * (255 * face - behind)
    picture = plate.copy()
    picture[region.slices] = np.where(matte[..., None] > 0, np.rint(np.clip(mixed, 0, 255)).astype(np.uint8), behind)
    return picture
