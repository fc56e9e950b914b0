"""Reads in numbers what an avatar can do: its surface at rest, and as each of its channels is set in turn.

The meshes are read as Blender evaluates them, so drivers, corrective shapes, bones and deforming modifiers count. While it
reads, nothing else plays: actions, NLA, poses, muted keys and modifiers that change the topology are set aside, and
everything is put back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from typing import Any, Final

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ....inference.errors import InputError
from ....inference.progress import Progress, silent
from ....inference.retarget.by_shape.shapes import RigShapes
from . import channels, controls
from .channels import Channel
from .rig import Rig, belongings

TURN_UNIT: Final = 0.2
"""Radians that a bone is turned to see what it does."""
WAY_UNIT_CM: Final = 1.0
"""Centimetres of the face model that a bone is moved."""
MOVES: Final = 1e-4
"""Share of the face's size below which a movement is none."""

_KEPT_MODIFIERS: Final = frozenset(
    {
        "ARMATURE", "CAST", "CORRECTIVE_SMOOTH", "CURVE", "HOOK", "LAPLACIANDEFORM", "LAPLACIANSMOOTH", "LATTICE", "MASK",
        "MESH_DEFORM", "MIRROR", "NODES", "SHRINKWRAP", "SIMPLE_DEFORM", "SMOOTH", "SURFACE_DEFORM", "WARP",
    }
)  # fmt: skip
"""Modifiers that move a surface; others only make it finer, or change with it what its points are."""


def read_shapes(
    rig: Rig, keys: Sequence[str] | None = None, progress: Progress = silent, *, everything: bool = False
) -> RigShapes:
    """What the channels `keys` of an avatar do, or all its candidates; channels that move nothing are left out.

    Raises `InputError` for an avatar on which no channel moves anything, and whose surface changes its points while it
    moves.
    """
    wanted = list(dict.fromkeys(controls.candidates(rig) if keys is None else keys))
    found = {key: channels.find(rig, key) for key in wanted}
    found = {key: group for key, group in found.items() if group}
    units = {key: _unit(rig, key, group[0]) for key, group in found.items()}
    surfaces = _surfaces(rig)
    if not found or not surfaces:
        raise InputError("The avatar has no channel that could be read; choose a face with shape keys or face bones.")
    with _at_rest(rig, surfaces, found):
        read = _Reader(rig, surfaces)
        rest, triangles = read.points(), read.triangles()
        size = float(np.ptp(rest, axis=0).max())
        deltas: dict[str, NDArray[np.float32]] = {}
        for done, (key, group) in enumerate(found.items()):
            with _set({key: group}, units):
                delta = (read.points() - rest).astype(np.float32)
            if everything or np.abs(delta).max() > MOVES * size:
                deltas[key] = delta
            progress("read", done + 1, len(found))
        if not deltas:
            raise InputError("No channel of the avatar moves its face; choose another object.")
        names = list(deltas)
        joint: list[tuple[tuple[int, int], NDArray[np.float32]]] = []
        for first, second in _likely_pairs(rig, names):
            with _set({name: found[name] for name in (first, second)}, units):
                both = (read.points() - rest).astype(np.float32)
            rise = both - deltas[first] - deltas[second]
            if np.abs(rise).max() > 10 * MOVES * size:
                joint.append(((names.index(first), names.index(second)), rise))
    limits = [found[name][0] for name in names]
    return RigShapes(
        keys=tuple(names),
        rest=rest,
        deltas=np.array([deltas[name] for name in names], np.float32),
        unit=np.array([units[name] for name in names]),
        lower=np.array([min(channel.lower, 0.0) for channel in limits]),
        upper=np.array([max(channel.upper, unit) for channel, unit in zip(limits, map(units.get, names), strict=True)]),
        triangles=triangles,
        pairs=tuple(pair for pair, _ in joint),
        pair_deltas=np.array([rise for _, rise in joint], np.float32) if joint else np.zeros((0, 0, 3), np.float32),
    )


