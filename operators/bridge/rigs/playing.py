"""Shows on an avatar what a bake would key, without keys, and puts everything back exactly.

Between two frames of the take values blend as keys would; before a gap in which no face was seen the last one holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ..keys.fcurves import Curve

Tracks = Sequence[tuple[bpy.types.ID, Sequence[Curve]]]
"""Datablocks (shape keys, objects, armatures) with the curves that a bake would give them."""

_KEY_VALUE: Final = re.compile(r'^key_blocks\["(?P<name>(?:[^"\\]|\\.)*)"\]\.value$')
_CUSTOM: Final = re.compile(r'^(?P<owner>.*)\["(?P<name>(?:[^"\\]|\\.)*)"\]$')
_BONE: Final = re.compile(r'^pose\.bones\["(?P<name>(?:[^"\\]|\\.)*)"\]\.\w+$')
_TURNS: Final = ("rotation_euler", "rotation_quaternion", "rotation_axis_angle")
_COLLECTIONS: Final = {"KEY": "shape_keys", "OBJECT": "objects", "ARMATURE": "armatures", "MESH": "meshes"}


@dataclass(frozen=True)
class _Shapes:
    """The keys of one mesh."""

    keys: bpy.types.Key
    count: int
    """Of the mesh's keys, to see when some came or went."""
    places: NDArray[np.int64]
    """(K,) which of them perform."""
    values: NDArray[np.float32]
    """(N, K)"""


@dataclass(frozen=True)
class _Property:
    """Any other property: a bone's rotation, a control, the object's own turn."""

    id_block: bpy.types.ID
    path: str
    places: tuple[int, ...]
    """Which numbers of an array perform."""
    values: NDArray[np.float32]
    """(N, D)"""


@dataclass
class Player:
    """A performance ready to be shown at any frame."""

    frames: NDArray[np.float64]
    """(N,) scene frames in which the face was seen."""
    hold: NDArray[np.bool_]
    """(N,) true before a gap."""
    shapes: list[_Shapes] = field(default_factory=list)
    properties: list[_Property] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        """Whether keys of the avatar came or went since; raises `ReferenceError` when a datablock is gone."""
        return any(len(shape.keys.key_blocks) != shape.count for shape in self.shapes)

    def show(self, frame: float) -> None:
        """Give the avatar the values of a scene frame."""
        before, after, share = self._between(frame)
        for shape in self.shapes:
            values = np.empty(shape.count, np.float32)
            blocks = shape.keys.key_blocks
            blocks.foreach_get("value", values)
            values[shape.places] = shape.values[before] * (1 - share) + shape.values[after] * share
            blocks.foreach_set("value", values)
            shape.keys.user.update_tag()  # Blender 4.2 does not notice by itself
        for item in self.properties:
            numbers = item.values[before] * (1 - share) + item.values[after] * share
            write_numbers(item.id_block, item.path, item.places, numbers)

    def _between(self, frame: float) -> tuple[int, int, float]:
        """The frames around a scene frame, and how far it is on the way to the second one."""
        last = len(self.frames) - 1
        before = int(np.clip(np.searchsorted(self.frames, frame, side="right") - 1, 0, last))
        after = min(before + 1, last)
        if after == before or frame <= self.frames[before] or self.hold[before]:
            return before, before, 0.0
        return before, after, float((frame - self.frames[before]) / (self.frames[after] - self.frames[before]))


def make_player(frames: NDArray[np.float64], hold: NDArray[np.bool_], tracks: Tracks) -> Player:
    """Sort the curves of a plan by what they move."""
    player = Player(frames, hold)
    for id_block, curves in tracks:
        if isinstance(id_block, bpy.types.Key):
            player.shapes.append(_shapes(id_block, curves))
            continue
        paths = dict.fromkeys(curve.data_path for curve in curves)
        for path in paths:
            own = [curve for curve in curves if curve.data_path == path]
            values = np.stack([curve.values for curve in own], axis=1).astype(np.float32)
            player.properties.append(_Property(id_block, path, tuple(curve.index for curve in own), values))
    return player


