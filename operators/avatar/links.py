"""The list of links that an avatar keeps, as a mapping and back; and what was understood of the avatar."""

from __future__ import annotations

import json
from dataclasses import dataclass

import bpy

from ...inference.retarget import Link, Mapping
from ..bridge.rigs.rig import root_of


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


def understood(settings: bpy.types.PropertyGroup) -> Understood | None:
    """What `keeping.understand` kept; None before that."""
    if not settings.understood:
        return None
    stored = json.loads(settings.understood)
    return Understood(**{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()})
