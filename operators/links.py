"""The list of links that an avatar keeps, as a mapping and back; and what was understood of the avatar."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import bpy

from ..inference import retarget
from ..inference.errors import UsageError
from ..inference.retarget import Link, Mapping
from . import preview
from .bridge import controls
from .bridge.rig import Rig, read_rig, root_of


@dataclass(frozen=True)
class Understood:
    """What is known of an avatar since it was matched; kept with it as JSON."""

    keys: int = 0
    meshes: int = 0
    kinds: tuple[str, ...] = ()
    head: str = ""
    """What turns the head."""
    eyes: str = ""
    """What turns the eyes; empty when nothing does."""
    idle: tuple[str, ...] = ()
    """Known keys that stay at rest."""
    unknown: tuple[str, ...] = ()
    """Keys whose names say nothing."""


def settings_of(avatar: bpy.types.Object) -> bpy.types.PropertyGroup:
    """What is kept with an avatar, whichever of its objects is given."""
    return root_of(avatar).understudy


def mapping_of(settings: bpy.types.PropertyGroup) -> Mapping | None:
    """The mapping that an avatar's list of links says; None for an empty list."""
    if not len(settings.links):
        return None
    links = tuple(
        Link(
            item.coefficient,
            item.key,
            *(round(number, 6) for number in (item.gain, item.offset, item.lower, item.upper)),  # single precision
            item.enabled,
        )
        for item in settings.links
    )
    at_work = {link.key for link in links}
    return Mapping(
        links,
        unmatched_keys=tuple(item.name for item in settings.key_names if item.name not in at_work),
        exclusive=tuple(tuple(group) for group in json.loads(settings.exclusive or "[]")),
        kind=settings.kind,
    )


def keep_mapping(settings: bpy.types.PropertyGroup, mapping: Mapping) -> None:
    """Let an avatar's list of links say `mapping`."""
    with preview.held(settings.id_data):
        settings.links.clear()
        for link in mapping.links:
            _fill(settings.links.add(), link)
        settings.exclusive = json.dumps(mapping.exclusive, ensure_ascii=False)
        settings.kind = mapping.kind
        settings.active_link = min(settings.active_link, max(len(mapping.links) - 1, 0))


def replace_link(item: bpy.types.PropertyGroup, link: Link) -> None:
    """Let a row of the list say `link`."""
    with preview.held(item.id_data):
        _fill(item, link)


def understand(avatar: bpy.types.Object) -> Understood:
    """Read an avatar: its keys, and what is known of them; keeps both with it. Raises `UsageError` when it has none."""
    rig = read_rig(avatar)
    settings = rig.root.understudy
    names = shape_names(rig)
    settings.key_names.clear()
    for name in dict.fromkeys([*names, *controls.candidates(rig)]):
        settings.key_names.add().name = name
    match = retarget.match(names)
    found = Understood(
        keys=len(names),
        meshes=len(rig.meshes),
        kinds=match.kinds,
        head=_named(rig.head.ob, rig.head.bone) if rig.head is not None else rig.root.name,
        eyes=", ".join(_named(eye.ob, eye.bone) for eye in (rig.look_at or rig.eyes) if eye is not None),
        idle=match.idle_keys,
        unknown=match.unknown_keys,
    )
    settings.understood = json.dumps(found.__dict__, ensure_ascii=False)
    return found


def understood(settings: bpy.types.PropertyGroup) -> Understood | None:
    """What `understand` kept; None before that."""
    if not settings.understood:
        return None
    stored = json.loads(settings.understood)
    return Understood(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()})


def match_by_names(avatar: bpy.types.Object) -> Mapping:
    """Fill an avatar's list of links by the names of its keys; raises `UsageError` when it has none."""
    rig = read_rig(avatar)
    understand(avatar)
    mapping = known_mapping(rig)
    keep_mapping(rig.root.understudy, mapping)
    return mapping


def take_in(settings: bpy.types.PropertyGroup) -> None:
    """Read the avatar that was chosen for a scene, and match it when its list is empty.

    The scene's choice becomes what moves the whole avatar, whichever of its objects was picked. One that cannot act is
    left alone: the buttons say why.
    """
    avatar = settings.avatar
    if avatar is None:
        return
    if root_of(avatar) != avatar:
        settings.avatar = root_of(avatar)  # comes here again
        return
    with suppress(UsageError):
        if len(avatar.understudy.links):
            understand(avatar)
        else:
            match_by_names(avatar)


def known_mapping(rig: Rig) -> Mapping:
    """How an avatar follows by the names of its keys and controls."""
    return controls.known_mapping(rig)


def shape_names(rig: Rig) -> list[str]:
    """The shape keys of all meshes of an avatar, each name once."""
    return list(dict.fromkeys(block.name for mesh in rig.meshes for block in mesh.data.shape_keys.key_blocks[1:]))


def absent(mapping: Mapping, present: Iterable[str]) -> tuple[str, ...]:
    """Keys of a mapping that an avatar lacks."""
    return retarget.absent_keys(mapping, present)


def _fill(item: bpy.types.PropertyGroup, link: Link) -> None:
    item.coefficient, item.key = link.coefficient, link.key
    item.gain, item.offset = link.gain, link.offset
    item.upper = max(link.upper, item.lower)  # never below the other on the way: each pushes the other along
    item.lower, item.upper = link.lower, link.upper
    item.enabled = link.enabled


def _named(ob: bpy.types.Object, bone: str) -> str:
    return bone or ob.name