def _shapes(keys: bpy.types.Key, curves: Sequence[Curve]) -> _Shapes:
    place = {block.name: index for index, block in enumerate(keys.key_blocks)}
    names = [key_of(curve.data_path) for curve in curves]
    values = np.stack([curve.values for curve in curves], axis=1).astype(np.float32)
    return _Shapes(keys, len(place), np.array([place[name] for name in names], np.int64), values)


def key_of(data_path: str) -> str:
    """The shape key whose value a path means."""
    found = _KEY_VALUE.match(data_path)
    assert found is not None, data_path
    return bpy.utils.unescape_identifier(found["name"])


@dataclass(frozen=True)
class Rest:
    """What an avatar has without the performance; as text it survives undo and recovered files."""

    shapes: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Value and ends of the slider, by shape keys' name and block."""
    turns: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    """Rotation mode and the numbers of all modes, by object and bone (none: the object's own)."""
    properties: list[tuple[str, str, str, list[float]]] = field(default_factory=list)
    """Type and name of a datablock, path, numbers."""
    uids: dict[str, int] = field(default_factory=dict)
    """Blender's own number of each datablock of this session, by type and name: names may change."""
    root: str = ""
    """Name of the avatar's root when this was noted: a copy of the avatar carries the same text."""

    def text(self) -> str:
        """As kept with the avatar."""
        return json.dumps(self.__dict__, ensure_ascii=False)

    def put_back(self) -> None:
        """Give the avatar what it had. What was removed meanwhile is passed over."""
        for name, blocks in self.shapes.items():
            keys = self._find("KEY", name)
            for block, numbers in blocks.items() if keys is not None else ():
                _put_key_back(keys, block, numbers)
        for kind, name, path, numbers in self.properties:
            id_block = self._find(kind, name)
            if id_block is not None:
                with suppress(ValueError, KeyError, AttributeError):
                    write_numbers(id_block, path, tuple(range(len(numbers))), numbers)
        for name, bones in self.turns.items():
            ob = self._find("OBJECT", name)
            for bone, (mode, *numbers) in bones.items() if ob is not None else ():
                owner = ob.pose.bones.get(bone) if bone and ob.pose is not None else ob
                if owner is not None:
                    owner.rotation_mode = mode  # converts the numbers, so they come after it
                    for path, values in zip(_TURNS, numbers, strict=True):
                        setattr(owner, path, values)

    def of_copy(self, original: bpy.types.Object, copy: bpy.types.Object) -> Rest:
        """The same for a copy of the avatar; nothing where its parts no longer match."""
        pairs = list(zip(_parts(original), _parts(copy), strict=False))
        if len(_parts(original)) != len(_parts(copy)):
            return Rest()
        names = {(kind, one.name): other.name for (kind, one), (_, other) in pairs}
        return Rest(
            {names["KEY", name]: blocks for name, blocks in self.shapes.items() if ("KEY", name) in names},
            {names["OBJECT", name]: bones for name, bones in self.turns.items() if ("OBJECT", name) in names},
            [(kind, names[kind, name], *rest) for kind, name, *rest in self.properties if (kind, name) in names],
        )

    def _find(self, kind: str, name: str) -> Any:
        """A datablock by its name, or by its number when it was renamed."""
        blocks = getattr(bpy.data, _COLLECTIONS[kind])
        uid = self.uids.get(f"{kind} {name}")
        return blocks.get(name) or next((block for block in blocks if block.session_uid == uid), None)


def _parts(root: bpy.types.Object) -> list[tuple[str, bpy.types.ID]]:
    """Objects of an avatar with their data, in an order that a copy shares."""
    found: list[tuple[str, bpy.types.ID]] = []
    for ob in (root, *root.children_recursive):
        found.append(("OBJECT", ob))
        if ob.data is not None and ob.data.id_type in _COLLECTIONS:
            found.append((ob.data.id_type, ob.data))
        keys = getattr(ob.data, "shape_keys", None)
        if keys is not None:
            found.append(("KEY", keys))
    return found


def rest_of(text: str) -> Rest:
    """What `Rest.text` wrote; nothing where it is empty."""
    return Rest(**json.loads(text)) if text else Rest()


