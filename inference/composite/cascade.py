"""The cascade: every frame of a shot on its way from footage and render to the finished picture.

observe (each frame alone) -> follow (with the frame before) -> steady (window of neighbours) -> draft (full size) ->
steady again -> finish. Each step is a pure function of its window, so any range of frames can be done again, with other
settings, and gives the same pictures; and frames are done side by side, on all cores, and come out in order.
Windows look ahead: nothing lags. The same few frames are held however long the shot is, see `bytes_for`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..media import probe, read_plates
from ..media.types import Plate
from ..overlap import ahead, beside
from ..take import Take
from .clock import Clock
from .colour.surface import measure_surface
from .frame import Blender, Draft
from .mattes.cover import STEADY_REACH, Cover, find_cover, steady_cover
from .mattes.parsers import open_parsers
from .measure import Measurement, measure, smooth, warp_of
from .prepare import has_face, prepare
from .regions import face_region
from .renders import Render, RenderFolder
from .sources import AvatarLandmarks, Inputs, as_shown, portrait
from .stabiliser.flow import Flow, Trail, measure_flow, places, trails
from .stabiliser.window import run_around, windows
from .swapper.closed_loop import STEP as LOOP_STEP
from .swapper.closed_loop import shift_seen
from .swapper.inswapper import Drawing
from .swapper.network_face import NetworkFace, steady_face
from .swapper.reference import STAND_IN, ExpressionLibrary
from .swapper.refinement import sameness
from .types import CompositeOptions, Floats, Pixels, Settings

OBSERVED: Final = 6
"""Frames before and after whose measurements steady a frame."""
DRAFTED: Final = 2
"""Frames before and after whose corrections steady a frame."""
AHEAD: Final = 2
"""Frames that are read while others are worked on."""
AT_ONCE: Final = 8
"""Frames about which a network on a device with memory of its own is asked together."""
MOST_WORKERS: Final = 32
"""Frames that are worked on at the same time, however many cores there are."""
MEMORY: Final = 4 << 30
"""Bytes that all frames together may take; where pictures are large, fewer are worked on at the same time."""
_WORK_BYTES: Final = 30
"""Of each pixel of a frame, while it is worked on: some ten times its 8-bit colours."""
_HELD_BYTES: Final = 3
"""Of each pixel of a frame that waits, beside the footage's own: render and draft, which only the face has."""
_SHOWN_BYTES: Final = 6
"""Of each pixel of a frame as shown, where the footage is not already so."""
SURFACE_STEP: Final = 3
"""Every so many frames, by their number, grain and sharpness are measured."""
TRAIL_STEP_PX: Final = 8
"""Full-size pixels between the places whose trails are followed; between them they are interpolated."""

Item = TypeVar("Item")
Outcome = Literal["composited", "no face", "no render"]


class _Loaded(NamedTuple):
    """Step 0: a frame and its render."""

    frame: Plate
    plate: Pixels | None
    """The footage as shown; None, as the next, where there is no face."""
    row: int | None
    """Of the take."""
    rendered: int
    """Whose render it is."""
    render: Render | None


@dataclass(frozen=True)
class Observed:
    """Step 1: a frame and what was seen on it."""

    frame: Plate
    outcome: Outcome
    inputs: Inputs | None
    """None, as the next, for frames that go through untouched."""
    measurement: Measurement | None
    flow: Flow | None = None
    """From the frame before; None where that frame does not belong to the same run."""
    drawing: Drawing | None = None
    """What the network swapper drew, when that is chosen, until `network` holds it."""
    network: NetworkFace | None = None
    cover: Cover | None = None
    """What is in front of the face; None when nothing is."""


class _Asked(NamedTuple):
    """A frame to be drafted, and what it takes."""

    observed: Observed
    around: tuple[Observed, ...]
    place: int
    """Its own among them."""
    settings: Settings
    matte: Floats | None
    """(H, W) the user's own."""


