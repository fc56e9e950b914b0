"""What the composite room is asked for and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..media.delivery import DeliveryOptions

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""Encoded like sRGB; the largest integer is 1."""

STAGES: Final = ("swap", "colour", "poisson", "enhance")
"""In the order in which they work."""


@dataclass(frozen=True)
class CompositeOptions:
    """What the user may choose."""

    stages: tuple[str, ...] = STAGES
    report_dir: Path | None = None
    """Folder for ``composite.json`` with the quality figures; measuring them costs time, so only on demand."""
    swapper: Literal["render", "inswapper"] = "render"
    """``render`` puts the rendered face itself in; ``inswapper`` lets a network draw the rendered identity on the actor."""
    pixel_boost: Literal[128, 256, 512] = 256
    """Size in pixels at which ``inswapper`` draws."""
    expression_factor: float = 1.0
    """How far ``inswapper``'s face is moved back to the actor's expression: 0 not at all, 1 all the way."""
    enhancer: Literal["gfpgan", "codeformer"] = "gfpgan"
    stand_ins: bool = False
    """A frame without a render takes the one whose expression is nearest, instead of going through untouched."""
    matte: Path | None = None
    """The user's own matte: a folder or pattern of numbered pictures or a movie, white where the avatar goes."""
    mixed_gradients: bool = False
    """Keep the plate's own detail where it is stronger than the face's."""
    quality_gate: bool = False
    """Do ranges of frames whose figures are poor again with safer settings."""
    reference: Path | None = None
    """A movie of how the composite should look, to measure against."""
    label: bool = False
    """Say on every frame that it shows a generated likeness, see `label`; not on a face that is delivered alone."""
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    device: str = "auto"


@dataclass(frozen=True)
class Settings:
    """How hard each step works on one frame: 1 is its full and normal strength. Plain numbers, so that they can change
    gently from frame to frame; the quality gate asks for others where a range of frames fails.
    """

    bend: float = 1.0
    """0 leaves the avatar its own outline."""
    light: float = 1.0
    """0 gives the whole face one gain instead of the plate's local light."""
    membrane: float = 1.0
    """0 leaves the seam to the soft edge alone."""
    enhance: float = 1.0
    feather: float = 1.0
    """Width of the soft edge; 2 is twice as soft."""
    calm: float = 1.0
    """Width of the windows in time; 2 steadies over twice as many frames, as far as the window reaches."""


@dataclass(frozen=True)
class Decision:
    """What was found and done about a range of frames that is not good enough."""

    first: int
    last: int
    """Source frame indices, both included."""
    failed: dict[str, float]
    """Figure -> share of the frames in which it is beyond its limit."""
    badness: float
    """How far figures are beyond their limits, summed; 0 is good."""
    settings: Settings = field(default_factory=Settings)
    """What the frames were composited with in the end."""
    tried: tuple[tuple[Settings, float], ...] = ()
    """Settings that the quality gate tried, the normal ones first, with the badness that each left."""


@dataclass(frozen=True)
class CompositeReport:
    """What was done to a shot."""

    frames: int
    composited: int
    without_face: int
    """Frames that went through untouched because the take has no face there."""
    without_render: int
    """Frames that went through untouched because the render folder has no picture for them."""
    skipped: dict[str, str]
    """Stage -> one sentence why it did not run."""
    figures: dict[str, float]
    """Quality figures, see `meters`; empty without a report folder."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Mean time per composited frame, by stage."""
    tracked_elsewhere: bool = False
    """The take was made from another file than the footage."""
    decisions: tuple[Decision, ...] = ()
    """Ranges of frames that are not good enough, see `meters.gate`; empty when nothing was measured."""
    remarks: tuple[str, ...] = ()
    """What a user should know about them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences a user should read."""
        notes = list(self.skipped.values())
        if self.tracked_elsewhere:
            notes.append(
                "The take was tracked from another file than this footage; their frames were paired by number."
            )
        if self.without_face:
            notes.append(
                f"{self.without_face} of {self.frames} frames show no tracked face and are the footage itself."
            )
        if self.without_render:
            notes.append(f"{self.without_render} of {self.frames} frames have no render and are the footage itself.")
        return (*notes, *self.remarks)


@dataclass(frozen=True)
class Region:
    """A rectangle of the frame: all work happens inside it."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut it out of an image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def origin_px(self) -> Floats:
        """(2,) its corner; subtract it from frame points to get points of the region."""
        return np.array([self.x, self.y], np.float32)

    @staticmethod
    def around(points_px: Floats, margin_px: float, frame_size: tuple[int, int]) -> Region:
        """The rectangle of (N, 2) points with a margin, cut at the frame's border."""
        low = np.floor(points_px.min(0) - margin_px).astype(int)
        high = np.ceil(points_px.max(0) + margin_px).astype(int)
        x0, y0 = np.clip(low, 0, frame_size)
        x1, y1 = np.clip(high, 0, frame_size)
        return Region(int(x0), int(y0), int(x1 - x0), int(y1 - y0))
