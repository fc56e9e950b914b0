"""Restoring footage: only the enhancer works, on the actors' own faces and, when wanted, on whole enlarged frames.

Every frame is looked at alone, what the networks would add to it is steadied along the plate's flow over a window of
neighbours, and added with one rounding. Where nothing is added a frame of the same size stays as it is, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..capture.shot import CaptureOptions, track_shot
from ..errors import InputError, UsageError
from ..media import probe, read_plates
from ..media.delivery import DeliveryOptions, plan_delivery, would_replace
from ..media.types import Plate, VideoInfo
from ..progress import Progress, silent
from ..take import Take
from .colour.space import SHOWN, Space
from .colour.transfer import decode_float, to_pixels
from .delivery import DeliveryWriter
from .enhancer.gfpgan import Enhancer, FaceRestorer, enhanced_region, open_enhancer
from .enhancer.steady import Detail, steady_detail
from .enhancer.upscale import FrameEnhancer, enlarged_plainly, open_frame_enhancer
from .pictures import enlarge, floats_of
from .regions import face_width_px
from .sources import as_shown
from .stabiliser.flow import Flow, flow_in, places, trails
from .stabiliser.window import run_around, windows
from .types import Floats, Pixels, Region

RADIUS: Final = 3
"""Frames before and after that calm what the networks add."""
SCALES: Final = (1, 2, 4)
_FLOW_FACE: Final = 256
"""Face width in pixels of the pictures on which a face's flow is measured."""
_FLOW_FRAME: Final = 480
"""Height in pixels of those of a whole frame."""
_NOTHING: Final = 0.25 / 65535
"""Encoded; less is the arithmetic's own error, and no reason to round a pixel."""
_BAND: Final = 256
"""Rows of a whole frame that are worked on at a time."""

FacesOf = Mapping[int, Mapping[int, Floats]]
"""Frame index -> which face -> its landmarks (478, 2)."""


@dataclass(frozen=True)
class RestoreOptions:
    """What the user may choose."""

    enhancer: FaceRestorer | None = "gfpgan"
    """None leaves faces to the frame enhancer."""
    upscale: int | None = None
    """1, 2 or 4: the whole frame through Real-ESRGAN, that many times as wide and high."""
    max_faces: int = 4
    """At the same time; where no take says which face is meant."""
    device: str = "auto"
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)


@dataclass(frozen=True)
class RestoreReport:
    """What was done."""

    frames: int
    with_face: int
    """Frames in which a face was restored."""
    size: tuple[int, int]
    """Width, height of the result."""
    notes: tuple[str, ...]
    """What the user should know."""


@dataclass(frozen=True)
class Added:
    """What a network would add to a part of one frame."""

    region: Region
    """In pixels of the plate."""
    detail: Detail
    """(h, w, 3) encoded, at the size of the result; a whole frame's waits in half precision."""
    flow: Flow | None
    """From the frame before; None where that does not show the same."""


@dataclass(frozen=True)
class _Held:
    """A frame waiting in the window, with what is added to each face (by its number) and to the whole (None)."""

    plate: Plate
    shown: Pixels
    """The plate as a screen shows it, see `as_shown`."""
    added: dict[int | None, Added]


def restore_footage(
    footage: Path,
    take: Take | None,
    out_path: Path,
    options: RestoreOptions | None = None,
    progress: Progress = silent,
) -> RestoreReport:
    """Write restored footage. Sound, rate and frame times are the footage's.

    Without a take every face is looked for; a take names one.

    Raises:
        UsageError: nothing to do, no such size, or ``out_path`` is the footage.
        MissingComponentError: a network's file is missing or damaged.
        InputError: the footage cannot be read or shows no face, a network is another than it should be, the take is of
            other footage, the target cannot be written.
    """
    options = options or RestoreOptions()
    info = probe(footage)
    _check(options, take, info, out_path)
    delivery = plan_delivery(info, out_path, options.delivery)
    restorer = Restorer(options, Space.of(delivery.source))  # What is missing is told before minutes of tracking.
    faces = _faces(footage, take, options, progress)
    size = (restorer.scale * info.width, restorer.scale * info.height)
    count = 0
    with DeliveryWriter(delivery, replace(info, width=size[0], height=size[1]), out_path) as writer:
        for plate, picture, alpha in restorer.pictures(read_plates(footage, dtype=delivery.dtype), faces):
            writer.write(picture, plate.time_s, alpha)
            count += 1
            progress("restore", count, info.frame_count)
    return RestoreReport(count, len(faces), size, delivery.notes)


