"""Tracked landmarks over the footage, in the Movie Clip editor and behind the camera view of the 3D View.

The callbacks that draw read arrays that are in memory and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import blf
import bpy
import gpu
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from ...inference import take as takes
from ...inference.landmark_lines import LINES, POINTS
from ...translations import translated
from ..bridge import paths
from ..facts import Size, is_same_picture
from . import following, take_points
from .clip import source_frame

SURE, UNCERTAIN = (0.16, 0.95, 0.72, 0.9), (1.0, 0.55, 0.1, 0.95)
LIVE, ELSEWHERE = (1.0, 1.0, 1.0, 0.9), (1.0, 1.0, 1.0, 0.35)
CHOSEN, OTHER = (0.3, 0.75, 1.0, 1.0), (0.75, 0.75, 0.75, 0.8)
_FAR = 8.0
"""Blender gives whole pixels: two places this many pictures away say where the picture is to a small part of one."""
_LARGE_FACE_PX = 250.0
"""From this size on in the editor, lines and points have their full width."""

Floats = NDArray[np.float32]
Placed = Callable[[bpy.types.Region], "Place | None"]
Colour = tuple[float, float, float, float]


class Place(NamedTuple):
    """Where a picture lies in a region, in pixels of the region from its lower left."""

    corner: NDArray[np.float64]
    """(2,) the picture's lower left corner."""
    across: NDArray[np.float64]
    """(2,) from there along the picture's lower edge."""
    up: NDArray[np.float64]
    """(2,) along its left edge."""

    def of(self, points_px: Floats, size: tuple[int, int]) -> Floats:
        """(N, 2) places in the region of points of a picture of that size: pixels right and down, corner convention."""
        right, above = points_px[:, :1] / size[0], 1 - points_px[:, 1:] / size[1]
        return np.asarray(self.corner + right * self.across + above * self.up, np.float32)


def place_in_clip_editor(view: bpy.types.View2D) -> Place:
    """Where the clip is in a Movie Clip editor, whose view counts from 0 to 1 along both sides of the picture."""
    low = np.array(view.view_to_region(-_FAR, -_FAR, clip=False), float)
    high = np.array(view.view_to_region(1 + _FAR, 1 + _FAR, clip=False), float)
    side = (high - low) / (1 + 2 * _FAR)
    return Place(low + _FAR * side, np.array([side[0], 0.0]), np.array([0.0, side[1]]))


def place_in_frame(corners: NDArray[np.float64], method: str, size: tuple[int, int]) -> Place:
    """Where a background picture is in a camera's frame, given as (3, 2) lower left, lower right and upper left corner.

    `method` is the picture's frame method, `size` its width and height: it fills the frame (STRETCH), or keeps its
    shape inside of it (FIT) or around it (CROP), in the middle.
    """
    corner, across, up = corners[0], corners[1] - corners[0], corners[2] - corners[0]
    wider = size[0] / size[1] / (np.linalg.norm(across) / np.linalg.norm(up))
    share = np.ones(2)
    if method != "STRETCH":
        share = np.array([1.0, 1 / wider]) if (wider > 1) == (method == "FIT") else np.array([wider, 1.0])
    across_new, up_new = across * share[0], up * share[1]
    return Place(corner + (across - across_new) / 2 + (up - up_new) / 2, across_new, up_new)


