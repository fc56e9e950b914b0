"""Curves that turn an avatar's head and eyes as the actor's: on bones whatever their rest direction, on whole objects, and
on targets that eyes look at.

Rotations are arrays (N, 3, 3), one for each keyed frame. A bone turns relative to its parent, so that an animated body
carries the head along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import bpy
import numpy as np
from mathutils import Euler, Matrix
from numpy.typing import NDArray

from ....inference import face_model
from ....inference.take import Take
from ..rigs.rig import Rig
from ..rigs.standing import parent_space, stand_basis
from ..rigs.turning import Control
from .fcurves import Curve

Array = NDArray[np.float64]
Tracks = list[tuple[bpy.types.Object, list[Curve]]]
"""Objects (armatures too) with what is keyed on each."""
Turner = Callable[[Array, Array], Tracks]
"""Turns of the head and gaze to everything that is keyed."""
Way = Callable[[Array, Array], list[Curve]]
"""The same for one object; turns of the head in the root's axes."""
Turning = Callable[[Array], list[Curve]]
"""Turns (N, 3, 3), or ways (N, 3), in the root's axes to curves."""
Points = Callable[[Array], Array]

_FOLLOWS: Final = 0.5
"""Share of a test turn of the head from which a target counts as carried by it."""
_TEST_TURN: Final = 0.3
_NEARER: Final = 3.0
"""A common target comes no nearer, and goes no farther, than so many times its distance at rest."""


def turn_tracks(rig: Rig, take: Take, seen: NDArray[np.bool_], *, head: bool = True, eyes: bool = True) -> Tracks:
    """What is keyed so that head and eyes turn as the actor's in the frames `seen` (T,)."""
    turn = turner(rig, head=head, eyes=eyes)
    return turn(take.rotation[seen].astype(np.float64), take.gaze[seen].astype(np.float64))


def turner(rig: Rig, *, head: bool = True, eyes: bool = True) -> Turner:
    """How an avatar turns, found out once while it is at rest; called with the head's turns (N, 3, 3) and the gaze
    (N, 2, 2) it says what is keyed, as often as wanted.
    """
    ways = list(_ways(rig, head=head, eyes=eyes))

    def turn(rotations: Array, gaze: Array) -> Tracks:
        tracks: dict[bpy.types.Object, list[Curve]] = {}
        turns = _in_root(rig, rotations)
        for ob, way in ways:
            tracks.setdefault(ob, []).extend(way(turns, gaze))
        return list(tracks.items())

    return turn


def _ways(rig: Rig, *, head: bool, eyes: bool) -> Iterator[tuple[bpy.types.Object, Way]]:
    """Everything of an avatar that turns, and how."""
    if head:
        control = rig.head or Control(rig.root)
        yield control.ob, _head_way(_turning(rig, control, "Head"))
    if eyes and rig.look_at:
        yield from _target_ways(rig, head)
    elif eyes:
        for eye, control in enumerate(rig.eyes):
            if control is not None:
                curves = _turning(rig, control, control.bone or "Eye")
                yield control.ob, _eye_way(rig, eye, curves, free=head and not _turns_along(rig, control))


def _head_way(curves: Turning) -> Way:
    return lambda turns, _: curves(turns)


def _eye_way(rig: Rig, eye: int, curves: Turning, *, free: bool) -> Way:
    """An eye that is `free` has to be turned with the head, too."""

    def way(turns: Array, gaze: Array) -> list[Curve]:
        looks = _in_root(rig, gaze_turns(gaze[:, eye]))
        return curves(turns @ looks if free else looks)

    return way


def head_turns(rig: Rig, take: Take, seen: NDArray[np.bool_]) -> Array:
    """(N, 3, 3) the head's rotation in the root's local axes."""
    return _in_root(rig, take.rotation[seen].astype(np.float64))


def gaze_turns(gaze: Array) -> Array:
    """(N, 3, 3) turns of an eye in head axes; `gaze` (N, 2) is yaw to the actor's left and pitch up, in radians."""
    yaw, pitch = gaze[:, 0], gaze[:, 1]
    turns = np.zeros((len(gaze), 3, 3))
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 0, 2] = (
        np.cos(yaw),
        -np.sin(yaw) * np.sin(pitch),
        np.sin(yaw) * np.cos(pitch),
    )
    turns[:, 1, 1], turns[:, 1, 2] = np.cos(pitch), np.sin(pitch)
    turns[:, 2, 0], turns[:, 2, 1], turns[:, 2, 2] = (
        -np.sin(yaw),
        -np.cos(yaw) * np.sin(pitch),
        np.cos(yaw) * np.cos(pitch),
    )
    return turns


