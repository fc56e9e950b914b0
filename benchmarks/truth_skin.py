"""Paints the skin of a rendered actor into texture pictures: every freckle and pore sits on a place of the surface."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree
from truth_actor import Skin
from understudy.inference.face_model.ict_folder import IctModel
from understudy.models.ict_render import below_neckline, blush_mask, brow_mask, lip_mask, scalp_mask, smooth_step

TEXTURES: Final = (("M_Face", 1024), ("M_BackHead", 512))
"""Material and side in texels; the back of the head lies in the second tile of the texture plane."""


def paint_skin(ict: IctModel, skin: Skin, seed: int) -> dict[str, NDArray[np.float32]]:
    """Material -> (S, S, 3) linear RGB, the first row at the bottom of the texture plane."""
    pictures = {}
    fields = _Fields(seed)
    for material, side in TEXTURES:
        rest, covered = _rest_positions(ict, material, side)
        colour = _paint(ict, rest[covered], skin, fields)
        picture = np.zeros((side, side, 3), np.float32)
        picture[covered] = colour
        nearest = distance_transform_edt(~covered, return_distances=False, return_indices=True)
        pictures[material] = picture[tuple(nearest)]
    return pictures


def _rest_positions(ict: IctModel, material: str, side: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(S, S, 3) place on the generic head of each texel of a material, and where there is one."""
    place, covered = np.zeros((side, side, 3)), np.zeros((side, side), bool)
    for polygon, corners, name in zip(ict.polygons, ict.polygon_uvs, ict.materials, strict=True):
        if name != material:
            continue
        for second in range(1, len(polygon) - 1):
            pick = [0, second, second + 1]
            _fill(place, covered, ict.uv[[corners[i] for i in pick]] % 1.0, ict.neutral_cm[[polygon[i] for i in pick]])
    return place, covered


def _fill(
    place: NDArray[np.float64], covered: NDArray[np.bool_], uv: NDArray[np.float64], points: NDArray[np.float64]
) -> None:
    """Write the places of one triangle into the texels it covers, and half a texel beyond."""
    side = len(place)
    low = np.maximum(np.floor(uv.min(axis=0) * side - 1), 0).astype(int)
    high = np.minimum(np.ceil(uv.max(axis=0) * side + 1), side).astype(int)
    u, v = np.meshgrid((np.arange(low[0], high[0]) + 0.5) / side, (np.arange(low[1], high[1]) + 0.5) / side)
    edges = np.array([uv[1] - uv[0], uv[2] - uv[0]])
    area = np.linalg.det(edges)
    if abs(area) < 1e-12:
        return
    offset = np.stack([u - uv[0, 0], v - uv[0, 1]], axis=-1)
    b = (offset[..., 0] * edges[1, 1] - offset[..., 1] * edges[1, 0]) / area
    c = (offset[..., 1] * edges[0, 0] - offset[..., 0] * edges[0, 1]) / area
    slack = 0.5 / side * np.linalg.norm(edges, axis=1).max() / abs(area)
    inside = (b > -slack) & (c > -slack) & (b + c < 1 + slack)
    weights = np.maximum(np.stack([1 - b - c, b, c], axis=-1)[inside], 0.0)  # no extrapolation from slivers
    weights /= weights.sum(axis=1, keepdims=True)
    rows, columns = np.nonzero(inside)
    place[rows + low[1], columns + low[0]] = weights @ points
    covered[rows + low[1], columns + low[0]] = True