def squares(points: Floats, radius: float) -> Floats:
    """(6 N, 2) triangles of a small square around each point; points that are not there give none."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], np.float32) * radius
    there = points[np.isfinite(points).all(axis=1)]
    return np.asarray((there[:, None] + corners).reshape(-1, 2), np.float32)


def box_lines(box: tuple[float, float, float, float], place: Place, size: tuple[int, int]) -> Floats:
    """(8, 2) four lines around a box of the picture: left, top, right, bottom."""
    left, top, right, bottom = box
    corners = place.of(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), size)
    return np.repeat(corners, 2, axis=0)[[0, 2, 3, 4, 5, 6, 7, 1]]


def _draw_in_clip_editor() -> None:
    space, scene = bpy.context.space_data, bpy.context.scene
    settings = scene.understudy
    if space.clip is None or space.clip != settings.clip or space.view != "CLIP":
        return
    shown = space.clip_user.frame_current  # not always the scene's: `Scene.frame_set` does not tell this editor
    _draw(bpy.context.region, settings, source_frame(space.clip, shown), _clip_place, settings.show_landmarks)


def _draw_in_camera_view() -> None:
    context = bpy.context
    space, scene, region3d = context.space_data, context.scene, context.region_data
    settings = scene.understudy
    if not settings.show_in_camera:
        return
    camera = space.camera if space.use_local_camera else scene.camera
    if region3d is None or region3d.view_perspective != "CAMERA" or camera is None or camera.type != "CAMERA":
        return
    if not space.overlay.show_overlays or not camera.data.show_background_images:
        return
    shown = (image for image in camera.data.background_images if image.show_background_image)
    image = next((image for image in shown if image.source == "MOVIE_CLIP" and image.clip == settings.clip), None)
    if image is None or settings.clip is None:
        return

    def place(region: bpy.types.Region) -> Place | None:
        frame = camera.data.view_frame(scene=scene)
        matrix = camera.matrix_world.normalized()
        seen = [location_3d_to_region_2d(region, region3d, matrix @ frame[corner]) for corner in (2, 1, 3)]
        if any(corner is None for corner in seen):
            return None
        size = (settings.facts.width, settings.facts.height)
        return place_in_frame(np.array([tuple(corner) for corner in seen], float), image.frame_method, size)

    _draw(context.region, settings, source_frame(settings.clip, scene.frame_current), place, True)


def _clip_place(region: bpy.types.Region) -> Place:
    return place_in_clip_editor(region.view2d)


def _draw(
    region: bpy.types.Region, settings: bpy.types.PropertyGroup, frame: int, placed: Placed, points_too: bool
) -> None:
    """Landmarks and the boxes of found faces that belong to a frame of the footage."""
    size = (settings.facts.width, settings.facts.height)
    boxes_size = tuple(settings.faces_size)
    boxes = settings.faces if settings.faces_frame == frame and is_same_picture(boxes_size, size) else ()
    live = following.follow(settings.id_data) if points_too else None
    shown = _points_of(settings, frame) if points_too and live is None else None
    if min(size) <= 0 or not (len(boxes) or shown or live):
        return
    place = placed(region)
    if place is None:
        return
    scale = bpy.context.preferences.system.ui_scale
    for number, face in enumerate(boxes):
        colour = CHOSEN if number == settings.face else OTHER
        lines = box_lines(tuple(face.box), place, boxes_size)
        _draw_lines(region, lines, colour, 2 * scale)
        _draw_text(str(number), lines[0] + (2 * scale, 5 * scale), colour, 16 * scale)
    if shown is not None:
        points, points_size, colour = shown
        _draw_points(region, place.of(points, points_size), colour, scale)
    elif live is not None:
        at, points = live
        _draw_points(region, place.of(points, size), LIVE if at == frame else ELSEWHERE, scale)
        text = translated("Tracking frame {frame}").format(frame=at)
        _draw_text(text, place.corner + place.up + (8 * scale, -20 * scale), LIVE, 13 * scale)


def _points_of(settings: bpy.types.PropertyGroup, frame: int) -> tuple[Floats, Size, Colour] | None:
    """The take's landmarks in a frame of the footage, the size of the picture they are in, and their colour."""
    if not settings.take or not settings.facts.take_found:
        return None
    take = take_points.find(paths.absolute(settings.take), redraw)
    if take is None or not is_same_picture(take.frame_size, (settings.facts.width, settings.facts.height)):
        return None
    row = take.row(frame, settings.facts.fps)
    if row is None:
        return None
    is_uncertain = take.confidence[row] < takes.UNCERTAIN_BELOW
    return take.points_px[row], take.frame_size, UNCERTAIN if is_uncertain else SURE


def _draw_points(region: bpy.types.Region, points: Floats, colour: Colour, scale: float) -> None:
    """Lines along lips, lids, brows and outline, and all points small; finer where the face is small."""
    fine = float(np.clip(np.ptp(points, axis=0).max() / (_LARGE_FACE_PX * scale), 0.5, 1.0))
    _draw_lines(region, points[LINES].reshape(-1, 2), colour, 1.6 * fine * scale)
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", (*colour[:3], 0.6 * colour[3]))
    batch_for_shader(shader, "TRIS", {"pos": squares(points[POINTS], 0.9 * fine * scale)}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_lines(region: bpy.types.Region, ends: Floats, colour: Colour, width: float) -> None:
    """Smooth lines between pairs of (2 N, 2) ends."""
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("viewportSize", (region.width, region.height))
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    flat = np.column_stack([ends, np.zeros(len(ends), np.float32)])
    batch_for_shader(shader, "LINES", {"pos": flat}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_text(text: str, place: NDArray[np.float64], colour: Colour, size: float) -> None:
    blf.size(0, size)
    blf.color(0, *colour)
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 3, 0.0, 0.0, 0.0, 1.0)
    blf.position(0, float(place[0]), float(place[1]), 0.0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def redraw() -> None:
    """Draw the editors again in which landmarks may be seen."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "CLIP_EDITOR"}:
                area.tag_redraw()


CLASSES = ()
_handlers: list[tuple[type, Any]] = []


def register() -> None:
    """Draw in both editors."""
    for space, callback in (
        (bpy.types.SpaceClipEditor, _draw_in_clip_editor),
        (bpy.types.SpaceView3D, _draw_in_camera_view),
    ):
        _handlers.append((space, space.draw_handler_add(callback, (), "WINDOW", "POST_PIXEL")))


def unregister() -> None:
    """Stop drawing and let the arrays go."""
    while _handlers:
        space, handler = _handlers.pop()
        space.draw_handler_remove(handler, "WINDOW")
    following.stop()
    take_points.forget()
