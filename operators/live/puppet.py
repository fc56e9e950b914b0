"""An avatar that shows one moment after the other, without keys: what is the same for all moments is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...inference import arkit, retarget
from ...inference.errors import UnderstudyError
from ...inference.retarget import Mapping, adjustments
from ...inference.retarget.adjustments import Adjustments
from ...inference.take import Take
from ..bridge.keys import bake
from ..bridge.keys.fcurves import check_writable
from ..bridge.keys.turns import Turner, turner
from ..bridge.rigs import channels
from ..bridge.rigs.playing import Player, Rest, make_player, note_rest, turns_of, write_numbers
from ..bridge.rigs.rig import Rig, read_rig
from ..bridge.stage.watching import eye_before
from ..perform.performance import Weights, way_of, weigher

if TYPE_CHECKING:
    from ...inference.live.sample import LiveSample

_STILL = Take(
    names=arkit.NAMES,
    coefficients=np.zeros((1, len(arkit.NAMES)), np.float32),
    confidence=np.ones(1, np.float32),
    time_s=np.zeros(1),
    rotation=np.eye(3, dtype=np.float32)[None],
    translation_cm=np.zeros((1, 3), np.float32),
    gaze=np.zeros((1, 2, 2), np.float32),
    camera_matrix=np.eye(3),
    landmarks_px=np.full((1, 478, 2), np.nan, np.float32),
    identity=np.zeros(0, np.float32),
    neutral_cm=np.zeros((0, 3), np.float32),
    fps=Fraction(30),
    frame_size=(0, 0),
    frame_index=np.zeros(1, np.int64),
    face_model="",
    source_sha256="",
    tool_version="",
)
"""A take of one frame in which nothing moves: each moment is put in its place."""


@dataclass
class _Shapes:
    """The keys of one mesh."""

    keys: bpy.types.Key
    places: NDArray[np.int64]
    """(K,) which of them perform."""
    columns: NDArray[np.int64]
    """(K,) whose weights they take."""
    values: NDArray[np.float32]
    """Of all its keys."""
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    """(K,) ends of the sliders: Blender holds values within them."""

    def show(self, weights: NDArray[np.float32]) -> None:
        wanted = weights[self.columns]
        for number in np.flatnonzero((wanted < self.lower) | (wanted > self.upper)):
            self._open_slider(int(number), float(wanted[number]))
        blocks = self.keys.key_blocks
        blocks.foreach_get("value", self.values)
        self.values[self.places] = wanted
        blocks.foreach_set("value", self.values)
        self.keys.user.update_tag()  # Blender 4.2 does not notice by itself

    def _open_slider(self, number: int, value: float) -> None:
        block = self.keys.key_blocks[int(self.places[number])]
        block.slider_min, block.slider_max = min(block.slider_min, value), max(block.slider_max, value)
        self.lower[number], self.upper[number] = block.slider_min, block.slider_max


@dataclass(frozen=True)
class _Property:
    """Any other property that follows weights: a control, a bone's turn."""

    id_block: bpy.types.ID
    path: str
    places: tuple[int, ...]
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class _Way:
    """How an avatar performs."""

    head: bool
    eyes: bool
    chosen: Adjustments
    mapping: Mapping
    weigh: Callable[[Take], Weights]

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that get weights, in their order."""
        return self.weigh(_STILL)[0]


@dataclass
class Puppet:
    """An avatar ready to show any moment. Holds Blender's own objects: make a new one after an undo."""

    shapes: list[_Shapes]
    properties: list[_Property]
    turn: Turner
    way: _Way
    rig: Rig
    stand: Matrix
    """4x4, where the avatar stood when it was made ready."""
    _shown: tuple[LiveSample, Take] | None = None
    """The last moment, and what the avatar's adjustments made of it."""

    @property
    def is_stale(self) -> bool:
        """Whether keys of the avatar came or went since; raises `ReferenceError` when a datablock is gone."""
        return any(len(shape.keys.key_blocks) != len(shape.values) for shape in self.shapes)

    def adapted(self, scene: bpy.types.Scene, root: bpy.types.Object) -> bool:
        """Perform as is chosen now, where the same keys do so; False where more has changed: make a new puppet."""
        way = _way_of(scene, root)
        other_numbers = (way.chosen, way.mapping) != (self.way.chosen, self.way.mapping)
        same = (way.keys, way.head, way.eyes) == (self.way.keys, self.way.head, self.way.eyes)
        if other_numbers and same:
            self.way = way
        return other_numbers and same

    def show(self, sample: LiveSample) -> None:
        """Give the avatar the values of a moment in which a face was seen."""
        self._shown = sample, self._adjusted(sample)
        take = self._shown[1]
        weights = self.way.weigh(take)[1][0]
        for shape in self.shapes:
            shape.show(weights)
        for item in self.properties:
            write_numbers(item.id_block, item.path, item.places, weights[item.columns])
        for ob, curves in self.turn(take.rotation.astype(np.float64), take.gaze.astype(np.float64)):
            for path, own in groupby(curves, key=lambda curve: curve.data_path):
                axes = list(own)
                numbers = np.array([curve.values[0] for curve in axes], np.float32)
                write_numbers(ob, path, tuple(curve.index for curve in axes), numbers)

    def seen_from(self, sample: LiveSample) -> tuple[Matrix, float]:
        """World matrix (4x4) of the camera that sees the avatar as the actor is seen, and how far away it is."""
        stand = self.rig.root.matrix_world if self.rig.head_bone else self.stand
        known = self._shown is not None and self._shown[0] is sample
        take = self._shown[1] if known else self._adjusted(sample)
        rotation = take.rotation[0] if self.way.head else np.eye(3, dtype=np.float32)
        return eye_before(self.rig, stand, rotation, sample.translation_cm)

    def _adjusted(self, sample: LiveSample) -> Take:
        take = replace(
            _STILL, coefficients=sample.coefficients[None], rotation=sample.rotation[None], gaze=sample.gaze[None]
        )
        return adjustments.adjust(take, self.way.chosen)