def _unit(rig: Rig, key: str, channel: Channel) -> float:
    """The weight at which a channel is read."""
    if channels.bone_of(channel):
        unit = TURN_UNIT if "rotation" in channel.data_path else WAY_UNIT_CM * rig.armature_units_per_cm
    else:
        unit = 1.0
    if channel.upper > 0:
        return min(unit, channel.upper)
    return max(-unit, channel.lower) if channel.lower < 0 else unit


def _surfaces(rig: Rig) -> list[bpy.types.Object]:
    """The meshes that show the face: those with shape keys, and those that bones of the head deform."""
    shown = list(rig.meshes)
    if rig.armature is not None and rig.bones.head:
        head = rig.armature.data.bones[rig.bones.head]
        of_head = {bone.name for bone in controls.deforming(rig.armature, head)}
        others = sorted((ob for ob in belongings(rig.root) if ob.type == "MESH" and ob not in shown), key=_name)
        shown += [ob for ob in others if ob.find_armature() == rig.armature and of_head & set(ob.vertex_groups.keys())]
    layer = bpy.context.view_layer
    layer.update()  # objects made a moment ago are not in its list before
    return [ob for ob in shown if ob.name in layer.objects]


def _name(ob: bpy.types.Object) -> str:
    return str(ob.name)


class _Reader:
    """Evaluated surfaces of several meshes, one after the other, in face axes."""

    def __init__(self, rig: Rig, surfaces: Sequence[bpy.types.Object]) -> None:
        self._rig = rig
        self._surfaces = surfaces
        self._counts: list[int] | None = None

    def points(self) -> NDArray[np.float64]:
        """(V, 3)."""
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        root = np.array(self._rig.root.evaluated_get(graph).matrix_world.inverted())
        axes = np.array(self._rig.face_axes)
        parts = []
        for ob in self._surfaces:
            evaluated = ob.evaluated_get(graph)
            vertices = evaluated.data.vertices
            points = np.empty(len(vertices) * 3, np.float32)
            vertices.foreach_get("co", points)
            matrix = root @ np.array(evaluated.matrix_world)
            parts.append((points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]) @ axes)
        counts = [len(part) for part in parts]
        if self._counts is not None and counts != self._counts:
            raise InputError(
                "The avatar's surface gets other points as it moves; switch off the modifier that does so."
            )
        self._counts = counts
        return np.concatenate(parts)

    def triangles(self) -> NDArray[np.int32]:
        """(F, 3)."""
        graph = bpy.context.evaluated_depsgraph_get()
        parts, start = [], 0
        for ob in self._surfaces:
            mesh = ob.evaluated_get(graph).data
            mesh.calc_loop_triangles()
            corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
            mesh.loop_triangles.foreach_get("vertices", corners)
            parts.append(corners.reshape(-1, 3) + start)
            start += len(mesh.vertices)
        return np.concatenate(parts).astype(np.int32)


@contextmanager
def _set(group: dict[str, list[Channel]], units: dict[str, float]) -> Iterator[None]:
    """Channels at their unit, then back at 0."""
    for key, found in group.items():
        for channel in found:
            channels.assign(channel, units[key])
    yield
    for found in group.values():
        for channel in found:
            channels.assign(channel, 0.0)


def _likely_pairs(rig: Rig, names: Sequence[str]) -> list[tuple[str, str]]:
    """Channels that may do together more than each alone: both drive one shape, or one turns the jaw under the other's
    lips.
    """
    present = set(names)
    pairs: dict[tuple[str, str], None] = {}
    for mesh in rig.meshes:
        keys = mesh.data.shape_keys
        for name in channels.driven_blocks(keys):
            listened = sorted(set(channels.sources(rig, keys, name)) & present, key=names.index)
            pairs |= dict.fromkeys(combinations(listened, 2))
    return list(pairs)


