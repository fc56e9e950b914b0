"""Footage of every kind through the compositor: untouched outside the face, the same face inside, delivered as it came."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.composite.colour.space import Space
from understudy.inference.composite.colour.transfer import decode
from understudy.inference.composite.shot import composite_shot
from understudy.inference.composite.sources import as_shown
from understudy.inference.composite.types import CompositeOptions
from understudy.inference.errors import UsageError
from understudy.inference.face_model import load
from understudy.inference.media import DeliveryOptions, probe, read_plates, write_png
from understudy.inference.media.colour_tags import BT709, ColourTags
from understudy.inference.media.encodings import PictureForm
from understudy.inference.media.sequence_writer import SequenceWriter
from understudy.inference.media.writer import VideoWriter
from understudy.inference.take import Take

WIDTH, HEIGHT, FRAMES, FPS = 160, 176, 3, Fraction(25)
PQ, HLG, ACES = (
    ColourTags(9, 16, 9),
    ColourTags(9, 18, 9),
    ColourTags(2, 8, 0, True, (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)),
)
OPTIONS: dict[str, Any] = {"stages": ("swap", "colour", "poisson")}


def landmarks() -> np.ndarray:
    points = load("default").landmark_mean_cm[:, :2].astype(np.float32)
    centre = (points.min(0) + points.max(0)) / 2
    return ((points - centre) * (7, -7) + (80, 88)).astype(np.float32)


def shown(frame: int) -> np.ndarray:
    """The plate as everybody sees it, 8 bits."""
    rng = np.random.default_rng(frame)
    base = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 3) - 0.5
    return np.rint(np.clip(np.float32([0.65, 0.5, 0.42]) + base, 0, 1) * 255).astype(np.uint8)


def take() -> Take:
    return Take(
        names=arkit.NAMES, coefficients=np.zeros((FRAMES, 52), np.float32), confidence=np.ones(FRAMES, np.float32),
        time_s=np.arange(FRAMES) / float(FPS), rotation=np.tile(np.eye(3, dtype=np.float32), (FRAMES, 1, 1)),
        translation_cm=np.zeros((FRAMES, 3), np.float32), gaze=np.zeros((FRAMES, 2, 2), np.float32),
        camera_matrix=np.eye(3), landmarks_px=np.tile(landmarks(), (FRAMES, 1, 1)), identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((4, 3), np.float32), fps=FPS, frame_size=(WIDTH, HEIGHT), frame_index=np.arange(FRAMES),
        face_model="default", source_sha256="", tool_version="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("render")
    for frame in range(FRAMES):
        alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(alpha, (80, 88), 62, 255, -1, cv2.LINE_AA)
        colour = np.clip(shown(frame) * 0.6 + (10, 20, 40), 0, 255).astype(np.uint8)
        write_png(folder / f"frame_{frame:06d}.png", np.dstack([colour, alpha]))
    np.savez(
        folder / "landmarks.npz",
        frame_index=np.arange(FRAMES),
        landmarks_px=np.tile(landmarks(), (FRAMES, 1, 1)),
    )
    return folder


def film(path: Path, tags: ColourTags, alpha: np.ndarray | None = None) -> Path:
    """The plate in an encoding of its own, without loss; the first rows are brighter than white where that can be."""
    space = Space.of(tags)
    linear = tags.curve == "linear"
    form = PictureForm(32 if linear else 16, tags, alpha is not None)
    writer: Any = SequenceWriter if linear else VideoWriter
    with writer(path, WIDTH, HEIGHT, FPS, "exr" if linear else "ffv1", form=form) as movie:
        for frame in range(FRAMES):
            light = decode(shown(frame)).copy()
            if tags.curve != "sdr":
                light[:9] *= 3
            movie.write(space.pixels(light, np.dtype(np.float32 if linear else np.uint16)), float(frame / FPS), alpha)
    return path


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, renders: Path) -> list[np.ndarray]:
    """The composite over the plain 16-bit plate."""
    folder = tmp_path_factory.mktemp("usual")
    composite_shot(film(folder / "plate.mkv", BT709), take(), renders, folder / "out.mkv", CompositeOptions(**OPTIONS))
    return [plate.pixels for plate in read_plates(folder / "out.mkv")]


@pytest.mark.parametrize("tags", [PQ, HLG, ACES])
def test_wide_footage(tmp_path: Path, renders: Path, usual: list[np.ndarray], tags: ColourTags) -> None:
    linear = tags.curve == "linear"
    footage = film(tmp_path / ("plate" if linear else "plate.mkv"), tags)
    target = tmp_path / ("out" if linear else "out.mkv")
    composite_shot(footage, take(), renders, target, CompositeOptions(**OPTIONS))
    before, after = probe(footage), probe(target)
    assert (after.colour, after.bit_depth, after.codec) == (before.colour, before.bit_depth, before.codec)
    space = Space.of(tags)
    for plate, picture, known in zip(read_plates(footage), read_plates(target), usual, strict=True):
        assert picture.pixels.dtype == plate.pixels.dtype
        changed = (picture.pixels != plate.pixels).any(-1)
        assert changed[60:110, 60:100].mean() > 0.9
        assert not changed[:20].any()
        assert not changed[:, :10].any()
        seen = as_shown(picture.pixels, space).astype(float)
        assert np.abs(seen - known)[40:140, 40:120].mean() / 257 < 1.5


def test_alpha_of_the_footage_stays(tmp_path: Path, renders: Path, usual: list[np.ndarray]) -> None:
    alpha = np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16), (HEIGHT, 1))
    footage = film(tmp_path / "plate.mkv", BT709, alpha)
    composite_shot(footage, take(), renders, tmp_path / "out_####.png", CompositeOptions(**OPTIONS))
    for plate, known in zip(read_plates(tmp_path / "out_####.png"), usual, strict=True):
        np.testing.assert_array_equal(plate.alpha, alpha)
        np.testing.assert_array_equal(plate.pixels, known)


def test_hdr_is_not_squeezed(tmp_path: Path, renders: Path) -> None:
    footage = film(tmp_path / "plate.mkv", PQ)
    options = CompositeOptions(**OPTIONS, delivery=DeliveryOptions("h264", 8))
    with pytest.raises(UsageError, match="HDR"):
        composite_shot(footage, take(), renders, tmp_path / "out.mp4", options)
    report = composite_shot(footage, take(), renders, tmp_path / "out.mp4", CompositeOptions(**OPTIONS))
    info = probe(tmp_path / "out.mp4")
    assert (info.codec, info.bit_depth, info.colour) == ("hevc", 10, PQ)
    assert report.composited == FRAMES
