"""What is found out about an avatar, and its list of links, kept with it; a preview shows each change."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import bpy

from ...inference import retarget
from ...inference.errors import UsageError
from ...inference.retarget import Link, Mapping
from ..bridge.rigs.controls import candidates, known_mapping
from ..bridge.rigs.rig import Rig, read_rig, root_of
from ..perform import preview
from .links import Understood, mapping_of


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
    names = _shape_names(rig)
    settings.key_names.clear()
    for name in dict.fromkeys([*names, *candidates(rig)]):
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


def match_by_names(avatar: bpy.types.Object) -> Mapping:
    """Fill an avatar's list of links by the names of its keys; raises `UsageError` when it has none."""
    rig = read_rig(avatar)
    understand(avatar)
    mapping = known_mapping(rig)
    keep_mapping(rig.root.understudy, mapping)
    return mapping


def match_new_keys(avatar: bpy.types.Object) -> None:
    """Add links for keys that the avatar did not have when it was matched; what the list says of the others stays."""
    rig = read_rig(avatar)
    settings = rig.root.understudy
    own = mapping_of(settings)
    if own is None:
        match_by_names(avatar)
        return
    known = {item.name for item in settings.key_names} | set(own.keys)
    understand(avatar)
    new = tuple(link for link in known_mapping(rig).links if link.key not in known)
    keep_mapping(settings, replace(own, links=(*own.links, *new)))


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


def _shape_names(rig: Rig) -> list[str]:
    """The shape keys of all meshes of an avatar, each name once."""
    return list(dict.fromkeys(block.name for mesh in rig.meshes for block in mesh.data.shape_keys.key_blocks[1:]))


def _fill(item: bpy.types.PropertyGroup, link: Link) -> None:
    item.coefficient, item.key = link.coefficient, link.key
    item.gain, item.offset = link.gain, link.offset
    item.upper = max(link.upper, item.lower)  # never below the other on the way: each pushes the other along
    item.lower, item.upper = link.lower, link.upper
    item.enabled = link.enabled


def _named(ob: bpy.types.Object, bone: str) -> str:
    return bone or ob.name
