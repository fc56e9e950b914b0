"""Renders ICT-FaceKit heads with skin, brows, lips, hair and eyes (Blender module, Cycles), for the builders and the benchmarks.

The Blender world is the camera: x right in the image, y up, z toward the camera, centimetres, camera at the origin.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.ict_folder import IctModel
from .ict_eyes import EYEBALLS, eyeball
from .ict_look import Look
from .ict_materials import build_materials

# Parts that hide the painted eyeball or are black slabs without their textures.
HIDDEN = ("M_ScleraLeft", "M_ScleraRight", "M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion")


class HeadScene:
    """One head, one camera and the lights in a fresh Blender scene; `render` shows any pose of the mesh."""

    def __init__(
        self,
        ict: IctModel,
        neutral_cm: NDArray[np.float64],
        look: Look,
        size_px: int,
        focal_px: float,
        samples: int = 8,
    ) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        mesh = _head_mesh(ict, neutral_cm, look)
        self._head = bpy.data.objects.new("head", mesh)
        bpy.context.scene.collection.objects.link(self._head)
        add_camera(size_px, focal_px)
        _lights(look)
        _render_settings(size_px, samples)

    def render(
        self,
        vertices_cm: NDArray[np.floating],
        rotation: NDArray[np.floating],
        position_cm: NDArray[np.floating],
        path: Path,
    ) -> None:
        """Write a PNG of the posed mesh (26719, 3): a vertex X stands at ``rotation @ X + position_cm`` before the camera."""
        render_posed(self._head, vertices_cm, rotation, position_cm, path)

    def add_wall(self, look: Look, distance_cm: float) -> None:
        """A wall well behind a head at this distance."""
        wall = bpy.data.meshes.new("wall")
        wide, z = 260.0, -distance_cm - 70.0
        wall.from_pydata([(-wide, -wide, z), (wide, -wide, z), (wide, wide, z), (-wide, wide, z)], [], [(0, 1, 2, 3)])
        wall.materials.append(build_materials(look)["wall"])
        bpy.context.scene.collection.objects.link(bpy.data.objects.new("wall", wall))


def render_posed(
    head: bpy.types.Object,
    vertices_cm: NDArray[np.floating],
    rotation: NDArray[np.floating],
    position_cm: NDArray[np.floating],
    path: Path,
) -> None:
    """Render the scene with the head's mesh in this shape at ``rotation @ X + position_cm``."""
    head.data.vertices.foreach_set("co", np.ascontiguousarray(vertices_cm, dtype=np.float32).ravel())
    head.data.update()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, position_cm
    head.matrix_world = matrix.T.tolist()
    bpy.context.scene.render.filepath = str(path)
    with silent_stdout():
        bpy.ops.render.render(write_still=True)


def _head_mesh(ict: IctModel, neutral_cm: NDArray[np.float64], look: Look) -> bpy.types.Mesh:
    kept = [i for i, material in enumerate(ict.materials) if material not in HIDDEN]
    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata(neutral_cm.tolist(), [], [ict.polygons[i] for i in kept])
    materials = build_materials(look)
    slots = {name: slot for slot, name in enumerate(materials)}
    for material in materials.values():
        mesh.materials.append(material)
    slot_of = [slots[_material_of(ict.materials[i])] for i in kept]
    mesh.polygons.foreach_set("material_index", np.array(slot_of, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(kept), dtype=bool))
    _paint(mesh, ict, neutral_cm)
    return mesh


def _material_of(ict_material: str) -> str:
    if ict_material in EYEBALLS:
        return "eye"
    return {"M_GumsTongue": "gums", "M_Teeth": "teeth", "M_EyeLashes": "lashes"}.get(ict_material, "skin")


def _paint(mesh: bpy.types.Mesh, ict: IctModel, neutral_cm: NDArray[np.float64]) -> None:
    """Vertex attributes that the shaders read: rest position, hair, lip and blush masks, position in the eyeball."""
    rest = ict.neutral_cm
    masks = {
        "hair": scalp_mask(rest),
        "cloth": below_neckline(rest),
        "brow": brow_mask(ict, rest),
        "lips": lip_mask(ict, rest),
        "blush": blush_mask(rest),
    }
    for name, mask in masks.items():
        mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", mask.astype(np.float32))
    in_eye = np.zeros_like(rest)
    for side, material in enumerate(EYEBALLS):
        part = ict.part(material)
        in_eye[part] = neutral_cm[part] - eyeball(ict, neutral_cm, side)[0]
    for name, vectors in (("rest", rest), ("in_eye", in_eye)):
        mesh.attributes.new(name, "FLOAT_VECTOR", "POINT").data.foreach_set(
            "vector", vectors.astype(np.float32).ravel()
        )


