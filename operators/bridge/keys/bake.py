"""Gives a take to an avatar as keyframes: shape keys of all its meshes, the turn of its head and of its eyes.

Frames in which no face was seen (confidence 0) get no key. The key before such a gap holds its value until the face is
seen again: the avatar waits rather than inventing a performance. All other keys blend linearly, so that a key on every
frame reproduces the take exactly and nothing overshoots between; or fewer keys do, within a tolerance.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from ....inference import retarget
from ....inference.errors import InputError, UsageError
from ....inference.take import Take
from ..rigs import channels
from ..rigs.controls import known_mapping
from ..rigs.rig import Rig, read_rig
from . import fcurves, nla, thinning, timing
from .fcurves import Curve, CurveKeys
from .turns import turn_tracks

if TYPE_CHECKING:
    from ....inference.retarget.corrected import Correction

STEP = "bake"

Weights = tuple[Sequence[str], NDArray[np.float32]]
"""Keys of channels, and what each of them is worth in every frame of the take (T, K)."""
Tracks = list[tuple[bpy.types.ID, list[Curve]]]
"""What is keyed, and its curves."""


@dataclass(frozen=True)
class KeyOptions:
    """How keys are written."""

    tolerance_mm: float | None = None
    """Keep as few keys as stay this near to the take, in millimetres of the surface; None keeps all."""
    strip: bool = False
    """As a strip of the NLA editor rather than the active action."""
    keep_raw: bool = False
    """Also keep every key of the take on a muted track."""
    snap: bool = False
    """Keys on whole frames only."""


@dataclass(frozen=True)
class BakeReport:
    """What a bake did."""

    actions: tuple[str, ...]
    shape_keys: int
    """Channels that the coefficients drive: shape keys, and bones and properties where the mapping names some."""
    keyed_frames: int
    gap_frames: int
    keys: int = 0
    every_key: int = 0
    """How many keys were written, and how many they would be without a tolerance."""
    corrections: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """The frames of a take that are keyed: N of its T frames."""

    seen: NDArray[np.bool_]
    """(T,)"""
    frames: NDArray[np.float64]
    """(N,) scene frames."""
    hold: NDArray[np.bool_]
    """(N,) true for the last key before a gap."""


@dataclass(frozen=True)
class Plan:
    """What would be keyed."""

    line: Timeline
    tracks: Tracks
    driven: int
    """How many of the curves follow coefficients."""


def bake_take(
    target: bpy.types.Object,
    take: Take,
    mapping: retarget.Mapping | None = None,
    *,
    scene: bpy.types.Scene,
    name: str = "take",
    match_scene: bool = False,
    head: bool = True,
    eyes: bool = True,
    weights: Weights | None = None,
    options: KeyOptions | None = None,
    corrections: Sequence[Correction] = (),
) -> BakeReport:
    """Key `take` onto `target` (an avatar's armature, or any mesh with shape keys), in one pass.

    Without a `mapping` the one that fits the avatar's key names is used; `weights` are given in place of one. `name`
    names the actions. `match_scene` also gives the scene the take's rate and range. What a person has corrected is met
    exactly, and what the take says otherwise eases in around it. Raises `UsageError` when no shape key fits and
    `InputError` for a take without a face.
    """
    begun_s = time.perf_counter()
    options = options or KeyOptions()
    rig = read_rig(target, take)
    if match_scene:
        timing.match_rate(scene, take.fps)
    plan = planned(rig, take, mapping, scene=scene, head=head, eyes=eyes, weights=weights, snap=options.snap)
    for id_block, _ in plan.tracks:
        fcurves.check_writable(id_block)
    if match_scene:
        timing.match_range(scene, take)
    _widen_sliders(plan)
    facts = {"rate": timing.scene_rate(scene), "first": float(timing.FIRST_FRAME)}
    work = _Work(rig, name, plan, options, facts, corrections)
    actions = [work.write(id_block, curves, keys) for (id_block, curves), keys in work.keyed()]
    _let_go(rig, name, [id_block for id_block, _ in plan.tracks])
    return BakeReport(
        actions=tuple(action.name for action in actions),
        shape_keys=plan.driven,
        keyed_frames=len(plan.line.frames),
        gap_frames=int((~plan.line.seen).sum()),
        keys=work.written,
        every_key=sum(len(curves) for _, curves in plan.tracks) * len(plan.line.frames),
        corrections=len(corrections),
        seconds=time.perf_counter() - begun_s,
    )


def planned(
    rig: Rig,
    take: Take,
    mapping: retarget.Mapping | None = None,
    *,
    scene: bpy.types.Scene,
    head: bool = True,
    eyes: bool = True,
    weights: Weights | None = None,
    snap: bool = False,
) -> Plan:
    """What `bake_take` would key, every frame of it, nothing written. Raises what `bake_take` raises."""
    require_face(take)
    if snap:
        from ....inference.retarget.resampling import resampled

        times_s = timing.whole_frame_times(take, scene)
        if weights is not None:
            weights = weights[0], _resampled_weights(weights[1], take, times_s)
        take = resampled(take, times_s)
    if weights is None:
        mapping = mapping or known_mapping(rig)
        weights = retarget.weights(mapping, take.coefficients)
    line = timeline(take, scene)
    tracks, driven = _driven(rig, weights, line)
    if not driven and (rig.meshes or not (head or eyes)):
        raise UsageError(
            f"No shape key of {rig.root.name} carries a known name; press By Shape in step 3, or use Add Avatar."
        )
    for ob, curves in turn_tracks(rig, take, line.seen, head=head, eyes=eyes):
        tracks.setdefault(ob, []).extend(curves)
    return Plan(line, [(id_block, curves) for id_block, curves in tracks.items() if curves], driven)


def require_face(take: Take) -> None:
    """Raise `InputError` for a take in which no face was ever seen."""
    if not (take.confidence > 0).any():
        raise InputError("The take has no frame with a face; track footage in which the face can be seen.")


def is_baked(target: bpy.types.Object, take: Take) -> bool:
    """Whether `target` carries keys of an earlier bake."""
    return any(fcurves.was_written(id_block, STEP) for id_block in moved_blocks(read_rig(target, take)))


def moved_blocks(rig: Rig) -> list[bpy.types.ID]:
    """Everything of an avatar that a bake may have keyed."""
    controls = [control.ob for control in (rig.head, *rig.eyes, *rig.look_at) if control is not None]
    armature = [rig.armature, rig.armature.data] if rig.armature is not None else []
    return list(dict.fromkeys([*(mesh.data.shape_keys for mesh in rig.meshes), rig.root, *armature, *controls]))


def timeline(take: Take, scene: bpy.types.Scene) -> Timeline:
    """Which frames of a take get keys, and where."""
    seen = take.confidence > 0
    position = np.flatnonzero(seen)
    hold = np.append(np.diff(position) > 1, False)
    return Timeline(seen, timing.take_frames(take, scene)[seen], hold)


def _resampled_weights(values: NDArray[np.float32], take: Take, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    from ....inference.retarget.cubics import at_times
    from ....inference.retarget.resampling import with_peaks

    seen = np.flatnonzero(take.confidence > 0)
    known, given = take.time_s[seen], values[seen].astype(np.float64)
    return with_peaks(at_times(given, known, times_s), given, known, times_s).astype(np.float32)


def _driven(rig: Rig, weights: Weights, line: Timeline) -> tuple[dict[bpy.types.ID, list[Curve]], int]:
    """Curves of all channels that weights (T, K) drive, by what holds them; and how many there are."""
    keys, values = weights
    columns = np.ascontiguousarray(values[line.seen].T, np.float64)
    tracks: dict[bpy.types.ID, list[Curve]] = {}
    channels.prepare(rig, keys)
    for key, column in zip(keys, columns, strict=True):
        for channel in channels.find(rig, key):
            shape = isinstance(channel.id_block, bpy.types.Key)
            curve = Curve(channel.data_path, channel.index, column, "Shapes" if shape else "Face")
            tracks.setdefault(channel.id_block, []).append(curve)
    return tracks, sum(len(curves) for curves in tracks.values())


def _widen_sliders(plan: Plan) -> None:
    """A gain may drive a key past the end of its slider, which would hold it back."""
    for id_block, curves in plan.tracks:
        if not isinstance(id_block, bpy.types.Key):
            continue
        blocks = {block.path_from_id("value"): block for block in id_block.key_blocks}
        for curve in curves:
            block, low, high = blocks[curve.data_path], float(curve.values.min()), float(curve.values.max())
            block.slider_min = min(block.slider_min, low)
            block.slider_max = max(block.slider_max, high)


def _let_go(rig: Rig, name: str, written: list[bpy.types.ID]) -> None:
    """Take back what an earlier bake of this take wrote to what this one does not key any more."""
    for id_block in moved_blocks(rig):
        if id_block not in written and fcurves.own_action(id_block, name) is not None:
            fcurves.remove_step(id_block, name, STEP)


@dataclass
class _Work:
    """One bake while it is written."""

    rig: Rig
    name: str
    plan: Plan
    options: KeyOptions
    facts: dict[str, float]
    corrections: Sequence[Correction]
    written: int = 0
    samples: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def keyed(self) -> list[tuple[tuple[bpy.types.ID, list[Curve]], list[CurveKeys]]]:
        """Every block's curves with their keys."""
        line, tracks = self.plan.line, self.plan.tracks
        frames, hold = line.frames, line.hold
        pins: dict[tuple[str, str, int], NDArray[np.float64]] = {}
        if self.corrections:
            tracks, frames, hold, pins = self._with_corrections()
        if self.options.tolerance_mm is None:
            every = [
                (track, thinning.every_key(track, frames, hold, line.frames, pins)) for track in tracks
            ]  # fmt: skip
        else:
            from ..rigs.movement import measured

            every = thinning.thinned(measured(self.rig, tracks), frames, hold, pins, self.options.tolerance_mm)
        self.samples = frames
        return every

    def write(self, id_block: bpy.types.ID, curves: list[Curve], keys: list[CurveKeys]) -> bpy.types.Action:
        """Write one block's curves."""
        self.written += sum(len(own.frames) for own in keys)
        action = fcurves.write_keys(
            id_block,
            self.name,
            STEP,
            curves,
            keys,
            strip=self.options.strip,
            facts=self.facts | {"samples": self.plan.line.frames.astype(np.float32)},
        )
        if self.options.keep_raw:
            original = next(own for block, own in self.plan.tracks if block == id_block)
            raw = fcurves.every_key(original, self.plan.line.frames, self.plan.line.hold)
            nla.keep_raw(id_block, fcurves.loose_action(id_block, f"{action.name} Raw", original, raw), self.name)
        return action

    def _with_corrections(
        self,
    ) -> tuple[Tracks, NDArray[np.float64], NDArray[np.bool_], dict[tuple[str, str, int], NDArray[np.float64]]]:
        """Curves that meet the corrections, on frames that include theirs; and the frames of each curve's own ones."""
        from ....inference.retarget import corrected

        line, rate = self.plan.line, self.facts["rate"]
        snapped = corrected.at_frames(self.corrections, line.frames, rate, self.facts["first"], whole=self.options.snap)
        frames = np.union1d(line.frames, [frame for _, frame in snapped])
        before = np.clip(np.searchsorted(line.frames, frames, side="right") - 1, 0, len(line.frames) - 1)
        hold = line.hold[before]
        own: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
        for correction, frame in snapped:
            own.setdefault(correction.place, []).append((frame, correction.value))
        tracks: Tracks = []
        for id_block, curves in self.plan.tracks:
            met = []
            for curve in curves:
                values = np.interp(frames, line.frames, curve.values)
                values = np.where(hold, curve.values[before], values)
                wanted = own.get((id_block.name, curve.data_path, curve.index), [])
                met.append(replace(curve, values=corrected.eased(frames, values, wanted, rate)))
            tracks.append((id_block, met))
        return tracks, frames, hold, {place: np.array([frame for frame, _ in keys]) for place, keys in own.items()}
