"""An avatar from an ICT-FaceKit folder: all its parts, its 53 expressions under their ICT names, eyes on bones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ....inference.face_model import load
from ....inference.face_model.ict_folder import IctModel, read_ict
from . import face_topology as parts
from . import materials as recipes
from .face_skin import Eye
from .facial_hair import brows, lashes
from .head_field import HEAD_PIVOT_CM, NECK_PIVOT_CM, head_weights
from .ict_actor import IctActor
from .marks import LANDMARKS_PROPERTY
from .mesh import Indices, Piece, Points, averaged, merge, smoothstep
from .objects import UV, add_armature, add_pieces

Materials = Callable[[str], Mapping[str, bpy.types.Material]]
SOCKETS = slice(11248, 14062)
"""Vertices of the mouth bag and the eye sockets inside the skin."""
IRIS_OF_RADIUS = 0.41
SHELLS = ("M_ScleraLeft", "M_ScleraRight", "M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion", "M_EyeLashes")
"""Parts before the eyes that need textures to look right."""
BROW_SHAPES = ("brow", "cheek", "eye", "nose")
"""Shapes that move the skin of the brows begin with these words."""
ICT_IRIS_CM = 0.56
LEFT_BROW, RIGHT_BROW, OUTER_LIP = slice(22, 27), slice(17, 22), slice(48, 60)
BROW_TINT = np.array([0.10, 0.06, 0.045])


def add_ict_avatar(
    folder: str | Path,
    scene: bpy.types.Scene,
    name: str = "ICT",
    actor: IctActor | None = None,
    materials: Materials | None = None,
) -> bpy.types.Object:
    """Build the ICT-FaceKit head in `scene` and return its armature (the avatar contract of `avatar_default`).

    With an `actor` it has that face, places in the actor's texture, and, given `materials` (of a name) in place of some
    of its own, no brows of strands. Raises InputError when `folder` is not an ICT-FaceKit folder.
    """
    head = read_ict(Path(folder))
    marks = load("default").mean_cm.astype(np.float64)
    if actor is not None:
        head, marks = actor.shaped(head), actor.marks
    eyes = [_sphere(head.neutral_cm[head.part(f"M_Iris{side}")]) for side in ("Left", "Right")]
    face = merge(
        "Face",
        [_skin(head, actor), *(_eye(head, side, *eye) for side, eye in zip(("Left", "Right"), eyes, strict=True))],
    )
    face.properties[LANDMARKS_PROPERTY] = _landmarks(face, marks).tolist()
    pieces = [
        face,
        *([] if materials else [_brows(head, face)]),
        _part(head, "Mouth", {"M_GumsTongue": "gums", "M_Teeth": "teeth"}),
        _lashes(head, face, eyes),
        _part(head, "Eye Shells", dict.fromkeys(SHELLS, "shell"), hidden=True),
    ]
    origin_m = np.array([0.0, 0.0, -0.01 * head.neutral_cm[:, 1].min()])
    centres = np.array([centre for centre, _ in eyes])
    armature = add_armature(scene, name, origin_m, NECK_PIVOT_CM, HEAD_PIVOT_CM, centres)
    own = materials(armature.name) if materials else {}
    add_pieces(pieces, armature, origin_m, {**_materials(armature.name), **own})
    return armature


def _materials(name: str) -> dict[str, bpy.types.Material]:
    return {
        "skin": recipes.skin(f"{name} Skin"),
        "socket": recipes.plain(f"{name} Mouth", recipes.GUM, 0.4, subsurface=0.1),
        "eye": recipes.eye(f"{name} Eye"),
        "gums": recipes.plain(f"{name} Gums", recipes.TONGUE, 0.3, subsurface=0.2, coat=0.4),
        "teeth": recipes.plain(f"{name} Teeth", recipes.TOOTH, 0.2, subsurface=0.15, coat=0.5),
        "brows": recipes.plain(f"{name} Brows", recipes.BROW, 0.6),
        "lashes": recipes.plain(f"{name} Lashes", (0.012, 0.008, 0.006), 0.6),
        "shell": recipes.see_through(f"{name} Shell", (0.8, 0.8, 0.8), 0.0),
    }


def _part(head: IctModel, name: str, materials: dict[str, str], hidden: bool = False) -> Piece:
    """The polygons of some ICT materials as a piece with all the shapes that move it."""
    present = [(recipe, head.polygons_of(key)) for key, recipe in materials.items() if key in head.materials]
    used = head.part(*materials)
    renumber = np.full(len(head.neutral_cm), -1, np.int64)
    renumber[used] = np.arange(len(used))
    slots = list(dict.fromkeys(recipe for recipe, _ in present))
    points = head.neutral_cm[used]
    shapes = {key: delta for key, delta in _shapes(head, used).items() if (np.abs(delta) > 1e-5).any()}
    return Piece(
        name=name,
        points_cm=points,
        faces=[renumber[list(polygon)].tolist() for _, polygons in present for polygon in polygons],
        materials=slots,
        face_material=np.array([slots.index(recipe) for recipe, polygons in present for _ in polygons], np.int32),
        shapes_cm={} if hidden else shapes,
        bone_weights=head_weights(points),
        attributes={"rest_cm": points},
        hidden=hidden,
    )


def _shapes(head: IctModel, vertices: Indices) -> dict[str, Points]:
    return {name: delta[vertices].astype(np.float64) for name, delta in head.shapes_cm.items()}


def _skin(head: IctModel, actor: IctActor | None) -> Piece:
    """Face and back of the head, coloured; the mouth bag and eye sockets have their own material."""
    part = _part(head, "Skin", {"M_Face": "skin", "M_BackHead": "skin"})
    used = head.part("M_Face", "M_BackHead")
    inside = np.zeros(len(head.neutral_cm), bool)
    inside[SOCKETS] = True
    inside = inside[used]
    slot = np.array([int(all(inside[vertex] for vertex in face)) for face in part.faces], np.int32)
    return Piece(
        name="Skin",
        points_cm=part.points_cm,
        faces=part.faces,
        materials=["skin", "socket"],
        face_material=slot,
        shapes_cm=_shapes(head, used),
        bone_weights=part.bone_weights,
        attributes={
            "rest_cm": part.points_cm,
            "tint": _tint(part, head.neutral_cm[head.landmarks68]),
            **({UV: actor.uv(part.points_cm)} if actor is not None else {}),
        },
    )


def _tint(skin: Piece, marks: Points) -> NDArray[np.float64]:
    """(V, 4) skin colour with brows, lips and a little blush; alpha is lower where the skin is moist."""
    points = skin.points_cm
    tint = np.concatenate([np.tile(recipes.SKIN, (len(points), 1)), np.ones((len(points), 1))], axis=1)
    front = smoothstep(3.0, 6.0, points[:, 2])
    cheek = np.minimum(*(np.linalg.norm(points - [side * 4.3, -0.5, 9.3], axis=1) for side in (-1, 1)))
    _blend(tint, np.array([0.60, 0.25, 0.19]), 0.55 * smoothstep(3.0, 0.5, cheek))
    for part in (LEFT_BROW, RIGHT_BROW):
        line = marks[part]
        distance = np.min([_segment_distance(points, a, b) for a, b in pairwise(line)], axis=0)
        _blend(tint, BROW_TINT, 0.35 * front * smoothstep(0.60, 0.15, distance))
    inside = _inside(points[:, :2], marks[OUTER_LIP, :2]) & (points[:, 2] > 8.0)
    lip = averaged(inside.astype(float), skin.faces, 2)
    _blend(tint, np.array(recipes.LIP), lip)
    tint[:, 3] -= 0.6 * lip
    return tint


def _brows(head: IctModel, face: Piece) -> Piece:
    """Brows of strands on the front of the skin, between the landmark lines of the default model."""
    marks = face.points_cm[np.asarray(face.properties[LANDMARKS_PROPERTY])]
    quads = np.array(head.polygons_of("M_Face"), np.int64)
    front = _shapes(head, np.arange(SOCKETS.start))
    shapes = {name: delta for name, delta in front.items() if name.startswith(BROW_SHAPES)}
    return brows(marks, head.neutral_cm[: SOCKETS.start], quads, shapes)


def _lashes(head: IctModel, face: Piece, eyes: Sequence[tuple[Points, float]]) -> Piece:
    """Lashes of strands on the lids: ICT's own cards turn into dark slabs when the eyes close, so they are hidden."""
    vertex = np.asarray(face.properties[LANDMARKS_PROPERTY])
    lines = (
        ("Left", parts.EYE_LEFT_UPPER, parts.EYE_LEFT_LOWER),
        ("Right", parts.EYE_RIGHT_UPPER, parts.EYE_RIGHT_LOWER),
    )
    lids = [
        Eye(side, centre, radius, vertex[list(upper)], vertex[list(lower)])
        for (side, upper, lower), (centre, radius) in zip(lines, eyes, strict=True)
    ]
    return lashes(lids, face.points_cm, face.shapes_cm)


