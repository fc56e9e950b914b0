"""What `capture.py` compares: our tracker in its qualities, MediaPipe's two solutions, YuNet with a landmark network."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from understudy.inference.capture import detector, face_points, landmarks
from understudy.inference.capture.landmarks import LandmarkNet, region_of_detection
from understudy.inference.capture.region import Region
from understudy.inference.capture.rules import MIN_PRESENCE
from understudy.inference.capture.shot import CaptureOptions, make_tracker
from understudy.inference.capture.types import FaceBox
from understudy.inference.media.types import Image

YUNET_SIDE = 320
"""Of the picture that it gets, as its authors publish it; larger ones cost in proportion."""


class System(AbstractContextManager["System"]):
    """Sees the frames of a video in order."""

    def __exit__(self, *_: object) -> None:
        """The video is over."""

    @abstractmethod
    def step(self, rgb: Image, time_s: float) -> int:
        """How many faces are in the next frame."""


class Ours(System):
    """Our tracker."""

    def __init__(self, **options: Any) -> None:
        self._options = CaptureOptions(device="cpu", **options)

    def __enter__(self) -> Self:
        """A tracker that has seen nothing."""
        self._tracker, self._frame = make_tracker(self._options), -1
        return self

    def step(self, rgb: Image, time_s: float) -> int:
        """Follow, then read with our own network."""
        self._frame += 1
        seen = self._tracker.read(self._tracker.step(rgb))
        return sum(one.frame == self._frame for one in seen)


class FaceMesh(System):
    """MediaPipe's older solution with refined landmarks, video mode."""

    def __init__(self, faces: int) -> None:
        self._faces = faces

    def __enter__(self) -> Self:
        """Load it."""
        from mediapipe.python.solutions import face_mesh

        self._mesh = face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True, max_num_faces=self._faces)
        return self

    def __exit__(self, *_: object) -> None:
        """Unload it."""
        self._mesh.close()

    def step(self, rgb: Image, time_s: float) -> int:
        """One picture."""
        return len(self._mesh.process(rgb).multi_face_landmarks or ())


class FaceLandmarker(System):
    """MediaPipe's Face Landmarker task, video mode, with blend shapes and head matrix."""

    def __init__(self, faces: int, task: Path) -> None:
        self._faces, self._task = faces, task

    def __enter__(self) -> Self:
        """Load it."""
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(self._task)),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=self._faces,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)
        return self

    def __exit__(self, *_: object) -> None:
        """Unload it."""
        self._landmarker.close()

    def step(self, rgb: Image, time_s: float) -> int:
        """One picture."""
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
        return len(self._landmarker.detect_for_video(image, round(time_s * 1000)).face_landmarks)


class YuNet(System):
    """OpenCV's YuNet in every frame, and MediaPipe's mesh with attention in each face that it finds."""

    def __init__(self, faces: int, network: Path) -> None:
        self._faces, self._network = faces, network

    def __enter__(self) -> Self:
        """Load both."""
        self._detector = cv2.FaceDetectorYN.create(str(self._network), "", (YUNET_SIDE, YUNET_SIDE))
        self._net = LandmarkNet("cpu")
        return self

    def step(self, rgb: Image, time_s: float) -> int:
        """One picture."""
        height, width = rgb.shape[:2]
        shrinks = max(height, width) / YUNET_SIDE
        size = round(width / shrinks), round(height / shrinks)
        small = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2BGR)
        self._detector.setInputSize(size)
        found = self._detector.detect(small)[1]
        boxes = [] if found is None else (found[: self._faces] * shrinks).astype(np.float32)
        return sum(self._net.read(rgb, region_of_detection(_box(one))).presence >= MIN_PRESENCE for one in boxes)


def _box(found: Any) -> FaceBox:
    x, y, width, height = found[:4]
    return FaceBox(np.array([x, y, x + width, y + height]), found[4:14].reshape(5, 2), float(found[14]))


# ------------------------------------------------------------------------------------------------ stages
Clock = dict[str, float]
"""CPU seconds by stage."""
_NAMES: Mapping[str, str] = {
    "face_landmarks_attention": "MediaPipe's network",
    "face_points": "own network",
    "face_detector_short": "detectors",
    "face_detector_full": "detectors",
}


class _Timed:
    """A session whose runs are counted."""

    def __init__(self, session: Any, clock: Clock, stage: str) -> None:
        self._session, self._clock, self._stage = session, clock, stage

    def run(self, *arguments: Any) -> Any:
        with _counted(self._clock, self._stage):
            return self._session.run(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@contextmanager
def _counted(clock: Clock, stage: str) -> Iterator[None]:
    start = time.process_time()
    yield
    clock[stage] = clock.get(stage, 0.0) + time.process_time() - start


@contextmanager
def stages() -> Iterator[Clock]:
    """While it lasts, networks that are opened and crops that are cut count their time."""
    clock: Clock = {}
    opened = {module: module.open_session for module in (detector, face_points, landmarks)}
    cut: dict[str, Callable[..., Image]] = {"crop": Region.crop, "sample": Region.sample}

    def timed_crop(how: Callable[..., Image]) -> Callable[..., Image]:
        def crop(*arguments: Any, **options: Any) -> Image:
            with _counted(clock, "crops"):
                return how(*arguments, **options)

        return crop

    try:
        for module, open_session in opened.items():
            module.open_session = lambda name, *rest, way=open_session: _Timed(way(name, *rest), clock, _NAMES[name])
        for name, how in cut.items():
            setattr(Region, name, timed_crop(how))
        yield clock
    finally:
        for module, open_session in opened.items():
            module.open_session = open_session
        for name, how in cut.items():
            setattr(Region, name, how)