def rest_on(root: bpy.types.Object, text: str) -> Rest:
    """What an avatar had before; the text of one that was copied while it was moved speaks of the other."""
    rest = rest_of(text)
    original = bpy.data.objects.get(rest.root)
    return rest if original in {None, root} else rest.of_copy(original, root)


def turns_of(objects: Iterable[bpy.types.Object]) -> dict[str, dict[str, list[Any]]]:
    """How objects and their bones are turned, as `Rest.turns`; taken before a plan is made, which may set modes."""
    return {
        ob.name: {name: _turn(owner) for name, owner in [("", ob), *(ob.pose.bones.items() if ob.pose else ())]}
        for ob in objects
    }


def note_rest(player: Player, turns: dict[str, dict[str, list[Any]]]) -> Rest:
    """What a player will move, as it is now; `turns` from before its plan was made.

    Opens sliders as far as the performance goes: Blender holds values within them.
    """
    rest = Rest()
    for shape in player.shapes:
        rest.uids[f"KEY {shape.keys.name}"] = shape.keys.session_uid
        known = rest.shapes.setdefault(shape.keys.name, {})
        for place, values in zip(shape.places, shape.values.T, strict=True):
            block = shape.keys.key_blocks[int(place)]
            known[block.name] = [block.value, block.slider_min, block.slider_max]
            block.slider_min = min(block.slider_min, float(values.min()))
            block.slider_max = max(block.slider_max, float(values.max()))
    for item in player.properties:
        rest.uids[f"{item.id_block.id_type} {item.id_block.name}"] = item.id_block.session_uid
        bone = _BONE.match(item.path)
        name = bpy.utils.unescape_identifier(bone["name"]) if bone else ""
        if item.path.rpartition(".")[2] in _TURNS and name in turns.get(item.id_block.name, {}):
            rest.turns.setdefault(item.id_block.name, {})[name] = turns[item.id_block.name][name]
        else:
            numbers = read_numbers(item.id_block, item.path)
            rest.properties.append((item.id_block.id_type, item.id_block.name, item.path, numbers))
    return rest


def _turn(owner: bpy.types.Object | bpy.types.PoseBone) -> list[Any]:
    return [owner.rotation_mode, *(list(getattr(owner, path)) for path in _TURNS)]


def _put_key_back(keys: bpy.types.Key, name: str, numbers: Sequence[float]) -> None:
    block = keys.key_blocks.get(name)
    if block is None:
        return
    value, lower, upper = numbers
    block.value = value
    block.slider_min, block.slider_max = lower, upper


def read_numbers(id_block: bpy.types.ID, path: str) -> list[float]:
    """All numbers of a property."""
    owner, name, is_custom = _owner(id_block, path)
    value = owner[name] if is_custom else getattr(owner, name)
    return [float(number) for number in _numbers(value)]


def write_numbers(
    id_block: bpy.types.ID, path: str, places: Sequence[int], numbers: Sequence[float] | NDArray[np.float32]
) -> None:
    """Give some numbers of a property other values, without a key."""
    owner, name, is_custom = _owner(id_block, path)
    value = owner[name] if is_custom else getattr(owner, name)
    if hasattr(value, "__len__"):
        for place, number in zip(places, numbers, strict=True):
            value[place] = float(number)
        if not is_custom:
            setattr(owner, name, value)
    elif is_custom:
        owner[name] = float(numbers[0])
    else:
        setattr(owner, name, float(numbers[0]))
    if is_custom:
        id_block.update_tag()


def _owner(id_block: bpy.types.ID, path: str) -> tuple[Any, str, bool]:
    """What holds a property, its name, and whether it is a custom one."""
    custom = _CUSTOM.match(path)
    if custom:
        owner = id_block.path_resolve(custom["owner"]) if custom["owner"] else id_block
        return owner, bpy.utils.unescape_identifier(custom["name"]), True
    holder, _, name = path.rpartition(".")
    return (id_block.path_resolve(holder) if holder else id_block), name, False


def _numbers(value: Any) -> Iterator[Any]:
    return iter(value) if hasattr(value, "__len__") else iter((value,))
