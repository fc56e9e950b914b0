"""The avatar made from an actor: the default avatar's parts, or an ICT-FaceKit head, in the shape of a take's face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import bpy
import numpy as np

from ....inference.errors import InputError, UsageError
from ....inference.face_model import load
from ....inference.face_model.types import FaceModel
from ....inference.take import Take
from . import materials as recipes
from .default import add_default_avatar, default_materials
from .head_shape import HeadShape, actor_head
from .ict import add_ict_avatar
from .ict_actor import IctActor
from .palette import EYE_WHITE, HAIR, IRIS, SKIN, WHITE, Colour

NAME = "Actor"
BALD_BRIGHTNESS, BALD_TINT = 0.7, 0.1
"""Natural logarithms."""
PUPIL: Colour = (0.005, 0.005, 0.005)


def add_actor_avatar(
    scene: bpy.types.Scene,
    take: Take,
    texture: Path | None = None,
    *,
    name: str = NAME,
    model: FaceModel | None = None,
    ict_folder: Path | None = None,
) -> bpy.types.Object:
    """An avatar with the face of the take's actor and the avatar contract of `add_default_avatar`; returns its armature.

    `texture` is a picture that `understudy texture` wrote. `model` is the face model that the take was made with; it may
    be left out for the embedded one. With `ict_folder` a take made with ICT-FaceKit gets the ICT-FaceKit head. Raises
    UsageError when they do not fit, InputError when the texture is no picture.
    """
    shape = actor_shape(take, model or load("default"))
    if ict_folder is not None and model is not None and model.name == "ict":
        return _add_ict(scene, name, ict_folder, IctActor(model, take.neutral_cm), texture)
    if texture is None:
        return add_default_avatar(scene, name, shape)
    image, colours = load_texture(texture)
    if is_bald(colours):
        colours["hair"] = colours["skin"]

    def materials(avatar: str) -> Mapping[str, bpy.types.Material]:
        return {**default_materials(avatar), **_photographed(avatar, image, colours)}

    # The picture has the actor's own brows.
    without = ("Brows", "Hair") if is_bald(colours) else ("Brows",)
    return add_default_avatar(scene, name, shape, materials, without=without)


def _add_ict(
    scene: bpy.types.Scene, name: str, folder: Path, actor: IctActor, texture: Path | None
) -> bpy.types.Object:
    if texture is None:
        return add_ict_avatar(folder, scene, name, actor)
    image, colours = load_texture(texture)
    bare = {**colours, "hair": colours["skin"]}  # this head has no hair
    return add_ict_avatar(folder, scene, name, actor, lambda avatar: _photographed(avatar, image, bare))


def actor_shape(take: Take, model: FaceModel) -> HeadShape:
    """The head of the take's actor; raises UsageError when another face model made the take."""
    if take.face_model != model.name or len(take.neutral_cm) != len(model.mean_cm):
        raise UsageError(
            f"The take was made with the face model {take.face_model}, not {model.name}; choose the same one in step 2."
        )
    marks = model.at_landmarks(take.neutral_cm.astype(np.float64))
    return actor_head(marks, None if model.name == "default" else model.landmark_expressions_cm)


def load_texture(path: Path) -> tuple[bpy.types.Image, dict[str, Colour]]:
    """The picture, packed into the file, and the colours (linear) of `skin`, `hair`, `iris` and `white` noted beside it."""
    if not path.is_file():
        raise InputError(f"There is no texture at {path}; make it from the footage again.")
    image = bpy.data.images.load(str(path), check_existing=False)
    if not image.size[0]:
        bpy.data.images.remove(image)
        raise InputError(f"{path} is no picture; make the texture from the footage again.")
    image.pack()
    colours: dict[str, Colour] = {"skin": SKIN, "hair": HAIR, "iris": IRIS, "white": EYE_WHITE}
    notes = path.with_suffix(".json")
    if notes.is_file():
        try:
            facts = json.loads(notes.read_text(encoding="utf-8"))
            found = {key: tuple(float(part) for part in facts[key]) for key in colours if facts.get(key)}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            bpy.data.images.remove(image)
            raise InputError(f"{notes} is damaged; make the texture from the footage again.") from error
        colours.update({key: colour for key, colour in found.items() if len(colour) == 3})  # type: ignore[misc]
    return image, colours


def _photographed(name: str, image: bpy.types.Image, colours: Mapping[str, Colour]) -> dict[str, bpy.types.Material]:
    """Materials that replace the default ones: skin and lips from the picture, hair and eyes in the actor's colours."""
    skin, hair, iris = colours["skin"], colours["hair"], colours["iris"]
    # The footage's white of the eyes lies in the shadow of the lids, which the render adds again: half of it.
    white = _between(EYE_WHITE, colours["white"])
    darker: Colour = (hair[0] * 0.6, hair[1] * 0.6, hair[2] * 0.6)
    return {
        "skin": recipes.photographed(f"{name} Skin", image, skin, hair),
        "lips": recipes.photographed(f"{name} Lips", image, skin, hair),
        # Strands are lit on one side and shade each other: the picture's average is their light and dark together.
        "hair": recipes.strands(f"{name} Hair", darker),
        "eye": recipes.eye(f"{name} Eye", WHITE, iris, white),
        "iris": recipes.eye(f"{name} Iris", iris, iris, white),
        "pupil": recipes.eye(f"{name} Pupil", PUPIL, iris, white),
    }


def is_bald(colours: Mapping[str, Colour]) -> bool:
    """Where hair would be the footage shows skin: the same tint, hardly darker."""
    skin, hair = (np.log(np.maximum(colours[part], 1e-3)) for part in ("skin", "hair"))
    off = hair - skin
    return bool(abs(off.mean()) < BALD_BRIGHTNESS and np.abs(off - off.mean()).max() < BALD_TINT)


def _between(first: Colour, second: Colour) -> Colour:
    red, green, blue = (float(np.sqrt(max(a, 0.0) * max(b, 0.0))) for a, b in zip(first, second, strict=True))
    return red, green, blue