def quaternions(rotations: Array) -> Array:
    """(N, 4) w, x, y, z of rotations (N, 3, 3), without jumps between the two quaternions of the same rotation."""
    m = rotations
    trace = np.einsum("nii->n", m)
    squares = np.stack([trace, *(2 * m[:, axis, axis] - trace for axis in range(3))], 1)  # 4 q^2 - 1 of each
    largest = squares.argmax(1)
    w, x, y, z = (m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1], 1 + squares.max(1))
    xy, xz, yz = m[:, 0, 1] + m[:, 1, 0], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 2] + m[:, 2, 1]
    by_largest = np.array([[z, w, x, y], [w, z, xy, xz], [x, xy, z, yz], [y, xz, yz, z]])  # (4 cases, 4 parts, N)
    values = by_largest[largest, :, np.arange(len(m))]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    flips = np.sum(values[1:] * values[:-1], axis=1) < 0
    signs = np.cumprod(
        np.concatenate([[1.0 if len(values) == 0 or values[0, 0] >= 0 else -1.0], np.where(flips, -1.0, 1.0)])
    )
    return np.asarray(values * signs[: len(values), None])


def _in_root(rig: Rig, rotations: Array) -> Array:
    """Rotations in face axes as rotations in the root's local axes."""
    axes = np.array(rig.face_axes)
    return np.asarray(axes @ rotations @ axes.T)


def _turning(rig: Rig, control: Control, group: str) -> Turning:
    """What makes curves that turn a control by turns given in the root's axes."""
    pose = control.pose
    if pose is None:
        return _object_turning(rig, control.ob, group)
    space = _rotation(control.ob.matrix_world.inverted() @ rig.root.matrix_world)
    rest = space.T @ _rotation(pose.bone.matrix_local)  # the bone's rest axes in the root's
    if pose.rotation_mode in {"QUATERNION", "AXIS_ANGLE"}:
        pose.rotation_mode = "QUATERNION"
        path = pose.path_from_id("rotation_quaternion")
        return lambda turns: _curves(path, quaternions(rest.T @ turns @ rest), group)
    path, order = pose.path_from_id("rotation_euler"), pose.rotation_mode
    return lambda turns: _curves(path, _eulers(rest.T @ turns @ rest, order), group)


def _turns_along(rig: Rig, eye: Control) -> bool:
    """Whether an eye gets the head's turn from its parents; bones may refuse to inherit rotation."""
    pose, head = eye.pose, rig.head
    if pose is None or head is None or head.ob != eye.ob:
        return True
    chain = [pose.bone, *pose.bone.parent_recursive]
    below = [bone.name for bone in chain].index(head.bone) if head.pose and head.pose.bone in chain else 0
    return all(bone.use_inherit_rotation for bone in chain[:below])


def _object_turning(rig: Rig, ob: bpy.types.Object, group: str) -> Turning:
    """What makes curves that turn a whole object, from where it stands, by turns given in the root's axes."""
    rest = _rotation(stand_basis(ob))
    space = rest if ob == rig.root else _rotation(parent_space(ob).inverted() @ rig.root.matrix_world)
    ob.rotation_mode = "QUATERNION"
    return lambda turns: _curves("rotation_quaternion", quaternions(space @ turns @ space.T @ rest), group)


def _target_ways(rig: Rig, head: bool) -> Iterator[tuple[bpy.types.Object, Way]]:
    """How what the eyes look at moves; with `head` the head turns."""
    centres = _eye_centres(rig)
    for place, target in enumerate(rig.look_at):
        points = _points_of(rig, centres, _rest_place(rig, target), place if len(rig.look_at) == 2 else None)
        free = head and not _is_carried(rig, target)
        yield target.ob, _target_way(rig, points, _moving(rig, target), _rest_place(rig, target), free=free)


def _target_way(rig: Rig, points: Points, curves: Turning, rest: Array, *, free: bool) -> Way:
    """A target that is `free` has to be moved with the head, too."""
    pivot = np.array(rig.pivot)

    def way(turns: Array, gaze: Array) -> list[Curve]:
        seen = points(gaze)
        if free:
            seen = pivot + np.einsum("nij,nj->ni", turns, seen - pivot)
        return curves(seen - rest)

    return way


