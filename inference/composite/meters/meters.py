"""All meters of a shot: every frame is measured once when it is finished, and kept as one row of numbers.

``*_plate`` is the figure of the untouched picture at the same place: of the reference where there is one, else of the
plate. Amounts of light are 8-bit levels, lengths on the face are pixels of a face 512 pixels wide.

- ``outside_change_max``: largest difference to the decoded plate where the matte is 0; must be 0.
- ``seam_ratio``: slope of the brightness at the matte's edge over that beside it; 1 is invisible.
- ``edge_step_delta_e``: CIEDE2000 between 3 pixels inside and 3 outside the edge.
- ``flicker_excess``: warping error along the plate's optical flow over the plate's own, minus 1.
- ``flicker_low``: the same of the low-passed picture, in levels: slow pulsing of the light.
- ``grain_ratio``, ``sharpness_ratio``: 1 is like the plate.
- ``landmark_error_px``, ``landmark_error_p95_px``: landmarks found again, against those of the untouched picture.
- ``psnr_db``, ``ssim``: inside the matte, where there is a reference.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import cv2
from ..regions import face_width_px
from ..types import Floats, Region
from .flicker import FlickerMeter, flicker_excess
from .landmarks import LandmarkMeter
from .likeness import psnr, ssim
from .pixels import Mask, signed_distance
from .rows import Row, Rows
from .seam import edge_step, outside_change, seam_ratio
from .surface import grain, grain_ratio, sharpness, sharpness_ratio

LANDMARKS_EVERY: Final = 5
"""Frames: finding landmarks twice costs as much as a composite."""
_MARGIN_PX: Final = 12
_DEEP: Final = 0.98
"""Of the matte: where the picture is the new face alone."""
_RING: Final = 0.15
"""Face widths around the matte whose grain counts as the plate's."""
_DECIMALS: Final = 4


class Meters:
    """Measures finished frames."""

    def __init__(self, device: str = "auto") -> None:
        self.rows = Rows()
        self._device = device
        self._flicker = FlickerMeter()
        self._landmarks: LandmarkMeter | None = None
        self._before: tuple[int, NDArray[Any], NDArray[Any]] | None = None
        self._seen = 0

    def add(
        self,
        frame_index: int,
        plate: NDArray[Any],
        picture: NDArray[Any],
        matte: Floats,
        points_px: Floats | None = None,
        reference: NDArray[Any] | None = None,
        outside: float | None = None,
    ) -> None:
        """Measure a finished frame.

        Args:
            frame_index: in the footage; only neighbours are compared in time.
            plate: (H, W, 3), of any depth, as ``picture`` and ``reference``.
            picture: the composite.
            matte: (H, W), 0..1.
            points_px: (478, 2) the actor's landmarks; without them none are found again.
            reference: what the composite should be, where that is known.
            outside: largest change outside the matte, where that was measured on the footage's own pixels.
        """
        row = {"outside_change": outside_change(plate, picture, matte) if outside is None else outside}
        own = plate if reference is None else reference
        region = _region_of(matte)
        if region is not None:
            part = _Part(plate, picture, own, matte, region)
            row |= part.edge() | part.surface(points_px)
            if reference is not None:
                row |= part.likeness()
            row |= self._change(frame_index, part.inside, own, picture, region)
            if points_px is not None and self._seen % LANDMARKS_EVERY == 0:
                row |= self._moved(picture, own, points_px)
            self._seen += 1
        self._before = (frame_index, own, picture)
        self.rows.add(frame_index, row)

    def figures(self) -> dict[str, float]:
        """The figures of the whole shot."""
        return figures(self.rows)

    def _change(self, frame_index: int, inside: Mask, own: NDArray[Any], picture: NDArray[Any], region: Region) -> Row:
        if self._before is None or self._before[0] != frame_index - 1:
            return {}
        cut = region.slices
        changes = self._flicker.changes((self._before[1][cut], own[cut]), (self._before[2][cut], picture[cut]), inside)
        if changes is None:
            return {}
        return {
            f"{name}{suffix}": value
            for suffix, change in zip(("", "_plate"), changes, strict=True)
            for name, value in (("change", change.error), ("pulse", change.pulse))
        }

    def _moved(self, picture: NDArray[Any], own: NDArray[Any], points_px: Floats) -> Row:
        self._landmarks = self._landmarks or LandmarkMeter(self._device)
        errors = self._landmarks.errors(picture, own, points_px)
        if errors is None:
            return {}
        return {
            "landmark_error_px": float(np.median(errors)),
            "landmark_error_p95_px": float(np.percentile(errors, 95)),
        }


