"""Where the points of evaluated meshes fall in the picture of the scene's camera."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatars.marks import LANDMARKS_PROPERTY

GEOMETRY = frozenset({"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME"})


def camera_projection(scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> NDArray[np.float64]:
    """(3, 4) takes world points to u*d, v*d, d: pixels (right, down, corner convention) and depth before the camera."""
    camera, render = scene.camera, scene.render
    corners = np.array([tuple(corner) for corner in camera.data.view_frame(scene=scene)])
    depth = -corners[0, 2]
    (low_x, low_y), (high_x, high_y) = corners[:, :2].min(0), corners[:, :2].max(0)
    scale_x = render.resolution_x * render.resolution_percentage / 100 / (high_x - low_x)
    scale_y = render.resolution_y * render.resolution_percentage / 100 / (high_y - low_y)
    intrinsics = np.array(
        [
            [scale_x * depth, 0.0, scale_x * low_x],
            [0.0, -scale_y * depth, -scale_y * high_y],
            [0.0, 0.0, -1.0],
        ]
    )
    world_to_camera = np.array(camera.evaluated_get(graph).matrix_world.normalized().inverted())[:3]
    return intrinsics @ world_to_camera


def project(points: NDArray[np.float64], projection: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) world points to (N, 3): u, v in pixels and depth; what is not before the camera gets u = v = NaN."""
    found = points @ projection[:, :3].T + projection[:, 3]
    depth = found[:, 2]
    before = depth > 1e-9
    found[:, :2] = np.where(before[:, None], found[:, :2] / np.where(before, depth, 1.0)[:, None], np.nan)
    return found


def world_points(ob: bpy.types.Object, graph: bpy.types.Depsgraph) -> NDArray[np.float64]:
    """(N, 3) vertices of an evaluated mesh in the world; the corners of its bounding box for any other geometry.

    What is hidden in the viewport, and so not evaluated, is one point nobody knows: NaN.
    """
    evaluated = ob.evaluated_get(graph)
    if not evaluated.is_evaluated:
        return np.full((1, 3), np.nan)
    if ob.type == "MESH":
        vertices = evaluated.data.vertices
        local = np.empty(len(vertices) * 3, np.float32)
        vertices.foreach_get("co", local)
        points = local.reshape(-1, 3).astype(np.float64)
    else:
        points = np.array([tuple(corner) for corner in evaluated.bound_box])
    matrix = np.array(evaluated.matrix_world)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def find_landmarks(objects: Iterable[bpy.types.Object]) -> tuple[bpy.types.Object, NDArray[np.int64]] | None:
    """The mesh among `objects` that knows which of its vertices are the 478 landmarks, and those vertices."""
    for ob in objects:
        for owner in (ob, ob.data):
            if ob.type == "MESH" and LANDMARKS_PROPERTY in owner:
                return ob, np.array(owner[LANDMARKS_PROPERTY], np.int64)
    return None
