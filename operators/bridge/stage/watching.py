"""A camera that sees an avatar as the actor is seen, moment by moment, with the picture behind it.

Unlike the shot's camera it is moved instead of the avatar, has no keys, and is taken away again with its picture.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..rigs.rig import Rig
from .camera import SENSOR_MM
from .shot import view_axes

NAME = "Understudy Live"
PROPERTY = "understudy_live"
"""Marks what is ours."""


def eye_before(
    rig: Rig, rest: Matrix, rotation: NDArray[np.float32], translation_cm: NDArray[np.float32]
) -> tuple[Matrix, float]:
    """World matrix (4x4) of the camera before which an avatar that stands at `rest` is where the actor is, and how far it
    is away; `rotation` (3, 3) is that of the avatar's head, `translation_cm` (3,) that of the actor's.
    """
    view, units = view_axes(rig, rest)
    axes = np.array(rig.face_axes)
    turned = axes @ rotation.astype(np.float64) @ axes.T @ np.array(rig.origin - rig.pivot)
    origin = rest @ (rig.pivot + Vector(turned))
    way = view @ Vector(translation_cm.astype(np.float64)) * units
    return Matrix.Translation(origin - way) @ view.to_4x4(), way.length


def watching_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """The scene's camera of this kind, made where there is none."""
    found = next((ob for ob in scene.objects if ob.type == "CAMERA" and PROPERTY in ob), None)
    if found is None:
        data = bpy.data.cameras.new(NAME)
        found = bpy.data.objects.new(NAME, data)
        found[PROPERTY] = data[PROPERTY] = 1
        found.hide_render = found.hide_select = True
        data.type, data.sensor_fit, data.sensor_width = "PERSP", "HORIZONTAL", SENSOR_MM
        data.passepartout_alpha = 1.0
        data.display_size = 1e-3  # hidden, Blender would not move it; so it is too small to be in the way
        scene.collection.objects.link(found)
    return found


def place(scene: bpy.types.Scene, camera: bpy.types.Object, world: Matrix, distance: float) -> None:
    """Let the camera stand at `world` (4x4), `distance` from the head."""
    data = camera.data
    if abs(data.clip_start * 50 - distance) > 0.2 * distance:
        data.clip_start, data.clip_end = distance / 50, distance * 200
    camera.matrix_world = world


def look_through(scene: bpy.types.Scene, camera: bpy.types.Object, focal: float, size: tuple[int, int]) -> None:
    """Give the camera the lens of a picture of that size (pixels) and focal length (widths of the picture), which fits
    into the scene's frame whatever its shape.
    """
    camera.data.lens = focal * min(size[0] / size[1] / frame_aspect(scene), 1.0) * SENSOR_MM


def frame_aspect(scene: bpy.types.Scene) -> float:
    """Width of what the scene's cameras frame, by its height."""
    render = scene.render
    return render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)


def show_picture(camera: bpy.types.Object, image: bpy.types.Image, opacity: float) -> None:
    """Put the image behind the avatar, and over it as far as the avatar is not opaque."""
    data = camera.data
    while len(data.background_images) < 2:
        data.background_images.new()
    behind, before = data.background_images[:2]
    for background, depth, alpha in ((behind, "BACK", 1.0), (before, "FRONT", 1.0 - opacity)):
        background.source, background.image = "IMAGE", image
        background.display_depth, background.frame_method = depth, "FIT"
        background.alpha, background.show_background_image = alpha, alpha > 0
    data.show_background_images = True


def picture_image(size: tuple[int, int]) -> bpy.types.Image:
    """The image of ours with that size (pixels), made where there is none."""
    found = next((image for image in bpy.data.images if PROPERTY in image), None)
    if found is None:
        found = bpy.data.images.new(NAME, *size, alpha=False)
        found[PROPERTY] = 1
    elif tuple(found.size) != size:
        found.scale(*size)
    return found


def take_away() -> None:
    """Remove cameras and images of this kind from the file."""
    for ob in [ob for ob in bpy.data.objects if PROPERTY in ob and ob.is_editable]:
        bpy.data.objects.remove(ob)
    for data in (bpy.data.cameras, bpy.data.images):
        for one in [one for one in data if PROPERTY in one and one.is_editable]:
            data.remove(one)
