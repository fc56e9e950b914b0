"""A new avatar where its user sees it: chosen, selected, filling the 3D View, and not inside Blender's start-up cube."""

from __future__ import annotations

import bpy
from mathutils import Vector

_CUBE_REACH_M = 1.0


def present(context: bpy.types.Context, scene: bpy.types.Scene, avatar: bpy.types.Object) -> None:
    """Make a new avatar the one that performs, and show it."""
    context.view_layer.update()  # where its bones and meshes are is asked when it is matched
    scene.understudy.avatar = avatar
    if context.scene != scene or context.mode != "OBJECT":  # the user went on elsewhere while it was made
        return
    cubes = [ob for ob in scene.objects if ob.visible_get() and _is_startup_cube(ob)]
    for ob in cubes:
        ob.hide_set(True)
    for ob in context.selected_objects:
        ob.select_set(False)
    parts = avatar.children_recursive
    for ob in (avatar, *parts):
        ob.select_set(True)
    _look_at(context, from_front=bool(cubes))
    for ob in parts:
        ob.select_set(False)
    context.view_layer.objects.active = avatar


def _is_startup_cube(ob: bpy.types.Object) -> bool:
    """The cube of a new file as it came: it stands where the avatar will, and would hide it."""
    if ob.type != "MESH" or not ob.name.startswith("Cube") or ob.children or ob.animation_data or ob.modifiers:
        return False
    corners = {tuple(ob.matrix_world @ Vector(corner)) for corner in ob.bound_box}
    reach = {abs(value) for corner in corners for value in corner}
    return len(ob.data.vertices) == len(corners) == 8 and reach == {_CUBE_REACH_M}


def _look_at(context: bpy.types.Context, *, from_front: bool) -> None:
    """Fill the 3D View from which this was called, else the first one there is, with what is selected; in a new file
    from the front, or its face would be turned away.
    """
    areas = [context.area, *(context.screen.areas if context.screen else ())]
    area = next((area for area in areas if area is not None and area.type == "VIEW_3D"), None)
    if bpy.app.background or area is None or area.spaces.active.region_3d.view_perspective == "CAMERA":
        return
    region = next(region for region in area.regions if region.type == "WINDOW")
    with context.temp_override(area=area, region=region):
        if from_front:
            bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
