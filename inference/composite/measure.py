"""What the compositor measures on a frame before it touches it: fine alignment and colours, on small low-passed pictures.

Measurements are plain arrays; `smooth` averages those of neighbouring frames, so the composite cannot flicker more than
the footage does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from .colour.match import DARK, LIGHT_BLUR, ColourMatch, FaceFrame, match_colours
from .colour.transfer import decode_float
from .mattes.face import face_matte, inner_matte, skin_matte
from .pictures import low_pass, sample, shrink
from .regions import OVAL, face_width_px
from .renders import Render
from .stabiliser.window import gaussian_mean, quadratic_mean
from .swapper.refinement import refine, sameness
from .swapper.warp import Warp, fit_warp, stay
from .types import Floats, Pixels, Region, Settings

SMALL_WIDTH: Final = 96
"""Face width in pixels of the pictures that are measured on."""
_PLACE_BLUR: Final = 0.02
"""Face widths; finer detail is noise at the size that is measured on."""
_COLOUR_SIGMA: Final = 3.0
_PLACE_SIGMA: Final = 1.5
"""Frames."""
_TIGHT: Final = 0.98


@dataclass(frozen=True)
class Measurement:
    """One frame's measurements."""

    actor_px: Floats
    """(478, 2) in the plate."""
    offset_px: Floats
    """(478, 2) from the actor's landmarks to the avatar's in the render."""
    refinement: Floats
    """(2, 3) see `alignment`."""
    likeness: float
    match: ColourMatch | None
    """None where no skin can be compared."""


def face_frame(points_px: Floats) -> FaceFrame:
    """Face coordinates of landmarks (478, 2)."""
    outline = points_px[list(OVAL)]
    return FaceFrame((outline.min(0) + outline.max(0)) / 2, face_width_px(points_px) / 2)


def face_region(points_px: Floats, frame_size: tuple[int, int]) -> Region:
    """The part of the frame in which the face is."""
    return Region.around(points_px[list(OVAL)], 0.08 * face_width_px(points_px) + 4, frame_size)


def warp_of(measurement: Measurement, swap: bool, bend: float = 1.0) -> Warp:
    """The warp a measurement asks for; ``bend`` is the share of the way to the actor's outline."""
    if not swap:
        return stay(measurement.actor_px)
    actor = measurement.actor_px
    # Two pictures of one face have one outline: what differs is landmark noise, and pixels placed the face already.
    bend_strength = bend * (1 - sameness(measurement.likeness))
    return fit_warp(actor, actor + measurement.offset_px, measurement.refinement, bend_strength)


def measure(plate: Pixels, render: Render, actor_px: Floats, avatar_px: Floats | None) -> Measurement:
    """Measure a frame; without ``avatar_px`` the render is taken to lie where it belongs."""
    height, width = plate.shape[:2]
    region = face_region(actor_px, (width, height))
    small = _Small(plate, render, actor_px, region)
    swap = avatar_px is not None
    offset = avatar_px - actor_px if avatar_px is not None else np.zeros_like(actor_px)
    identity = np.eye(2, 3, dtype=np.float32)
    first = Measurement(actor_px, offset, identity, 0.0, None)
    warp = warp_of(first, swap)
    face, alpha = small.face(warp)
    matte = small.matte(alpha)
    if (matte > 0.5).sum() < 200:
        return first
    refinement, likeness = identity, 0.0
    if swap:
        refinement, likeness = small.refine(warp, matte)
        warp = Warp(warp.similarity, warp.controls_px, warp.bend_px, refinement)
        face, alpha = small.face(warp)
        matte = small.matte(alpha)
    match = small.match(face, matte)
    return Measurement(actor_px, offset, refinement, likeness, match)


