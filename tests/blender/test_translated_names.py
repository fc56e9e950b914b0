"""What Blender itself knows of our classes is what the translations were made from: nothing it shows stays English."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import pytest
from understudy.inference import arkit
from understudy.operators import registration as operators
from understudy.panels import registration as panels
from understudy.translations import messages

pytestmark = pytest.mark.usefixtures("addon")


def rna_of(cls: type) -> bpy.types.Struct:
    if issubclass(cls, bpy.types.Operator):
        room, verb = cls.bl_idname.split(".")
        return getattr(getattr(bpy.ops, room), verb).get_rna_type()
    return cls.bl_rna


def sentences(cls: type) -> Iterator[tuple[str, str]]:
    """Every name and description with the place it is from."""
    rna = rna_of(cls)
    if issubclass(cls, bpy.types.Operator | bpy.types.Panel | bpy.types.Menu):
        yield cls.__name__, cls.bl_label
    if issubclass(cls, bpy.types.Operator | bpy.types.Menu):
        yield cls.__name__, rna.description if issubclass(cls, bpy.types.Operator) else cls.bl_description
    for name in getattr(cls, "__annotations__", {}):
        prop = rna.properties.get(name)
        if prop is None or prop.is_hidden:
            continue
        place = f"{cls.__name__}.{name}"
        yield place, prop.name
        yield place, prop.description
        if prop.type == "ENUM":
            for item in prop.enum_items:
                yield place, item.name
                yield place, item.description


CLASSES = [*operators.CLASSES, *panels.CLASSES]


def test_names_and_descriptions_of_all_classes_are_found_in_the_source() -> None:
    known = messages.shown_sentences().keys() | set(arkit.NAMES)
    shown = {(place, sentence) for cls in CLASSES for place, sentence in sentences(cls) if sentence.strip()}
    assert ("UNDERSTUDY_OT_bake", "Bake") in shown
    assert ("UNDERSTUDY_PG_scene.quality", "How much work is spent on each frame") in shown
    assert {(place, sentence) for place, sentence in shown if sentence not in known} == set()
