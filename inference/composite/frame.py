"""One frame: face, matte, colour, membrane, enhancer, and the single rounding to 8 bits."""

from __future__ import annotations

from collections import defaultdict
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingComponentError
from ..networks.registry import weights_path
from ..networks.sessions import open_session
from .colour.match import apply_match
from .colour.transfer import encode
from .enhancer.gfpgan import Enhancer
from .mattes.face import face_matte
from .measure import Measurement, face_frame, face_region, warp_of
from .poisson.membrane import membrane, skin_difference
from .regions import face_width_px
from .renders import Render
from .swapper.inswapper import IdentitySwapper, read_identity_map
from .swapper.warp import warp_render
from .types import CompositeOptions, Floats, Region


class Blender:
    """Composites frames with the chosen stages."""

    def __init__(self, options: CompositeOptions) -> None:
        """Raises `MissingComponentError` when a network that was asked for by name is missing."""
        self._stages = set(options.stages)
        self.skipped: dict[str, str] = {}
        self._enhancer = self._open_enhancer(options.device) if "enhance" in self._stages else None
        self.identity: IdentitySwapper | None = None
        if options.swapper == "inswapper" and "swap" in self._stages:
            self.identity = _open_identity_swapper(options.device)
        self._spent: dict[str, float] = defaultdict(float)
        self._done = 0

    def composite(
        self, plate: NDArray[np.uint8], render: Render, measured: Measurement
    ) -> tuple[NDArray[np.uint8], Floats]:
        """The finished picture, and its matte (H, W): where that is 0 the picture is the plate, bit by bit."""
        height, width = plate.shape[:2]
        points = measured.actor_px
        region = face_region(points, (width, height))
        started = perf_counter()
        face, alpha = self._face(plate, render, measured, region)
        matte = face_matte(points - region.origin_px, alpha, face_width_px(points))
        started = self._note("swap", started)
        if self.identity is None:
            face = self._coloured(face, matte, measured, region)
        started = self._note("colour", started)
        behind = plate[region.slices].astype(np.float32) / 255
        if "poisson" in self._stages:
            face = face + membrane(_edge_difference(behind, face, measured), matte > 0)
            started = self._note("poisson", started)
        mixed = behind + matte[..., None] * (face - behind)
        if self._enhancer is not None:
            whole = plate.astype(np.float32) / 255
            whole[region.slices] = mixed
            mixed += matte[..., None] * self._enhancer.detail(whole, points, region)
            self._note("enhance", started)
        self._done += 1
        return _lay_over(plate, region, mixed, matte)

    def seconds(self) -> dict[str, float]:
        """Mean time per frame and stage."""
        return {stage: round(spent / max(self._done, 1), 5) for stage, spent in self._spent.items()}

    def _face(
        self, plate: NDArray[np.uint8], render: Render, measured: Measurement, region: Region
    ) -> tuple[Floats, Floats]:
        """The new face in its place, (H, W, 3), and where it is, (H, W): the render in linear light, or the network's
        drawing, encoded, which has the plate's own light already.
        """
        if self.identity is not None:
            return self.identity.draw(plate.astype(np.float32) / 255, measured.actor_px, region)
        return warp_render(render, warp_of(measured, "swap" in self._stages), region)

    def _coloured(self, linear: Floats, matte: Floats, measured: Measurement, region: Region) -> Floats:
        """Encoded face with the plate's colours when that is wanted and was measured."""
        if "colour" not in self._stages or measured.match is None:
            return encode(linear)
        return apply_match(linear, matte, measured.match, face_frame(measured.actor_px), region)

    def _open_enhancer(self, device: str) -> Enhancer | None:
        try:
            return Enhancer(open_session("gfpgan", device))
        except MissingComponentError as error:
            self.skipped["enhance"] = f"The enhancer was left out. {error}"
            return None

    def _note(self, stage: str, started: float) -> float:
        now = perf_counter()
        self._spent[stage] += now - started
        return now


def _edge_difference(behind: Floats, face: Floats, measured: Measurement) -> Floats:
    """What the membrane has to bridge; all of it where the skin's colour is not known."""
    return behind - face if measured.match is None else skin_difference(behind, face, measured.match.mean)


def _open_identity_swapper(device: str) -> IdentitySwapper:
    sessions = open_session("inswapper", device), open_session("arcface", device)
    return IdentitySwapper(*sessions, read_identity_map(weights_path("inswapper")))


def _lay_over(
    plate: NDArray[np.uint8], region: Region, mixed: Floats, matte: Floats
) -> tuple[NDArray[np.uint8], Floats]:
    """Plate with encoded floats in a region, rounded once; every pixel outside the matte is copied."""
    picture = plate.copy()
    rounded = np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8)
    picture[region.slices] = np.where(matte[..., None] > 0, rounded, plate[region.slices])
    whole = np.zeros(plate.shape[:2], np.float32)
    whole[region.slices] = matte
    return picture, whole
