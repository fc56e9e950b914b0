"""Step 2 of the face model: where the landmark network sees each of its 468 skin points on the ICT-FaceKit surface.

The network marks pictures of posed heads (landmark_renders.py); every mark is cast back onto the posed surface, and the
lines of sight of all pictures together give the point. Lid and lip rims are known exactly: those points go onto the rims.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from ..inference.face_model.ict_folder import IctModel, read_ict
from .ict_archive import unpack_ict
from .landmark_renders import FOCAL_PX, SIZE_PX
from .landmark_topology import EYES, INNER_LIPS, LOWER_LIP, UPPER_LIP

SKIN = 468
GRAZING = 0.2
"""Cosine of the angle to the line of sight below which a hit says little about depth."""
ROBUST_CM = 0.15
HOLD = 0.02
UPPER_LIP_DROP_CM, LOWER_LIP_DROP_CM = 1.0, 1.4
"""How far jawOpen = 1 lowers what belongs to the upper lip at most, and to the lower lip at least."""


@dataclass(frozen=True)
class Correspondence:
    """Landmark i is ``weights[i] @ vertices_cm[corners[i]]``; ``mirror[i]`` is its partner on the other half of the face."""

    corners: NDArray[np.int64]
    """(468, 3) ICT vertices."""
    weights: NDArray[np.float64]
    """(468, 3), rows add up to 1."""
    mirror: NDArray[np.int64]
    """(468,)."""

    def sample(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(468, 3) landmarks of any (26719, 3) positions or offsets."""
        return np.einsum("ij,ijk->ik", self.weights, np.asarray(vertices, dtype=np.float64)[self.corners])


def found_in_archive(archive: Path, renders: Path | None) -> tuple[IctModel, Correspondence]:
    """ICT-FaceKit out of its archive, and where the landmarks lie on it.

    `renders` keeps the pictures of posed heads; they are made when the folder does not hold them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = unpack_ict(archive, Path(scratch))
        renders = renders or Path(scratch) / "renders"
        if not (renders / "poses.npz").is_file():
            subprocess.run(
                [sys.executable, "-m", f"{__package__}.landmark_renders", str(folder), str(renders)], check=True
            )
        ict = read_ict(folder, with_identity=True)
        return ict, find_correspondence(ict, renders)


def find_correspondence(ict: IctModel, renders: Path) -> Correspondence:
    """Correspondence of the pictures and `poses.npz` in a folder; prints how well it explains the marks.

    First guess: the median of the surface points that the marks cover. Then the fixed point of the head whose pictures lie
    nearest to the marks from all sides is found by triangulation, and put back on the surface.
    """
    views = _views(ict, renders)
    rest = np.nanmedian(_cast_all(ict, views), axis=0)
    mirror = _mirror_pairs(rest)
    corners, weights = _snap(ict, _symmetric(rest, mirror))
    points = _symmetric(_triangulate(ict, views, corners, weights), mirror)
    corners, weights = _snap(ict, points)
    _put_on_rims(ict, points, corners, weights)
    stray = np.median([_miss(view, corners, weights) for view in views], axis=0)
    print(f"{len(views)} pictures; median distance of a mark from its landmark {10 * np.median(stray):.2f} mm")
    return Correspondence(corners, weights, mirror)


@dataclass(frozen=True)
class _View:
    """One picture: the marks and the head that it shows."""

    marks: NDArray[np.float64]
    """(468, 2) pixels."""
    posed_cm: NDArray[np.float64]
    """(26719, 3) head axes."""
    rotation: NDArray[np.float64]
    position_cm: NDArray[np.float64]

    def in_camera(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(points @ self.rotation.T + self.position_cm)


def _views(ict: IctModel, renders: Path) -> list[_View]:
    with np.load(renders / "poses.npz") as poses:
        columns = [poses[key] for key in ("identity", "jaw_open", "rotation", "position_cm")]
    views = []
    for number, (identity, jaw, rotation, position) in enumerate(zip(*columns, strict=True)):
        marks = _detect(renders / f"{number:03d}.png")
        if marks is None:
            continue
        posed = ict.neutral_cm + np.einsum("i,ivk->vk", identity, ict.identity_cm) + jaw * ict.shapes_cm["jawOpen"]
        views.append(_View(marks, posed, rotation, position))
    return views


def _symmetric(points: NDArray[np.float64], mirror: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((points + points[mirror] * [-1.0, 1.0, 1.0]) / 2)


def _triangulate(
    ict: IctModel, views: list[_View], corners: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(468, 3) rest points whose posed images lie nearest to the marks of all views.

    Robust least squares of the distances between each point and the lines of sight; a point moves with people and jaw as
    its first guess on the surface does, and a weak pull keeps it there where the views do not say better.
    """
    rays, shifts = [], []
    for view in views:
        surface = np.einsum("ij,ijk->ik", weights, view.posed_cm[corners])
        sight = np.column_stack([(view.marks - SIZE_PX / 2) * [1, -1] / FOCAL_PX, -np.ones(SKIN)])
        rays.append(sight / np.linalg.norm(sight, axis=1, keepdims=True) @ view.rotation)
        shifts.append(surface + view.position_cm @ view.rotation)
    offset = np.zeros((SKIN, 3))
    for _ in range(8):
        left, right = np.zeros((SKIN, 3, 3)), np.zeros((SKIN, 3))
        for ray, shift in zip(rays, shifts, strict=True):
            across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
            miss = np.linalg.norm(np.einsum("nij,nj->ni", across, shift + offset), axis=1)
            trust = np.minimum(1.0, ROBUST_CM / np.maximum(miss, 1e-9))[:, None]
            left += trust[..., None] * across
            right -= trust * np.einsum("nij,nj->ni", across, shift)
        offset = np.linalg.solve(left + HOLD * len(views) * np.eye(3), right[..., None])[..., 0]
    return np.asarray(np.einsum("ij,ijk->ik", weights, ict.neutral_cm[corners]) + offset)


