"""Where the face is on a foreign avatar: which way it looks, and where the face model lies over it.

The face model is laid over the avatar by what corresponds on both: each shape key whose name is known moves a place of the
face (a lid, a corner of the mouth), the face model moves the same place, and the eyes' bones are the eyes' centres. An
avatar that shows too few such places is placed by the extent of what its keys move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ....inference import arkit, face_model, retarget
from ....inference.errors import UnderstudyError
from ....inference.face_model.types import FaceModel
from ....inference.retarget.bones import FaceBones
from ....inference.take import Take
from ..avatars.marks import AVATAR_PROPERTY
from ..key_points import key_points
from .standing import stand
from .turning import matched

Points = NDArray[np.float64]

_FACE_TO_BLENDER: Final = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
_STEADY: Final = frozenset({"jawForward", "cheekPuff", "tongueOut", "jawLeft", "jawRight", "mouthLeft", "mouthRight"})
"""Coefficients that move too much of a face, or too differently on each, to tell a place; gaze neither."""
_PLACES: Final = 4
"""Fewer places than this do not tell a size."""
_SPREAD_CM: Final = 1.5
_UP: Final = 0.7
_SIDEWAYS: Final = ("jaw", "mouthLeft", "mouthRight", "eyeLook")
IRISES: Final = 468
"""Landmarks before this one lie on the skin."""
_SLIDES: Final = 8
_OFF_SKIN: Final = 2.5
"""Landmarks farther off than so many medians have no skin under them."""
_REMEMBERED: Final = 8
_BONY: Final = (33, 133, 362, 263, 168, 6, 197, 195, 5, 10, 234, 454, 127, 356)
"""Landmarks that no expression moves much: corners of the eyes, bridge of the nose, forehead, temples."""
_LIDS: Final = (362, 263, 386, 374, 33, 133, 159, 145)
"""Corners and middles of the lids."""
_SIZE_FRAMES: Final = 60
_SIZES: Final = (0.7, 1.4)
"""Sizes of faces that there are; beyond, the take's landmarks are not what they should be."""

_places_of: dict[tuple[object, ...], dict[str, Points]] = {}
_laid: dict[tuple[object, ...], Points] = {}
"""What was measured last, since a rig is read for every picture while somebody scrubs."""


def face_axes(
    root: bpy.types.Object,
    armature: bpy.types.Object | None,
    meshes: Sequence[bpy.types.Object],
    bones: FaceBones,
) -> Matrix:
    """3x3 face-model axes to the root's local axes, always along them.

    Up is where the head is above its first ancestor, or the world's up; left is where the left eye or what a key of the
    left eye moves is. An avatar that shows neither faces -Y, or +Z when its own Y points up.
    """
    if AVATAR_PROPERTY in root:
        return _FACE_TO_BLENDER
    up = _along(_up(root, armature, bones))
    left = _left(root, armature, meshes, bones)
    if left is not None:
        left = _along(left - up * left.dot(up))
    if left is None or abs(left.dot(up)) > _UP:
        left = Vector((1.0, 0.0, 0.0))
        if abs(up.x) > _UP:
            left = Vector((0.0, 1.0, 0.0))
    out = left.cross(up)
    return Matrix((left, up, out)).transposed()