class _Fields:
    """Smooth random fields in space, the same for every texture of an actor."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._lattice = np.random.default_rng([seed, 11]).normal(size=(64, 64, 64)).astype(np.float32)

    def at(self, points: NDArray[np.float64], period_cm: float, octave: int) -> NDArray[np.float32]:
        """(N,) noise of about unit deviation whose features are a period wide; octaves are independent."""
        where = points.T / period_cm + 17.3 * octave
        return np.asarray(map_coordinates(self._lattice, where, order=1, mode="grid-wrap") / 0.55)


def _paint(ict: IctModel, rest: NDArray[np.float64], skin: Skin, fields: _Fields) -> NDArray[np.float32]:
    base, lips_rgb, hair_rgb = np.array(skin.base), np.array(skin.lips), np.array(skin.hair)
    patches = 0.5 * fields.at(rest, 2.6, 1) + 0.6 * fields.at(rest, 0.9, 2) + 0.5 * fields.at(rest, 0.35, 3)
    grain = 0.7 * fields.at(rest, 0.2, 4) + 0.7 * fields.at(rest, 0.1, 5)
    red = fields.at(rest, 1.7, 6)
    brightness = np.exp(skin.blotches * patches + skin.pores * grain)[:, None]
    tint = np.exp(skin.blotches * red[:, None] * np.array([0.2, -0.5, -0.4]))
    blush = 0.35 * skin.blush * blush_mask(rest)[:, None]
    colour = base * brightness * tint * (1 - blush * np.array([0.05, 0.55, 0.5]))
    spots = _spots(ict, rest, skin, fields.seed)[:, None]
    colour = colour * (1 - spots * np.array([0.42, 0.58, 0.62]))
    beard = skin.stubble * _beard_mask(rest)[:, None] * np.clip(0.45 + 0.3 * grain, 0.1, 0.9)[:, None]
    colour = colour * (1 - 0.5 * beard) + 0.5 * beard * hair_rgb
    lips = 0.8 * lip_mask(ict, rest)[:, None]
    wrinkles = np.exp(1.2 * (skin.blotches + skin.pores) * fields.at(rest * [3.0, 0.7, 1.0], 0.35, 7))[:, None]
    colour = colour + lips * (lips_rgb * wrinkles - colour)
    hair = _hair_cover(ict, rest, skin, fields)[:, None]
    colour = colour + hair * (hair_rgb * np.exp(0.35 * grain)[:, None] - colour)
    if skin.dressed:
        weave = np.exp(0.15 * grain)[:, None]
        cloth = smooth_step(below_neckline(rest), 0.0, 0.1)[:, None]
        colour = colour + cloth * (np.array(skin.cloth) * weave - colour)
    return np.clip(colour, 0.002, 0.95).astype(np.float32)


def _hair_cover(ict: IctModel, rest: NDArray[np.float64], skin: Skin, fields: _Fields) -> NDArray[np.float64]:
    """(N,) opacity of brows, drawn with slanted strokes, and of short hair on the scalp."""
    slanted = rest @ np.array([[1.0, 0.35, 0.0], [-0.35, 1.0, 0.0], [0.0, 0.0, 1.0]])
    strokes = smooth_step(fields.at(slanted * [1.0, 2.6, 1.0], 0.28, 8), -0.9, 0.9)
    brow = skin.brow_strength * smooth_step(brow_mask(ict, rest), 0.0, 0.7) * (0.55 + 0.45 * strokes)
    if skin.bald:
        return brow
    ragged = scalp_mask(rest) + 0.2 * np.clip(fields.at(rest, 0.35, 9), -1, 1)
    return np.maximum(brow, 0.93 * smooth_step(ragged, 0.3, 0.75))


def _beard_mask(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chin, jaw and upper lip."""
    x, y, z = rest.T
    jaw = smooth_step(-y, 2.2, 3.6) * smooth_step(y, -11.5, -9.5) * smooth_step(z, -1.0, 2.0)
    cheeks = 1 - smooth_step(y + 0.32 * np.abs(x), -1.2, 0.4)
    return np.asarray(jaw * cheeks)


def _spots(ict: IctModel, rest: NDArray[np.float64], skin: Skin, seed: int) -> NDArray[np.float64]:
    """(N,) darkness of freckles (denser on nose and cheeks) and moles, 0 to 1."""
    rng = np.random.default_rng([seed, 12])
    face = ict.neutral_cm[ict.part("M_Face")]
    face = face[face[:, 2] > 2.0]
    likely = 0.15 + np.exp(-(((face[:, 1] - 1.0) / 3.2) ** 2))
    count = skin.freckles + skin.moles
    if not count:
        return np.zeros(len(rest))
    centres = face[rng.choice(len(face), count, p=likely / likely.sum())] + rng.normal(0, 0.12, (count, 3))
    radius = np.concatenate([rng.uniform(0.05, 0.13, skin.freckles), rng.uniform(0.08, 0.16, skin.moles)])
    dark = np.concatenate([rng.uniform(0.35, 0.9, skin.freckles), rng.uniform(0.8, 1.0, skin.moles)])
    distance, nearest = cKDTree(centres).query(rest, distance_upper_bound=0.4)
    near = np.isfinite(distance)
    darkness = np.zeros(len(rest))
    index = nearest[near]
    darkness[near] = dark[index] * (1 - smooth_step(distance[near] / radius[index], 0.5, 1.3))
    return darkness


def backdrop(colours: tuple[tuple[float, ...], tuple[float, ...]], size: int, seed: int) -> NDArray[np.uint8]:
    """(size, size, 3) sRGB picture out of focus: large soft shapes between two colours."""
    rng = np.random.default_rng([seed, 13])
    mix = np.zeros((size, size), np.float32)
    for cells, weight in ((2, 0.6), (5, 0.3), (9, 0.15)):
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        mix += weight * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    share = np.clip(0.5 + 0.5 * mix, 0, 1)[..., None]
    picture = np.array(colours[0]) * (1 - share) + np.array(colours[1]) * share
    return np.asarray(np.clip(255 * picture, 0, 255), dtype=np.uint8)