def _miss(view: _View, corners: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(468,) distance in cm, at the depth of the face, between the marks of a view and the landmarks."""
    at = view.in_camera(np.einsum("ij,ijk->ik", weights, view.posed_cm[corners]))
    px = SIZE_PX / 2 + FOCAL_PX * at[:, :2] * [1, -1] / -at[:, 2:]
    return np.asarray(np.linalg.norm(px - view.marks, axis=1) * -at[:, 2] / FOCAL_PX)


def _detect(path: Path) -> NDArray[np.float64] | None:
    """(468, 2) landmarks in pixels of one picture, or None."""
    import mediapipe

    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        faces = mesh.process(rgb).multi_face_landmarks
    if not faces:
        return None
    return np.array([(p.x * rgb.shape[1], p.y * rgb.shape[0]) for p in faces[0].landmark[:SKIN]])


def _cast_all(ict: IctModel, views: list[_View]) -> NDArray[np.float64]:
    """(pictures, 468, 3) hits in coordinates of the mean neutral head; NaN where nothing was hit."""
    skin = ict.triangles("M_Face")
    drop = -ict.shapes_cm["jawOpen"][:, 1][skin].mean(axis=1)
    about_mouth = np.abs(ict.neutral_cm[skin].mean(axis=1) - [0.0, -3.4, 11.0]).max(axis=1) < 3.0
    allowed = np.ones((SKIN, len(skin)), dtype=bool)
    allowed[list(UPPER_LIP)] = about_mouth & (drop < UPPER_LIP_DROP_CM)
    allowed[list(LOWER_LIP)] = about_mouth & (drop > LOWER_LIP_DROP_CM)
    return np.array([_cast(v.marks, v.in_camera(v.posed_cm), skin, allowed, ict.neutral_cm) for v in views])


def _cast(
    marks: NDArray[np.float64],
    in_camera: NDArray[np.float64],
    skin: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    rest: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(468, 3) rest positions of what the marks (468, 2) cover; NaN off the skin or where it is seen too flatly."""
    px = SIZE_PX / 2 + FOCAL_PX * in_camera[:, :2] * [1, -1] / -in_camera[:, 2:]
    a, b, c = (px[skin[:, k]] for k in range(3))
    area = _cross(b - a, c - a)
    corners = in_camera[skin]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    centre = corners.mean(axis=1)
    facing = -(normal * centre).sum(axis=1) / np.linalg.norm(normal, axis=1) / np.linalg.norm(centre, axis=1)
    out = np.full((SKIN, 3), np.nan)
    for i, mark in enumerate(marks):
        with np.errstate(divide="ignore", invalid="ignore"):
            wb, wc = _cross(mark - a, c - a) / area, _cross(b - a, mark - a) / area
        inside = np.flatnonzero((wb >= 0) & (wc >= 0) & (wb + wc <= 1) & (facing > 0) & allowed[i])
        if len(inside):
            t = inside[np.argmax(centre[inside, 2])]
            if facing[t] > GRAZING:
                out[i] = np.array([1 - wb[t] - wc[t], wb[t], wc[t]]) @ rest[skin[t]]
            continue
        near = np.flatnonzero((facing > 0) & allowed[i])
        t = near[np.argmin(((px[skin[near]].mean(axis=1) - mark) ** 2).sum(axis=1))]
        if np.linalg.norm(px[skin[t]].mean(axis=0) - mark) < 8:
            out[i] = rest[skin[t]].mean(axis=0)
    return out


def _cross(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def _mirror_pairs(rest: NDArray[np.float64]) -> NDArray[np.int64]:
    """(468,) partner of each landmark: the best one-to-one matching of the points with their mirror image."""
    distance = np.linalg.norm(rest[:, None] * [-1.0, 1.0, 1.0] - rest[None], axis=2)
    partner = linear_sum_assignment(distance + distance.T)[1]
    if not np.array_equal(partner[partner], np.arange(SKIN)):
        raise ValueError("the landmarks have no one-to-one left-right pairing; look at the pictures")
    return np.asarray(partner, dtype=np.int64)


def _snap(ict: IctModel, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangle corners (N, 3) and weights (N, 3) of the skin points nearest to points (N, 3)."""
    skin = ict.triangles("M_Face")
    corners = ict.neutral_cm[skin]
    tree = cKDTree(corners.mean(axis=1))
    drop = -ict.shapes_cm["jawOpen"][:, 1][skin].mean(axis=1)
    triangles, weights = np.zeros((len(points), 3), dtype=np.int64), np.zeros((len(points), 3))
    for i, point in enumerate(points):
        near = tree.query(point, k=40)[1]
        if i in UPPER_LIP:
            near = near[drop[near] < UPPER_LIP_DROP_CM]
        elif i in LOWER_LIP:
            near = near[drop[near] > LOWER_LIP_DROP_CM]
        w = _nearest_in_triangles(point, corners[near])
        best = np.argmin(np.linalg.norm(np.einsum("tj,tjk->tk", w, corners[near]) - point, axis=1))
        triangles[i], weights[i] = skin[near[best]], w[best]
    return triangles, weights


def _nearest_in_triangles(point: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) weights of the point of each triangle that is nearest to `point` (clamped projection, exact inside)."""
    u, v, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], point - corners[:, 0]
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    pu, pv = (p * u).sum(1), (p * v).sum(1)
    det = np.maximum(uu * vv - uv * uv, 1e-12)
    wu, wv = (vv * pu - uv * pv) / det, (uu * pv - uv * pu) / det
    w = np.clip(np.stack([1 - wu - wv, wu, wv], axis=1), 0.0, None)
    return w / w.sum(axis=1, keepdims=True)


def _put_on_rims(
    ict: IctModel, rest: NDArray[np.float64], corners: NDArray[np.int64], weights: NDArray[np.float64]
) -> None:
    """Move lid and inner-lip landmarks onto the rims of the mesh, at the sideways place where the network sees them."""
    lm = ict.landmarks68
    graph = _edge_graph(ict)
    for eye, (upper68, lower68) in zip(
        EYES, (((42, 43, 44, 45), (42, 47, 46, 45)), ((36, 37, 38, 39), (36, 41, 40, 39))), strict=True
    ):
        _onto_path(ict, graph, lm[list(upper68)], eye.upper, rest[list(eye.upper), 0], corners, weights)
        _onto_path(ict, graph, lm[list(lower68)], eye.lower, rest[list(eye.lower), 0], corners, weights)
    across = (rest[list(INNER_LIPS.upper), 0] + rest[list(INNER_LIPS.lower), 0]) / 2
    _onto_path(ict, graph, lm[60:65], INNER_LIPS.upper, across, corners, weights)
    _onto_path(ict, graph, lm[[60, 67, 66, 65, 64]], INNER_LIPS.lower, across, corners, weights)


def _edge_graph(ict: IctModel) -> coo_matrix:
    edges = {
        (min(a, b), max(a, b))
        for polygon, material in zip(ict.polygons, ict.materials, strict=True)
        if material == "M_Face"
        for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True)
    }
    pairs = np.array(sorted(edges))
    length = np.linalg.norm(ict.neutral_cm[pairs[:, 0]] - ict.neutral_cm[pairs[:, 1]], axis=1)
    half = coo_matrix((length, pairs.T), shape=(len(ict.neutral_cm),) * 2)
    return (half + half.T).tocsr()


def _onto_path(
    ict: IctModel,
    graph: coo_matrix,
    stations: NDArray[np.int64],
    landmarks: tuple[int, ...],
    across_cm: NDArray[np.float64],
    corners: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> None:
    """Put landmarks at sideways places (x) on the shortest edge path through mesh vertices; the ends go to the path's ends."""
    path = [int(stations[0])]
    for start, end in itertools.pairwise(stations):
        before = dijkstra(graph, indices=start, return_predecessors=True)[1]
        leg = [int(end)]
        while leg[-1] != start:
            leg.append(int(before[leg[-1]]))
        path += leg[-2::-1]
    x = np.maximum.accumulate(ict.neutral_cm[path, 0])
    first, last = across_cm[[0, -1]] if across_cm[0] < across_cm[-1] else across_cm[[-1, 0]]
    place = np.interp(across_cm, [first, last], [x[0], x[-1]])
    for landmark, at in zip(landmarks, place, strict=True):
        k = int(np.clip(np.searchsorted(x, at) - 1, 0, len(path) - 2))
        share = float(np.clip((at - x[k]) / max(x[k + 1] - x[k], 1e-9), 0.0, 1.0))
        corners[landmark] = path[k], path[k + 1], path[k]
        weights[landmark] = 1 - share, share, 0.0