class _Part:
    """The part of a frame around its matte."""

    def __init__(
        self, plate: NDArray[Any], picture: NDArray[Any], own: NDArray[Any], matte: Floats, region: Region
    ) -> None:
        self._plate, self._picture, self._own = (image[region.slices] for image in (plate, picture, own))
        self._matte = matte[region.slices]
        self.inside: Mask = self._matte > 0.5

    def edge(self) -> Row:
        """Figures of the seam."""
        return {
            name + suffix: meter(image, self.inside)
            for suffix, image in (("", self._picture), ("_plate", self._own))
            for name, meter in (("seam_ratio", seam_ratio), ("edge_step_delta_e", edge_step))
        }

    def surface(self, points_px: Floats | None) -> Row:
        """Figures of grain and sharpness: the plate's are those under the face and those around it."""
        deep = self._matte > _DEEP
        width = face_width_px(points_px) if points_px is not None else float(np.sqrt(deep.sum()))
        away = signed_distance(self._matte > 0)
        ring = (away < 0) & (away > -_RING * width)
        return {
            "grain_ratio": grain_ratio(grain(self._picture, deep), grain(self._own, deep), grain(self._own, ring)),
            "sharpness_ratio": sharpness_ratio(
                sharpness(self._picture, deep), sharpness(self._own, deep), sharpness(self._own, ring)
            ),
        }

    def likeness(self) -> Row:
        """Figures against the reference."""
        where = self._matte > 0
        return {
            "psnr_db": psnr(self._picture, self._own, where),
            "ssim": ssim(self._picture, self._own, where),
        }


def figures(rows: Rows) -> dict[str, float]:
    """One number per figure: the median over the frames, for landmarks and likeness the mean, for change the ratio of means."""
    if not len(rows.frame_index):
        return {"outside_change_max": 0.0}
    found = {"outside_change_max": float(np.nanmax(rows.column("outside_change")))}
    for name in rows.names:
        column = rows.column(name)
        if name in _NOT_TOLD or np.isnan(column).all():
            continue
        mean = np.nanmean if name in _MEANS else np.nanmedian
        found[name] = float(mean(column))
    return {name: round(value, _DECIMALS) for name, value in (found | _flicker_figures(rows)).items()}


_NOT_TOLD: Final = ("outside_change", "change", "change_plate", "pulse", "pulse_plate")
_MEANS: Final = ("landmark_error_px", "landmark_error_p95_px", "psnr_db", "ssim")


def _flicker_figures(rows: Rows) -> dict[str, float]:
    change, own_change, pulse, own_pulse = (
        rows.column(name) for name in ("change", "change_plate", "pulse", "pulse_plate")
    )
    if np.isnan(change).all():
        return {}
    return {
        "flicker_excess": flicker_excess(float(np.nanmean(change)), float(np.nanmean(own_change))),
        "flicker_low": float(np.sqrt(np.nanmean(pulse**2))),
        "flicker_low_plate": float(np.sqrt(np.nanmean(own_pulse**2))),
    }


def _region_of(matte: Floats) -> Region | None:
    x, y, width, height = cv2.boundingRect((matte > 0).view(np.uint8))
    if width == 0:
        return None
    corners = np.array([(x, y), (x + width, y + height)], np.float32)
    return Region.around(corners, _MARGIN_PX, (matte.shape[1], matte.shape[0]))
