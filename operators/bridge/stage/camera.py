"""The camera of a shot: the one that filmed the actor, as Blender describes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Matrix

from ....inference.errors import InputError
from ....inference.take import Take
from ..keys import timing

NAME = "Understudy Camera"
SENSOR_MM = 36.0


@dataclass(frozen=True)
class Lens:
    """Blender's numbers for a pinhole camera."""

    focal_mm: float
    shift_x: float
    shift_y: float
    pixel_aspect: tuple[float, float]


def lens_of(take: Take) -> Lens:
    """Focal length, principal point and pixel shape of a take's camera matrix, for a horizontally fitted 36 mm sensor.

    Blender's shift moves the frame, in units of the sensor's width: a principal point left of the middle is a
    positive x.
    """
    (focal_x, _, centre_x), (_, focal_y, centre_y), _ = take.camera_matrix.tolist()
    width, height = take.frame_size
    aspect = focal_y / focal_x
    return Lens(
        focal_mm=focal_x * SENSOR_MM / width,
        shift_x=(width / 2 - centre_x) / width,
        shift_y=(centre_y - height / 2) / width / aspect,
        pixel_aspect=(max(aspect, 1.0), max(1.0 / aspect, 1.0)),
    )


def place_camera(scene: bpy.types.Scene, take: Take, world: Matrix, distance: float) -> bpy.types.Object:
    """The scene's Understudy camera with the take's lens at `world` (4x4), made where there is none.

    `distance` (scene units) to the head sets the clipping planes. The scene gets the take's picture size and pixel
    shape.
    """
    camera = next((obj for obj in scene.objects if obj.type == "CAMERA" and "understudy_camera" in obj), None)
    if camera is None:
        camera = bpy.data.objects.new(NAME, bpy.data.cameras.new(NAME))
        camera["understudy_camera"] = 1
        scene.collection.objects.link(camera)
    lens = lens_of(take)
    data = camera.data
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_MM
    data.lens_unit = "MILLIMETERS"
    data.lens = lens.focal_mm
    data.shift_x, data.shift_y = lens.shift_x, lens.shift_y
    data.clip_start, data.clip_end = distance / 50, distance * 200
    camera.matrix_world = world
    render = scene.render
    render.resolution_x, render.resolution_y = take.frame_size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = lens.pixel_aspect
    scene.camera = camera
    return camera


def load_footage(footage: Path) -> bpy.types.MovieClip:
    """The footage as a movie clip, or a still picture as one; raises `InputError` when Blender cannot read it."""
    try:
        clip = bpy.data.movieclips.load(str(footage), check_existing=True)
    except RuntimeError as error:
        raise _no_video(footage) from error
    if clip.source == "MOVIE" and clip.fps <= 0:  # a file that is no video loads without complaint
        _drop(clip)
        raise _no_video(footage)
    return clip


def load_video(footage: Path) -> bpy.types.MovieClip:
    """Footage that moves, as the tracker needs it; raises `InputError` for a picture and what Blender cannot read."""
    clip = load_footage(footage)
    if clip.source != "MOVIE":
        _drop(clip)
        raise _no_video(footage)
    return clip


def _no_video(footage: Path) -> InputError:
    return InputError(f"Blender cannot read {footage} as a video; choose the video of the actor.")


def _drop(clip: bpy.types.MovieClip) -> None:
    if not clip.users:
        bpy.data.movieclips.remove(clip)


def show_footage(camera: bpy.types.Object, take: Take, clip: bpy.types.MovieClip) -> None:
    """Put the footage behind the camera view, in step with the take."""
    clip.frame_start = timing.FIRST_FRAME - int(take.frame_index[0])
    data = camera.data
    background = data.background_images[0] if data.background_images else data.background_images.new()
    background.source = "MOVIE_CLIP"
    background.clip = clip
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "STRETCH"
    data.show_background_images = True
