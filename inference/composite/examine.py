"""Measures finished frames on their way to the movie, beside the reference movie where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media import probe, read_frames
from ..media.types import VideoInfo
from .cascade import Cascade, Finished
from .meters.meters import Meters
from .meters.rows import Rows
from .types import CompositeOptions, Floats, Settings


def measured(frames: Iterable[Finished], meters: Meters, reference: Path | None) -> Iterator[Finished]:
    """The same frames, measured; those without a face are not.

    Raises:
        InputError: the reference cannot be read.
    """
    known = _Reference(reference)
    for finished in frames:
        if finished.draft is not None and finished.steady is not None:
            index = finished.frame.index
            points_px = finished.steady.actor_px
            meters.add(
                index, finished.frame.pixels, finished.picture, whole_matte(finished), points_px, known.picture(index)
            )
        yield finished


def attempt(cascade: Cascade, options: CompositeOptions, first: int, last: int, settings: Settings) -> Rows:
    """Figures of frames first to last (both included) with other settings; nothing is written."""
    meters = Meters(options.device)
    for _ in measured(cascade.frames(first, last + 1, lambda _index: settings), meters, options.reference):
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
            self._frames = ((frame.index, frame.rgb) for frame in read_frames(self._path, index))
        while self._last is None or self._last[0] < index:
            following = next(self._frames, None)
            if following is None:
                return None
            self._last = following
        return self._last[1] if self._last[0] == index else None
