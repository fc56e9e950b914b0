"""What each stage of capture, solve and film costs alone here, on the performance that ships with the project."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from timing import spent
from understudy.inference import arkit
from understudy.inference.capture.region import Region, whole
from understudy.inference.capture.shot import CaptureOptions, track_shot
from understudy.inference.face_model import load
from understudy.inference.live.link import LiveReceiver, LiveSender
from understudy.inference.live.sample import LiveSample
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.media.types import Image
from understudy.inference.networks.sessions import open_session
from understudy.inference.photometric.shot import PixelRefiner
from understudy.inference.solve import solve_shot

CLIP: Final = Path(__file__).resolve().parents[1] / "samples" / "performance.mp4"
FRAMES: Final = 48
NETWORKS: Final = {
    "face_detector_short": 128,
    "face_detector_full": 192,
    "face_landmarks_attention": 192,
    "face_points": 256,
}
"""Those that a frame may meet by default, and the side of their input."""

Cost = tuple[str, float]
"""A stage and its CPU milliseconds for a frame."""


def costs(frame: tuple[int, int], face_px: float, least_s: float) -> Iterator[Cost]:
    """All of them; files are 1080p, or as asked."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        yield "encode", write_film(film, frame) / FRAMES * 1000
        yield from _film_costs(film)
        picture = next(read_frames(film)).rgb
    yield from _crop_costs(picture, face_px, least_s)
    for name, side in NETWORKS.items():
        yield name, network_ms(name, side, least_s)
    yield from _solve_costs()
    yield "link", link_ms(least_s)


def write_film(path: Path, frame: tuple[int, int]) -> float:
    """Write the performance at another size as H.264 (the whole picture fitted in); CPU seconds of writing."""
    pictures = [_fitted(one.rgb, frame) for one in read_frames(CLIP, 0, FRAMES)]
    began = time.process_time()
    with VideoWriter(path, *frame, Fraction(30)) as writer:
        for number in range(FRAMES):
            writer.write(pictures[number % len(pictures)], number / 30)
    return time.process_time() - began


def network_ms(name: str, side: int, least_s: float) -> float:
    """CPU milliseconds of one face, one thread."""
    session = open_session(name, "cpu")
    feed = {"image": np.random.default_rng(0).random((1, side, side, 3), np.float32)}
    return spent(lambda: session.run(None, feed), least_s).cpu_s * 1000


def link_ms(least_s: float) -> float:
    """CPU milliseconds from a live sample here to the same sample received, both ends in this process."""
    receiver = LiveReceiver()
    sender = LiveSender(receiver.port)
    still = np.zeros(len(arkit.NAMES), np.float32)
    face = (np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.zeros((2, 2), np.float32))
    sample = LiveSample(0, 0.0, 1.0, still, *face)

    def there() -> None:
        sender.send(sample)
        while receiver.newest() is None:
            pass

    try:
        return spent(there, least_s).cpu_s * 1000
    finally:
        sender.close()
        receiver.close()


def _fitted(rgb: Image, frame: tuple[int, int]) -> Image:
    scale = min(frame[0] / rgb.shape[1], frame[1] / rgb.shape[0])
    centre = np.array(frame) / 2 - scale * np.array([rgb.shape[1], rgb.shape[0]]) / 2
    matrix = np.array([[scale, 0, centre[0]], [0, scale, centre[1]]])
    return np.asarray(cv2.warpAffine(rgb, matrix, frame, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _film_costs(film: Path) -> Iterator[Cost]:
    def decoded() -> int:
        with av.open(str(film)) as container:
            container.streams.video[0].thread_type = "AUTO"
            return sum(1 for _ in container.decode(video=0))

    def read() -> int:
        return sum(1 for _ in read_frames(film, exact_colours=False))

    decode_ms, read_ms = (_least_ms(run) for run in (decoded, read))
    yield "decode", decode_ms
    yield "colour conversion", max(read_ms - decode_ms, 0.0)


def _least_ms(run: Callable[[], int]) -> float:
    """CPU milliseconds of a frame, the least of three."""
    found = list[float]()
    for _ in range(3):
        began = time.process_time()
        count = run()
        found.append((time.process_time() - began) / count * 1000)
    return min(found)


def _crop_costs(picture: Image, face_px: float, least_s: float) -> Iterator[Cost]:
    height, width = picture.shape[:2]
    face = Region((width / 2, height / 2), (1.5 * face_px, 1.5 * face_px), 0.1)
    runs: Sequence[tuple[str, Callable[[], object]]] = (
        ("crop for the detector", lambda: _tensor(whole(picture).crop(picture, 128, cv2.BORDER_CONSTANT))),
        ("crop for MediaPipe's network", lambda: _tensor(face.crop(picture, 192, cv2.BORDER_REPLICATE))),
        ("crop for our network", lambda: _tensor(face.scaled(0.8).sample(picture, 256, soft=True))),
    )
    for name, run in runs:
        yield name, spent(run, least_s).cpu_s * 1000


def _tensor(crop: Image) -> np.ndarray:
    return np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)


def _solve_costs() -> Iterator[Cost]:
    """Of one more frame of a longer shot: the search for the actor is a constant, see the scaling bench."""
    shot = track_shot(CLIP, CaptureOptions(device="cpu", frames=(0, FRAMES - 1)))
    model = load("default")

    def solved(refine: bool) -> float:
        began = time.process_time()
        solve_shot(shot, shot.tracks[0], model, refine=PixelRefiner(shot).refine if refine else None)
        return (time.process_time() - began) / FRAMES * 1000

    plain = min(solved(False) for _ in range(3))
    yield "solve", plain
    yield "refine", max(solved(True) - plain, 0.0)