def placed_face(
    root: bpy.types.Object,
    armature: bpy.types.Object | None,
    meshes: Sequence[bpy.types.Object],
    bones: FaceBones,
    axes: Matrix,
    take: Take | None,
) -> tuple[Vector, float]:
    """The face model's origin in the root's local axes, and root units for one centimetre."""
    model, neutral_cm = _actor(take)
    to_face = np.array(axes)  # rows times axes = transposed axes times columns
    pairs = list(_shape_places(root, meshes, model, neutral_cm))
    if armature is not None:
        pairs += _eye_places(root, armature, bones, model, neutral_cm)
    if len(pairs) >= _PLACES or (not meshes and pairs):
        avatar = np.array([place for place, _ in pairs]) @ to_face
        actor = np.array([place for _, place in pairs])
        if np.sqrt(actor.var(0).sum()) > _SPREAD_CM:
            origin, units = _fitted(avatar, actor)
            if units > 0:
                if len(pairs) >= _PLACES and meshes:
                    origin = _laid_on(root, meshes, to_face, origin, model.at_landmarks(neutral_cm) * units)
                return axes @ Vector(origin), units
    shown = [*meshes] or [ob for ob in bpy.data.objects if ob.type == "MESH" and ob.find_armature() == armature]
    moved = np.concatenate([_moved_points(root, mesh) for mesh in shown]) @ to_face
    low, high = moved.min(0), moved.max(0)
    extent = neutral_cm if take is None or len(take.neutral_cm) == len(neutral_cm) else take.neutral_cm
    actor_low, actor_high = extent.min(0), extent.max(0)
    units = float((high[0] - low[0]) / max(float(actor_high[0] - actor_low[0]), 1e-6))
    return axes @ Vector((low + high) / 2 - (actor_low + actor_high) / 2 * units), units


def _along(direction: Vector) -> Vector:
    """The axis that a direction is nearest to."""
    axis = max(range(3), key=lambda index: abs(direction[index]))
    return Vector([np.copysign(1.0, direction[axis]) if index == axis else 0.0 for index in range(3)])


def _up(root: bpy.types.Object, armature: bpy.types.Object | None, bones: FaceBones) -> Vector:
    if armature is not None and bones.head:
        head = armature.data.bones[bones.head]
        first = head.parent_recursive[-1] if head.parent else head
        rise = head.head_local - first.head_local
        if rise.length < head.length:
            rise = head.tail_local - head.head_local
        return _between(armature, root) @ rise
    return stand(root).to_3x3().normalized().inverted() @ Vector((0.0, 0.0, 1.0))


def _left(
    root: bpy.types.Object, armature: bpy.types.Object | None, meshes: Sequence[bpy.types.Object], bones: FaceBones
) -> Vector | None:
    """From what is on the actor's right to what is on the left."""
    left_bone, right_bone = bones.eyes
    if armature is not None and left_bone and right_bone:
        eyes = armature.data.bones
        return _between(armature, root) @ (eyes[left_bone].head_local - eyes[right_bone].head_local)
    if not meshes:
        return None
    face, centres = _moved_places(root, meshes)
    across = np.zeros(3)
    for link in _mapping(face).links:
        side = 1.0 if link.coefficient.endswith("Left") else -1.0 if link.coefficient.endswith("Right") else 0.0
        if side and not link.coefficient.startswith(_SIDEWAYS) and link.key in centres:
            across += side * centres[link.key]
    return Vector(across) if np.abs(across).max() > 0 else None


def _between(source: bpy.types.Object, target: bpy.types.Object) -> Matrix:
    """3x3 from one object's local axes to another's."""
    return (target.matrix_world.inverted() @ source.matrix_world).to_3x3()


def _actor(take: Take | None) -> tuple[FaceModel, Points]:
    """The face model that a take was tracked with and the actor's neutral in it; without either the default one."""
    default = face_model.load()
    if take is None:
        return default, default.mean_cm.astype(np.float64)
    model = default
    if take.face_model != default.name:
        try:
            model = face_model.load(take.face_model)
        except UnderstudyError:  # a maker's model, of which a take knows no folder: the default face, the actor's size
            return default, default.mean_cm.astype(np.float64) * _actor_size(take, default)
    if len(take.neutral_cm) != len(model.mean_cm):
        return model, model.mean_cm * _actor_size(take, model)
    return model, take.neutral_cm.astype(np.float64)