def smooth(offsets: Sequence[int], run: Sequence[Measurement], settings: Settings) -> Measurement:
    """Measurement of the frame at offset 0 of its run, steadied by its neighbours before and after."""
    colour_sigma, place_sigma = _COLOUR_SIGMA * settings.calm, _PLACE_SIGMA * settings.calm
    matches = [(offset, item.match) for offset, item in zip(offsets, run, strict=True) if item.match is not None]
    match = None
    if matches:
        when = [offset for offset, _ in matches]
        match = ColourMatch(
            gaussian_mean(when, [item.log_gain for _, item in matches], colour_sigma),
            gaussian_mean(when, [item.mean for _, item in matches], colour_sigma),
            gaussian_mean(when, [item.spread for _, item in matches], colour_sigma),
        )
    near = [index for index, offset in enumerate(offsets) if abs(offset) <= 3]
    return Measurement(
        actor_px=quadratic_mean([offsets[i] for i in near], [run[i].actor_px for i in near]),
        offset_px=gaussian_mean(offsets, [item.offset_px for item in run], place_sigma),
        refinement=gaussian_mean(offsets, [item.refinement for item in run], place_sigma),
        likeness=float(gaussian_mean(offsets, [np.array(item.likeness) for item in run], place_sigma)),
        match=match,
    )


class _Small:
    """Plate and render of one frame, shrunk so that every face has the same size."""

    def __init__(self, plate: Pixels, render: Render, actor_px: Floats, region: Region) -> None:
        self.region = region
        width_px = face_width_px(actor_px)
        self.scale = min(1.0, SMALL_WIDTH / width_px)
        self.size = (max(2, round(region.width * self.scale)), max(2, round(region.height * self.scale)))
        self.per_px = np.array([self.size[0] / region.width, self.size[1] / region.height], np.float32)
        self.width = width_px * self.scale
        self.points = (actor_px - region.origin_px) * self.per_px
        self.plate = _floats(plate[region.slices], self.size)
        self.render_region = render.region
        own = (max(2, round(render.region.width * self.scale)), max(2, round(render.region.height * self.scale)))
        self.render = _floats(render.rgba, own)
        self.render_per_px = np.array([own[0] / render.region.width, own[1] / render.region.height], np.float32)
        self.basis = face_frame(actor_px).basis(region, self.size)

    def face(self, warp: Warp) -> tuple[Floats, Floats]:
        """Encoded RGB and alpha of the warped render."""
        x, y = warp.map(self.region, self.size)
        x = (x - self.render_region.x) * self.render_per_px[0]
        y = (y - self.render_region.y) * self.render_per_px[1]
        warped = sample(self.render, x, y)
        return warped[..., :3], warped[..., 3]

    def matte(self, alpha: Floats) -> Floats:
        """Where plate and face can be compared."""
        return face_matte(self.points, np.where(alpha > _TIGHT, alpha, 0).astype(np.float32), self.width)

    def refine(self, warp: Warp, matte: Floats) -> tuple[Floats, float]:
        """Fine affine of full-size plate pixels, and the likeness of plate and face."""
        plate_log = self._log(self.plate, matte)

        def face_log(move: Floats, blur: float) -> Floats:
            moved = Warp(warp.similarity, warp.controls_px, warp.bend_px, self._to_plate(move))
            return self._log(self.face(moved)[0], matte, blur)

        move, likeness = refine(plate_log, face_log, self.basis, inner_matte(matte, self.width), self.width)
        return self._to_plate(move), likeness

    def match(self, face: Floats, matte: Floats) -> ColourMatch | None:
        """Colours of the skin that both show."""
        skin = skin_matte(self.points, matte, self.width)
        if (skin > 0.5).sum() < 100:
            return None
        plate, face = (low_pass(image, matte, LIGHT_BLUR * self.width) for image in (self.plate, face))
        return match_colours(plate, face, self.basis, skin)

    def _log(self, encoded: Floats, matte: Floats, extra_variance: float = 0) -> Floats:
        blur = float(np.hypot(_PLACE_BLUR, np.sqrt(extra_variance) / self.width))
        logs: Floats = np.log(decode_float(low_pass(encoded, matte, blur * self.width)) + np.float32(DARK))
        return logs

    def _to_plate(self, move: Floats) -> Floats:
        """An affine of small pixels as one of full-size frame pixels."""
        to_small = np.vstack([np.column_stack([np.diag(self.per_px), -self.per_px * self.region.origin_px]), [0, 0, 1]])
        full: Floats = np.linalg.inv(to_small) @ np.vstack([move, [0, 0, 1]]) @ to_small
        return full[:2].astype(np.float32)


def _floats(pixels: Pixels, size: tuple[int, int]) -> Floats:
    """Encoded floats, 0..1, of a smaller picture."""
    return (shrink(pixels, size) / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