def make_puppet(scene: bpy.types.Scene, root: bpy.types.Object) -> tuple[Puppet, Rest]:
    """Get an avatar, which stands as without a performance, ready; and what it has now.

    Raises `UnderstudyError` when it cannot perform, with nothing changed. Sliders are opened as far as moments go.
    """
    rig = read_rig(root)
    if not rig.head_bone:
        bpy.context.view_layer.update()  # where the object stands is asked below
    where = root.matrix_world.copy()
    way = _way_of(scene, root)
    controls = [control for control in (rig.head, *rig.eyes, *rig.look_at) if control is not None]
    turns = turns_of({ob for ob in (rig.root, rig.armature, *(control.ob for control in controls)) if ob is not None})
    try:
        plan = bake.planned(rig, _STILL, scene=scene, head=way.head, eyes=way.eyes, weights=way.weigh(_STILL))
        for id_block, _ in plan.tracks:
            check_writable(id_block)
        turn = turner(rig, head=way.head, eyes=way.eyes)
    except UnderstudyError:
        Rest(turns=turns).put_back()  # a plan sets how bones turn
        raise
    player = make_player(plan.line.frames, plan.line.hold, plan.tracks)
    rest = replace(note_rest(player, turns), root=root.name)
    return Puppet(*_followers(rig, player, way.keys), turn, way, rig, where), rest


def _way_of(scene: bpy.types.Scene, root: bpy.types.Object) -> _Way:
    settings = scene.understudy
    chosen, mapping = way_of(root, settings.use_eyes)
    weigh = weigher(root, mapping) or _by_links(mapping)
    return _Way(settings.use_head, settings.use_eyes, chosen, mapping, weigh)


def _by_links(mapping: Mapping) -> Callable[[Take], Weights]:
    keys, weigh = mapping.keys, retarget.weigher(mapping)
    return lambda take: (keys, weigh(take.coefficients))


def _followers(rig: Rig, player: Player, keys: tuple[str, ...]) -> tuple[list[_Shapes], list[_Property]]:
    """What of a player follows the weights of keys."""
    column = {
        (channel.id_block, channel.data_path, channel.index): number
        for number, key in enumerate(keys)
        for channel in channels.find(rig, key)
    }
    shapes = []
    for shape in player.shapes:
        blocks = [shape.keys.key_blocks[int(place)] for place in shape.places]
        columns = np.array([column[shape.keys, block.path_from_id("value"), 0] for block in blocks], np.int64)
        ends = np.array([(block.slider_min, block.slider_max) for block in blocks], np.float32)
        lower, upper = np.ascontiguousarray(ends.T)
        shapes.append(_Shapes(shape.keys, shape.places, columns, np.empty(shape.count, np.float32), lower, upper))
    properties = []
    for item in player.properties:
        places = tuple(place for place in item.places if (item.id_block, item.path, place) in column)
        if places:
            columns = np.array([column[item.id_block, item.path, place] for place in places], np.int64)
            properties.append(_Property(item.id_block, item.path, places, columns))
    return shapes, properties
