"""How fast a video is decoded in one way: the work of one process, which a driver may take down with it."""

from __future__ import annotations

import hashlib
import time
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from ..networks.tuned import Decoded
from .reader import read_frames
from .writer import VideoWriter

WIDTH, HEIGHT = 1920, 1080
_FRAMES: Final = 60
_RATE: Final = Fraction(25)


def write_sample(path: Path) -> None:
    """A movie to be decoded: a noisy picture that wanders, so that there is motion and detail in every frame."""
    margin = 2 * _FRAMES
    soft = np.add.outer(np.linspace(0, 120, HEIGHT + margin), np.linspace(0, 80, WIDTH + margin))
    noise = np.random.default_rng(0).integers(0, 40, (*soft.shape, 3))
    picture = (soft[..., None] + noise).astype(np.uint8)
    with VideoWriter(path, WIDTH, HEIGHT, _RATE) as writer:
        for i in range(_FRAMES):
            writer.write(picture[i : i + HEIGHT, 2 * i : 2 * i + WIDTH], float(i / _RATE))


def measure_decoder(decoder: str, path: Path) -> Decoded:
    """Decode a movie twice, and time the second: the first opens the device."""
    digest = _decode(path, decoder)
    clock_s, processor_s = time.perf_counter(), time.process_time()
    _decode(path, decoder)
    clock_s, processor_s = time.perf_counter() - clock_s, time.process_time() - processor_s
    return Decoded(decoder, round(clock_s / _FRAMES * 1e3, 3), round(processor_s / _FRAMES * 1e3, 3), digest)


def _decode(path: Path, decoder: str) -> str:
    digest = hashlib.sha256()
    for frame in read_frames(path, decoder=decoder):
        digest.update(frame.rgb[::8, ::8].tobytes())
    return digest.hexdigest()