def _actor_size(take: Take, model: FaceModel) -> float:
    """How large the actor's face is beside the mean face: as large as the landmarks of the take ask, at its distances.

    With Y = s R X + t and (u - cx) = f Yx / -Yz every landmark gives two equations that are linear in s.
    """
    frames = np.flatnonzero(take.confidence > 0)
    frames = frames[:: max(len(frames) // _SIZE_FRAMES, 1)]
    points = np.einsum("tij,nj->tni", take.rotation[frames].astype(np.float64), model.landmark_mean_cm[list(_BONY)])
    pixels = take.landmarks_px[frames][:, list(_BONY)].astype(np.float64)
    moves = take.translation_cm[frames].astype(np.float64)[:, None]
    focal, middle = take.camera_matrix[(0, 1), (0, 1)], take.camera_matrix[:2, 2]
    offset = (pixels - middle) * (1.0, -1.0)
    slope = -offset * points[..., 2:] - focal * points[..., :2]
    wanted = offset * moves[..., 2:] + focal * moves[..., :2]
    known = np.isfinite(offset)
    total = float((slope[known] ** 2).sum())
    size = float((slope[known] * wanted[known]).sum() / total) if total > 0 else 1.0
    return size if _SIZES[0] < size < _SIZES[1] else 1.0


def _shape_places(
    root: bpy.types.Object, meshes: Sequence[bpy.types.Object], model: FaceModel, neutral_cm: Points
) -> Iterator[tuple[Points, Points]]:
    """What each key of known name moves on the avatar (root axes), and what the same moves on the actor (cm)."""
    if not meshes:
        return
    face, centres = _moved_places(root, meshes)
    mapping = _mapping(face)
    areas = _areas(neutral_cm, model.triangles)
    for key in mapping.keys:
        links = [link for link in mapping.links if link.key == key]
        if key not in centres or any(link.coefficient in _STEADY for link in links):
            continue
        if any(link.coefficient.startswith("eyeLook") for link in links):
            continue
        moves = np.zeros(neutral_cm.shape)
        for link in links:
            moves += link.gain * model.expressions_cm[arkit.INDEX[link.coefficient]]
        actor = _centre(neutral_cm, moves, areas)
        if actor is not None:
            yield centres[key], actor


def _eye_places(
    root: bpy.types.Object, armature: bpy.types.Object, bones: FaceBones, model: FaceModel, neutral_cm: Points
) -> list[tuple[Points, Points]]:
    """Where the eyes' bones are, and where the eyes of the actor are."""
    if not (bones.eyes[0] and bones.eyes[1]):
        return []
    # The eyes of a face of the actor's size, where the actor's lids are: how far apart an actor's eyes are says little
    # of how large the face is.
    mean, actor = model.landmark_mean_cm, model.at_landmarks(neutral_cm)
    bone, same = (points[list(_BONY)] - points[list(_BONY)].mean(0) for points in (mean, actor))
    size = float((bone * same).sum() / (bone**2).sum())
    lids = list(_LIDS)
    centres = (model.eye_centres_cm - mean[lids].mean(0)) * size + actor[lids].mean(0)
    across = _between(armature, root)
    start = root.matrix_world.inverted() @ armature.matrix_world.translation
    places = [np.array(start + across @ armature.data.bones[name].head_local) for name in bones.eyes]
    return list(zip(places, centres, strict=True))


def _fitted(avatar: Points, actor: Points) -> tuple[Points, float]:
    """Origin and scale that lay places (N, 3) of the actor over those of the avatar; places that fit badly count less."""
    weights = np.ones(len(actor))
    for _ in range(10):
        share = weights / weights.sum()
        middle, other = share @ avatar, share @ actor
        here, there = avatar - middle, actor - other
        units = float((share @ (here * there).sum(1)) / (share @ (there**2).sum(1)))
        errors = np.linalg.norm(here - units * there, axis=1)
        weights = 1 / np.maximum(errors, np.median(errors) + 1e-9)
    return middle - units * other, units


def _moved_places(
    root: bpy.types.Object, meshes: Sequence[bpy.types.Object]
) -> tuple[bpy.types.Object, dict[str, Points]]:
    """The mesh with most shape keys, and the middle of what each key of known name moves, in the root's local axes."""
    face = max(meshes, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))
    blocks = face.data.shape_keys.key_blocks
    matrix = np.array(root.matrix_world.inverted() @ face.matrix_world)
    known = (root.session_uid, face.data.session_uid, tuple(_mapping(face).keys), _mark(blocks[0]), matrix.tobytes())
    if known not in _places_of:
        rest = _points_of(blocks[0])
        areas = _areas(rest, _triangles(face.data))
        moved = {key: _centre(rest, _points_of(blocks[key]) - rest, areas) for key in _mapping(face).keys}
        while len(_places_of) >= _REMEMBERED:
            _places_of.pop(next(iter(_places_of)))
        _places_of[known] = {
            key: np.asarray(matrix[:3, :3] @ centre + matrix[:3, 3])
            for key, centre in moved.items()
            if centre is not None
        }
    return face, _places_of[known]


def _mapping(face: bpy.types.Object) -> retarget.Mapping:
    return matched(tuple(block.name for block in face.data.shape_keys.key_blocks[1:]))


def _mark(block: bpy.types.ShapeKey) -> float:
    """A number that changes when somebody edits the mesh."""
    points = key_points(block).ravel()
    return float(points @ np.linspace(1.0, 2.0, len(points), dtype=np.float32))


def _triangles(mesh: bpy.types.Mesh) -> NDArray[np.int32]:
    mesh.calc_loop_triangles()
    triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles.reshape(-1, 3)


def _centre(points: Points, moves: Points, areas: Points) -> Points | None:
    """The middle of points (N, 3), each counted by the surface around it and the fourth power of its move: what goes far
    tells a place, a neck that comes along a little does not.
    """
    shares = (np.asarray(moves) ** 2).sum(1) ** 2 * areas
    total = float(shares.sum())
    return np.asarray(shares @ points / total) if total > 0 else None


def _areas(points: Points, triangles: NDArray[np.int32]) -> Points:
    """(N,) surface around each point; 1 for points of a mesh without faces."""
    if not len(triangles):
        return np.ones(len(points))
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(area, 3), len(points))


