"""What the actor's own face looks like through the shot: usual colours of every place of it, and how far they vary.

Learnt from a few frames, in spite of what passes in front of the face in some of them: colours unlike skin count little
while others are known, and what stands out with a sharp edge is left out when the colours are learnt again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, shrink
from ..regions import face_width_px
from ..types import Floats, Pixels, Region
from .islands import flooded, islands
from .layout import FaceLayout, Places, face_layout

FACE_SIZE: Final = 160
"""Face width in pixels of the pictures that are looked at."""
_DARK: Final = 0.05
"""Encoded; below it the logarithm is flattened, for there is mostly noise."""
_LIGHT_PULL: Final = (0.0, 2e-3, 2e-3, 0.03, 0.03, 0.03)
_LIGHT_NOISE: Final = np.array([0.12, 0.05, 0.05], np.float32)
"""What single colours differ by from their usual ones, for fitting light."""
_SKIN_SPREAD: Final = np.array([0.4, 0.1, 0.1], np.float32)
"""How far skin may be from the smooth field of all the skin: shadows and shine, little colour."""
_NOISE_LIMITS: Final = (np.array([0.06, 0.028, 0.032], np.float32), np.array([0.25, 0.06, 0.07], np.float32))
_NOISE_FACTOR: Final = 4.5
"""Times the deviation that six in ten colours stay below."""
_EDGE_SHARE: Final = 0.06
"""Share of frames beyond the limits of usual colours, at either end."""
_CALM: Final = 0.8
"""Units of noise by which the middle pixel of a face may differ from its usual colour."""
_ROUNDS: Final = 5
_FEWEST: Final = 3
"""Frames without which nothing is learnt."""
_HAIR_DEPTH: Final = (0.17, 0.07)
"""Shares of the face beside and above the mouth, and below it, into which hair and background reach from the outline."""


@dataclass(frozen=True)
class Appearance:
    """Colours are brightness, red against green and blue against green, of logarithms (see `colours`)."""

    usual: Floats
    """(SIDE, SIDE, 3) the median."""
    low: Floats
    high: Floats
    """(SIDE, SIDE, 3) limits of the colours that the face shows there, or next to there."""
    noise: Floats
    """(3,) how far beyond the limits colours usually stray."""
    features: Floats
    """(SIDE, SIDE) 1 in eyes, brows, lips, mouth and nostrils."""


@dataclass(frozen=True)
class Look:
    """A frame's face, small."""

    colours: Floats
    """(h, w, 3)."""
    points_px: Floats
    """(478, 2) in the small picture."""


def look_at(plate: Pixels, points_px: Floats, region: Region) -> Look:
    """The region of a plate that holds a face with landmarks (478, 2), small."""
    scale = min(1.0, FACE_SIZE / face_width_px(points_px))
    size = (max(8, round(region.width * scale)), max(8, round(region.height * scale)))
    small = shrink(np.ascontiguousarray(plate[region.slices]), size)
    per_px = np.array([size[0] / region.width, size[1] / region.height], np.float32)
    return Look(colours(small), ((points_px - region.origin_px) * per_px).astype(np.float32))


def colours(pixels: NDArray[Any]) -> Floats:
    """(..., 3) encoded RGB to brightness, red against green, blue against green; a change of light adds to each."""
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    value = np.log(np.maximum(pixels.astype(np.float32) / np.float32(top), 0) + np.float32(_DARK))
    red, green, blue = value[..., 0], value[..., 1], value[..., 2]
    return np.stack([(red + green + blue) / 3, red - green, blue - green], -1)


def fit_light(difference: Floats, basis: Floats, trust: Floats, noise: Floats, rounds: int = 5) -> Floats:
    """(6, 3) smooth field under differences (N, 3); what does not fit, be it half of the face, hardly counts."""
    field = np.zeros((6, 3), np.float32)
    known = trust > 0.5
    if known.any():
        field[0] = np.median(difference[known], axis=0)
    weight = trust
    for turn in range(rounds):
        off = (((difference - basis @ field) / noise) ** 2).mean(-1)
        weight = trust / (1 + off / (16 if turn < rounds - 1 else 6)) ** 2
        weighted = basis * weight[:, None]
        normal = weighted.T @ basis + (np.diag(_LIGHT_PULL) * weight.sum() + 1e-6 * np.eye(6))
        field = np.linalg.solve(normal, weighted.T @ difference).astype(np.float32)
    return field


