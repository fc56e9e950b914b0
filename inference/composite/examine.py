"""Measures finished frames on their way to the movie, beside the reference movie where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media import probe, read_plates
from ..media.types import VideoInfo
from .cascade import Cascade, Finished
from .colour.space import Space
from .meters.meters import Meters
from .meters.rows import Rows
from .meters.seam import outside_change
from .sources import as_shown
from .types import CompositeOptions, Floats, Settings


def measured(
    frames: Iterable[Finished], meters: Meters, space: Space, reference: Path | None = None
) -> Iterator[Finished]:
    """The same frames, measured as they are shown; those without a face are not.

    Raises:
        InputError: the reference cannot be read.
    """
    known = _Reference(reference)
    for finished in frames:
        if finished.draft is not None and finished.steady is not None:
            index, matte = finished.frame.index, whole_matte(finished)
            plate, picture = (as_shown(pixels, space) for pixels in (finished.frame.pixels, finished.picture))
            # In the footage's own numbers: what is shown has fewer.
            outside = outside_change(finished.frame.pixels, finished.picture, matte)
            meters.add(index, plate, picture, matte, finished.steady.actor_px, known.picture(index), outside)
        yield finished


def attempt(cascade: Cascade, options: CompositeOptions, first: int, last: int, settings: Settings) -> Rows:
    """Figures of frames first to last (both included) with other settings; nothing is written."""
    meters = Meters(options.device)
    frames = cascade.frames(first, last + 1, lambda _index: settings)
    for _ in measured(frames, meters, cascade.prepared.space, options.reference):
        pass
    return meters.rows


def check_reference(reference: Path | None, footage: VideoInfo) -> None:
    """Raises `InputError` when the reference is no movie of the footage's size."""
    if reference is None:
        return
    info = probe(reference)
    if (info.width, info.height) != (footage.width, footage.height):
        raise InputError(
            f"The reference {reference} is {info.width}x{info.height}, the footage {footage.width}x{footage.height}; "
            "they must be of one size."
        )


def whole_matte(finished: Finished) -> Floats:
    """(H, W) of the whole frame."""
    whole = np.zeros(finished.picture.shape[:2], np.float32)
    if finished.draft is not None:
        whole[finished.draft.region.slices] = finished.draft.matte
    return whole


class _Reference:
    """Frames of a movie by their index, which must grow from call to call."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._frames: Iterator[tuple[int, NDArray[Any]]] | None = None
        self._last: tuple[int, NDArray[Any]] | None = None

    def picture(self, index: int) -> NDArray[Any] | None:
        """(H, W, 3) of one frame; None without a movie and behind its end."""
        if self._path is None:
            return None
        if self._frames is None:
            space = Space.of(probe(self._path).colour)
            plates = read_plates(self._path, index)
            self._frames = ((plate.index, as_shown(plate.pixels, space)) for plate in plates)
        while self._last is None or self._last[0] < index:
            following = next(self._frames, None)
            if following is None:
                return None
            self._last = following
        return self._last[1] if self._last[0] == index else None
