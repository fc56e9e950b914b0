"""Three lamps and a soft sky around the avatar's head: key, fill and rim, sized to the head."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from mathutils import Matrix, Vector

PROPERTY = "understudy_light"


@dataclass(frozen=True)
class Lamp:
    """An area light; positions in centimetres in camera-aligned axes from the head, power in watts at real size."""

    name: str
    position_cm: tuple[float, float, float]
    size_cm: float
    power_w: float
    colour: tuple[float, float, float]


LAMPS = (
    Lamp("Understudy Key", (-70.0, 60.0, 90.0), 60.0, 22.0, (1.0, 0.95, 0.88)),
    Lamp("Understudy Fill", (90.0, 15.0, 90.0), 90.0, 8.0, (0.88, 0.94, 1.0)),
    Lamp("Understudy Rim", (50.0, 70.0, -90.0), 50.0, 9.0, (1.0, 1.0, 1.0)),
)
SKY = (0.5, 0.5, 0.5)
SKY_STRENGTH = 0.35


def light_head(scene: bpy.types.Scene, head: Vector, view: Matrix, units_per_cm: float) -> None:
    """Place the lamps around `head` (world) in the camera's axes, replacing those of an earlier call; add a sky when
    there is none.
    """
    for light in [obj for obj in scene.objects if PROPERTY in obj]:
        bpy.data.lights.remove(light.data)
    for lamp in LAMPS:
        data = bpy.data.lights.new(lamp.name, "AREA")
        data.shape = "DISK"
        data.size = lamp.size_cm * units_per_cm
        data.energy = lamp.power_w * (units_per_cm * 100) ** 2
        data.color = lamp.colour
        light = bpy.data.objects.new(lamp.name, data)
        light[PROPERTY] = 1
        offset = view @ Vector(lamp.position_cm) * units_per_cm
        light.location = head + offset
        light.rotation_euler = offset.to_track_quat("Z", "Y").to_euler()  # lamps shine along their -Z
        scene.collection.objects.link(light)
    if scene.world is None:
        scene.world = _sky()


def _sky() -> bpy.types.World:
    world = bpy.data.worlds.new("Understudy Sky")
    if world.node_tree is None:  # worlds of Blender 5.0 always have nodes
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*SKY, 1.0)
    background.inputs["Strength"].default_value = SKY_STRENGTH
    return world
