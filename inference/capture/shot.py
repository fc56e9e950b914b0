"""The room's two doors: the faces of a whole shot, and the faces of one picture."""

from __future__ import annotations

import hashlib
import itertools
import logging
import platform
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import UsageError
from ..media.place import counted_frames
from ..media.reader import probe, read_glimpses, sha256
from ..media.types import Image, Picture
from ..networks.bound import memory_of
from ..networks.providers import choose
from ..networks.registry import find_file, missing_message, network, user_folder
from ..overlap import ahead
from ..progress import Progress, Watch, silent, unwatched
from .batch.reader import BatchReader
from .batch.tracker import BatchTracker
from .chunks import FRAMES, Chunks, Seen
from .detector import FaceDetector
from .face_points import NAME as FACE_POINTS
from .face_points import FacePointNet, region_of_followed
from .finder import FaceFinder
from .following import Follower, Reading
from .landmarks import ONE_VIEW, TWO_VIEWS, LandmarkNet, Views
from .pipeline import AHEAD, seen_in
from .points_of_track import track_of
from .tracking import Observation, OwnReader, SearchPlan, ShotTracker
from .types import FaceTrack, Landmarks, ShotTracks

log = logging.getLogger(__name__)

Quality = Literal["fast", "standard", "high"]
Points = Literal["best", "mediapipe"]
"""Our own network's points where they are believed, or MediaPipe's throughout."""
NETWORKS = ("face_detector_short", "face_detector_full", "face_landmarks_attention", FACE_POINTS)
"""What points depend on."""


@dataclass(frozen=True)
class _Effort:
    """What a quality spends."""

    plan: SearchPlan
    views: Views
    """Of MediaPipe's network; a view costs about 2.5 ms of CPU."""
    own_views: Views
    """Of our own."""


_QUALITIES: dict[str, _Effort] = {
    "fast": _Effort(SearchPlan(new_every=10, thorough_every=10, own_every=4), ONE_VIEW, ONE_VIEW),
    "standard": _Effort(SearchPlan(new_every=5, thorough_every=5), ONE_VIEW, ONE_VIEW),
    "high": _Effort(SearchPlan(new_every=5, thorough_every=5), TWO_VIEWS, TWO_VIEWS),
}
_MIN_TRACK_SHARE = 0.02
"""Faces seen in less of the shot than this are chance finds, unless there is no other."""
_NEAR_FRAMES = 12


@dataclass(frozen=True)
class CaptureOptions:
    """What a caller may choose for a shot."""

    max_faces: int = 1
    """At the same time."""
    quality: Quality = "standard"
    device: str = "auto"
    frames: tuple[int, int] | None = None
    """First and last frame, both included; all when None."""
    face_at: tuple[int, float, float] | None = None
    """A frame of the source and a place in it (x, y in pixels): the face there comes first."""
    points: Points = "best"


def track_shot(
    path: str | Path,
    options: CaptureOptions | None = None,
    progress: Progress = silent,
    *,
    watch: Watch = unwatched,
    work: Path | None = None,
) -> ShotTracks:
    """Find and follow the faces of a video.

    ``tracks`` is empty when no face was seen. Where a face is lost its points are NaN and its confidence 0. `watch` is
    shown the largest face of every frame. In the folder `work` (`work_folder`) it keeps what it has finished, from which
    the same call goes on after it was stopped or killed, to the same bits; who has saved the result removes the folder.

    Raises:
        InputError: the video cannot be read.
        UsageError: the frames lie outside of it, or an option has no such value.
        MissingComponentError: a network's file is missing or the device cannot be used.
    """
    options = options or CaptureOptions()
    first, stop = _span(options.frames)
    info = probe(path)
    total = max(min(info.frame_count, stop or info.frame_count) - first, 0)
    seen = _Seen(Chunks(work) if work is not None else None)
    progress("track", seen.count, total)
    with closing(_observed(path, (first, stop), make_tracker(options), seen)) as frames:
        for frame in frames:
            progress("track", seen.count, total)
            _show_largest(frame, seen.count - 1, watch)
    if not seen.count:
        raise UsageError(f"{path} has no frame {first}; it has {info.frame_count}, counted from 0.")
    frame_index, tracks = np.array(seen.frame_index, np.int64), _tracks(seen.observations, seen.count)
    return ShotTracks(
        info=info,
        source_sha256=sha256(path),
        frame_index=frame_index,
        time_s=np.array(seen.time_s, np.float64),
        tracks=first_at(tracks, frame_index, options.face_at) if options.face_at and tracks else tracks,
    )


