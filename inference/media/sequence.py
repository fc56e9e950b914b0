"""Numbered pictures as footage: a folder of PNG or EXR files, or a name like ``plate_####.exr``.

Pictures have no times. ``timecodes.txt`` beside them (Matroska's "timestamp format v2": milliseconds, one line for each
picture) gives them; without it the rate is the one that EXR headers state, else 24 pictures a second.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .colour_tags import ColourTags
from .container import reason
from .exr import exr_facts
from .images import read_picture
from .plates import narrowed
from .types import Image, Pixels, Plate, VideoFrame, VideoInfo

TIMECODES: Final = "timecodes.txt"
TIMECODES_HEAD: Final = "# timestamp format v2"
SUFFIXES: Final = (".png", ".exr")
USUAL_FPS: Final = Fraction(24)
_PLACE: Final = re.compile(r"#+|%0?(\d*)d")
_NUMBERED: Final = re.compile(r"(.*?)(\d+)(\.[A-Za-z]+)")


@dataclass(frozen=True)
class NamePattern:
    """Names of numbered files: what comes before and after the number."""

    folder: Path
    before: str
    after: str
    digits: int

    @classmethod
    def of(cls, path: Path) -> NamePattern | None:
        """The pattern that a path means, ``shot_####.exr`` or ``shot_%04d.exr``; None for a plain path."""
        found = _PLACE.search(path.name)
        if found is None:
            return None
        digits = len(found[0]) if found[0].startswith("#") else int(found[1] or 1)
        return cls(path.parent, path.name[: found.start()], path.name[found.end() :], digits)

    def path(self, number: int) -> Path:
        """The file of a number."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def files(self) -> dict[int, Path]:
        """The files that are there, by number."""
        wanted = re.compile(re.escape(self.before) + r"(\d+)" + re.escape(self.after))
        found = ((wanted.fullmatch(path.name), path) for path in _listed(self.folder))
        return {int(match[1]): path for match, path in found if match}

    def __str__(self) -> str:
        return f"{self.before}{'#' * self.digits}{self.after}"


@dataclass(frozen=True)
class Sequence:
    """Successive pictures of one size."""

    name: Path
    """As the user gave it."""
    first_number: int
    paths: tuple[Path, ...]
    times_s: tuple[float, ...]
    fps: Fraction


def find_sequence(path: Path) -> Sequence | None:
    """The sequence that a folder or a pattern names; None for a plain file name.

    Raises:
        InputError: there is no picture, one in the middle is missing, or the folder holds several sequences.
    """
    if path.is_dir():
        files = _files_of(path)
    elif not path.exists() and (pattern := NamePattern.of(path)) is not None:
        files = pattern.files()
        if not files:
            raise InputError(f"There is no picture {path}; check the folder and the name.")
    else:
        return None
    numbers = sorted(files)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing:
        raise InputError(f"{path} lacks picture {missing[0]}; export the missing ones ({len(missing)}) again.")
    paths = tuple(files[number] for number in numbers)
    times_s, fps = _times_of(paths)
    return Sequence(path, numbers[0], paths, times_s, fps)


def probe_sequence(sequence: Sequence) -> VideoInfo:
    """The facts of its first picture."""
    first = sequence.paths[0]
    picture = read_picture(first)
    height, width, channels = picture.shape
    is_exr = first.suffix.lower() == ".exr"
    return VideoInfo(
        path=sequence.name,
        width=width,
        height=height,
        fps=sequence.fps,
        frame_count=len(sequence.paths),
        duration_s=len(sequence.paths) / float(sequence.fps),
        rotation_deg=0,
        bit_depth=exr_facts(first).bits if is_exr else 8 * picture.itemsize,
        codec=first.suffix.lower().removeprefix("."),
        has_audio=False,
        is_float=is_exr,
        has_alpha=channels == 4,
        colour=exr_facts(first).colour if is_exr else _png_colour(first),
        first_number=sequence.first_number,
    )


def sequence_plates(sequence: Sequence, start: int, stop: int | None) -> Iterator[Plate]:
    """Pictures ``start`` to ``stop`` (excluded) with all that they hold.

    Raises:
        InputError: a picture cannot be read, or is unlike the first one.
    """
    shape = None
    for index in range(start, min(len(sequence.paths), stop if stop is not None else len(sequence.paths))):
        path = sequence.paths[index]
        picture = read_picture(path)
        shape = shape or (picture.shape, picture.dtype)
        if shape != (picture.shape, picture.dtype):
            raise InputError(f"{path} has another size, depth or alpha than the pictures before; export it again.")
        colours: Pixels = np.ascontiguousarray(picture[..., :3])
        alpha: Pixels | None = np.ascontiguousarray(picture[..., 3]) if picture.shape[2] == 4 else None
        yield Plate(index, sequence.times_s[index], colours, alpha)


def sequence_frames(sequence: Sequence, start: int, stop: int | None) -> Iterator[VideoFrame]:
    """The same in 8 bits, to be looked at."""
    for plate in sequence_plates(sequence, start, stop):
        yield VideoFrame(plate.index, plate.time_s, _shown(plate.pixels))


def sequence_digest(sequence: Sequence, digest: Callable[[Path], str]) -> str:
    """Hexadecimal SHA-256 of what the files hold, in their order, and of their times."""
    whole = hashlib.sha256(repr(sequence.times_s).encode())
    for path in sequence.paths:
        whole.update(digest(path).encode())
    return whole.hexdigest()


def _shown(pixels: Pixels) -> Image:
    if pixels.dtype != np.float32:
        integers: Image = narrowed(pixels)
        return integers
    light: NDArray[np.float32] = np.clip(np.nan_to_num(pixels.astype(np.float32, copy=False)), 0, 1)
    # IEC 61966-2-1.
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    shown: Image = np.rint(signal * 255).astype(np.uint8)
    return shown


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {reason(error)}; check the name and your access to it.") from error


def _files_of(folder: Path) -> dict[int, Path]:
    """The one sequence of a folder, by number."""
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for path in _listed(folder):
        found = _NUMBERED.fullmatch(path.name)
        if found and found[3].lower() in SUFFIXES:
            groups.setdefault((found[1], found[3]), {})[int(found[2])] = path
    if not groups:
        raise InputError(f"{folder} is a folder without numbered PNG or EXR pictures; give these, or a video file.")
    if len(groups) > 1:
        names = " and ".join(sorted(f"{before}####{after}" for before, after in groups)[:2])
        raise InputError(f"{folder} holds several sequences, {names}; give the folder with the name of one of them.")
    return next(iter(groups.values()))


def _times_of(paths: tuple[Path, ...]) -> tuple[tuple[float, ...], Fraction]:
    """Time of each picture in seconds, and their mean rate."""
    listed = paths[0].parent / TIMECODES
    if listed.is_file():
        times_s = _read_times(listed, len(paths))
        if len(times_s) == 1:
            return times_s, USUAL_FPS
        return times_s, Fraction((len(times_s) - 1) / (times_s[-1] - times_s[0])).limit_denominator(1001)
    stated = exr_facts(paths[0]).fps if paths[0].suffix.lower() == ".exr" else None
    fps = stated if stated is not None and stated > 0 else USUAL_FPS
    return tuple(float(index / fps) for index in range(len(paths))), fps


def _read_times(path: Path, count: int) -> tuple[float, ...]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        times_s = tuple(float(line) / 1000 for line in lines if line and not line.startswith("#"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list of times in milliseconds; correct or delete it.") from error
    if len(times_s) != count:
        raise InputError(f"{path} lists {len(times_s)} times for {count} pictures; correct or delete it.")
    if any(after <= before for before, after in pairwise(times_s)):
        raise InputError(f"The times in {path} do not increase; correct or delete it.")
    return times_s


def _png_colour(path: Path) -> ColourTags:
    try:
        with av.open(str(path.absolute()), format="png_pipe") as container:
            frame = next(container.decode(video=0))
    except (av.error.FFmpegError, OSError, StopIteration):
        return ColourTags(matrix=0, full_range=True)
    return ColourTags(int(frame.color_primaries), int(frame.color_trc), 0, True)