@contextmanager
def _at_rest(rig: Rig, surfaces: Sequence[bpy.types.Object], found: dict[str, list[Channel]]) -> Iterator[None]:
    """The avatar without animation, pose and refinement, every channel at 0; everything as before afterwards."""
    layer = bpy.context.view_layer
    with ExitStack() as stack:
        stack.callback(layer.update)
        ids: dict[bpy.types.ID, None] = {}
        for ob in (rig.root, rig.armature, *surfaces):
            if ob is not None:
                ids |= dict.fromkeys((ob, ob.data) if ob.data is not None else (ob,))
                if ob.type == "MESH" and ob.data.shape_keys is not None:
                    ids[ob.data.shape_keys] = None
        for block in ids:
            _silence(stack, block)
        if rig.armature is not None:
            _unpose(stack, rig.armature)
        for ob in surfaces:
            _show(stack, ob)
            for modifier in ob.modifiers:
                if modifier.type not in _KEPT_MODIFIERS:
                    _change(stack, modifier, "show_viewport", False)
            if ob.data.shape_keys is not None:
                _rest_keys(stack, ob)
        for group in found.values():
            for channel in group:
                _rest_channel(stack, channel)
        layer.update()
        yield


def _silence(stack: ExitStack, block: bpy.types.ID) -> None:
    """No action and no NLA; drivers stay."""
    animation = block.animation_data
    if animation is None:
        return
    if animation.use_tweak_mode:
        _change(stack, animation, "use_tweak_mode", False)
    _change(stack, animation, "use_nla", False)
    action, slot = animation.action, getattr(animation, "action_slot", None)
    if action is not None:

        def back() -> None:
            animation.action = action
            if slot is not None:
                animation.action_slot = slot

        stack.callback(back)
        animation.action = None


def _unpose(stack: ExitStack, armature: bpy.types.Object) -> None:
    """Every bone at rest, and the armature shown posed."""
    for bone in armature.pose.bones:
        stack.callback(_pose_back(bone, _fields(bone)))
        bone.matrix_basis = Matrix.Identity(4)
    _change(stack, armature.data, "pose_position", "POSE")


_POSE_FIELDS: Final = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


def _fields(bone: bpy.types.PoseBone) -> dict[str, Any]:
    return {name: tuple(getattr(bone, name)) for name in _POSE_FIELDS}


def _pose_back(bone: bpy.types.PoseBone, fields: dict[str, Any]) -> Callable[[], None]:
    def back() -> None:
        for name, value in fields.items():
            setattr(bone, name, value)

    return back


def _show(stack: ExitStack, ob: bpy.types.Object) -> None:
    """Hidden objects are not evaluated."""
    if ob.hide_viewport:
        _change(stack, ob, "hide_viewport", False)
    if ob.hide_get():
        stack.callback(ob.hide_set, True)
        ob.hide_set(False)
    if ob.show_only_shape_key:
        _change(stack, ob, "show_only_shape_key", False)


def _rest_keys(stack: ExitStack, ob: bpy.types.Object) -> None:
    """All shape keys at 0, none muted: also those that no channel names."""
    driven = channels.driven_blocks(ob.data.shape_keys)
    for block in ob.data.shape_keys.key_blocks[1:]:
        if block.name not in driven:
            stack.callback(setattr, block, "value", block.value)
            if block.slider_min > 0 or block.slider_max < 0:
                _change(stack, block, "slider_min", min(block.slider_min, 0.0))
                _change(stack, block, "slider_max", max(block.slider_max, 0.0))
            block.value = 0.0
        _change(stack, block, "mute", False)


def _rest_channel(stack: ExitStack, channel: Channel) -> None:
    bone = channels.bone_of(channel)
    if bone is None:
        if not isinstance(channel.id_block, bpy.types.Key):
            stack.callback(channels.assign, channel, channels.read(channel))
            channels.assign(channel, 0.0)
        return
    pose = channel.id_block.pose.bones[bone]
    if channel.data_path.endswith(".rotation_euler") and pose.rotation_mode in {"QUATERNION", "AXIS_ANGLE"}:
        _change(stack, pose, "rotation_mode", "XYZ")


def _change(stack: ExitStack, owner: Any, name: str, value: Any) -> None:  # any property of Blender
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)
