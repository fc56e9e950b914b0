"""What of the looks at a face is its skin: one exposure for all, no hair, no background, no eyeballs and teeth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .fusion import weighted_median
from .layout import CENTRE, FACE_RADII, Array
from .texels import Texels
from .views import BROW_TAILS, featureless, opening_edges, plain_skin

Single = NDArray[np.float32]
Halves = NDArray[np.float16]

EDGE = (0.86, 0.97)
"""Shares of the way to the oval between which footage gives way to filled skin: beyond are hair and background."""
OUTER = (0.45, 0.6)
"""From here outward what does not look like this actor's skin is hair or background, but for brows, eyes and lips."""
SKIN_LIKE = (0.5, 0.2, 0.25)
"""Natural logarithms by which skin varies: brightness, red over green, blue over green."""
BEARD, BEARD_LINE = 2.0, -0.25
"""Below this height, under the nose, skin may be so much darker still."""
INSIDE_CM = 0.16
"""Edges of lids and lips show eyeballs and teeth in some frames: they are filled from the skin beside them."""
OUTSIDE, UNLIKE = 0.85, 2.0
"""Hair comes from beyond this share of the way to the oval; it differs from skin by more than this."""


def match_exposure(looks: Halves, weights: Halves) -> None:
    """Give all looks the brightness and white of their common average, in place."""
    every = slice(None, None, 23)
    some, weight = looks[:, every].astype(np.float32), weights[:, every].astype(np.float32)
    total = np.maximum(weight.sum(axis=0), 1e-6)[:, None]
    average = (some * weight[..., None]).sum(axis=0) / total
    for number in range(len(looks)):
        if weight[number].sum() > 0:
            own = (some[number] * weight[number][:, None]).sum(axis=0)
            common = (average * weight[number][:, None]).sum(axis=0)
            looks[number] *= np.clip(common / np.maximum(own, 1e-6), 0.5, 2.0).astype(np.float16)


def _places(texels: Texels) -> Array:
    """(N, 2) of the texels, from the middle of the layout in radii of the oval: right and up."""
    uv = np.stack([texels.columns + 0.5, texels.side - texels.rows - 0.5], 1) / texels.side
    return np.asarray((uv - CENTRE) / FACE_RADII)


def keep_skin(looks: Halves, weights: Halves, texels: Texels, points_cm: Array) -> None:
    """Take the weight from hair and background in the outer parts of the face, in place.

    Brows, eyes and lips may look other than skin. Where hair reaches the tail of a brow, the tail is lost with it.
    """
    place = _places(texels)
    reach = np.linalg.norm(place, axis=1)
    outer = np.clip((reach - OUTER[0]) / (OUTER[1] - OUTER[0]), 0.0, 1.0)
    bare = texels.carried(featureless(points_cm).astype(np.float32))
    middle = np.flatnonzero(texels.carried(plain_skin(points_cm).astype(np.float32)) * (1 - outer * bare) > 0.5)[::7]
    skin = weighted_median(looks[:, middle].astype(np.float32), weights[:, middle].astype(np.float32))
    usual = np.median(skin[skin.sum(axis=1) > 0], axis=0)
    average = _mean_look(looks, weights)
    hair = _from_outside(
        texels, (_unlike(texels, average, usual) > UNLIKE) & (average.sum(axis=1) > 0), reach > OUTSIDE
    )
    without_tails = texels.carried(featureless(points_cm, BROW_TAILS).astype(np.float32))
    outer = outer * np.where(hair, without_tails, bare)
    for number, look in enumerate(looks):
        share = np.exp(-np.maximum(_unlike(texels, look.astype(np.float32), usual) - 1.0, 0.0))
        weights[number] *= (1 - outer + outer * share).astype(np.float16)


def seeds(texels: Texels, colour: Single, skin: Single) -> Single:
    """(N,) how far each texel may colour the unseen skin around the face: brows and hair may not."""
    reach = np.linalg.norm(_places(texels), axis=1)
    outer = np.clip((reach - OUTER[0]) / (OUTER[1] - OUTER[0]), 0.0, 1.0)
    share = np.exp(-np.maximum(_unlike(texels, colour, skin) - 1.0, 0.0))
    return np.asarray(1 - outer + outer * share, np.float32)


def _unlike(texels: Texels, colour: Single, skin: Single) -> Single:
    """(N,) how much colours (N, 3) differ from the usual skin (3,): 1 where skin still varies so much."""
    spread = np.tile(np.array(SKIN_LIKE), (len(colour), 1))
    spread[_places(texels)[:, 1] < BEARD_LINE, 0] *= BEARD
    return np.asarray((((_tone(colour) - _tone(skin)) / spread) ** 2).sum(axis=1), np.float32)


def _from_outside(texels: Texels, odd: NDArray[np.bool_], outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) texels that are `odd` and hang together with odd ones `outside`, and their surroundings."""
    _, label = cv2.connectedComponents(texels.picture(odd.astype(np.float32)).astype(np.uint8))
    found = label[texels.rows, texels.columns]
    hanging = odd & np.isin(found, np.unique(found[odd & outside]))
    around = np.ones((1 + 2 * (texels.side // 100),) * 2, np.uint8)
    return np.asarray(cv2.dilate(texels.picture(hanging.astype(np.float32)), around)[texels.rows, texels.columns] > 0)


def _mean_look(looks: Halves, weights: Halves) -> Single:
    """(N, 3)."""
    total, share = np.zeros(looks.shape[1:], np.float32), np.full(looks.shape[1], 1e-6, np.float32)
    for look, weight in zip(looks, weights, strict=True):
        total += look.astype(np.float32) * weight.astype(np.float32)[:, None]
        share += weight
    return np.asarray(total / share[:, None])


def _tone(colour: Single) -> Single:
    """(..., 3) logarithms of brightness, red over green and blue over green."""
    red, green, blue = np.moveaxis(np.log(np.maximum(colour, 1e-3)), -1, 0)
    return np.stack([(red + green + blue) / 3, red - green, blue - green], -1)


def on_skin(texels: Texels, points_cm: Array) -> Single:
    """(N,) 0 at the oval and on the edges of lids and lips, 1 between."""
    inside = np.clip((EDGE[1] - np.linalg.norm(_places(texels), axis=1)) / (EDGE[1] - EDGE[0]), 0.0, 1.0)
    edges = points_cm[opening_edges()]
    distance = np.sqrt(((points_cm[:, None] - edges[None]) ** 2).sum(axis=2)).min(axis=1)
    return np.asarray(inside * np.clip(2 * texels.carried(distance) / INSIDE_CM - 1, 0.0, 1.0), np.float32)