def _points_of(rig: Rig, centres: Array, rest: Array, eye: int | None) -> Points:
    """Where one eye looks, or both for None: points (N, 3) in the root's axes from a gaze."""
    middle = centres.mean(0) if eye is None else centres[eye]
    reach = float(np.linalg.norm(rest - middle))

    def points(gaze: Array) -> Array:
        own = gaze.mean(1) if eye is None else gaze[:, eye]
        ways = _in_root(rig, gaze_turns(own)) @ (rest - middle)
        if eye is None:
            ways = ways * (_distances(gaze, centres, reach) / reach)[:, None]
        return np.asarray(middle + ways)

    return points


def _distances(gaze: Array, centres: Array, reach: float) -> Array:
    """(N,) how far away the two lines of sight meet, within reason: nearly parallel ones meet anywhere."""
    apart = float(np.linalg.norm(centres[0] - centres[1]))
    convergence = gaze[:, 1, 0] - gaze[:, 0, 0]
    return np.asarray(np.clip(apart / np.tan(np.maximum(convergence, 1e-3)), reach / _NEARER, reach * _NEARER))


def _eye_centres(rig: Rig) -> Array:
    """(2, 3) in the root's local axes."""
    model = face_model.load().eye_centres_cm.astype(np.float64)
    default = np.array(rig.origin) + model @ np.array(rig.face_axes).T * rig.units_per_cm
    return np.array(
        [_rest_place(rig, eye) if eye is not None else place for eye, place in zip(rig.eyes, default, strict=True)]
    )


def _rest_place(rig: Rig, control: Control) -> Array:
    """(3,) where a control is at rest, in the root's local axes."""
    into = rig.root.matrix_world.inverted()
    pose = control.pose
    if pose is not None:
        return np.array(into @ control.ob.matrix_world @ pose.bone.head_local)
    return np.array(into @ parent_space(control.ob) @ stand_basis(control.ob).translation)


def _moving(rig: Rig, control: Control) -> Turning:
    """What makes location curves that move a control by ways (N, 3) in the root's axes."""
    pose = control.pose
    if pose is None:
        space = np.array((parent_space(control.ob).inverted() @ rig.root.matrix_world).to_3x3())
        stand = np.array(stand_basis(control.ob).translation)
        return lambda ways: _curves("location", stand + ways @ space.T, "Look At")
    axes = np.array((control.ob.matrix_world.inverted() @ rig.root.matrix_world).to_3x3()).T
    if pose.bone.use_local_location or pose.bone.parent is None:
        axes = axes @ _rotation(pose.bone.matrix_local)
    path = pose.path_from_id("location")
    return lambda ways: _curves(path, ways @ axes, control.bone)


def _is_carried(rig: Rig, target: Control) -> bool:
    """Whether a target moves along with the head: the head is turned a little to see."""
    head = rig.head
    if head is None or head.pose is None:
        return True
    before = head.pose.matrix_basis.copy()
    places = []
    for basis in (Matrix.Identity(4), Matrix.Rotation(_TEST_TURN, 4, "X") @ Matrix.Rotation(_TEST_TURN, 4, "Z")):
        head.pose.matrix_basis = basis
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        root = rig.root.evaluated_get(graph).matrix_world.inverted()
        ob = target.ob.evaluated_get(graph)
        turned = head.ob.evaluated_get(graph)
        matrices = [turned.matrix_world @ turned.pose.bones[head.bone].matrix]
        matrices.append(ob.matrix_world @ ob.pose.bones[target.bone].matrix if target.bone else ob.matrix_world)
        places.append([np.array(root @ matrix) for matrix in matrices])
    head.pose.matrix_basis = before
    bpy.context.view_layer.update()
    (head_before, target_before), (head_after, target_after) = places
    expected = head_after @ np.linalg.inv(head_before) @ target_before
    moved = np.linalg.norm(target_after[:3, 3] - target_before[:3, 3])
    return bool(moved > _FOLLOWS * np.linalg.norm(expected[:3, 3] - target_before[:3, 3]))


def _eulers(rotations: Array, order: str) -> Array:
    """(N, 3) euler angles, each near the one before."""
    angles: list[Euler] = []
    for rotation in rotations:
        matrix = Matrix(rotation.tolist())
        angles.append(matrix.to_euler(order, angles[-1]) if angles else matrix.to_euler(order))
    return np.array(angles).reshape(-1, 3)


def _rotation(matrix: Matrix) -> Array:
    """3x3 without scale."""
    return np.array(matrix.to_3x3().normalized())


def _curves(path: str, values: Array, group: str) -> list[Curve]:
    return [Curve(path, index, values[:, index], group) for index in range(values.shape[1])]
