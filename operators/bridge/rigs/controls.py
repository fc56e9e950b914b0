"""What an avatar's names say of how it follows the coefficients: its shape keys, properties that drive some, its jaw bone,
the controls of Rigify's faces; and which bones could move a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ....inference import arkit, face_model, retarget
from ....inference.retarget import Link, Mapping
from ....inference.retarget.kinds import rigify
from ..avatars.marks import AVATAR_PROPERTY
from ..key_points import key_moves
from . import channels, turning
from .channels import bone_key
from .rig import Rig
from .turning import Control

JAW: Final = ("jawOpen", "jawLeft", "jawRight", "jawForward")
CHIN: Final = (152, 148, 377, 175, 199, 200, 17, 14)
"""Landmarks that a jaw carries."""
SHAPED: Final = 20
"""A face with so many free shape keys is not moved by bones, its jaw aside."""
MOST_BONES: Final = 120
_PAST_FULL: Final = 1.25
"""How much farther than a coefficient of 1 takes it a bone may go."""
_LEAST: Final = 1e-3
_NEAR_FACE_CM: Final = 1.0
_IN_EYE_CM: Final = 0.8
_HANDLE_CM: Final = 4.5
_OPENS_CM: Final = 0.5
_SAME_JOINT: Final = 0.01
_WIDEST_TURN: Final = 0.6


def known_mapping(rig: Rig) -> Mapping:
    """How an avatar follows the coefficients, as far as the names of its keys, properties and bones say."""
    named = _named_keys(rig)
    mapping = turning.matched(tuple(named))
    told = {named[name]: name for name in reversed(mapping.keys)}  # one name for each channel: the first that says what
    mapping = replace(
        mapping,
        links=tuple(replace(link, key=named[link.key]) for link in mapping.links if told[named[link.key]] == link.key),
        exclusive=tuple(tuple(named[name] for name in group) for group in mapping.exclusive),
        unmatched_keys=tuple(dict.fromkeys(key for name in mapping.unmatched_keys if (key := named[name]) not in told)),
    )
    foreign = AVATAR_PROPERTY not in rig.root
    if foreign and turns_eyes(rig) and turning.keys_turn_eyes(rig.armature, rig.meshes, rig.bones, mapping):
        mapping = retarget.scale_region(mapping, "gaze", 0.0)
    bones, kind = _bone_links(rig, mapping)
    if bones:
        kinds = [part for part in (mapping.kind, kind) if part]
        mapping = replace(mapping, links=(*mapping.links, *bones), kind=" + ".join(kinds))
    return mapping


def candidates(rig: Rig) -> list[str]:
    """All channel keys that could move the face: free shape keys, what drives the others, and controls of the face."""
    found: dict[str, None] = {}
    for mesh in rig.meshes:
        keys = mesh.data.shape_keys
        driven = channels.driven_blocks(keys)
        found |= dict.fromkeys(block.name for block in _shapes(keys) if block.name not in driven)
        found |= dict.fromkeys(key for name in driven for key in channels.sources(rig, keys, name))
    found |= dict.fromkeys(face_channels(rig))
    return [key for key in found if channels.find(rig, key)]


def face_channels(rig: Rig) -> list[str]:
    """Keys of the bones' channels that could move the face."""
    armature = rig.armature
    if armature is None:
        return []
    jaw = [] if rig.jaw is None or rig.jaw.ob != armature else [rig.jaw.bone]
    controls = dict.fromkeys(jaw)
    if is_rigify(rig):
        controls |= dict.fromkeys(found for name in _rigify_names() if (found := _rigify_control(rig, name)))
    elif sum(len(mesh.data.shape_keys.key_blocks) for mesh in rig.meshes) < SHAPED:
        controls |= dict.fromkeys(_surface_bones(rig))
    keys = []
    for name in list(controls)[:MOST_BONES]:
        pose = armature.pose.bones[name]
        fields = ("rotation_euler", "location") if name in jaw else (_own_field(rig, name),)
        for field in fields:
            locks = pose.lock_rotation if field == "rotation_euler" else pose.lock_location
            keys += [bone_key(name, field, axis) for axis in range(3) if not locks[axis]]
    return keys


def deforming(armature: bpy.types.Object, head: bpy.types.Bone) -> list[bpy.types.Bone]:
    """The bones that deform a head: the head's own and those below it, and where mechanisms stand between, as in
    Rigify, those near it in space.
    """
    below = [bone for bone in (head, *head.children_recursive) if bone.use_deform]
    if len(below) > 1:
        return below
    centre, reach = (head.head_local + head.tail_local) / 2, head.length
    return [bone for bone in armature.data.bones if bone.use_deform and (bone.head_local - centre).length < reach]


