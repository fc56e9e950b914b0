"""One shot through the compositor: footage, take and rendered frames in, a movie and its figures out.

Frames stream through a window of a few neighbours (see `window`), so memory does not grow with the length of the shot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from ..media import VideoWriter, probe, read_frames, sha256
from ..media.types import VideoFrame, VideoInfo
from ..media.writer import Codec
from ..progress import Progress, silent
from ..take import Take
from .frame import Blender
from .measure import Measurement, measure, smooth
from .meters.meters import Meters, write_report
from .pictures import shrink
from .renders import Render, RenderFolder
from .sources import AvatarLandmarks, reference
from .stabiliser.window import run_around, windows
from .types import STAGES, CompositeOptions, CompositeReport, Floats

WINDOW_RADIUS: Final = 6
"""Frames before and after that steady a frame."""
CUT_DIFFERENCE: Final = 0.12
"""Mean change of a 32 x 32 picture, 0..1, that is a cut and not motion."""
_CODECS: Final[dict[str, Codec]] = {".mkv": "ffv1", ".mov": "prores"}


@dataclass(frozen=True)
class _Held:
    """A frame waiting in the window."""

    frame: VideoFrame
    thumbnail: Floats
    render: Render | None
    measurement: Measurement | None
    """None for frames that go through untouched."""


def composite_shot(
    footage: Path,
    take: Take,
    render_dir: Path,
    out_path: Path,
    options: CompositeOptions | None = None,
    progress: Progress = silent,
) -> CompositeReport:
    """Put the rendered face into the footage.

    The movie's kind follows its name: .mp4 is H.264, .mov ProRes 422 HQ, .mkv lossless FFV1. Sound, rate and frame times
    are the footage's. Frames without face or render go through untouched.

    Raises:
        UsageError: unknown stage, or ``out_path`` is the footage.
        InputError: footage, take and render do not fit together, or the target cannot be written.
    """
    options = options or CompositeOptions()
    footage, out_path = Path(footage), Path(out_path)
    info = probe(footage)
    _check(options, take, info, out_path)
    shot = _Shot(footage, take, Path(render_dir), options)
    codec = _CODECS.get(out_path.suffix.lower(), "h264")
    with VideoWriter(out_path, info.width, info.height, info.fps, codec, audio_from=footage) as writer:
        for frame, picture in shot.pictures():
            writer.write(picture, frame.time_s)
            progress("composite", shot.frames, info.frame_count or len(take))
    report = shot.report()
    if options.report_dir is not None:
        write_report(report, options, Path(options.report_dir))
    return report


class _Shot:
    """The state of one run over a shot: who is where, and what was counted."""

    def __init__(self, footage: Path, take: Take, render_dir: Path, options: CompositeOptions) -> None:
        self._footage = footage
        self._take = take
        self._rows = {int(index): row for row, index in enumerate(take.frame_index)}
        self._renders = RenderFolder(render_dir, take.frame_size)
        # The network swapper draws on the actor's own landmarks: the render is only looked at for colour.
        self._swap = "swap" in options.stages
        self._avatar_landmarks = AvatarLandmarks(self._renders, options.device)
        self._blender = Blender(options)
        if self._blender.identity is not None:
            self._blender.identity.take_identity(*reference(take, self._renders, self._avatar_landmarks))
        self._meters = Meters() if options.report_dir is not None else None
        self.frames = self._composited = self._without_face = self._without_render = 0

    def pictures(self) -> Iterator[tuple[VideoFrame, NDArray[np.uint8]]]:
        """Every frame of the footage with its finished picture."""
        for held, around, place in windows(self._held(), WINDOW_RADIUS):
            self.frames += 1
            if held.render is None or held.measurement is None:
                yield held.frame, held.frame.rgb
                continue
            run = run_around(around, place, _is_joined)
            offsets = [offset for offset, _ in run]
            measurements = [item.measurement for _, item in run if item.measurement is not None]
            steady = smooth(offsets, measurements)
            picture, matte = self._blender.composite(held.frame.rgb, held.render, steady)
            self._composited += 1
            if self._meters is not None:
                self._meters.add(held.frame.index, held.frame.rgb, picture, matte)
            yield held.frame, picture

    def report(self) -> CompositeReport:
        """What was done so far."""
        return CompositeReport(
            frames=self.frames,
            composited=self._composited,
            without_face=self._without_face,
            without_render=self._without_render,
            skipped=self._blender.skipped,
            figures=self._meters.figures() if self._meters is not None else {},
            seconds=self._blender.seconds(),
            tracked_elsewhere=_tracked_elsewhere(self._take, self._footage),
        )

    def _held(self) -> Iterator[_Held]:
        for frame in read_frames(self._footage):
            thumbnail = (shrink(frame.rgb, (32, 32)) / np.float32(255)).astype(np.float32)
            render, measurement = self._measured(frame)
            yield _Held(frame, thumbnail, render, measurement)

    def _measured(self, frame: VideoFrame) -> tuple[Render | None, Measurement | None]:
        row = self._rows.get(frame.index)
        if row is None or self._take.confidence[row] <= 0 or not np.isfinite(self._take.landmarks_px[row]).all():
            self._without_face += 1
            return None, None
        render = self._renders.load(frame.index)
        if render is None:
            self._without_render += 1
            return None, None
        actor_px = self._take.landmarks_px[row].astype(np.float32)
        avatar_px = self._avatar_landmarks.of(frame.index, render, frame.rgb) if self._swap else None
        return render, measure(frame.rgb, render, actor_px, avatar_px)


def _is_joined(before: _Held, after: _Held) -> bool:
    """Do two frames in a row show the same face in the same shot?"""
    if before.measurement is None or after.measurement is None:
        return False
    return float(np.abs(before.thumbnail - after.thumbnail).mean()) < CUT_DIFFERENCE


def _check(options: CompositeOptions, take: Take, info: VideoInfo, out_path: Path) -> None:
    unknown = sorted(set(options.stages) - set(STAGES))
    if unknown:
        raise UsageError(f"There is no stage {', '.join(unknown)}; choose from {', '.join(STAGES)}.")
    if out_path.exists() and out_path.samefile(info.path):
        raise UsageError(f"{out_path} is the footage itself; choose another name for the composite.")
    if take.frame_size != (info.width, info.height):
        raise InputError(
            f"The take is for footage of {take.frame_size[0]}x{take.frame_size[1]}, {info.path} is "
            f"{info.width}x{info.height}; track this footage first."
        )
    last = int(take.frame_index[-1])
    if 0 < info.frame_count <= last and _tracked_elsewhere(take, info.path):
        raise InputError(
            f"The take reaches to frame {last} of its footage, {info.path} has {info.frame_count} frames; "
            "track this footage first."
        )


def _tracked_elsewhere(take: Take, footage: Path) -> bool:
    """Is the take known to be of another file?"""
    return bool(take.source_sha256) and take.source_sha256 != sha256(footage)
