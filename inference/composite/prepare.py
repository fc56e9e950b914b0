"""Once per shot, before its first frame: what the steps need to know of the whole of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..media import probe, read_plates
from ..take import Take
from .colour.space import SHOWN, Space
from .mattes.appearance import Appearance, learn, look_at
from .mattes.sequence import UserMatte
from .regions import face_region
from .renders import RenderFolder
from .sources import AvatarLandmarks, as_shown
from .swapper.closed_loop import seen_again
from .swapper.placement import Placement, place
from .swapper.refinement import LIKENESS
from .types import CompositeOptions, Floats, Pixels

GLIMPSES: Final = 32
"""Frames that are looked at, at most."""
REACH: Final = 192
"""Frames from the start of the shot among which they are chosen: reading on would cost as much as the shot itself."""
ENOUGH: Final = 6
"""Comparisons of plate and render from which two persons are known to be two."""


@dataclass(frozen=True)
class Glimpse:
    """A frame that is looked at beforehand."""

    row: int
    """Of the take."""
    plate: Pixels
    actor_px: Floats
    """(478, 2)."""


@dataclass(frozen=True)
class Prepared:
    """What is known of a shot as a whole. Every step gets it and none changes it."""

    take: Take
    options: CompositeOptions
    space: Space = SHOWN
    """Of the footage's pixels."""
    appearance: Appearance | None = None
    """Of the actor's face; None where too few frames show it."""
    may_be_alike: bool = True
    """May render and plate show the same person? Where they do not, nobody needs to compare their pixels."""
    matte: UserMatte | None = None
    """The user's own."""


def prepare(
    footage: Path, take: Take, renders: RenderFolder, avatar: AvatarLandmarks | None, options: CompositeOptions
) -> Prepared:
    """Look at a few frames of the shot; without ``avatar`` its render stays where it is."""
    info = probe(footage)
    space = Space.of(info.colour)
    matte = None if options.matte is None else UserMatte(options.matte, take.frame_size, info.first_number)
    looks, likenesses = [], []
    may_be_alike = avatar is not None
    for seen in glimpses(footage, take, space):
        actor_px = seen.actor_px
        if avatar is not None and may_be_alike:
            placed = _placed(seen, int(take.frame_index[seen.row]), renders, avatar, options.device)
            if placed is not None:
                actor_px = placed.actor_px
                likenesses.append(placed.likeness)
            may_be_alike = len(likenesses) < ENOUGH or max(likenesses) > LIKENESS[0]
        looks.append(look_at(seen.plate, actor_px, face_region(actor_px, take.frame_size)))
    return Prepared(take, options, space, learn(looks), may_be_alike, matte)


def _placed(
    seen: Glimpse, frame_index: int, renders: RenderFolder, avatar: AvatarLandmarks, device: str
) -> Placement | None:
    """Where a frame's render belongs; None when there is no render or nobody finds a face in it."""
    render = renders.load(frame_index)
    avatar_px = None if render is None else avatar.of(frame_index, render, seen.plate)
    if render is None or avatar_px is None:
        return None
    placed = place(seen.plate, render, seen.actor_px, avatar_px)
    return seen_again(placed, seen.plate, render, seen.actor_px, device)


def glimpses(footage: Path, take: Take, space: Space) -> Iterator[Glimpse]:
    """At most `GLIMPSES` frames with a face, evenly spaced over the first `REACH` of them."""
    rows = [row for row in range(len(take)) if has_face(take, row)][:REACH]
    chosen = {int(take.frame_index[row]): row for row in rows[:: max(1, -(-len(rows) // GLIMPSES))]}
    if not chosen:
        return
    for frame in read_plates(footage, min(chosen), max(chosen) + 1):
        if frame.index in chosen:
            row = chosen[frame.index]
            yield Glimpse(row, as_shown(frame.pixels, space), take.landmarks_px[row].astype(np.float32))


def has_face(take: Take, row: int) -> bool:
    """Was a face seen in this row of the take?"""
    return bool(take.confidence[row] > 0 and np.isfinite(take.landmarks_px[row]).all())