def _blend(tint: NDArray[np.float64], colour: NDArray[np.float64], amount: NDArray[np.float64]) -> None:
    tint[:, :3] += amount[:, None] * (colour - tint[:, :3])


def _segment_distance(points: Points, start: Points, end: Points) -> NDArray[np.float64]:
    along = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0.0, 1.0)
    return np.linalg.norm(points - start - along[:, None] * (end - start), axis=1)


def _inside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule, (V, 2) points against a closed (N, 2) polygon."""
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        slope = (x1 - x0) / (y1 - y0 if y1 != y0 else 1e-9)
        inside ^= crosses & (points[:, 0] < x0 + slope * (points[:, 1] - y0))
    return inside


def _sphere(points: Points) -> tuple[Points, float]:
    """Centre and radius of the least-squares sphere through `points`."""
    solution = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(axis=1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def _eye(head: IctModel, side: str, centre: Points, radius: float) -> Piece:
    """One eyeball on its bone; the inner ball of ICT carries the iris, its shapes are left to the bone."""
    part = _part(head, f"Eye {side}", {f"M_Iris{side}": "eye"})
    off_axis = part.points_cm - centre
    iris = np.c_[off_axis[:, :2] * IRIS_OF_RADIUS / ICT_IRIS_CM, off_axis[:, 2] > 0.35 * radius]
    return Piece(
        name=part.name,
        points_cm=part.points_cm,
        faces=part.faces,
        materials=part.materials,
        face_material=part.face_material,
        bone_weights={"eye.L" if side == "Left" else "eye.R": np.ones(len(part.points_cm))},
        attributes={"rest_cm": part.points_cm, "iris": iris},
    )


def _landmarks(face: Piece, marks: Points) -> Indices:
    """(478,) vertex nearest to each landmark (478, 3): iris landmarks on eyeballs, others on skin."""
    on_eye = face.bone_weights["eye.L"] + face.bone_weights["eye.R"] > 0
    nearest = np.empty(len(marks), np.int64)
    for index, mark in enumerate(marks):
        candidates = np.flatnonzero(on_eye == (index >= 468))
        nearest[index] = candidates[np.argmin(((face.points_cm[candidates] - mark) ** 2).sum(axis=1))]
    return nearest