def work_folder(path: str | Path, options: CaptureOptions) -> Path:
    """Where the unfinished tracking of a video is kept: in the user's cache, by everything the points depend on.

    Raises `UsageError` or `MissingComponentError` where there is no such device.
    """
    weights = [find_file(network(name)) for name in NETWORKS]
    digests = [found[1].sha256 for found in weights if found is not None]
    here = Path(__file__).parent
    code = [file.read_bytes() for file in sorted([*here.rglob("*.py"), *here.rglob("*.onnx")])]
    chosen = choose(options.device)  # "auto" may be another device by the next start
    device = (options.device, chosen.device, chosen.index, chosen.threads, chosen.form)
    choices = (options.max_faces, options.quality, device, options.frames, options.points)
    parts = (sha256(path), choices, digests, code, ort.__version__, platform.machine())
    return user_folder().with_name("tracking") / hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


class _Seen:
    """What was seen so far, of which a part may have been kept by an earlier start."""

    def __init__(self, chunks: Chunks | None) -> None:
        self._chunks = chunks
        kept = chunks.read() if chunks else []
        self.frame_index = [index for chunk in kept for index in chunk.frame_index]
        self.time_s = [time_s for chunk in kept for time_s in chunk.time_s]
        self.observations = [observation for chunk in kept for observation in chunk.observations]
        self.faces = kept[-1].faces if kept else ()
        self._fresh: list[Seen] = []

    @property
    def count(self) -> int:
        """Frames."""
        return len(self.frame_index) + len(self._fresh)

    def add(self, frame: Seen) -> None:
        self._fresh.append(frame)  # one step, so that whoever stops the work between two lines does no harm
        if len(self._fresh) >= FRAMES and frame.faces is not None:
            self.settle()

    def settle(self) -> None:
        """Keep what is new, up to the last frame after which work can go on."""
        while self._fresh and self._fresh[-1].faces is None:
            self._fresh.pop()
        if not self._fresh:
            return
        if self._chunks is not None:
            self._chunks.write(len(self.frame_index), self._fresh)
        fresh, self._fresh = self._fresh, []
        self.frame_index += [frame.frame_index for frame in fresh]
        self.time_s += [frame.time_s for frame in fresh]
        self.observations += [observation for frame in fresh for observation in frame.observations]


def _observed(path: str | Path, span: tuple[int, int | None], tracker: ShotTracker, seen: _Seen) -> Generator[Seen]:
    """Read the frames that are not seen yet into `seen`, also handing them out."""
    first, stop = span
    begin = first + seen.count
    start = max(first, begin - tracker.memory)
    counted_frames(Path(path)).update(zip(seen.frame_index, seen.time_s, strict=True))
    decoded = read_glimpses(path, start, stop)
    try:
        with closing(decoded), closing(ahead(decoded, max(AHEAD, tracker.frames_at_once))) as frames:
            before = [frame.rgb for frame in itertools.islice(frames, begin - start)]
            if seen.count:
                tracker.go_on(seen.count, seen.faces, before)
            with closing(seen_in(frames, tracker)) as fresh:
                for new in fresh:
                    seen.add(new)
                    yield new
    finally:
        seen.settle()


def _show_largest(frame: Seen, position: int, watch: Watch) -> None:
    """Show the largest face that was seen in this very frame."""
    points = [one.landmarks.points_px for one in frame.observations if one.frame == position]
    if points:
        watch(frame.frame_index, max(points, key=lambda points_px: float(np.ptp(points_px, axis=0).max())))