def _laid_on(
    root: bpy.types.Object, meshes: Sequence[bpy.types.Object], to_face: Points, origin: Points, landmarks: Points
) -> Points:
    """An origin that lays the actor's landmarks on the avatar's skin: they slide to the nearest surface, step by step.

    What keys move says where a lid is across the face, but not how deep: lids and lips have insides on some avatars.
    """
    face, _ = _moved_places(root, meshes)
    matrix = np.array(root.matrix_world.inverted() @ face.matrix_world)
    skin = (_points_of(face.data.shape_keys.key_blocks[0]) @ matrix[:3, :3].T + matrix[:3, 3]) @ to_face
    known = (face.data.session_uid, skin[:: max(len(skin) // 97, 1)].tobytes(), landmarks[::29].tobytes())
    if known not in _laid:
        tree = BVHTree.FromPolygons(skin.tolist(), _triangles(face.data).tolist())
        for _ in range(_SLIDES):
            points = origin + landmarks[:IRISES]
            ways = np.array([tree.find_nearest(Vector(point))[0] for point in points]) - points
            lengths = np.linalg.norm(ways, axis=1)
            origin = origin + ways[lengths < _OFF_SKIN * np.median(lengths) + 1e-9].mean(0)
        while len(_laid) >= _REMEMBERED:
            _laid.pop(next(iter(_laid)))
        _laid[known] = origin
    return _laid[known]


def _moved_points(root: bpy.types.Object, mesh: bpy.types.Object) -> Points:
    """(N, 3) points of a mesh that any shape key moves, in the root's local axes; all when those have no extent."""
    if mesh.data.shape_keys is None:
        rest = np.empty(len(mesh.data.vertices) * 3, np.float32)
        mesh.data.vertices.foreach_get("co", rest)
        points = rest.reshape(-1, 3).astype(np.float64)
    else:
        blocks = mesh.data.shape_keys.key_blocks
        rest = _points_of(blocks[0])
        moves = np.zeros(len(rest), bool)
        for block in blocks[1:]:
            moves |= np.abs(_points_of(block) - rest).max(1) > 1e-6
        points = rest[moves] if moves.any() and np.ptp(rest[moves], axis=0).any() else rest
    matrix = np.array(root.matrix_world.inverted() @ mesh.matrix_world)
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def _points_of(block: bpy.types.ShapeKey) -> Points:
    return key_points(block).astype(np.float64)