def is_rigify(rig: Rig) -> bool:
    """Whether Rigify generated the armature, with a face."""
    return rig.armature is not None and "rig_id" in rig.armature.data and "jaw_master" in rig.armature.data.bones


def turns_eyes(rig: Rig) -> bool:
    """Whether anything but shape keys turns the eyes."""
    return bool(rig.look_at) or any(eye is not None for eye in rig.eyes)


def _shapes(keys: bpy.types.Key) -> Iterator[bpy.types.ShapeKey]:
    return (block for block in keys.key_blocks[1:] if block != keys.reference_key)


def _named_keys(rig: Rig) -> dict[str, str]:
    """Names that may say what a channel does, each with the channel's key: a free shape key's own; a custom property's
    that drives shape keys; that of a driven shape key, for the one channel that is behind it as it is.
    """
    named: dict[str, str] = {}
    for mesh in rig.meshes:
        keys = mesh.data.shape_keys
        driven = channels.driven_blocks(keys)
        named |= {block.name: block.name for block in keys.key_blocks[1:] if block.name not in driven}
        heard = {name: [key for key in channels.sources(rig, keys, name) if channels.find(rig, key)] for name in driven}
        for key in (key for found in heard.values() for key in found):
            name = channels.property_name(key)
            if name is not None:
                named.setdefault(name, key)
        for name, found in heard.items():
            if len(found) == 1 and _passes_on(driven[name]):
                named.setdefault(name, found[0])
    return named


def _passes_on(driver: bpy.types.FCurve) -> bool:
    """Whether a driver gives its one variable on as it is."""
    variables = driver.driver.variables
    if len(variables) != 1 or not all(_is_plain(modifier) for modifier in driver.modifiers):
        return False
    return driver.driver.type != "SCRIPTED" or driver.driver.expression.strip() == variables[0].name


def _is_plain(modifier: bpy.types.FModifier) -> bool:
    """Whether a modifier is the one that every new driver has: y = x."""
    return modifier.mute or (modifier.type == "GENERATOR" and tuple(modifier.coefficients) == (0.0, 1.0))


def _bone_links(rig: Rig, mapping: Mapping) -> tuple[tuple[Link, ...], str]:
    """Links to bones for coefficients that no key shows, and what kind of rig has them."""
    missing = set(mapping.missing)
    if is_rigify(rig):
        return _held(link for name in rigify.SHOWN if name in missing for link in _rigify_links(rig, name)), "Rigify"
    if rig.jaw is None:
        return (), ""
    wanted = [name for name in JAW if name in missing or _jaw_is_behind(rig, mapping)]
    return _held(link for name in wanted for link in _jaw_links(rig, name)), "jaw bone"


def _held(links: Iterator[Link]) -> tuple[Link, ...]:
    """Links with limits: a channel goes a little farther than its coefficients take it, and never twice as far as one."""
    made = tuple(links)
    ends: dict[str, tuple[float, float]] = {}
    for key in {link.key for link in made}:
        gains = [link.gain for link in made if link.key == key]
        down, up = [min(gain, 0.0) for gain in gains], [max(gain, 0.0) for gain in gains]
        ends[key] = max(_PAST_FULL * sum(down), 2 * min(down)), min(_PAST_FULL * sum(up), 2 * max(up))
    return tuple(replace(link, lower=ends[link.key][0], upper=ends[link.key][1]) for link in made)


def _rigify_names() -> dict[str, None]:
    names = (name.removeprefix(rigify.TURN) for coefficient in rigify.SHOWN for name in rigify.moves(coefficient))
    return dict.fromkeys(names)


def _rigify_control(rig: Rig, name: str) -> str | None:
    names = rigify.ALIASES.get(name, (name,))
    return next((name for name in names if name in rig.armature.data.bones), None)


def _rigify_links(rig: Rig, coefficient: str) -> Iterator[Link]:
    for name, way in rigify.moves(coefficient).items():
        control = _rigify_control(rig, name.removeprefix(rigify.TURN))
        if control is not None:
            field = "rotation_euler" if name.startswith(rigify.TURN) else "location"
            yield from _control_links(rig, Control(rig.armature, control), coefficient, field, np.array(way))


def _control_links(
    rig: Rig, control: Control, coefficient: str, field: str, way: NDArray[np.float64]
) -> Iterator[Link]:
    """Links that move a bone by `way` in face axes: centimetres, or radians about the axes."""
    bone = control.ob.data.bones[control.bone]
    turn = rig.root.matrix_world.to_3x3().normalized() @ rig.face_axes
    local = (
        control.ob.matrix_world.to_3x3().normalized() @ bone.matrix_local.to_3x3().normalized()
    ).transposed() @ turn
    amounts = local @ Vector(way)
    if field == "location":
        amounts *= rig.armature_units_per_cm
    for axis, amount in enumerate(amounts):
        if abs(amount) > _LEAST * (1.0 if field == "rotation_euler" else rig.armature_units_per_cm * 10):
            yield Link(coefficient, bone_key(control.bone, field, axis), round(float(amount), 5))