def make_tracker(options: CaptureOptions) -> ShotTracker:
    """A tracker for the frames of a shot: on a device with a memory of its own one that takes many of them at once.

    Raises like `track_shot`.
    """
    if options.quality not in _QUALITIES:
        raise UsageError(f"{options.quality!r} is no quality: use {', '.join(_QUALITIES)}.")
    if options.max_faces < 1:
        raise UsageError("At least one face must be looked for.")
    net = LandmarkNet(options.device)
    finder = FaceFinder(FaceDetector(options.device), net)
    effort = _QUALITIES[options.quality]
    read_own = own_reader(options.device, effort.own_views) if options.points == "best" else None
    parts = (finder, Follower(net, effort.views), options.max_faces, effort.plan, read_own)
    if memory_of(choose(options.device))[0] == "cpu":
        return ShotTracker(*parts)
    return BatchTracker(*parts, BatchReader(options.device, effort.views, effort.own_views if read_own else ()))


def own_reader(device: str, views: Views) -> OwnReader | None:
    """How our own network reads a face; None, with a warning, where its file is missing or damaged."""
    entry = network(FACE_POINTS)
    if find_file(entry) is None:
        log.warning("%s Until then MediaPipe's points are used.", missing_message(entry, "any"))
        return None
    net = FacePointNet(device)

    def read(rgb: Picture, reading: Reading) -> Landmarks:
        return net.read(rgb, region_of_followed(reading.next_region), views).landmarks(reading.landmarks.presence)

    return read


def detect_landmarks(rgb: Image, device: str = "auto") -> list[Landmarks]:
    """Every face of one picture, the largest first; the points are MediaPipe's where that finds the face."""
    net = LandmarkNet(device)
    found = FaceFinder(FaceDetector(device), net).find(rgb)
    return sorted((face.landmarks for face in found), key=lambda face: -float(np.ptp(face.points_px, axis=0).max()))


def _span(frames: tuple[int, int] | None) -> tuple[int, int | None]:
    """Inclusive range -> start and stop."""
    if frames is None:
        return 0, None
    first, last = frames
    if first < 0 or last < first:
        raise UsageError(f"{first}-{last} is no range of frames: give first-last, counted from 0.")
    return first, last + 1


def _tracks(seen: list[Observation], count: int) -> tuple[FaceTrack, ...]:
    """One array per face, the largest and longest first."""
    by_id = sorted(seen, key=lambda observation: observation.track_id)
    groups = [list(group) for _, group in itertools.groupby(by_id, key=lambda observation: observation.track_id)]
    longest = max((len(group) for group in groups), default=0)
    enough = min(longest, max(2, _MIN_TRACK_SHARE * count))
    tracks = [track_of(group, count) for group in groups if len(group) >= enough]
    return tuple(sorted(tracks, key=_prominence, reverse=True))


def first_at(
    tracks: tuple[FaceTrack, ...], frame_index: NDArray[np.int64], face_at: tuple[int, float, float]
) -> tuple[FaceTrack, ...]:
    """The same tracks, the one whose face is at a place of a frame first; raises `UsageError` when none is.

    A face counts as far as it reaches around its middle, and as near frames as it was seen in when it is not seen in
    that very frame (half a second of 25 frames).
    """
    frame, *place = face_at
    distances = []
    for track in tracks:
        seen = np.flatnonzero((track.confidence > 0) & (np.abs(frame_index - frame) <= _NEAR_FRAMES))
        if not len(seen):
            distances.append(np.inf)
            continue
        points = track.landmarks_px[seen[np.argmin(np.abs(frame_index[seen] - frame))]]
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        distances.append(float(np.hypot(*(middle - place)) / np.ptp(points, axis=0).max()))
    if not distances or min(distances) > 1:
        raise UsageError(f"No face was followed at the chosen place of frame {frame}; choose the face again.")
    chosen = int(np.argmin(distances))
    return (tracks[chosen], *tracks[:chosen], *tracks[chosen + 1 :])


def _prominence(track: FaceTrack) -> float:
    """Sum over the frames of the size of the face."""
    seen = track.landmarks_px[track.confidence > 0]
    return float(np.ptp(seen, axis=1).max(axis=-1).sum())