def learn(looks: Sequence[Look]) -> Appearance | None:
    """The appearance of a face from a few frames of the shot; None when there are too few."""
    if len(looks) < _FEWEST:
        return None
    layout = face_layout()
    taken = [layout.texels_of(look.colours, look.points_px) for look in looks]
    seen = np.stack([mask for _, mask in taken]).astype(np.float32)
    raw = np.stack([values for values, _ in taken])
    plain = (layout.features < 0.15).astype(np.float32)
    usual = np.median(raw, axis=0).astype(np.float32)
    free = np.ones_like(seen)
    for turn in range(_ROUNDS):
        lit = np.stack([
            values - layout.basis @ fit_light(values - usual, layout.basis, mask * plain * open_, _LIGHT_NOISE)
            for values, mask, open_ in zip(raw, seen, free, strict=True)
        ])  # fmt: skip
        skin = layout.basis @ fit_light(usual, layout.basis, plain, 1.2 * _LIGHT_NOISE, rounds=8)
        like_skin = _skin_likeness(lit, skin, layout)
        weight = seen * like_skin * (free + 1e-3) + 1e-6
        usual = _weighted_quantile(lit, weight, 0.5)
        known = seen * free * (like_skin > 0.1)
        if 0 < turn < _ROUNDS - 1:
            limits = _limits(lit, weight, skin, 0.4, layout)
            noise = _noise(lit - usual, known * plain, 0.3)
            free = 1 - np.stack([
                _standing_out(values, mask, usual, limits, noise, layout) for values, mask in zip(lit, seen, strict=True)
            ])  # fmt: skip
    low, high = _limits(lit, weight, skin, _EDGE_SHARE, layout)
    hair = _hair(usual, skin, layout)
    low = np.where(hair[..., None], layout.picture(skin - 1.2 * _SKIN_SPREAD), low)
    high = np.where(hair[..., None], layout.picture(skin + _SKIN_SPREAD), high)
    noise = _noise(lit - usual, known * plain, 0.5)
    features = layout.picture(layout.features)
    return Appearance(
        _filled(layout.picture(usual), layout), _filled(low, layout), _filled(high, layout), noise, features
    )


def surprise(look: Look, face: Appearance, places: Places) -> tuple[Floats, Floats]:
    """(h, w) how far, in units of noise, the pixels are from any colour that the face shows at their place; and from
    the usual colour there.
    """
    inside = places.inside
    usual, low, high = (places.look_up(flat) for flat in (face.usual, face.low, face.high))
    features = places.look_up(face.features)
    some = np.zeros_like(inside)
    some[::2, ::2] = inside[::2, ::2]
    trust = (features[some] < 0.3).astype(np.float32) + np.float32(1e-3)
    light = fit_light(look.colours[some] - usual[some], places.basis(some), trust, _LIGHT_NOISE)
    lit = look.colours - _field(places, light)
    off = (lit - np.clip(lit, low, high)) / face.noise
    surprised = np.sqrt((off * off).sum(-1)) * (1 - 0.75 * features) * inside
    # A frame that is off everywhere is blurred, lit anew or tracked wrongly: nothing is in front of all of the face.
    unusual = np.sqrt((((lit - usual) / face.noise) ** 2).sum(-1)) * inside
    if inside.any():
        middle = float(np.median(unusual[inside]))
        surprised /= 1 + 1.5 * float(np.median(surprised[inside])) + 6 * max(middle - _CALM, 0)
    return surprised.astype(np.float32), unusual.astype(np.float32)


def _field(places: Places, light: Floats) -> Floats:
    """(h, w, 3) a light field at every pixel."""
    field = np.zeros((*places.inside.shape, 3), np.float32)
    field[places.inside] = places.basis(places.inside) @ light
    return field


def _skin_likeness(lit: Floats, skin: Floats, layout: FaceLayout) -> Floats:
    """(K, N) 0..1; lips and brows may differ more."""
    spread = _SKIN_SPREAD * (1 + 1.5 * layout.features[:, None])
    off = (((lit - skin) / spread) ** 2).mean(-1)
    likeness: Floats = 1 / (1 + off) ** 2 + np.float32(0.01)
    return likeness


