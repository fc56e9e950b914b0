"""Sets of self-reinsertion: a real clip, its plate without the face, a changed face as render, and a take to place it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from composite_changes import Change, Floats, Image, face_mask, render, without_face
from understudy.inference import face_model
from understudy.inference import take as takes
from understudy.inference.capture.shot import CaptureOptions, track_shot
from understudy.inference.errors import InputError
from understudy.inference.media import VideoWriter, read_frames, write_png
from understudy.inference.solve import solve_shot


@dataclass(frozen=True)
class Clip:
    """The first frames of a clip in which a face is seen."""

    name: str
    pictures: tuple[Image, ...]
    take: takes.Take
    fps: Fraction

    @property
    def points_px(self) -> Floats:
        """(T, 478, 2)."""
        return self.take.landmarks_px

    @property
    def masks(self) -> Iterator[Image]:
        """(H, W) of each frame, 255 inside the face."""
        for picture, points in zip(self.pictures, self.points_px, strict=True):
            yield face_mask(picture.shape, points)


@dataclass(frozen=True)
class Reinsertion:
    """The files of one set."""

    folder: Path

    @property
    def plate(self) -> Path:
        """Without the face's own detail."""
        return self.folder / "plate.mkv"

    @property
    def truth(self) -> Path:
        """Untouched."""
        return self.folder / "truth.mkv"

    @property
    def renders(self) -> Path:
        """The changed face, with alpha."""
        return self.folder / "render"

    @property
    def take(self) -> Path:
        """Where the face was in the untouched clip."""
        return self.folder / "take.npz"


def read_clip(path: Path, frames: int) -> Clip:
    """Track the first frames of a clip; raises `InputError` when the face is not seen in all of them."""
    shot = track_shot(path, CaptureOptions(device="cpu", frames=(0, frames - 1)))
    if not shot.tracks:
        raise InputError(f"{path} shows no face in its first {frames} frames.")
    take = solve_shot(shot, shot.tracks[0], face_model.load())
    seen = int(np.argmin(take.confidence > 0)) if (take.confidence <= 0).any() else len(take)
    if seen < 2:
        raise InputError(f"{path} shows no face in its first frames.")
    pictures = tuple(frame.rgb for frame in read_frames(path, 0, seen))
    return Clip(path.stem, pictures, replace(take.part(slice(0, seen)), source_sha256=""), take.fps)


def make_set(clip: Clip, change: Change, folder: Path) -> Reinsertion:
    """Write the files of a set."""
    made = Reinsertion(folder)
    made.renders.mkdir(parents=True, exist_ok=True)
    plates = []
    for index, (picture, points, mask) in enumerate(zip(clip.pictures, clip.points_px, clip.masks, strict=True)):
        plates.append(without_face(picture, mask, points))
        write_png(made.renders / f"frame_{index:06d}.png", render(picture, mask, points, change, index))
    write_movie(made.plate, plates, clip.fps)
    write_movie(made.truth, clip.pictures, clip.fps)
    takes.save(clip.take, made.take)
    return made


def write_movie(path: Path, pictures: list[Image] | tuple[Image, ...], fps: Fraction) -> None:
    """Lossless."""
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width, height, fps, "ffv1") as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture, float(index / fps))


def read_movie(path: Path) -> list[Image]:
    """All of its pictures."""
    return [frame.rgb for frame in read_frames(path)]
