"""Colour of the default avatar's skin, vertex by vertex: lips, blush, lids, nostrils, stubble of the scalp; no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import face_topology as parts
from .face_skin import SKIN_COUNT, Face, nostril_depth
from .hair_and_shirt import above_hairline
from .head_skin import BAG_REGION, RIM, Skin
from .mesh import Points, averaged, smoothstep
from .palette import BLUSH, GUM, HAIR, LID, LIP, SKIN

Tint = NDArray[np.float64]


def lip_faces(face: Face) -> NDArray[np.bool_]:
    """(F,) triangles of the dense face between the outer and inner borders of the lips."""
    outer = list(parts.LIP_UPPER + parts.LIP_LOWER)
    inner = list(parts.MOUTH_UPPER + parts.MOUTH_LOWER)
    neighbours: dict[int, set[int]] = {}
    for triangle in face.cage.tolist():
        for vertex in triangle:
            neighbours.setdefault(vertex, set()).update(triangle)
    # Flood from the inner border out to the outer one, which is not crossed.
    inside, front = set(inner), set(inner)
    while front:
        front = {n for vertex in front for n in neighbours[vertex]} - inside - set(outer)
        inside |= front
    member = np.zeros(SKIN_COUNT, bool)
    member[list(inside | set(outer))] = True
    core = np.zeros(SKIN_COUNT, bool)
    core[list(inside)] = True
    cage = member[face.cage].all(axis=1) & core[face.cage].any(axis=1)
    return cage[face.parent]


def skin_tint(face: Face, skin: Skin) -> Tint:
    """(V, 4) colour of the whole skin; alpha is low where it is moist."""
    points = skin.points_cm
    tint = _plain(len(points))
    dense = len(face.points_cm)
    _flush(tint, points)
    _blend(tint, HAIR, 0.85 * scalp(points))
    lips = np.zeros(len(points))
    lips[face.triangles[lip_faces(face)]] = 1.0
    lips[:dense] = averaged(lips[:dense], face.triangles, 2)
    _blend(tint, LIP, 0.92 * lips)
    tint[:, 3] -= 0.55 * lips
    nostril = np.zeros(len(points))
    nostril[:dense] = nostril_depth(face)
    _blend(tint, (0.10, 0.03, 0.025), 0.9 * nostril)
    for eye in face.eyes:
        distance = np.linalg.norm(points - eye.centre_cm, axis=1)
        _blend(tint, LID, 0.38 * smoothstep(2.0, 1.45, distance) * (points[:, 2] > 7.0))
    for region, colour in ((RIM, (0.50, 0.20, 0.165)), (BAG_REGION, GUM)):
        corners = {v for f, r in zip(skin.faces, skin.region, strict=True) if r == region for v in f}
        rows = [vertex for vertex in corners if vertex >= dense]
        tint[rows, :3] = colour
        tint[rows, 3] = 0.15
    return tint


def scalp(points: Points) -> NDArray[np.float64]:
    """(V,) 0 on bare skin to 1 where hair grows."""
    return smoothstep(-0.3, 1.1, above_hairline(points))


def ear_tint(points: Points) -> Tint:
    """(V, 4) colour of an ear, redder toward the rim."""
    tint = _plain(len(points))
    _blend(tint, BLUSH, 0.35 * smoothstep(7.4, 9.0, np.abs(points[:, 0])))
    return tint


def _plain(count: int) -> Tint:
    return np.tile(np.array([*SKIN, 1.0]), (count, 1))


def _flush(tint: Tint, points: Points) -> None:
    """Blood under cheeks, nose tip and chin; paler forehead; a shade cooler beard region."""
    for x, y, z, reach, amount in (
        (4.3, -0.6, 9.2, 3.2, 0.50), (-4.3, -0.6, 9.2, 3.2, 0.50), (0.0, 0.1, 13.0, 1.9, 0.45), (0.0, -6.6, 11.0, 2.0, 0.22),
    ):  # fmt: skip
        _blend(tint, BLUSH, amount * smoothstep(reach, 0.3, np.linalg.norm(points - [x, y, z], axis=1)))
    _blend(tint, (0.60, 0.365, 0.26), 0.35 * smoothstep(5.5, 8.0, points[:, 1]))
    beard = (
        smoothstep(-1.2, -3.6, points[:, 1])
        * smoothstep(2.5, 5.5, points[:, 2])
        * smoothstep(-10.5, -8.0, points[:, 1])
    )
    _blend(tint, (0.46, 0.285, 0.23), 0.30 * beard)


def _blend(tint: Tint, colour: tuple[float, float, float], amount: NDArray[np.float64]) -> None:
    tint[:, :3] += amount[:, None] * (np.array(colour) - tint[:, :3])
