"""Writing numbered pictures: all of them or none, with their times beside them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .container import reason
from .encodings import PictureForm, SequenceCodec
from .exr import write_exr
from .images import write_png
from .plates import narrowed, widened
from .sequence import TIMECODES, TIMECODES_HEAD, NamePattern
from .types import Pixels
from .whole import WholeWriter


class SequenceWriter(WholeWriter):
    """Writes pictures into a folder, or under the names of a pattern; use it in a ``with`` statement.

    png holds uint8 (depth 8) or uint16 (16) with straight alpha; exr holds float32 linear light, colours multiplied by
    alpha, as half (16) or float (32). The pictures get their place only when all were written; earlier ones of these
    names make room.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        codec: SequenceCodec,
        form: PictureForm,
        first_number: int = 0,
    ) -> None:
        """``path`` is a folder, in which pictures become ``frame_000000.png``, or a pattern like ``shot_####.png``.

        Raises:
            InputError: the target cannot be written.
        """
        path = Path(path)
        self._pattern = NamePattern.of(path) or NamePattern(path, "frame_", f".{codec}", 6)
        self._size, self._fps, self._codec, self._form = (width, height), fps, codec, form
        self._first = first_number
        self._times_s: list[float] = []
        folder = self._pattern.folder.absolute()
        self._is_new = not folder.exists()
        # Beside a new folder and in an old one, which may be a disk of its own: putting in place changes names only.
        self._partial = folder.with_name(f"{folder.name}.partial") if self._is_new else folder / "sequence.partial"
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise self._cannot_write(error) from error

    def write(self, pixels: Pixels, time_s: float, alpha: Pixels | None = None) -> None:
        """Write the next picture, (H, W, 3) RGB and (H, W) alpha, shown from ``time_s`` on.

        Raises:
            InputError: the disk is full or gone.
        """
        height, width = pixels.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"picture is {width}x{height}, the others {self._size[0]}x{self._size[1]}")
        path = self._partial / self._pattern.path(self._first + len(self._times_s)).name
        parts = [pixels] if alpha is None else [pixels, alpha[..., None]]
        picture: NDArray[Any] = np.concatenate(parts, axis=2)
        if self._codec == "exr":
            kind: Literal["half", "float"] = "float" if self._form.depth == 32 else "half"
            write_exr(path, picture, kind, self._form.colour, self._fps)
        else:
            integers = widened(picture, np.uint16) if self._form.depth == 16 else narrowed(picture)
            write_png(path, integers, self._form.colour)
        self._times_s.append(time_s)

    def close(self) -> None:
        """Put the pictures into their place.

        Raises:
            InputError: none was written, or the disk is full or gone.
        """
        if not self._times_s:
            self.discard()
            raise InputError(f"{self._pattern.folder} was not written: there is not one frame to put into it.")
        lines = [TIMECODES_HEAD, *(f"{1000 * time_s:.6f}" for time_s in self._times_s)]
        try:
            (self._partial / TIMECODES).write_text("\n".join(lines) + "\n", "utf-8")
            if self._is_new:
                self._partial.replace(self._pattern.folder)
                return
            made = sorted(path.name for path in self._partial.iterdir())
            earlier = [path for path in self._pattern.files().values() if path.name not in made]
            for name in made:
                (self._partial / name).replace(self._pattern.folder / name)
            # What is left of a longer sequence that is replaced would pass for the end of this one.
            for path in earlier:
                path.unlink()
            self._partial.rmdir()
        except OSError as error:
            self.discard()
            raise self._cannot_write(error) from error

    def discard(self) -> None:
        """Stop and leave nothing behind."""
        with suppress(OSError):
            shutil.rmtree(self._partial)

    def _cannot_write(self, error: Exception) -> InputError:
        folder = self._pattern.folder
        return InputError(f"{folder} cannot be written: {reason(error)}; choose another place or make room there.")
