"""Named parts of the 478-landmark mesh that the avatar is built on; no bpy. Left and right are the actor's."""

from __future__ import annotations

import numpy as np

from .mesh import Indices

EYE_LEFT_LOWER = (263, 249, 390, 373, 374, 380, 381, 382, 362)
EYE_LEFT_UPPER = (263, 466, 388, 387, 386, 385, 384, 398, 362)
EYE_RIGHT_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
EYE_RIGHT_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
"""Lid margins from the outer to the inner corner."""
MOUTH_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
MOUTH_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Inner lip line from the actor's right corner to the left one."""
LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
"""Outer border of the lips from the actor's right corner to the left one."""
BROW_LEFT_UPPER, BROW_LEFT_LOWER = (336, 296, 334, 293, 300), (285, 295, 282, 283, 276)
BROW_RIGHT_UPPER, BROW_RIGHT_LOWER = (107, 66, 105, 63, 70), (55, 65, 52, 53, 46)
"""Borders of the brows from the nose outward."""
NOSTRIL_LEFT = (459, 309, 392, 289, 305, 290, 250, 458)
NOSTRIL_RIGHT = (239, 79, 166, 59, 75, 60, 20, 238)
"""Inside the rim of each nostril."""
WING_LEFT, WING_RIGHT = (438, 439, 455, 344, 278), (218, 219, 235, 115, 48)
"""Rim and side of each nostril on the wing of the nose."""
SLIVERS = (435, 215, 292, 62, 325, 96, 407, 183, 272, 42, 319, 89)
"""Corners of triangles that the mean face nearly folds: on the jaw line and in the corners of the mouth."""
CREASES = (61, 291, 344, 115, 278, 48, 294, 64, 360, 131, 279, 49, 331, 102, 429, 209)
"""Where landmarks crowd together: corners of the mouth and creases of the nose."""
CHIN = (152, 148, 377, 176, 400, 175, 171, 396, 199, 208, 428, 140, 369)
"""Skin that moves with the jaw bone."""
HOLES = (
    (*EYE_LEFT_LOWER, *EYE_LEFT_UPPER),
    (*EYE_RIGHT_LOWER, *EYE_RIGHT_UPPER),
    (*MOUTH_UPPER, *MOUTH_LOWER),
)


def refined_path(path: tuple[int, ...], loop: list[int]) -> Indices:
    """The stretch of a refined border `loop` that runs through the landmarks of `path`, in the path's direction.

    Landmarks keep their vertex indices when the mesh is refined, so the first three steps tell the direction.
    """
    start = loop.index(path[0])
    forward = loop[start:] + loop[:start]
    backward = [forward[0], *forward[:0:-1]]
    walk = forward if forward.index(path[1]) < backward.index(path[1]) else backward
    return np.array(walk[: walk.index(path[-1]) + 1], np.int64)
