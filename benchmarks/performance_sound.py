"""A synthetic voice that opens with the jaw, and the movie that carries it."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

RATE = 24000


def synthetic_voice(jaw_open: NDArray[np.float64], fps: int, seed: int) -> NDArray[np.float32]:
    """(N,) mono sound at `RATE`: voiced harmonics under two vowel resonances, as loud and as open as the jaw (T,)."""
    samples = round(len(jaw_open) * RATE / fps)
    time = np.arange(samples) / RATE
    jaw = np.interp(time, np.arange(len(jaw_open)) / fps, jaw_open)
    rng = np.random.default_rng(seed)
    pitch = 124 + 14 * np.sin(2 * np.pi * 0.7 * time) + 22 * jaw
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 320 + 650 * jaw, 1150 + 500 * np.sin(2 * np.pi * 1.3 * time)
    voice = np.zeros(samples)
    for harmonic in range(1, 30):
        at = harmonic * pitch
        gain = 1 / (1 + ((at - first) / 90) ** 2) + 0.4 / (1 + ((at - second) / 140) ** 2)
        voice += gain / harmonic**0.6 * np.sin(harmonic * phase)
    breath = 0.02 * rng.normal(size=samples)
    loudness = np.clip(jaw / max(float(jaw.max()), 1e-6), 0.0, 1.0) ** 0.8
    sound = loudness * (voice + breath) + 0.001 * rng.normal(size=samples)
    return (0.6 * sound / np.abs(sound).max()).astype(np.float32)


def write_movie(path: Path, pictures: list[Path], sound: NDArray[np.float32], fps: int) -> None:
    """H.264 and AAC in an MP4 file, BT.709, pictures in order."""
    partial = path.with_name(path.stem + ".partial.mp4")
    with av.open(str(partial), "w", options={"movflags": "+faststart"}) as movie:
        video = movie.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "slow"})
        audio = movie.add_stream("aac", rate=RATE)
        audio.bit_rate, audio.layout = 64000, "mono"
        for number, picture in enumerate(pictures):
            rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
            if number == 0:
                video.height, video.width, video.pix_fmt = rgb.shape[0], rgb.shape[1], "yuv420p"
            movie.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        movie.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        block.sample_rate = RATE
        movie.mux(audio.encode(block))
        movie.mux(audio.encode(None))
    partial.replace(path)
