"""What the compositor measures on a frame before it touches it: fine alignment and colours, on small low-passed pictures.

Measurements are plain arrays; `smooth` averages those of neighbouring frames, so the composite cannot flicker more than
the footage does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from .colour.light import FaceFrame
from .colour.match import ColourMatch, mean_match, measure_match
from .colour.surface import Surface, mean_surface
from .mattes.face import face_matte
from .pictures import sample, shrink
from .regions import OVAL, face_region, face_width_px
from .renders import Render
from .stabiliser.flow import Trail
from .stabiliser.placing import steady_affine, steady_points, steady_values
from .stabiliser.window import gaussian_mean
from .swapper.closed_loop import seen_again
from .swapper.placement import Placement, place
from .swapper.refinement import sameness
from .swapper.warp import IDENTITY, Warp, fit_warp, stay
from .types import Floats, Pixels, Region, Settings

SMALL_WIDTH: Final = 96
"""Face width in pixels of the pictures that are measured on."""
_COLOUR_SIGMA: Final = 3.0
_PLACE_SIGMA: Final = 2.0
_LOOP_SIGMA: Final = 4.0
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
    """(2, 3) see `Placement`."""
    likeness: float
    match: ColourMatch | None
    """None where no skin can be compared."""
    is_avatar_known: bool = False
    """The avatar's landmarks are exact, from the renderer: only the actor's have noise."""
    surface: Surface | None = None
    """Grain and sharpness; measured on some frames only."""
    seen_off_px: Floats | None = None
    """(2,) see `closed_loop`; measured on some frames only."""


def face_frame(points_px: Floats) -> FaceFrame:
    """Face coordinates of landmarks (478, 2)."""
    outline = points_px[list(OVAL)]
    return FaceFrame((outline.min(0) + outline.max(0)) / 2, face_width_px(points_px) / 2)


def warp_of(measurement: Measurement, swap: bool, bend: float = 1.0, outline_px: Floats | None = None) -> Warp:
    """The warp a measurement asks for; ``bend`` is the share of the way to the actor's outline, or to another (36, 2)."""
    if not swap:
        return stay(measurement.actor_px)
    actor = measurement.actor_px
    # Two pictures of one face have one outline: what differs is landmark noise, and pixels placed the face already.
    other = 1 - sameness(measurement.likeness)
    shift = None if measurement.seen_off_px is None else np.float32(other) * measurement.seen_off_px
    return fit_warp(actor, actor + measurement.offset_px, measurement.refinement, bend * other, shift, outline_px)


def measure(
    plate: Pixels,
    render: Render,
    actor_px: Floats,
    avatar_px: Floats | None,
    device: str = "auto",
    may_be_alike: bool = True,
) -> Measurement:
    """Measure a frame; without ``avatar_px`` the render is taken to lie where it belongs."""
    height, width = plate.shape[:2]
    if avatar_px is None:
        placed = Placement(actor_px, np.zeros_like(actor_px), IDENTITY, 0.0)
    elif not may_be_alike:
        placed = Placement(actor_px, avatar_px - actor_px, IDENTITY, 0.0)
    else:
        placed = seen_again(place(plate, render, actor_px, avatar_px), plate, render, actor_px, device)
    found = Measurement(placed.actor_px, placed.offset_px, placed.refinement, placed.likeness, None)
    small = _Small(plate, render, placed.actor_px, face_region(placed.actor_px, (width, height)))
    face, alpha = small.face(warp_of(found, avatar_px is not None))
    matte = small.matte(alpha)
    if (matte > 0.5).sum() < 200:
        return found
    return replace(found, match=small.match(face, matte, placed.likeness))


def smooth(run: Mapping[int, Measurement], along: Mapping[int, Trail], settings: Settings) -> Measurement:
    """Measurement of the frame at offset 0 of its run, steadied by its neighbours before and after.

    ``along`` are the trails of the frame's own landmarks, (1, 478, 2), to every frame of the run.
    """
    own, offsets = run[0], list(run)
    colour_sigma, place_sigma = _COLOUR_SIGMA * settings.calm, _PLACE_SIGMA * settings.calm
    weights = np.exp(-0.5 * (np.array(offsets) / colour_sigma) ** 2)
    timed = list(zip(weights, run.values(), strict=True))
    matches = [(weight, item.match) for weight, item in timed if item.match is not None]
    surfaces = [(weight, item.surface) for weight, item in timed if item.surface is not None]
    seen = [(offset, item.seen_off_px) for offset, item in run.items() if item.seen_off_px is not None]
    points = {offset: item.actor_px for offset, item in run.items()}
    actor_px = steady_points(points, along, place_sigma, face_width_px(own.actor_px))
    return Measurement(
        actor_px=actor_px,
        offset_px=own.actor_px + own.offset_px - actor_px
        if own.is_avatar_known
        else steady_values({offset: item.offset_px for offset, item in run.items()}, place_sigma),
        refinement=steady_affine(
            {offset: item.refinement for offset, item in run.items()},
            {offset: item.actor_px.mean(0) for offset, item in run.items()},
            place_sigma,
        ),
        likeness=float(gaussian_mean(offsets, [np.array(item.likeness) for item in run.values()], place_sigma)),
        match=mean_match([weight for weight, _ in matches], [item for _, item in matches]) if matches else None,
        surface=mean_surface([weight for weight, _ in surfaces], [item for _, item in surfaces]),
        seen_off_px=gaussian_mean([at for at, _ in seen], [off for _, off in seen], _LOOP_SIGMA) if seen else None,
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
        self.render = render.small(own)
        self.render_per_px = np.array([own[0] / render.region.width, own[1] / render.region.height], np.float32)
        self.frame = face_frame(actor_px)
        self.basis = self.frame.basis(region, self.size)

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

    def match(self, face: Floats, matte: Floats, likeness: float) -> ColourMatch | None:
        """Colours of the skin that both show."""
        return measure_match(self.plate, face, matte, self.points, self.region, self.frame, sameness(likeness))


def _floats(pixels: Pixels, size: tuple[int, int]) -> Floats:
    """Encoded floats, 0..1, of a smaller picture."""
    return (shrink(pixels, size) / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
