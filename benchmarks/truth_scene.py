"""A head that renders in about a second per picture on one core, with the skin painted beforehand.

What makes it fast: one key light and no bounces, the surroundings' soft light computed per vertex (baked occlusion)
instead of sampled, all skin detail in textures, four samples and no denoiser, and a picture without background.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
import cv2
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray
from truth_actor import Actor, Light
from truth_skin import backdrop, paint_skin
from understudy.inference.face_model.ict_folder import IctModel
from understudy.models.ict_eyes import EYEBALLS, eyeball
from understudy.models.ict_materials import Graph, eye_colour
from understudy.models.ict_render import HIDDEN, add_camera, look_along, render_posed

SAMPLES: Final = 4
_OCCLUSION_RAYS: Final = 24
_OCCLUSION_CM: Final = 6.0
_MATERIALS: Final = {
    "M_BackHead": "back",
    "M_GumsTongue": "gums",
    "M_Teeth": "teeth",
    "M_EyeLashes": "lashes",
    **dict.fromkeys(EYEBALLS, "eye"),
}


class TruthScene:
    """One actor, one camera, one light in a fresh Blender scene of one thread."""

    def __init__(
        self, ict: IctModel, neutral_cm: NDArray[np.float64], actor: Actor, size: int, focal_px: float, seed: int
    ) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._size, self._actor, self._seed = size, actor, seed
        self._backdrop = backdrop(actor.wall, size, seed)
        mesh = _head_mesh(ict, neutral_cm, actor, seed)
        self._head = bpy.data.objects.new("head", mesh)
        bpy.context.scene.collection.objects.link(self._head)
        add_camera(size, focal_px)
        _key_light(actor.light)
        _settings(size)

    def render(
        self,
        vertices_cm: NDArray[np.floating],
        rotation: NDArray[np.floating],
        position_cm: NDArray[np.floating],
        frame: int,
        path: Path,
    ) -> None:
        """Write a PNG of the posed mesh before the backdrop, with the noise that a sensor has in this frame."""
        raw = path.with_suffix(".head.png")
        render_posed(self._head, vertices_cm, rotation, position_cm, raw)
        head = cv2.imread(str(raw), cv2.IMREAD_UNCHANGED).astype(np.float32)
        raw.unlink()
        cover = head[..., 3:] / 255
        picture = head[..., :3] * cover + self._backdrop[..., ::-1] * (1 - cover)
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45)
        rng = np.random.default_rng([self._seed, 17, frame])
        picture += rng.normal(0, self._actor.sensor_noise, picture.shape)
        cv2.imwrite(str(path), np.clip(picture + 0.5, 0, 255).astype(np.uint8))


def _head_mesh(ict: IctModel, neutral_cm: NDArray[np.float64], actor: Actor, seed: int) -> bpy.types.Mesh:
    kept = [i for i, material in enumerate(ict.materials) if material not in HIDDEN]
    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata(neutral_cm.tolist(), [], [ict.polygons[i] for i in kept])
    materials = _materials(ict, actor, seed)
    slots = {name: slot for slot, name in enumerate(materials)}
    for material in materials.values():
        mesh.materials.append(material)
    slot_of = [slots[_MATERIALS.get(ict.materials[i], "face")] for i in kept]
    mesh.polygons.foreach_set("material_index", np.array(slot_of, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(kept), dtype=bool))
    uv = np.array([ict.uv[corner] for i in kept for corner in ict.polygon_uvs[i]], dtype=np.float32)
    mesh.uv_layers.new(name="skin").data.foreach_set("uv", uv.ravel())
    open_jaw = neutral_cm + 0.4 * ict.shapes_cm["jawOpen"]  # so that teeth are not as dark as in a closed mouth
    light = _occlusion(open_jaw, [ict.polygons[i] for i in kept])
    mesh.attributes.new("open_sky", "FLOAT", "POINT").data.foreach_set("value", light)
    in_eye = np.zeros(neutral_cm.shape, np.float32)
    for side, material in enumerate(EYEBALLS):
        part = ict.part(material)
        in_eye[part] = neutral_cm[part] - eyeball(ict, neutral_cm, side)[0]
    mesh.attributes.new("in_eye", "FLOAT_VECTOR", "POINT").data.foreach_set("vector", in_eye.ravel())
    return mesh


def _occlusion(vertices: NDArray[np.float64], polygons: list[tuple[int, ...]]) -> NDArray[np.float32]:
    """(V,) share of the hemisphere above each vertex from which light comes within a few centimetres."""
    tree = BVHTree.FromPolygons(vertices.tolist(), polygons)
    mesh = bpy.data.meshes.new("occlusion")
    mesh.from_pydata(vertices.tolist(), [], polygons)
    normals = np.empty(3 * len(vertices), np.float32)
    mesh.vertex_normals.foreach_get("vector", normals)
    rng = np.random.default_rng(1)
    sphere = rng.normal(size=(_OCCLUSION_RAYS, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    light = np.ones(len(vertices), np.float32)
    for vertex in np.unique(np.concatenate([np.array(polygon) for polygon in polygons])):
        normal = normals.reshape(-1, 3)[vertex]
        start = Vector(vertices[vertex] + 0.02 * normal)
        rays = sphere + 1.02 * normal  # cosine weighted about the normal
        free = sum(tree.ray_cast(start, Vector(ray), _OCCLUSION_CM)[0] is None for ray in rays)
        light[vertex] = free / _OCCLUSION_RAYS
    return light


def _materials(ict: IctModel, actor: Actor, seed: int) -> dict[str, bpy.types.Material]:
    pictures = paint_skin(ict, actor.skin, seed)
    lit = actor.light
    return {
        "face": _skin_material("face", pictures["M_Face"], lit),
        "back": _skin_material("back", pictures["M_BackHead"], lit),
        "eye": _eye_material(actor),
        "teeth": _lit(Graph("teeth"), (0.62, 0.57, 0.48, 1), lit, 0.3),
        "gums": _lit(Graph("gums"), (0.38, 0.12, 0.11, 1), lit, 0.35),
        "lashes": _lit(Graph("lashes"), (*(0.5 * part for part in actor.skin.hair), 1), lit, 0.8, 0.16),
    }


def _skin_material(name: str, linear_rgb: NDArray[np.float32], light: Light) -> bpy.types.Material:
    side = len(linear_rgb)
    image = bpy.data.images.new(name, side, side, alpha=False, float_buffer=True, is_data=True)
    image.pixels.foreach_set(np.concatenate([linear_rgb, np.ones((side, side, 1), np.float32)], axis=2).ravel())
    image.pack()
    g = Graph(name)
    texture = g.node("ShaderNodeTexImage", {}, image=image)
    return _lit(g, texture.outputs["Color"], light, 0.48)


def _eye_material(actor: Actor) -> bpy.types.Material:
    g = Graph("eye")
    return _lit(g, eye_colour(g, actor.iris), actor.light, 0.08)


def _lit(g: Graph, colour: Any, light: Light, roughness: float, alpha: float = 1.0) -> bpy.types.Material:
    """A surface lit by the key light, and by the surroundings as its own glow by direction and occlusion."""
    normal = g.node("ShaderNodeNewGeometry", {}).outputs["Normal"]
    toward = g.node("ShaderNodeVectorMath", {"0": normal, "1": light.fill_from}, operation="DOT_PRODUCT").outputs[1]
    glow = g.mix(g.spread(toward, -1.0, 1.0), (*light.fill_dark, 1), (*light.fill_bright, 1))
    received = g.mix(1.0, colour, glow, "MULTIPLY")
    inputs = {
        "Base Color": colour,
        "Roughness": roughness,
        "Specular IOR Level": 0.4,
        "Emission Color": received,
        "Emission Strength": g.attribute("open_sky"),
        "Alpha": alpha,
    }
    return g.finish(**inputs)


def _key_light(light: Light) -> None:
    lamp = bpy.data.lights.new("key", "SUN")
    lamp.energy, lamp.color, lamp.angle = light.key_strength, light.key_colour, np.radians(3.0)
    lamp_object = bpy.data.objects.new("key", lamp)
    lamp_object.rotation_mode = "QUATERNION"
    lamp_object.rotation_quaternion = look_along(-np.array(light.key_from))
    bpy.context.scene.collection.objects.link(lamp_object)


def _settings(size: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_light_tree = False  # with one light it only costs: half the time of a picture
    scene.cycles.max_bounces = 0
    scene.cycles.transparent_max_bounces = 4
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.compression = 0