def _jaw_links(rig: Rig, coefficient: str) -> Iterator[Link]:
    """The turn, or for `jawForward` the way, that carries the chin as far as the face model's expression does.

    A jaw that begins at the chin is a handle, as in Auto-Rig Pro: it is moved rather than turned.
    """
    model = face_model.load()
    chin = model.mean_cm[list(CHIN)].astype(np.float64)
    moves = model.expressions_cm[arkit.INDEX[coefficient]][list(CHIN)].astype(np.float64)
    arms = chin - _in_face_cm(rig, rig.jaw)
    axis = np.array([1.0, 0.0, 0.0] if coefficient == "jawOpen" else [0.0, 1.0, 0.0])
    swings = np.cross(axis, arms)
    angle = float(np.clip((swings * moves).sum() / max((swings**2).sum(), 1e-6), -_WIDEST_TURN, _WIDEST_TURN))
    if np.linalg.norm(arms, axis=1).mean() < _HANDLE_CM:
        field, way = "location", moves.mean(0)
    elif coefficient == "jawForward":
        field, way = "location", np.array([0.0, 0.0, moves[:, 2].mean()])
    else:
        field, way = "rotation_euler", axis * angle
    for control in (rig.jaw, *_along_with_jaw(rig)):
        yield from _control_links(rig, control, coefficient, field, way)


def _along_with_jaw(rig: Rig) -> Iterator[Control]:
    """Bones beside the jaw that have the other half of it, from the same joint: MetaHuman's lower lip."""
    jaw = rig.jaw.pose.bone
    for bone in jaw.parent.children if jaw.parent else ():
        joint = (bone.head_local - jaw.head_local).length < _SAME_JOINT * jaw.parent.length
        if bone != jaw and joint and "lower" in bone.name.casefold():
            yield Control(rig.jaw.ob, bone.name)


def _in_face_cm(rig: Rig, control: Control) -> NDArray[np.float64]:
    """Where a bone begins, in the face model's axes and centimetres."""
    place = rig.root.matrix_world.inverted() @ control.ob.matrix_world @ control.ob.data.bones[control.bone].head_local
    return np.array(rig.face_axes.transposed() @ (place - rig.origin)) / rig.units_per_cm


def _jaw_is_behind(rig: Rig, mapping: Mapping) -> bool:
    """Whether shape keys open the mouth of the face while the bone has only teeth and tongue to carry; or the keys that
    say so hardly move it, because the bone does.
    """
    opened = {link.key for link in mapping.links if link.coefficient == "jawOpen" and link.gain > 0}
    names = {bone.name for bone in (rig.jaw.pose.bone, *rig.jaw.pose.bone.children_recursive)}
    blocks = [(mesh, block) for mesh in rig.meshes for block in mesh.data.shape_keys.key_blocks if block.name in opened]
    opening = [mesh for mesh, block in blocks if _reach_cm(rig, mesh, block) > _OPENS_CM]
    return bool(blocks) and not any(names & set(mesh.vertex_groups.keys()) for mesh in opening)


def _reach_cm(rig: Rig, mesh: bpy.types.Object, block: bpy.types.ShapeKey) -> float:
    """How far a key moves what it moves most."""
    scale = mesh.matrix_world.median_scale / rig.root.matrix_world.median_scale
    return float(np.linalg.norm(key_moves(block), axis=1).max()) * scale / rig.units_per_cm


def _own_field(rig: Rig, name: str) -> str:
    """How a bone of the skin moves it: lids that begin in the middle of an eye turn about it, all else is moved."""
    eyes = face_model.load().eye_centres_cm
    away = np.linalg.norm(eyes - _in_face_cm(rig, Control(rig.armature, name)), axis=1).min()
    return "rotation_euler" if away < _IN_EYE_CM and not is_rigify(rig) else "location"


def _surface_bones(rig: Rig) -> Iterator[str]:
    """Bones of the skin of a face without shape keys: where the face model is, when it lies over the avatar."""
    head = rig.bones.head
    if head is None:
        return
    spared = {head, *rig.bones.eyes}
    low, high = (edge(face_model.load().mean_cm, axis=0) for edge in (np.min, np.max))
    for bone in deforming(rig.armature, rig.armature.data.bones[head]):
        place = _in_face_cm(rig, Control(rig.armature, bone.name))
        if bone.name not in spared and (place > low - _NEAR_FACE_CM).all() and (place < high + _NEAR_FACE_CM).all():
            yield bone.name