class Restorer:
    """The networks of one run."""

    def __init__(self, options: RestoreOptions, space: Space = SHOWN) -> None:
        """``space`` is the footage's; raises `MissingComponentError` and `InputError` for networks that are missing or
        wrong.
        """
        self.scale = options.upscale or 1
        self._space = space
        self._enhancer: Enhancer | None = None
        self._frames: FrameEnhancer | None = None
        if options.enhancer is not None:
            self._enhancer = open_enhancer(options.enhancer, options.device)
        if options.upscale is not None:
            self._frames = open_frame_enhancer(options.upscale, options.device)

    def pictures(
        self, plates: Iterator[Plate], faces: FacesOf
    ) -> Iterator[tuple[Plate, NDArray[Any], NDArray[Any] | None]]:
        """Every plate with its restored picture, in its own type and encoding, and its alpha at the new size."""
        for held, around, place in windows(self._held(plates, faces), RADIUS):
            alpha: Any = held.plate.alpha
            if alpha is not None and self.scale > 1:
                alpha = enlarge(alpha, (self.scale * alpha.shape[1], self.scale * alpha.shape[0]))
            yield held.plate, self._finished(held, around, place), alpha

    def _held(self, plates: Iterator[Plate], faces: FacesOf) -> Iterator[_Held]:
        before: _Held | None = None
        for plate in plates:
            shown = as_shown(plate.pixels, self._space)
            before = _Held(plate, shown, self._added(shown, faces.get(plate.index, {}), before))
            yield before

    def _added(self, shown: Pixels, faces: Mapping[int, Floats], before: _Held | None) -> dict[int | None, Added]:
        height, width = shown.shape[:2]
        picture = floats_of(shown)
        enlarged = enlarged_plainly(picture, self.scale)
        added: dict[int | None, Added] = {}
        if self._frames is not None:
            detail = self._frames.detail(picture, self.scale)
            enlarged = np.clip(enlarged + detail, 0, 1)
            added[None] = _add(shown, before, None, Region(0, 0, width, height), detail, _FLOW_FRAME / height)
        if self._enhancer is not None:
            for face, points_px in faces.items():
                region = enhanced_region(points_px, (width, height))
                detail = self._enhancer.detail(enlarged, self.scale * points_px, _times(region, self.scale))
                added[face] = _add(shown, before, face, region, detail, _FLOW_FACE / face_width_px(points_px))
        return added

    def _finished(self, held: _Held, around: Sequence[_Held], place: int) -> NDArray[Any]:
        """The plate, at its new size, with everything that is added, rounded once."""
        plain = enlarged_plainly(floats_of(held.shown), self.scale)
        total = np.zeros_like(plain)
        for which, own in held.added.items():
            run = dict(run_around(around, place, _same(which)))
            fields = {offset: near.added[which] for offset, near in run.items()}
            for band in _bands(own.region, self.scale):
                total[_times(band, self.scale).slices] += _steadied(fields, band)
        original = held.plate.pixels
        restored = np.clip(plain + total, 0, 1)
        if self._space.is_shown:
            picture = to_pixels(restored, original.dtype)
        else:
            # What the footage holds beyond what is shown, light above white, stays.
            light = self._space.light(original)
            if self.scale > 1:
                light = enlarge(light, (plain.shape[1], plain.shape[0]), smooth=True)
            picture = self._space.pixels(light + decode_float(restored) - decode_float(plain), original.dtype)
        return (
            picture
            if self.scale > 1
            else np.where((np.abs(total) > _NOTHING).any(-1, keepdims=True), picture, original)
        )


