"""The default avatar, built from the embedded face model by script: head, neck, eyes, mouth, brows, lashes, hair, shirt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import bpy
import numpy as np

from ....inference.face_model import load
from . import materials as recipes
from .ears import ear
from .eyeballs import eyeball
from .face_skin import SKIN_COUNT, Face, build_face
from .facial_hair import brows, lashes
from .hair_and_shirt import hair, shirt
from .head_field import HEAD_PIVOT_CM, NECK_PIVOT_CM, head_weights
from .head_shape import HeadShape, mean_head
from .head_skin import BAG_REGION, Skin, build_skin, jaw_motions
from .marks import LANDMARKS_PROPERTY
from .mesh import Indices, Piece, Points, merge
from .mouth_parts import teeth_and_gums, tongue
from .objects import UV, add_armature, add_pieces
from .skin_layout import ear_uv, skin_uv
from .skin_paint import ear_tint, lip_faces, scalp, skin_tint

Materials = Callable[[str], Mapping[str, bpy.types.Material]]


def add_default_avatar(
    scene: bpy.types.Scene,
    name: str = "Understudy",
    shape: HeadShape | None = None,
    materials: Materials | None = None,
    without: Sequence[str] = (),
) -> bpy.types.Object:
    """Build the avatar in `scene` and return its armature; with another head's `shape` and `materials`, and without
    some pieces, too.

    The avatar contract: an armature at the world origin, metres, facing -Y, with the bones `neck`, `head`, `eye.L`, `eye.R`
    and the properties `understudy_avatar`, `understudy_origin_m` (the face model's origin in armature space) and
    `understudy_cm` (metres per face-model centimetre); skinned meshes whose shape keys are named as in `arkit.NAMES`;
    on the face mesh `understudy_landmarks`, the vertex of each of the 478 landmarks.
    """
    shape = shape or mean_head()
    pieces = [piece for piece in default_pieces(shape) if piece.name not in without]
    lowest = min(float(piece.points_cm[:, 1].min()) for piece in pieces)
    origin_m = np.array([0.0, 0.0, -0.01 * lowest])
    neck, head = shape.warp(np.stack([NECK_PIVOT_CM, HEAD_PIVOT_CM]))
    armature = add_armature(scene, name, origin_m, neck, head, shape.model.eye_centres_cm.astype(np.float64))
    add_pieces(pieces, armature, origin_m, (materials or default_materials)(armature.name))
    return armature


def default_pieces(shape: HeadShape | None = None) -> list[Piece]:
    """Every mesh of the avatar as plain arrays; the face comes first.

    What is not measured on the actor (ears, teeth, hair, shirt, colours) is made for the mean head and follows `shape`.
    """
    shape = shape or mean_head()
    mean = build_face(load("default"))
    mean_skin = build_skin(mean)
    face, skin = mean, mean_skin
    if shape.model is not load("default"):
        face = build_face(shape.model)
        skin = build_skin(face, shape.warp)
    jaw = jaw_motions(mean)
    bite_y = float(mean.points_cm[mean.mouth_upper[len(mean.mouth_upper) // 2], 1])
    eyes = [eyeball(eye) for eye in face.eyes]
    landmarks = _landmarks(skin, face, eyes, shape.model.mean_cm.astype(np.float64))
    ears = [ear(side) for side in (1.0, -1.0)]
    for piece in ears:
        piece.attributes.update({"tint": ear_tint(piece.points_cm), UV: ear_uv(piece.points_cm)})
    ears = [_moved(piece, shape.warp) for piece in ears]
    head = merge("Face", [_skin_piece(skin, mean, mean_skin), *eyes, *ears])
    head.properties[LANDMARKS_PROPERTY] = landmarks.tolist()
    return [
        head,
        _moved(teeth_and_gums(bite_y, jaw), shape.mouth, shape.mouth_scale),
        _moved(tongue(bite_y, jaw), shape.mouth, shape.mouth_scale),
        brows(face.points_cm, face.points_cm, face.triangles, face.shapes_cm),
        lashes(face.eyes, face.points_cm, face.shapes_cm),
        _moved(hair(mean_skin, mean.oval), shape.warp),
        _moved(shirt(mean_skin, mean.oval), shape.warp),
    ]


def _moved(piece: Piece, way: Callable[[Points], Points], scale: float = 1.0) -> Piece:
    """The piece elsewhere; its shapes keep their direction."""
    shapes = {name: scale * delta for name, delta in piece.shapes_cm.items()}
    return replace(piece, points_cm=way(piece.points_cm), shapes_cm=shapes)


def _skin_piece(skin: Skin, mean: Face, mean_skin: Skin) -> Piece:
    """The skin; its colours, weights and places in the texture are those of the mean head's same vertices."""
    slot = np.where(skin.region == BAG_REGION, 2, 0).astype(np.int32)
    lips = lip_faces(mean)
    slot[: len(lips)][lips] = 1
    return Piece(
        name="Skin",
        points_cm=skin.points_cm,
        faces=skin.faces,
        materials=["skin", "lips", "mouth"],
        face_material=slot,
        shapes_cm=skin.shapes_cm,
        bone_weights=head_weights(mean_skin.points_cm),
        attributes={
            "rest_cm": mean_skin.points_cm,
            "tint": skin_tint(mean, mean_skin),
            "scalp": scalp(mean_skin.points_cm),
            UV: skin_uv(mean, mean_skin),
        },
    )


def _landmarks(skin: Skin, face: Face, eyes: list[Piece], mean_cm: Points) -> Indices:
    """(478,) vertices: skin landmarks are the first vertices; on the smoothed oval and on the irises the nearest one serves."""
    marks = np.arange(len(mean_cm))
    balls = np.concatenate([eye.points_cm for eye in eyes])
    for landmark in [int(vertex) for vertex in face.oval if vertex < SKIN_COUNT]:
        marks[landmark] = np.argmin(((skin.points_cm - mean_cm[landmark]) ** 2).sum(axis=1))
    for landmark in range(SKIN_COUNT, len(mean_cm)):
        marks[landmark] = len(skin.points_cm) + np.argmin(((balls - mean_cm[landmark]) ** 2).sum(axis=1))
    return marks


def default_materials(name: str) -> dict[str, bpy.types.Material]:
    """The avatar's own look."""
    return {
        "skin": recipes.skin(f"{name} Skin"),
        "lips": recipes.skin(f"{name} Lips", recipes.LIP),
        "mouth": recipes.plain(f"{name} Mouth", recipes.GUM, 0.35, subsurface=0.1, coat=0.3),
        "eye": recipes.eye(f"{name} Eye", recipes.WHITE),
        "iris": recipes.eye(f"{name} Iris", recipes.IRIS),
        "pupil": recipes.eye(f"{name} Pupil", (0.005, 0.005, 0.005)),
        "gums": recipes.plain(f"{name} Gums", recipes.GUM, 0.3, subsurface=0.2, coat=0.5),
        "teeth": recipes.plain(f"{name} Teeth", recipes.TOOTH, 0.2, subsurface=0.15, coat=0.5),
        "tongue": recipes.plain(f"{name} Tongue", recipes.TONGUE, 0.45, subsurface=0.25, coat=0.35),
        "brows": recipes.plain(f"{name} Brows", recipes.BROW, 0.6),
        "lashes": recipes.plain(f"{name} Lashes", (0.012, 0.008, 0.006), 0.6),
        "hair": recipes.strands(f"{name} Hair"),
        "cloth": recipes.cloth(f"{name} Shirt", (0.045, 0.060, 0.085)),
    }