@dataclass(frozen=True)
class Drafted:
    """Step 2: a frame with its draft; without one it goes through untouched."""

    observed: Observed
    steady: Measurement | None
    draft: Draft | None
    settings: Settings


@dataclass(frozen=True)
class Finished:
    """Step 3: a frame as it is delivered."""

    frame: Plate
    picture: NDArray[Any]
    """(H, W, 3) pixels of the footage's own type and curve."""
    outcome: Outcome
    draft: Draft | None
    """Region and matte of the face; None where the picture is the plate."""
    steady: Measurement | None
    face: Floats | None = None
    """(h, w, 3) the new face alone over the draft's region, encoded like sRGB."""


class Cascade:
    """One shot, its steps and its networks."""

    def __init__(
        self,
        footage: Path,
        take: Take,
        renders: RenderFolder,
        options: CompositeOptions,
        dtype: type[np.generic] | None = None,
    ) -> None:
        """Pixels are worked on as ``dtype``, by default as the footage holds them.

        Raises `MissingComponentError` when a network that was asked for by name is missing.
        """
        self._dtype = dtype
        self._footage, self._take, self._renders = footage, take, renders
        self._rows = {int(index): row for row, index in enumerate(take.frame_index)}
        self._device = options.device
        info = probe(footage)
        self._pixels, channels = info.width * info.height, 4 if info.has_alpha else 3
        self._kept = channels * max(np.dtype(one).itemsize for one in (info.dtype, dtype or info.dtype))
        self._swap = "swap" in options.stages
        self._avatar_landmarks = AvatarLandmarks(renders, options.device)
        self._parsers = open_parsers(options.device)
        self.clock = Clock()
        self.prepared = prepare(footage, take, renders, self._avatar_landmarks if self._swap else None, options)
        self.blender = Blender(options, self.prepared, self.clock)
        self._library = ExpressionLibrary(take, renders.frame_indices)
        self._farthest = STAND_IN if options.stand_ins and self._swap else -1.0
        if self.blender.identity is not None:
            self._farthest = np.inf  # The network only takes the identity from renders.
            self.blender.identity.learn(
                self._library, lambda index: portrait(index, take.frame_size, renders, self._avatar_landmarks)
            )

    def frames(
        self, start: int = 0, stop: int | None = None, settings_of: Callable[[int], Settings] | None = None
    ) -> Generator[Finished, None, None]:
        """Finished frames ``start`` (included) to ``stop`` (excluded) of the footage.

        ``settings_of`` gives the settings of a frame by its index; a frame comes out the same whatever the range is.
        """
        # One more, with which the first one that counts is compared.
        reach = OBSERVED + DRAFTED + 1
        plates = ahead(self._plates(max(0, start - reach), None if stop is None else stop + reach), AHEAD)
        networks = self._draws_at_once + self.blender.enhances_elsewhere
        kept = self._kept if self.prepared.space.is_shown else self._kept + _SHOWN_BYTES
        workers = workers_for(_cores(), self._pixels, kept, networks)
        waiting = _waiting(workers)
        pool = ThreadPoolExecutor(workers)
        try:
            # All wait for each other in this thread; what the pool does waits for nobody.
            observed: Iterable[Observed] = beside(self._observe, plates, waiting, pool)
            if self._draws_at_once:
                observed = ahead(_at_once(self._drawn, observed), AT_ONCE)
            followed = beside(self._follow, _pairs(observed), waiting, pool)
            asked = self._asked(followed, settings_of or _full)
            drafted: Iterable[Drafted] = beside(self._draft, asked, waiting, pool)
            if self.blender.enhances_elsewhere:
                drafted = ahead(_at_once(self._enhanced, drafted), AT_ONCE)
            wanted = (window for window in windows(drafted, DRAFTED) if _is_within(window[0], start, stop))
            yield from beside(self._finish, wanted, waiting, pool)
        finally:
            pool.shutdown(cancel_futures=True)

    def _plates(self, start: int, stop: int | None) -> Iterator[Plate]:
        return read_plates(self._footage, start, stop, dtype=self._dtype)

    def _load(self, frame: Plate) -> _Loaded:
        row = self._rows.get(frame.index)
        if row is None or not has_face(self._take, row):
            return _Loaded(frame, None, None, frame.index, None)
        with self.clock("read render"):
            rendered, render = self._render_for(frame.index)
        return _Loaded(frame, as_shown(frame.pixels, self.prepared.space), row, rendered, render)

    def _observe(self, frame: Plate) -> Observed:
        frame, plate, row, rendered, render = self._load(frame)
        if row is None or plate is None:
            return Observed(frame, "no face", None, None)
        if render is None:
            return Observed(frame, "no render", None, None)
        actor_px = self._take.landmarks_px[row].astype("float32")
        avatar_px = self._avatar_landmarks.of(rendered, render, plate) if self._swap else None
        inputs = Inputs(frame.index, row, plate, frame.pixels, render, actor_px, avatar_px)
        measurement = self._measured(inputs, rendered)
        cover = None
        # A matte that the user made knows what is in front.
        if self.prepared.matte is None:
            with self.clock("cover"):
                cover = self._cover(plate, measurement.actor_px)
        seen = Observed(frame, "composited", inputs, measurement, cover=cover)
        return seen if self._draws_at_once else self._drawn([seen])[0]

    @property
    def _draws_at_once(self) -> bool:
        """Whether the network swapper is asked about several frames together."""
        return self.blender.identity is not None and self.blender.identity.is_elsewhere

    def _drawn(self, observed: Sequence[Observed]) -> list[Observed]:
        """With what the network swapper, when that is chosen, changes of them."""
        faces = [(item.inputs, item.measurement) for item in observed if item.inputs and item.measurement]
        if self.blender.identity is None or not faces:
            return list(observed)
        with self.clock("network"):
            drawings = iter(
                self.blender.identity.draw(
                    [inputs.frame_index for inputs, _ in faces],
                    [inputs.plate for inputs, _ in faces],
                    [measurement.actor_px for _, measurement in faces],
                )
            )
        return [replace(item, drawing=next(drawings)) if item.inputs else item for item in observed]

    def _follow(self, pair: tuple[Observed | None, Observed]) -> Observed:
        """The second frame, and what it has to do with the first."""
        before, now = pair
        if now.inputs is None or now.measurement is None:
            return now
        flow = self._flow_from(before, now.inputs.plate, now.measurement)
        measurement = now.measurement
        if now.frame.index % SURFACE_STEP == 0:
            earlier = before.inputs if before is not None and flow is not None else None
            measurement = self._with_surface(measurement, now.inputs, earlier)
        network = None
        if self.blender.identity is not None and now.drawing is not None:
            with self.clock("network"):
                network = self.blender.identity.compared(now.drawing, now.inputs.plate, measurement.actor_px)
        return replace(now, measurement=measurement, flow=flow, drawing=None, network=network)

    def _measured(self, inputs: Inputs, rendered: int) -> Measurement:
        """Where the face goes and which colours it gets; ``rendered`` is the frame whose render it is."""
        plate, render, avatar_px = inputs.plate, inputs.render, inputs.avatar_px
        with self.clock("observe"):
            found = measure(plate, render, inputs.actor_px, avatar_px, self._device, self.prepared.may_be_alike)
            found = replace(found, is_avatar_known=self._renders.landmarks_px(rendered) is not None)
        if avatar_px is None or inputs.frame_index % LOOP_STEP or sameness(found.likeness) >= 1:
            return found
        with self.clock("closed loop"):
            off_px = shift_seen(plate, render, warp_of(found, self._swap), found.actor_px, self._device)
            return replace(found, seen_off_px=off_px)

    def _flow_from(self, before: Observed | None, plate: Pixels, found: Measurement) -> Flow | None:
        """The plate's flow from the frame before; None where that one shows no face or another shot."""
        if before is None or before.inputs is None or before.measurement is None:
            return None
        with self.clock("flow"):
            flow = measure_flow(before.inputs.plate, plate, before.measurement.actor_px, found.actor_px)
            return None if flow.is_cut else flow

    def _with_surface(self, found: Measurement, inputs: Inputs, earlier: Inputs | None) -> Measurement:
        """With grain and sharpness; ``earlier`` is the frame before of the same shot."""
        with self.clock("surface"):
            region = face_region(found.actor_px, (inputs.plate.shape[1], inputs.plate.shape[0]))
            plate_before = None if earlier is None else earlier.plate
            surface = measure_surface(inputs.plate, plate_before, inputs.render, found.actor_px, region)
            return replace(found, surface=surface)

    def _cover(self, plate: Pixels, points_px: Floats) -> Cover | None:
        """What is in front of a face with landmarks (478, 2)."""
        if self._parsers is not None:
            return self._parsers.find_cover(plate, points_px)
        known = self.prepared.appearance
        return None if known is None else find_cover(plate, points_px, known)

    def _render_for(self, frame_index: int) -> tuple[int, Render | None]:
        """The render of a frame, or where it has none that of the frame with the nearest expression, and whose it is."""
        render = self._renders.load(frame_index)
        if render is None and self._farthest > 0:
            nearest = self._library.nearest(frame_index)
            if nearest is not None and nearest[1] <= self._farthest:
                return nearest[0], self._renders.load(nearest[0])
        return frame_index, render

    def _asked(self, followed: Iterable[Observed], settings_of: Callable[[int], Settings]) -> Iterator[_Asked]:
        """Windows of frames to draft; what comes from files, in the order of the frames, is read here."""
        for item, around, place in windows(followed, OBSERVED):
            index = item.frame.index
            matte = None
            if self.prepared.matte is not None and item.inputs is not None:
                matte = self.prepared.matte.of(index)
            yield _Asked(item, around, place, settings_of(index), matte)

    def _draft(self, asked: _Asked) -> Drafted:
        item = asked.observed
        if item.inputs is None or item.measurement is None:
            return Drafted(item, None, None, asked.settings)
        run = dict(run_around(asked.around, asked.place, _is_joined))
        with self.clock("steady"):
            measurements = {at: near.measurement for at, near in run.items() if near.measurement is not None}
            steady = smooth(measurements, _trails(item.measurement.actor_px[None], run), asked.settings)
            network = _steady_network(run)
            cover = _steady_cover(run)
        draft = self.blender.draft(item.inputs, steady, asked.settings, network, cover, asked.matte)
        drafted = Drafted(item, steady, draft, asked.settings)
        return drafted if self.blender.enhances_elsewhere else self._enhanced([drafted])[0]

    def _enhanced(self, drafted: Sequence[Drafted]) -> list[Drafted]:
        """With what the enhancer, when there is one, adds to them."""
        faces = [
            (item.observed.inputs, item.steady, item.settings, item.draft)
            for item in drafted
            if item.observed.inputs and item.steady and item.draft
        ]
        done = iter(self.blender.enhanced(faces))
        return [replace(item, draft=next(done)) if item.draft else item for item in drafted]

    def _finish(self, window: tuple[Drafted, tuple[Drafted, ...], int]) -> Finished:
        item, around, place = window
        frame = item.observed.frame
        inputs = item.observed.inputs
        if item.draft is None or inputs is None:
            return Finished(frame, frame.pixels, item.observed.outcome, None, None)
        run = dict(run_around(around, place, lambda before, after: _is_joined(before.observed, after.observed)))
        drafts = {offset: near.draft for offset, near in run.items() if near.draft is not None}
        with self.clock("steady"):
            region = item.draft.region
            grid = places(region, (max(2, region.width // TRAIL_STEP_PX), max(2, region.height // TRAIL_STEP_PX)))
            along = _trails(grid, {offset: near.observed for offset, near in run.items()})
        picture, face = self.blender.finish(inputs, drafts, along)
        return Finished(frame, picture, "composited", item.draft, item.steady, face)


def workers_for(cores: int, pixels: int, kept: int, networks: int = 0) -> int:
    """Frames that are worked on at the same time: as many as fit into `MEMORY` by `bytes_for`, but two on two cores."""
    allowed = range(1, min(cores, MOST_WORKERS) + 1)
    return max(min(cores, 2), *(count for count in allowed if bytes_for(count, pixels, kept, networks) <= MEMORY), 1)


def bytes_for(workers: int, pixels: int, kept: int, networks: int = 0) -> int:
    """Bytes that the frames of a composite take, all that can be held at once; by count, for faces up to a third of the frame.

    ``kept`` are those of a pixel of the footage that stay with a frame (3 for 8 bits), ``networks`` how many are asked
    about `AT_ONCE` frames together. The sum, with W workers and w = W / 2 (at least 2) frames waiting after each step:

    * in work: W frames of 30 bytes a pixel;
    * held: 2 read ahead, w + 1 at each of the 4 steps, windows of 13 and of 5, the frame before and the one handed out, so
      4 w + 26, and 2 * 8 for each of the networks; each with ``kept`` and 3 more bytes a pixel.

    3840 x 2160 pixels of 8 bits: 8.3 M * (8 * 30 + 42 * 6) = 4.1 GB with 8 workers; with two networks 4.3 GB with 4.
    """
    windows_held = (2 * OBSERVED + 1) + (2 * DRAFTED + 1)
    held = AHEAD + 4 * (_waiting(workers) + 1) + windows_held + 2 + 2 * AT_ONCE * networks
    return pixels * (_WORK_BYTES * workers + (kept + _HELD_BYTES) * held)


def _waiting(workers: int) -> int:
    """Frames that may be under way at each step."""
    return max(2, workers // 2)


def _cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _at_once(call: Callable[[Sequence[Item]], list[Item]], stream: Iterable[Item]) -> Iterator[Item]:
    """What a call makes of the items of a stream, `AT_ONCE` of them together."""
    items = iter(stream)
    while some := list(islice(items, AT_ONCE)):
        yield from call(some)


def _pairs(observed: Iterable[Observed]) -> Iterator[tuple[Observed | None, Observed]]:
    """Each frame with the one before."""
    before: Observed | None = None
    for item in observed:
        yield before, item
        before = item


def _is_within(item: Drafted, start: int, stop: int | None) -> bool:
    index = item.observed.frame.index
    return index >= start and (stop is None or index < stop)


def _full(_index: int) -> Settings:
    return Settings()


def _is_joined(before: Observed, after: Observed) -> bool:
    """Do two frames in a row show the same face in the same shot?"""
    return before.measurement is not None and after.flow is not None


def _steady_network(run: dict[int, Observed]) -> NetworkFace | None:
    """What the network swapper drew over a run, calmed."""
    drawn = {offset: near.network for offset, near in run.items() if near.network is not None}
    flows = {offset: near.flow for offset, near in run.items() if near.flow is not None}
    return steady_face(drawn, flows) if 0 in drawn else None


def _steady_cover(run: dict[int, Observed]) -> Cover | None:
    """What is in front of the face, steadied by the nearest frames of a run."""
    near = {offset: item for offset, item in run.items() if abs(offset) <= STEADY_REACH}
    covers = {offset: item.cover for offset, item in near.items()}
    some = covers[0] or next((cover for cover in covers.values() if cover is not None), None)
    if some is None:
        return None
    return steady_cover(covers, _trails(places(some.region, (some.amount.shape[1], some.amount.shape[0])), near))


def _trails(places_px: Floats, run: dict[int, Observed]) -> dict[int, Trail]:
    """Trails of a frame's places (h, w, 2) to every frame of its run."""
    return trails(places_px, {offset: near.flow for offset, near in run.items() if near.flow is not None}, list(run))