def _add(
    shown: Pixels, before: _Held | None, which: int | None, region: Region, detail: Floats, flow_scale: float
) -> Added:
    old = before.added.get(which) if before is not None else None
    flow = None
    if before is not None and old is not None:
        box = _around_both(old.region, region)
        flow = flow_in(before.shown, shown, box, min(1.0, flow_scale), 0.005 * min(box.width, box.height))
        flow = None if flow.is_cut else flow
    return Added(region, detail.astype(np.float16) if which is None else detail, flow)


def _steadied(fields: Mapping[int, Added], band: Region) -> Floats:
    """Steady detail of a band of rows of the region of the frame at offset 0."""
    own = fields[0]
    flows = {offset: near.flow for offset, near in fields.items() if near.flow is not None}
    size = (max(2, band.width // 4), max(2, band.height // 4))
    along = trails(places(band, size), flows, list(fields))
    per_row = own.detail.shape[0] // own.region.height
    first = per_row * (band.y - own.region.y)
    parts = {offset: (near.detail, near.region) for offset, near in fields.items()}
    parts[0] = (own.detail[first : first + per_row * band.height], band)
    return steady_detail(parts, along)


def _same(which: int | None) -> Callable[[_Held, _Held], bool]:
    """Do two frames in a row show the same?"""

    def joined(before: _Held, after: _Held) -> bool:
        added = after.added.get(which)
        return which in before.added and added is not None and added.flow is not None

    return joined


def _bands(region: Region, scale: int) -> Iterator[Region]:
    """A region in bands of rows, so that large frames need no large memory."""
    rows = max(1, _BAND // scale)
    for y in range(region.y, region.y + region.height, rows):
        yield Region(region.x, y, region.width, min(rows, region.y + region.height - y))


def _around_both(one: Region, other: Region) -> Region:
    corners = [(part.x + right * part.width, part.y + right * part.height) for part in (one, other) for right in (0, 1)]
    (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
    return Region(int(left), int(top), int(right - left), int(bottom - top))


def _times(region: Region, scale: int) -> Region:
    return Region(scale * region.x, scale * region.y, scale * region.width, scale * region.height)


def _faces(footage: Path, take: Take | None, options: RestoreOptions, progress: Progress) -> FacesOf:
    """The faces to restore, by frame; raises `InputError` when there are none and nothing else is to be done."""
    if options.enhancer is None:
        return {}
    faces: dict[int, dict[int, Floats]] = {}
    if take is not None:
        tracks = [(0, take.frame_index, take.landmarks_px)]
    else:
        # Crops are aligned by five points, whose templates were made with MediaPipe's.
        chosen = CaptureOptions(options.max_faces, device=options.device, points="mediapipe")
        shot = track_shot(footage, chosen, progress)
        tracks = [(track.track_id, shot.frame_index, track.landmarks_px) for track in shot.tracks]
    for which, indices, points_px in tracks:
        for index, points in zip(indices, points_px, strict=True):
            if np.isfinite(points).all():
                faces.setdefault(int(index), {})[which] = points.astype(np.float32)
    if not faces and options.upscale is None:
        raise InputError(f"No face was found in {footage}; restore whole frames with --upscale.")
    return faces


def _check(options: RestoreOptions, take: Take | None, info: VideoInfo, out_path: Path) -> None:
    if options.enhancer is None and options.upscale is None:
        raise UsageError("There is nothing to restore with: choose an enhancer, or a size for the whole frame.")
    if options.upscale not in (None, *SCALES):
        raise UsageError(f"Frames cannot be made {options.upscale} times as large; choose 1, 2 or 4.")
    if would_replace(out_path, info.path):
        raise UsageError(f"{out_path} is the footage itself; choose another name for the restored movie.")
    if take is not None and take.frame_size != (info.width, info.height):
        raise InputError(
            f"The take is for footage of {take.frame_size[0]}x{take.frame_size[1]}, {info.path} is "
            f"{info.width}x{info.height}; track this footage first."
        )