def smooth_step(x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """0 below `low`, 1 above `high`, without a corner between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def scalp_mask(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where short hair grows: above a hairline from the forehead over the temples and ears to the nape."""
    x, y, z = rest.T
    hairline = np.interp(z, [-9, -5.0, -4.0, 0.0, 1.5, 3.0, 5.5, 8.0], [-8, -6, 4.6, 5.2, 3.2, 4.6, 7.4, 9.4])
    waves = 0.25 * np.sin(2.1 * x + 0.4) * (z > 2)
    return smooth_step(y - hairline - waves, -0.4, 0.7)


def below_neckline(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far (cm) each vertex lies below the round neck of a shirt on the bust; the shader draws the hem at 0."""
    x, y, z = rest.T
    neckline = -11.6 - 0.17 * np.maximum(z + 2.0, 0.0) + 0.02 * np.abs(x) ** 2 * (np.abs(x) < 9)
    return np.asarray(neckline - y)


def _polyline_distance(points: NDArray[np.float64], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) distance of points to a polyline, seen from the front."""
    best = np.full(len(points), np.inf)
    for start, end in zip(line[:-1, :2], line[1:, :2], strict=True):
        edge = end - start
        t = np.clip(((points[:, :2] - start) @ edge) / (edge @ edge), 0.0, 1.0)
        best = np.minimum(best, np.linalg.norm(points[:, :2] - start - t[:, None] * edge, axis=1))
    return best


def brow_mask(ict: IctModel, rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) cover of the brows at places (N, 3) of the generic head."""
    mask = np.zeros(len(rest))
    for first in (17, 22):
        line = ict.neutral_cm[ict.landmarks68[first : first + 5]]
        inner = line[-1] if first == 17 else line[0]
        outer_share = np.clip(np.abs(rest[:, 0] - inner[0]) / 5.0, 0.0, 1.0)
        width = 0.50 - 0.28 * outer_share
        mask = np.maximum(mask, 1 - smooth_step(_polyline_distance(rest, line) / width, 0.45, 1.15))
    return np.where(rest[:, 2] > 4.0, mask, 0.0)


def lip_mask(ict: IctModel, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) at places (N, 3) of the generic head: inside the outer lip contour, seen from the front, with a soft edge."""
    from matplotlib.path import Path as Outline

    outline = ict.neutral_cm[ict.landmarks68[[*range(48, 60), 48]]]
    inside = Outline(outline[:, :2]).contains_points(points[:, :2])
    distance = _polyline_distance(points, outline) * np.where(inside, 1.0, -1.0)
    return np.where((points[:, 2] > 8.5) & (np.abs(points[:, 1] + 3.4) < 2), smooth_step(distance, -0.08, 0.22), 0.0)


def blush_mask(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Redder cheeks, nose tip and ears."""
    centres = np.array([[4.6, -0.2, 9.0], [-4.6, -0.2, 9.0], [0.0, 0.0, 13.0], [9.0, 1.0, -2.0], [-9.0, 1.0, -2.0]])
    reach = np.array([2.4, 2.4, 1.2, 2.5, 2.5])
    distance = np.linalg.norm(rest[:, None] - centres, axis=2) / reach
    return np.exp(-(distance**2)).max(axis=1)


def add_camera(size_px: int, focal_px: float) -> None:
    """The scene's camera, square pictures, principal point in the middle."""
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width = 36.0
    camera.lens = focal_px * 36.0 / size_px
    camera.clip_start, camera.clip_end = 1.0, 2000.0
    camera_object = bpy.data.objects.new("camera", camera)
    bpy.context.scene.collection.objects.link(camera_object)
    bpy.context.scene.camera = camera_object


def _lights(look: Look) -> None:
    """Warm key, cool fill from the other side, a rim from behind."""
    side = look.key_side
    for name, place, watt, size, colour in (
        ("key", (45 * side, 40, 0), look.key_watt, 30, (1.0, 0.90, 0.78)),
        ("fill", (-60 * side, 5, 5), look.fill_watt, 60, (0.75, 0.86, 1.0)),
        ("rim", (-30 * side, 45, -110), 0.8 * look.key_watt, 25, (0.9, 0.95, 1.0)),
    ):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size, light.color = watt, size, colour
        light_object = bpy.data.objects.new(name, light)
        light_object.location = place
        target = np.array([0.0, 0.0, -60.0]) - np.array(place)
        light_object.rotation_mode = "QUATERNION"
        light_object.rotation_quaternion = look_along(target)
        bpy.context.scene.collection.objects.link(light_object)
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.22, 0.24, 0.27, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.5
    bpy.context.scene.world = world


def look_along(direction: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Quaternion that turns -Z to a direction."""
    from mathutils import Vector

    return tuple(Vector(direction).to_track_quat("-Z", "Y"))


def _render_settings(size_px: int, samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.cycles.max_bounces = 4
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = "FIXED", 2
    scene.render.resolution_x = scene.render.resolution_y = size_px
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"


@contextlib.contextmanager
def silent_stdout() -> Iterator[None]:
    """Keep Blender's line per saved picture away from the terminal."""
    sys.stdout.flush()
    saved, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)
