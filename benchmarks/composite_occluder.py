"""Objects with a known alpha that move across the actor's face: does the default matte keep them in front?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from composite_changes import TOOL, Floats, Image, eye_distance, face_mask, render
from composite_sets import Clip, write_movie
from understudy.inference import take as takes
from understudy.inference.composite.cascade import Cascade
from understudy.inference.composite.examine import whole_matte
from understudy.inference.composite.renders import RenderFolder
from understudy.inference.composite.types import CompositeOptions
from understudy.inference.media import write_png

OBJECTS: Final = ("hand", "cup", "microphone", "strand")
_OPAQUE: Final = 0.5
_PAINTED: Final = 0.3
"""Of the object's pixels on the face: more than this under the new face is painted over."""
_SEEN: Final = 0.02
"""Of the face: an object that covers less of it is not judged."""


@dataclass(frozen=True)
class Found:
    """What came out for one object."""

    iou: float
    """Mean over the frames in which the object is on the face."""
    painted_frames: int
    """Longest run of frames in which the object was painted over."""
    false_share: float
    """Share of the uncovered face that was kept from the new face although nothing is there."""


def cover(clip: Clip, kind: str) -> tuple[list[Image], list[Floats]]:
    """Pictures with an object that crosses the face from side to side, and its alpha (H, W) in each."""
    pictures, alphas = [], []
    count = len(clip.pictures)
    for index, (picture, points) in enumerate(zip(clip.pictures, clip.points_px, strict=True)):
        eyes = eye_distance(points)
        middle = points[[1, 33, 263]].mean(0)
        way = (index + 0.5) / count * 2 - 1
        place = middle + np.float32([1.9 * way, 0.35 * np.sin(3 * way)]) * eyes
        alpha, colour = _draw(kind, picture, points, place, eyes)
        mixed = picture + alpha[..., None] * (colour - picture)
        pictures.append(np.rint(np.clip(mixed, 0, 255)).astype(np.uint8))
        alphas.append(alpha)
    return pictures, alphas


def measure(clip: Clip, kind: str, folder: Path) -> Found:
    """Composite a clip with an object in front through the cascade, and the same without it."""
    renders = folder / "render"
    renders.mkdir(parents=True, exist_ok=True)
    for index, (picture, points) in enumerate(zip(clip.pictures, clip.points_px, strict=True)):
        mask = face_mask(picture.shape, points)
        write_png(renders / f"frame_{index:06d}.png", render(picture, mask, points, TOOL, index))
    covered, alphas = cover(clip, kind)
    clear = _mattes(clip.take, list(clip.pictures), renders, folder / "clear.mkv")
    kept = _mattes(clip.take, covered, renders, folder / "covered.mkv")
    return judge(clear, kept, alphas)


def judge(clear: list[Floats], kept: list[Floats], alphas: list[Floats]) -> Found:
    """Compare mattes (H, W) without and with the object with its true alpha."""
    ious, painted, false = [], [], []
    for before, after, alpha in zip(clear, kept, alphas, strict=True):
        face = before > 0.5
        true, said = (alpha > _OPAQUE) & face, (after < 0.5) & face
        clear_face = face & (alpha < 0.01)
        false.append(float((said & clear_face).sum() / max(clear_face.sum(), 1)))
        seen = true.sum() > _SEEN * face.sum()
        painted.append(bool(seen and (true & ~said).sum() > _PAINTED * true.sum()))
        if seen:
            ious.append(float((true & said).sum() / (true | said).sum()))
    longest = run = 0
    for one in painted:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return Found(float(np.mean(ious)) if ious else float("nan"), longest, float(np.mean(false)))


def _mattes(take: takes.Take, pictures: list[Image], renders: Path, movie: Path) -> list[Floats]:
    write_movie(movie, pictures, take.fps)
    options = CompositeOptions(stages=("swap", "colour", "poisson"), device="cpu")
    cascade = Cascade(movie, take, RenderFolder(renders, take.frame_size), options)
    return [whole_matte(finished) for finished in cascade.frames()]


def _draw(kind: str, picture: Image, points: Floats, place: Floats, eyes: float) -> tuple[Floats, Floats]:
    """Alpha (H, W) and colour (H, W, 3) 0..255 of an object at a place."""
    alpha = np.zeros(picture.shape[:2], np.float32)
    x, y = (float(value) for value in place)
    if kind == "cup":
        _box(alpha, (x, y + 0.6 * eyes), (0.75 * eyes, 1.0 * eyes), 8)
        colour = _textured(picture.shape, (40, 70, 150), 30, eyes)
    elif kind == "microphone":
        cv2.ellipse(alpha, _at(x, y + 0.5 * eyes), _at(0.28 * eyes, 0.33 * eyes), 0, 0, 360, 1, -1, cv2.LINE_AA)
        _box(alpha, (x, y + 2.3 * eyes), (0.2 * eyes, 3.2 * eyes), 0)
        colour = _textured(picture.shape, (38, 38, 42), 14, eyes)
    elif kind == "strand":
        for lane in np.linspace(-0.12, 0.12, 5):
            ends = [_at(x + (lane + side * 0.2) * eyes, y + side * 1.6 * eyes) for side in (-1, 1)]
            cv2.line(alpha, *ends, 1, max(2, round(0.035 * eyes)), cv2.LINE_AA)
        colour = _textured(picture.shape, (60, 42, 30), 10, eyes)
    else:
        _box(alpha, (x, y + 0.9 * eyes), (0.85 * eyes, 0.9 * eyes), 25)
        for finger in range(4):
            _box(alpha, (x + (finger - 1.5) * 0.21 * eyes, y + 0.1 * eyes), (0.17 * eyes, 0.95 * eyes), 0)
        skin = picture[tuple(np.clip(np.rint(points[[50, 280]]).astype(int), 0, None).T[::-1])].mean(0)
        colour = _textured(picture.shape, tuple(0.93 * skin), 8, eyes)
    # As a lens would show it.
    return cv2.GaussianBlur(alpha, (0, 0), 0.8), colour


def _at(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)


def _box(alpha: Floats, centre: tuple[float, float], size: tuple[float, float], turn_deg: float) -> None:
    corners = cv2.boxPoints((centre, size, turn_deg))
    cv2.fillConvexPoly(alpha, np.rint(corners).astype(np.int32), 1, cv2.LINE_AA)


def _textured(shape: tuple[int, ...], colour: tuple[float, ...], spread: float, eyes: float) -> Floats:
    """A colour with soft mottling, which makes no two places of the object alike."""
    noise = np.random.default_rng(5).normal(size=shape[:2]).astype(np.float32)
    mottled = cv2.GaussianBlur(noise, (0, 0), max(1.0, 0.08 * eyes))
    return np.float32(colour) + (spread / float(mottled.std()) * mottled)[..., None]
