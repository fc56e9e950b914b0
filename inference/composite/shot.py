"""One shot through the compositor: footage, take and rendered frames in, a movie and its figures out.

Frames stream through the `cascade`, so memory does not grow with the length of the shot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from ..media import probe, sha256
from ..media.delivery import Delivery, plan_delivery, would_replace
from ..media.types import VideoInfo
from ..overlap import behind
from ..progress import Progress, silent
from ..take import Take
from .cascade import Cascade, Finished
from .colour.space import Space
from .colour.transfer import decode_float
from .delivery import DeliveryWriter
from .examine import attempt, check_reference, measured
from .label import labelled
from .meters.gate import SettingsOf, decide, judge, sentences, settings_of
from .meters.meters import Meters
from .meters.report import write_report
from .renders import RenderFolder
from .types import STAGES, CompositeOptions, CompositeReport, Settings


def composite_shot(
    footage: Path,
    take: Take,
    render_dir: Path,
    out_path: Path,
    options: CompositeOptions | None = None,
    progress: Progress = silent,
    seal: Callable[[Path], None] | None = None,
) -> CompositeReport:
    """Put the rendered face into the footage.

    What is written follows ``options.delivery``, else the footage and the name: .mp4 is H.264 or H.265, .mov ProRes,
    .mkv lossless FFV1, a folder or a pattern a sequence of pictures. Sound, rate and frame times are the footage's.
    Frames without face or render go through untouched. ``seal`` is called with the finished movie before it gets its name.

    Raises:
        UsageError: unknown stage, ``out_path`` is the footage, or the delivery does not go together.
        InputError: footage, take and render do not fit together, or the target cannot be written.
    """
    options = options or CompositeOptions()
    footage, out_path = Path(footage), Path(out_path)
    info = probe(footage)
    _check(options, take, info, out_path)
    check_reference(options.reference, info)
    delivery = plan_delivery(info, out_path, options.delivery)
    cascade = Cascade(footage, take, RenderFolder(Path(render_dir), take.frame_size), options, delivery.dtype)
    write = partial(_write, cascade, delivery, info, out_path, options, progress, seal)
    counted, meters = write()
    seconds = cascade.clock.per(counted["composited"])
    decisions = left = judge(meters.rows) if meters is not None else ()
    if options.quality_gate and decisions:
        decisions = decide(decisions, partial(attempt, cascade, options))
        if any(one.settings != Settings() for one in decisions):
            counted, meters = write(settings_of(decisions))
            left = judge(meters.rows) if meters is not None else ()
    report = CompositeReport(
        frames=counted.total(),
        composited=counted["composited"],
        without_face=counted["no face"],
        without_render=counted["no render"],
        skipped=cascade.blender.skipped,
        figures=meters.figures() if meters is not None else {},
        seconds=seconds,
        tracked_elsewhere=_tracked_elsewhere(take, footage),
        decisions=decisions,
        remarks=(*delivery.notes, *sentences(decisions, left, options.quality_gate)),
    )
    if options.report_dir is not None:
        write_report(report, options, Path(options.report_dir))
    return report


def _write(
    cascade: Cascade,
    delivery: Delivery,
    info: VideoInfo,
    out_path: Path,
    options: CompositeOptions,
    progress: Progress,
    seal: Callable[[Path], None] | None,
    settings: SettingsOf | None = None,
) -> tuple[Counter[str], Meters | None]:
    """Composite the whole shot: how many frames came out how, and, where somebody asks for them, its figures."""
    meters = Meters(options.device) if options.report_dir is not None or options.quality_gate else None
    counted: Counter[str] = Counter()
    with (
        DeliveryWriter(delivery, info, out_path, seal) as writer,
        closing(cascade.frames(settings_of=settings)) as frames,
        behind(writer.write, 2) as write_behind,
    ):
        space, reference = cascade.prepared.space, options.reference
        for finished in frames if meters is None else measured(frames, meters, space, reference):
            counted[finished.outcome] += 1
            picture, time_s, alpha = _delivered(finished, delivery)
            if options.label and not delivery.element:
                picture = labelled(picture, is_hdr=delivery.source.is_hdr)
            write_behind(picture, time_s, alpha)
            progress("composite", counted.total(), info.frame_count or len(cascade.prepared.take))
    return counted, meters


def _delivered(finished: Finished, delivery: Delivery) -> tuple[NDArray[Any], float, NDArray[Any] | None]:
    """Picture, time and alpha of a frame: the composite, or the face alone."""
    frame = finished.frame
    if not delivery.element:
        return finished.picture, frame.time_s, frame.alpha
    picture = np.zeros_like(finished.picture)
    alpha = np.zeros(picture.shape[:2], np.float32)
    if finished.draft is not None and finished.face is not None:
        part, space = finished.draft.region.slices, Space.of(delivery.source)
        picture[part] = space.pixels(decode_float(finished.face), picture.dtype)
        alpha[part] = finished.draft.matte
    return picture, frame.time_s, alpha


def _check(options: CompositeOptions, take: Take, info: VideoInfo, out_path: Path) -> None:
    unknown = sorted(set(options.stages) - set(STAGES))
    if unknown:
        raise UsageError(f"There is no stage {', '.join(unknown)}; choose from {', '.join(STAGES)}.")
    if would_replace(out_path, info.path):
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
