"""What a composite costs: milliseconds of a 1080p frame with a face 500 pixels wide, and memory over thousands of frames."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from composite_changes import TOOL, Image, face_mask
from composite_peers import PEERS
from composite_sets import Clip, make_set, write_movie
from understudy.inference.capture.shot import detect_landmarks
from understudy.inference.composite.cascade import Cascade, Finished, _Loaded
from understudy.inference.composite.pictures import floats_of
from understudy.inference.composite.poisson.seam import apply_correction, seam_correction
from understudy.inference.composite.regions import face_width_px
from understudy.inference.composite.renders import LANDMARKS_FILE, RenderFolder
from understudy.inference.composite.types import CompositeOptions
from understudy.inference.media import read_frames, read_png
from understudy.inference.media.types import Plate
from understudy.inference.take import Take

SIZE: Final = (1920, 1080)
FACE_WIDTH_PX: Final = 500.0
_OPTIONS: Final = CompositeOptions(stages=("swap", "colour", "poisson"), device="cpu")
_SMALL_PX: Final = 192
_REPEATED: Final = 12
_FIRST_SHARE: Final = 0.1
"""Of the frames: what is held after these is what a short shot holds."""


def enlarged(clip: Clip) -> Clip:
    """The clip as 1080p footage, its face 500 pixels wide and in the middle."""
    first = clip.points_px[0]
    return _resampled(clip, FACE_WIDTH_PX / face_width_px(first), SIZE)


class _InMemory(Cascade):
    """The cascade with everything read before, so that only compositing is timed."""

    def __init__(self, footage: Path, take: Take, renders: RenderFolder) -> None:
        super().__init__(footage, take, renders, _OPTIONS)
        self._kept = list(map(super()._load, super()._plates(0, None)))

    def _plates(self, start: int, stop: int | None) -> Iterator[Plate]:
        return (loaded.frame for loaded in self._kept[start:stop])

    def _load(self, frame: Plate) -> _Loaded:
        return self._kept[frame.index]


def speed(clip: Clip, folder: Path) -> dict[str, float]:
    """Milliseconds per frame on all cores: the whole composite without files, Poisson alone, reading, and the peers."""
    large = enlarged(clip)
    made = make_set(large, TOOL, folder)
    count = len(large.pictures)
    write_landmarks(made.renders, count)
    cascade = _InMemory(made.plate, large.take, RenderFolder(made.renders, SIZE))
    for _ in cascade.frames(0, 2):
        pass
    before = cascade.clock.per(1)
    started = time.perf_counter()
    finished = list(cascade.frames())
    found = {"composite": (time.perf_counter() - started) * 1000 / count}
    for name, total in cascade.clock.per(1).items():
        found[f"step {name}"] = (total - before.get(name, 0.0)) * 1000 / count
    found["poisson alone"] = _cost(lambda: [_poisson(one) for one in finished], count)
    found["reading footage"] = _cost(lambda: list(read_frames(made.plate)), count)
    plates = [frame.rgb for frame in read_frames(made.plate)]
    return found | _peers(large, made.renders, plates)


def write_landmarks(renders: Path, count: int) -> None:
    """The file that `understudy render` writes beside its pictures."""
    points = [
        detect_landmarks(read_png(renders / f"frame_{index:06d}.png")[..., :3].copy(), "cpu") for index in range(count)
    ]
    np.savez(
        renders / LANDMARKS_FILE, frame_index=np.arange(count), landmarks_px=[faces[0].points_px for faces in points]
    )


def _poisson(finished: Finished) -> Image:
    """The seam of a finished frame closed once more, over the whole face as seamlessClone does."""
    draft = finished.draft
    plate = floats_of(finished.frame.pixels[draft.region.slices])
    correction = seam_correction(plate, draft.face, draft.matte, FACE_WIDTH_PX, None)
    return apply_correction(draft.face, correction)


def memory_mb(clip: Clip, folder: Path, frames: int) -> dict[str, float]:
    """Resident memory after a tenth of a long shot and at its end, in MiB."""
    small = _resampled(clip, _SMALL_PX * 0.6 / face_width_px(clip.points_px[0]), (_SMALL_PX, _SMALL_PX))
    # There and back again, so that nothing jumps where the shot repeats.
    count = min(_REPEATED, len(small.pictures))
    order = [*range(count), *range(count - 2, 0, -1)]
    rows = np.array([order[frame % len(order)] for frame in range(frames)])
    made = make_set(small, TOOL, folder)
    plates = [frame.rgb for frame in read_frames(made.plate)]
    write_movie(folder / "long.mkv", [plates[row] for row in rows], small.fps)
    renders = folder / "long"
    renders.mkdir(exist_ok=True)
    for frame, row in enumerate(rows):
        _link(made.renders / f"frame_{row:06d}.png", renders / f"frame_{frame:06d}.png")
    take = replace(small.take.part(rows), frame_index=np.arange(frames), time_s=np.arange(frames) / float(small.fps))
    cascade = Cascade(folder / "long.mkv", take, RenderFolder(renders, take.frame_size), _OPTIONS)
    looked_at = (int(_FIRST_SHARE * frames), frames - 1)
    early, late = (resident_mb() for finished in cascade.frames() if finished.frame.index in looked_at)
    return {"after a tenth": early, "at the end": late, "growth": late - early}


def resident_mb() -> float:
    """Memory of this process that is in use now, in MiB; NaN where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _peers(clip: Clip, renders: Path, plates: Sequence[Image]) -> dict[str, float]:
    faces = [read_png(renders / f"frame_{index:06d}.png")[..., :3].copy() for index in range(len(plates))]
    masks = [face_mask(plate.shape, points) for plate, points in zip(plates, clip.points_px, strict=True)]

    def run(peer: Callable[[Image, Image, Image], Image]) -> None:
        for plate, face, mask in zip(plates, faces, masks, strict=True):
            peer(plate, face, mask)

    return {name: _cost(lambda peer=peer: run(peer), len(plates)) for name, peer in PEERS.items()}


def _cost(run: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000 / count


def _resampled(clip: Clip, scale: float, size: tuple[int, int]) -> Clip:
    """The clip at another scale in a frame of another size (W, H), the face of the first frame in its middle."""
    centre = clip.points_px[0].mean(0)
    offset = np.array(size) / 2 - scale * centre
    # Landmarks count from a pixel's corner, OpenCV from its centre.
    affine = np.float32([[scale, 0, offset[0] + scale / 2 - 0.5], [0, scale, offset[1] + scale / 2 - 0.5]])
    kernel = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    pictures = tuple(
        cv2.warpAffine(picture, affine, size, flags=kernel, borderMode=cv2.BORDER_REFLECT) for picture in clip.pictures
    )
    camera = np.array([[scale, 0, offset[0]], [0, scale, offset[1]], [0, 0, 1]]) @ clip.take.camera_matrix
    points = (clip.points_px * scale + offset).astype(np.float32)
    return replace(
        clip, pictures=pictures, take=replace(clip.take, landmarks_px=points, camera_matrix=camera, frame_size=size)
    )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
