"""Light on the avatar's head: three lamps and a soft sky, or what the footage shows: a sun and a sky of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
from mathutils import Matrix, Vector

from ....inference.light.types import ShotLight

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
SUN = "Understudy Sun"
SUN_ANGLE = math.radians(12.0)
"""As wide as a window or a softbox a few metres away."""
WORLD_BEFORE = "understudy_world"


def light_head(scene: bpy.types.Scene, head: Vector, view: Matrix, units_per_cm: float) -> None:
    """Place the lamps around `head` (world) in the camera's axes, replacing those of an earlier call; add a sky when
    there is none.
    """
    _clear(scene)
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
        scene.world = bpy.data.worlds.new("Understudy Sky")
        background = _background(scene.world)
        background.inputs["Color"].default_value = (*SKY, 1.0)
        background.inputs["Strength"].default_value = SKY_STRENGTH


def light_as_shot(scene: bpy.types.Scene, light: ShotLight, view: Matrix) -> bpy.types.Object:
    """Light the scene as the footage was lit; returns the sun. `view` (3x3) takes camera-aligned axes to the world.

    Replaces earlier lights of Understudy. The scene's own world is kept in the file but gives way to one of ours.
    """
    _clear(scene)
    brightest = max(*light.key, 1e-6)
    data = bpy.data.lights.new(SUN, "SUN")
    # A matte white surface that faces a sun of strength pi shows 1.
    data.energy, data.color, data.angle = math.pi * brightest, [part / brightest for part in light.key], SUN_ANGLE
    sun = bpy.data.objects.new(SUN, data)
    sun[PROPERTY] = 1
    sun.rotation_euler = (view @ Vector(light.key_from)).to_track_quat("Z", "Y").to_euler()  # suns shine along their -Z
    scene.collection.objects.link(sun)
    if scene.world is not None:
        scene.world.use_fake_user = True
        if PROPERTY not in scene.world:
            scene[WORLD_BEFORE] = scene.world
    scene.world = _shot_sky(light, view)
    return sun


def _clear(scene: bpy.types.Scene) -> None:
    """Remove what earlier calls made and give the scene its own world back."""
    for light in [obj for obj in scene.objects if PROPERTY in obj]:
        bpy.data.lights.remove(light.data)
    if scene.world is not None and PROPERTY in scene.world:
        ours, scene.world = scene.world, scene.get(WORLD_BEFORE)
        if not ours.users:
            bpy.data.worlds.remove(ours)
    if WORLD_BEFORE in scene:
        del scene[WORLD_BEFORE]


def _background(world: bpy.types.World) -> bpy.types.Node:
    if world.node_tree is None:  # worlds of Blender 5.0 always have nodes
        world.use_nodes = True
    return next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")


def _shot_sky(light: ShotLight, view: Matrix) -> bpy.types.World:
    """A world that is brighter toward one side: each channel is its ambient plus a slope along the direction.

    A matte surface gathers two thirds of a sky's slope, so the sky's is one and a half times what the face showed.
    """
    world = bpy.data.worlds.new("Understudy Shot Light")
    world[PROPERTY] = 1
    world.color = [max(part, 0.0) for part in light.ambient]
    background = _background(world)
    nodes, links = world.node_tree.nodes, world.node_tree.links
    toward = nodes.new("ShaderNodeTexCoord").outputs["Generated"]
    colour = nodes.new("ShaderNodeCombineColor")
    for channel, (ambient, gradient) in enumerate(zip(light.ambient, light.gradient, strict=True)):
        slope, level, floor = (nodes.new(f"ShaderNode{kind}Math") for kind in ("Vector", "", ""))
        slope.operation, level.operation, floor.operation = "DOT_PRODUCT", "ADD", "MAXIMUM"
        slope.inputs[1].default_value = 1.5 * (view @ Vector(gradient))
        level.inputs[1].default_value, floor.inputs[1].default_value = ambient, 0.0
        links.new(toward, slope.inputs[0])
        links.new(slope.outputs["Value"], level.inputs[0])
        links.new(level.outputs[0], floor.inputs[0])
        links.new(floor.outputs[0], colour.inputs[channel])
    links.new(colour.outputs[0], background.inputs["Color"])
    background.inputs["Strength"].default_value = 1.0
    return world
