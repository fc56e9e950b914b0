"""Landmarks of an avatar's face at rest: our network looks at shaded pictures of it, and the lines of
sight of all pictures together give each point.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ...capture.landmarks import TWO_VIEWS, LandmarkNet, region_of_points
from ...capture.shot import detect_landmarks
from ...errors import MissingComponentError
from ...face_model.default import load_default
from ...face_model.rims import EYES, INNER_LIPS, SKIN
from ...face_model.surface import Array, Triangles, carried, similarity
from ...face_model.types import FaceModel
from .pictures import View, paint, vertex_normals
from .shapes import RigShapes
from .skin import Skin, eyed, painted_colours

SIDE_PX = 512
FINDING_PARTS = (1.6, 1.1, 2.6)
"""How large the picture is, in extents of what moves: shoulders may move along, or brows and lips alone."""
FACE_PX = 300
"""Size of a face in the pictures that are read."""
YAWS_RAD = (0.0, -0.2, 0.2, -0.42, 0.42, -0.62, 0.62)
PRESENT = 0.5
GRAZING = 0.15
"""Cosine of the angle to the line of sight below which a mark says nothing: it slides along the outline."""
ROBUST_PART = 0.02
"""Marks that miss by more than this part of the face's size count less."""
HOLD = 10.0
"""How firmly a point is held at its depth, in pictures."""
OUTLYING = 4.0
DEPTH_SMOOTHING = 0.3
LEAST_VIEWS = 3
_RIMS = {i for rim in (*EYES, INNER_LIPS) for i in rim.upper + rim.lower}


@dataclass(frozen=True)
class Marks:
    """Where the landmarks seem to lie on the face at rest."""

    points: Array
    """(468, 3)."""
    spread: Array
    """(468,) how far the pictures disagree, in units of the avatar."""


def find_marks(shapes: RigShapes, skin: Skin, model: FaceModel, device: str = "cpu") -> Marks | None:
    """None where the network sees no face in most of the pictures."""
    colours = painted_colours(shapes.rest, skin)
    normals = vertex_normals(shapes.rest, shapes.triangles)
    shown = eyed(skin, shapes.triangles)
    try:
        net = LandmarkNet(device)
        first = _find(shapes, skin, shown, normals, colours, device)
    except MissingComponentError:
        return None
    if first is None:
        return None
    views, read, hits = [], [], []
    for yaw in YAWS_RAD:
        view = View(first.centre, yaw, first.pixels_per_unit, SIDE_PX)
        picture = paint(shapes.rest, shown, view).shade(normals, colours)
        found = detect_landmarks(picture, device)
        if not found or found[0].presence < PRESENT:
            continue
        again = net.read_views(picture, region_of_points(found[0].points_px), TWO_VIEWS)
        if again.presence >= PRESENT:
            views.append(view)
            read.append(again.points_px[:SKIN].astype(np.float64))
            hits.append(_cast(shapes, skin, normals, view, read[-1]))
    return _joined(views, read, hits, model) if len(views) >= LEAST_VIEWS else None


def _find(shapes: RigShapes, skin: Skin, shown: Triangles, normals: Array, colours: Array, device: str) -> View | None:
    """The view from the front in which the face has the size that is read best."""
    for part in FINDING_PARTS:
        scale = SIDE_PX / (part * skin.extent)
        view = View(skin.centre, 0.0, scale, SIDE_PX)
        picture = paint(shapes.rest, shown, view).shade(normals, colours)
        found = detect_landmarks(picture, device)
        if found and found[0].presence >= PRESENT:
            points = found[0].points_px.astype(np.float64)
            low, high = points.min(0), points.max(0)
            away = ((low + high) / 2 - SIDE_PX / 2) / scale
            centre = skin.centre + [away[0], -away[1], 0.0]
            depth = shapes.rest[np.unique(skin.triangles), 2]
            size = float((high - low).max()) / scale
            centre[2] = np.quantile(depth, 0.98) - 0.6 * size
            return View(centre, 0.0, FACE_PX / size, SIDE_PX)
    return None


def _cast(shapes: RigShapes, skin: Skin, normals: Array, view: View, points_px: Array) -> Array:
    """(468, 3) points of the skin under marks (468, 2); NaN off the skin and where it is seen too flatly."""
    painted = paint(shapes.rest, skin.triangles, view)
    triangle, weights = painted.corners_at(points_px)
    corners = skin.triangles[triangle]
    hit = np.einsum("nk,nkc->nc", weights, shapes.rest[corners])
    facing = np.einsum("nk,nkc->nc", weights, normals[corners]) @ view.turn[2]
    hit[(triangle < 0) | (facing < GRAZING)] = np.nan
    return np.asarray(hit)


def _joined(views: list[View], marks_px: list[Array], hits: list[Array], model: FaceModel) -> Marks:
    """The points nearest to all lines of sight, at the depth where these meet the skin.

    The network turns heads less far than they are turned, so its lines of sight alone would put points too deep. Rims of
    lids and lips have nothing behind them that could be met: their depth follows from the points around.
    """
    ours = model.landmark_mean_cm[:SKIN]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a landmark that no picture shows
        middle = np.nanmedian(np.stack(hits), axis=0)
    solid = np.isfinite(middle[:, 0])
    solid[sorted(_RIMS)] = False
    for _ in range(3):
        scale, turn, shift = similarity(ours[solid], middle[solid])
        left = np.linalg.norm(middle - (scale * ours @ turn.T + shift), axis=1)
        solid &= np.nan_to_num(left, nan=np.inf) < OUTLYING * np.median(left[solid])
    laid = scale * ours @ turn.T + shift
    depth = laid[:, 2] + carried((middle - laid)[solid, 2], ours[solid], ours, DEPTH_SMOOTHING)
    depth[solid] = middle[solid, 2]
    return _triangulated(views, marks_px, depth - views[0].centre[2], model)


def _triangulated(views: list[View], marks_px: list[Array], depth: Array, model: FaceModel) -> Marks:
    """Robust least squares of the distances between each point and its lines of sight, its depth (468,) held.

    A landmark counts by how squarely a picture shows it, on a face like ours.
    """
    facing = vertex_normals(model.landmark_mean_cm, load_default().triangles)[:SKIN]
    sights = [np.clip(facing @ view.turn[2] - GRAZING, 0.02, 1.0) for view in views]
    across = [view.turn[:2] for view in views]
    placed = [
        (mark - view.side_px / 2) * [1, -1] / view.pixels_per_unit for view, mark in zip(views, marks_px, strict=True)
    ]
    robust = ROBUST_PART * FACE_PX / views[0].pixels_per_unit
    points, miss = np.zeros((SKIN, 3)), np.zeros((len(views), SKIN))
    for _ in range(6):
        square, wanted = np.tile(HOLD * np.diag([0.0, 0.0, 1.0]), (SKIN, 1, 1)), np.zeros((SKIN, 3))
        wanted[:, 2] = HOLD * depth
        for sight, plane, place, off in zip(sights, across, placed, miss, strict=True):
            trust = sight * robust / np.maximum(off, robust)
            square += trust[:, None, None] * (plane.T @ plane)
            wanted += trust[:, None] * (place @ plane)
        points = np.linalg.solve(square, wanted[..., None])[..., 0]
        miss = np.stack(
            [np.linalg.norm(points @ plane.T - place, axis=1) for plane, place in zip(across, placed, strict=True)]
        )
    spread = (np.stack(sights) * miss).sum(0) / np.stack(sights).sum(0)
    return Marks(points + views[0].centre, spread)
