"""The cascade: every frame of a shot on its way from footage and render to the finished picture.

observe (each frame alone) -> steady (window of neighbours) -> draft (full size) -> steady again -> finish. Each step is a
pure function of its window, so any range of frames can be done again, with other settings, and gives the same pictures.
Windows look ahead: nothing lags. At most a few frames are held, however long the shot is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..media import read_plates
from ..media.types import Plate
from ..overlap import ahead
from ..take import Take
from .clock import Clock
from .colour.surface import measure_surface
from .frame import Blender, Draft, floats_of
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
from .swapper.network_face import NetworkFace, steady_face
from .swapper.reference import STAND_IN, ExpressionLibrary
from .swapper.refinement import sameness
from .types import CompositeOptions, Floats, Pixels, Settings

OBSERVED: Final = 6
"""Frames before and after whose measurements steady a frame."""
DRAFTED: Final = 2
"""Frames before and after whose corrections steady a frame."""
AHEAD: Final = 2
"""Frames that are read while another is observed, and observed while another is drafted."""
SURFACE_STEP: Final = 3
"""Every so many frames, by their number, grain and sharpness are measured."""
TRAIL_STEP_PX: Final = 8
"""Full-size pixels between the places whose trails are followed; between them they are interpolated."""

Outcome = Literal["composited", "no face", "no render"]


class _Read(NamedTuple):
    """Step 0: a frame as it was read."""

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
    flow: Flow | None
    """From the frame before; None where that frame does not belong to the same run."""
    network: NetworkFace | None = None
    """What the network swapper drew, when that is chosen."""
    cover: Cover | None = None
    """What is in front of the face; None when nothing is."""


@dataclass(frozen=True)
class Drafted:
    """Step 2: a frame with its draft; without one it goes through untouched."""

    observed: Observed
    steady: Measurement | None
    draft: Draft | None


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
        observed = ahead(self._observed(max(0, start - reach), None if stop is None else stop + reach), AHEAD)
        drafted = self._drafted(observed, settings_of or _full)
        for item, around, place in windows(drafted, DRAFTED):
            index = item.observed.frame.index
            if index >= start and (stop is None or index < stop):
                yield self._finished(item, around, place)

    def _observed(self, start: int, stop: int | None) -> Iterator[Observed]:
        before: Observed | None = None
        for read in ahead(self._read(start, stop), AHEAD):
            before = self._observe(read, before)
            yield before

    def _read(self, start: int, stop: int | None) -> Iterator[_Read]:
        for frame in read_plates(self._footage, start, stop, dtype=self._dtype):
            row = self._rows.get(frame.index)
            if row is None or not has_face(self._take, row):
                yield _Read(frame, None, None, frame.index, None)
                continue
            with self.clock("read render"):
                rendered, render = self._render_for(frame.index)
            yield _Read(frame, as_shown(frame.pixels, self.prepared.space), row, rendered, render)

    def _observe(self, read: _Read, before: Observed | None) -> Observed:
        frame, plate, row, rendered, render = read
        if row is None or plate is None:
            return Observed(frame, "no face", None, None, None)
        if render is None:
            return Observed(frame, "no render", None, None, None)
        actor_px = self._take.landmarks_px[row].astype("float32")
        avatar_px = self._avatar_landmarks.of(rendered, render, plate) if self._swap else None
        inputs = Inputs(frame.index, row, plate, frame.pixels, render, actor_px, avatar_px)
        measurement = self._measured(inputs, rendered)
        flow = self._flow_from(before, plate, measurement)
        if frame.index % SURFACE_STEP == 0:
            earlier = before.inputs if before is not None and flow is not None else None
            measurement = self._with_surface(measurement, inputs, earlier)
        cover = None
        # A matte that the user made knows what is in front.
        if self.prepared.matte is None:
            with self.clock("cover"):
                cover = self._cover(plate, measurement.actor_px)
        network = None
        if self.blender.identity is not None:
            with self.clock("network"):
                network = self.blender.identity.observe(frame.index, floats_of(plate), measurement.actor_px)
        return Observed(frame, "composited", inputs, measurement, flow, network, cover)

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

    def _drafted(self, observed: Iterator[Observed], settings_of: Callable[[int], Settings]) -> Iterator[Drafted]:
        for item, around, place in windows(observed, OBSERVED):
            if item.inputs is None or item.measurement is None:
                yield Drafted(item, None, None)
                continue
            run = dict(run_around(around, place, _is_joined))
            settings = settings_of(item.frame.index)
            with self.clock("steady"):
                measurements = {at: near.measurement for at, near in run.items() if near.measurement is not None}
                steady = smooth(measurements, _trails(item.measurement.actor_px[None], run), settings)
                network = _steady_network(run)
                cover = _steady_cover(run)
            yield Drafted(item, steady, self.blender.draft(item.inputs, steady, settings, network, cover))

    def _finished(self, item: Drafted, around: tuple[Drafted, ...], place: int) -> Finished:
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