def _limits(lit: Floats, weight: Floats, skin: Floats, share: float, layout: FaceLayout) -> tuple[Floats, Floats]:
    """(SIDE, SIDE, 3) lowest and highest usual colours, widened by what landmarks may be off by."""
    low, high = _weighted_quantile(lit, weight, share), _weighted_quantile(lit, weight, 1 - share)
    # Lids, eyeballs, teeth and the dark of the mouth come and go.
    opening = layout.openings[:, None]
    low += opening * (np.minimum(low, skin) + np.array([-3.0, -0.5, -0.3], np.float32) - low)
    high += opening * (np.maximum(high, skin) + np.array([0.35, 0.5, 0.45], np.float32) - high)
    other = np.maximum(layout.features - layout.openings, 0)[:, None]
    low -= other * np.array([0.5, 0.12, 0.03], np.float32)
    high += other * np.array([0.15, 0.05, 0.12], np.float32)
    around = np.maximum(layout.around_mouth - layout.openings, 0)[:, None]
    low -= around * np.array([0.4, 0.08, 0.08], np.float32)
    high += around * np.array([0.1, 0.3, 0.08], np.float32)
    window = np.ones((5, 5), np.uint8)
    far = 9.0
    widest = (
        cv2.erode(layout.picture(low, far), window, borderValue=(far,) * 4),
        cv2.dilate(layout.picture(high, -far), window, borderValue=(-far,) * 4),
    )
    inside = layout.picture(np.ones(len(layout.rows))) > 0
    kept = [_filled(np.where(inside[..., None], flat, 0), layout) for flat in widest]
    return blur(kept[0], 0.8), blur(kept[1], 0.8)


def _standing_out(
    values: Floats, seen: Floats, usual: Floats, limits: tuple[Floats, Floats], noise: Floats, layout: FaceLayout
) -> Floats:
    """(N,) 1 where a frame's texels (N, 3) hold something that is not the face, and a little around it."""
    low, high = (flat[layout.rows, layout.columns] for flat in limits)
    off = (values - np.clip(values, low, high)) / noise
    surprised = (
        np.sqrt((off * off).sum(-1)) * seen * (1 - 0.75 * layout.features) * np.clip(layout.depth * 56 - 1, 0, 1)
    )
    inside = layout.picture(np.ones(len(values))) > 0
    found = islands(layout.picture(surprised), inside)
    unusual = np.sqrt((((values - usual) / noise) ** 2).sum(-1)) * seen
    found = flooded(found, layout.picture(unusual), layout.picture(surprised), layout.picture(layout.features))
    grown = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8))
    texels: Floats = grown[layout.rows, layout.columns].astype(np.float32)
    return texels


def _noise(deviation: Floats, known: Floats, share: float) -> Floats:
    """(3,) usual deviation (K, N, 3) of the quieter ``share`` of frames, in known texels (K, N); bounded."""
    quiet = [
        np.quantile(np.abs(frame[mask > 0.4]), 0.6, axis=0)
        for frame, mask in zip(deviation, known, strict=True)
        if (mask > 0.4).sum() > 200
    ]
    if not quiet:
        return _NOISE_LIMITS[1]
    noise: Floats = np.clip(_NOISE_FACTOR * np.quantile(quiet, share, axis=0), *_NOISE_LIMITS).astype(np.float32)
    return noise


def _hair(usual: Floats, skin: Floats, layout: FaceLayout) -> NDArray[np.bool_]:
    """(SIDE, SIDE) where hair or background usually is seen inside the tracked outline: unlike skin, from the rim inward."""
    off = np.sqrt((((usual - skin) / _SKIN_SPREAD) ** 2).mean(-1))
    deepest = _HAIR_DEPTH[0] + (_HAIR_DEPTH[1] - _HAIR_DEPTH[0]) * layout.below
    unlike = layout.picture((off > 1.5) & (layout.depth < deepest) & (layout.features < 0.3)).astype(np.uint8)
    # A line of make-up that runs into the hair is not hair.
    unlike = cv2.morphologyEx(unlike, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels = cv2.connectedComponents(unlike)
    at_rim = np.zeros(count, bool)
    at_rim[labels[layout.rows, layout.columns][layout.depth < 3 / 112]] = True
    at_rim[0] = False
    found: NDArray[np.bool_] = at_rim[labels]
    return found


def _filled(flat: Floats, layout: FaceLayout) -> Floats:
    """A flat picture continued beyond the outline, so that nothing is mixed with nothing there."""
    inside = layout.picture(np.ones(len(layout.rows)))
    share = blur(inside, 2.0)
    around = blur(flat * inside[..., None], 2.0) / np.maximum(share, 1e-3)[..., None]
    return np.where(inside[..., None] > 0, flat, around).astype(np.float32)


def _weighted_quantile(values: Floats, weight: Floats, share: float) -> Floats:
    """(N, 3) quantile over K of (K, N, 3) with weights (K, N)."""
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, 0)
    mass = np.take_along_axis(np.broadcast_to(weight[..., None], values.shape), order, 0).cumsum(0)
    at = np.minimum((mass < share * mass[-1]).sum(0), len(values) - 1)
    quantile: Floats = np.take_along_axis(ranked, at[None], 0)[0]
    return quantile
