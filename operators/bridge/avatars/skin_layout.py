"""Places of the avatar's skin in a texture from footage (the layout of `inference.texture.layout`); no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....inference.texture.layout import face_surface, head_uv
from .face_skin import Face
from .head_skin import Skin
from .mesh import Points

Places = NDArray[np.float64]

EAR_TURN, EAR_ALONG = 0.42, 0.3
"""Where ears lie round the face oval and on the way to the collar; what is there is filled, never footage."""
EAR_SCALE = 0.004


def skin_uv(face: Face, skin: Skin) -> Places:
    """(V, 2): the dense face as laid out, the insides of lids and lips where their edges are, the head around it."""
    dense = face_surface().uv
    places = head_uv(skin.head_u, skin.head_v)
    places[: len(dense)] = dense
    inner = np.arange(len(dense), len(places))[skin.head_v[len(dense) :] == 0.0]
    rims = np.unique(
        np.concatenate(
            [face.mouth_upper, face.mouth_lower, *(line for eye in face.eyes for line in (eye.upper, eye.lower))]
        )
    )
    nearest = ((skin.points_cm[inner, None] - face.points_cm[None, rims]) ** 2).sum(axis=2).argmin(axis=1)
    places[inner] = dense[rims[nearest]]
    return places


def ear_uv(points: Points) -> Places:
    """(V, 2) a small patch of filled skin beside the face."""
    side = np.sign(points[:, 0].mean())
    middle = points.mean(axis=0)
    patch = np.stack([side * (middle[2] - points[:, 2]), points[:, 1] - middle[1]], axis=1)
    return head_uv(np.array([side * EAR_TURN]), np.array([EAR_ALONG])) + EAR_SCALE * patch
