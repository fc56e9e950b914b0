"""The colour matcher: gives the face the light and the colours of the plate's skin.

Measured on skin only, on small pictures: first the light (see `light`), then what still differs in spread and correlation
of the channels, by the Monge-Kantorovich linear map (Pitie and Kokaram, 2007).

How closely the face may follow the plate depends on whether both show the same person. Two pictures of one face differ in
light alone, so everything may follow; of two persons only what is broad is light, the rest is who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pictures import blur, cv2, enlarge, low_pass, shrink
from ..regions import features, inner_matte, skin_matte
from ..types import Floats, Region
from .light import GRID, FaceFrame, clear, fit_light, local_light, log_ratio
from .transfer import decode_float, encode

_BROAD: Final = (0.06, 0.08)
"""Face widths, for two persons and for one; colours are compared after a blur of this standard deviation."""
_LOCAL: Final = (0.08, 0.15)
"""Face widths; standard deviation of the window in which local light is averaged."""
_RIM: Final = (0.12, 0.2)
"""Face widths inside the matte from which colour is trusted fully; at half of it not at all. At the rim there are hair,
its shadow and grazing light, and a plate whose face was blurred away has its surroundings in it."""
_SPREAD_NOISE: Final = 0.05
"""Encoded; smaller spreads are features and noise of one person rather than contrast of the picture."""
_BAND: Final = 0.15
"""Face widths; detail finer than this tells the contrast of two pictures of one person."""
_FLAT_DETAIL: Final = 0.002
"""Encoded; detail of a face without features."""
_SAME_CONTRAST: Final = 0.04
"""Contrasts this near to 1 are 1: the measure is no better, and light and blur are easily taken for contrast."""
_THING: Final = 0.5
"""Log of encoded brightness by which a thing on the skin differs from it."""
_ROUNDS: Final = 3
_LEAST_BLUR_PX: Final = 0.1
_SOFTNESS_STEP: Final = 0.003
"""Face widths to which that is found: blur that is taken for too much looks like contrast that is too little."""
_SPREAD_LIMITS: Final = (0.75, 1.33)
_MAX_LOG_GAIN: Final = float(np.log(12))
_MAX_LOCAL_LOG_GAIN: Final = float(np.log(2))
_SOFTER: Final = (0.0, 0.03, 0.06, 0.09, 0.12)
"""Face widths by which the plate may be softer than the face."""
_LEAST_SKIN: Final = 60


@dataclass(frozen=True)
class ColourMatch:
    """What to do to a face. Plain arrays, so that matches of neighbouring frames can be averaged."""

    log_gain: Floats
    """(6, 3) broad light, see `FaceFrame.basis`."""
    mean: Floats
    """(3,) encoded skin colour about which the spread is matched."""
    spread: Floats
    """(3, 3)."""
    local: Floats = field(default_factory=lambda: np.zeros((GRID, GRID, 3), np.float32))
    """Local light in face coordinates: what is added to the log gain."""
    same: float = 0.0
    """0 for two persons, 1 for two pictures of one: then the spread is matched in fine detail too."""
    softer: float = 0.0
    """Face widths of blur by which the plate is softer than the face; known only of one person."""

    def gain(self, basis: Floats, local: Floats | None = None) -> Floats:
        """(H, W, 3) factor in linear light; its local part is bounded to half and double."""
        middle = np.clip(self.log_gain[0], -_MAX_LOG_GAIN, _MAX_LOG_GAIN)
        around = np.tensordot(basis[1:], self.log_gain[1:], (0, 0))
        if local is not None:
            around = around + local
        gain: Floats = np.exp(middle + np.clip(around, -_MAX_LOCAL_LOG_GAIN, _MAX_LOCAL_LOG_GAIN))
        return gain.astype(np.float32)


def mean_match(weights: Sequence[float], matches: Sequence[ColourMatch]) -> ColourMatch:
    """Weighted mean of matches."""
    share = np.asarray(weights, np.float64) / np.sum(weights)

    def mean(values: Sequence[NDArray[np.floating[Any]]]) -> Floats:
        return np.tensordot(share, np.stack(values), 1).astype(np.float32)

    return ColourMatch(
        mean([match.log_gain for match in matches]),
        mean([match.mean for match in matches]),
        mean([match.spread for match in matches]),
        mean([match.local for match in matches]),
        float(share @ [match.same for match in matches]),
        float(share @ [match.softer for match in matches]),
    )


def apply_match(
    linear: Floats, matte: Floats, match: ColourMatch, face: FaceFrame, region: Region, strength: float = 1.0
) -> Floats:
    """Linear (H, W, 3) of a region, in its matte (H, W), to matched encoded values, 0..1.

    ``strength`` 0 leaves only the exposure and white balance of the whole face.
    """
    size = (linear.shape[1], linear.shape[0])
    small = (max(2, size[0] // 8), max(2, size[1] // 8))
    around = np.array([1, *[strength] * 5], np.float32)[:, None, None]
    gain = match.gain(face.basis(region, small) * around, strength * face.from_grid(match.local, region, small))
    encoded = encode(cv2.multiply(linear, enlarge(gain, size)))
    change = np.float32(strength) * (match.spread - np.eye(3, dtype=np.float32)).T
    if change.any():
        # Of two persons only the broad colours are matched: lashes and lips keep their own contrast.
        sigma_px = 2 * _BROAD[0] * face.radius_px * small[0] / size[0]
        broad = low_pass(shrink(encoded, small), shrink(matte, small), sigma_px)
        same = np.float32(match.same)
        added = enlarge(((1 - same) * broad - match.mean) @ change, size)
        encoded = cv2.add(cv2.transform(encoded, np.eye(3, dtype=np.float32) + same * change.T), added)
    return np.asarray(np.clip(encoded, 0, 1, out=encoded), np.float32)


def measure_match(
    plate: Floats, face: Floats, matte: Floats, points_px: Floats, region: Region, frame: FaceFrame, same: float
) -> ColourMatch | None:
    """The match of two small encoded pictures (H, W, 3) of a region, 0..1, with their matte (H, W); None without skin.

    ``points_px`` (478, 2) are the actor's landmarks in the small pictures, ``region`` and ``frame`` are of full size.
    """
    width = 2 * frame.radius_px * matte.shape[1] / region.width
    skin = np.where(features(matte, points_px) > 0, np.float32(same), np.float32(1))
    rim_px = _between(_RIM, same) * width
    half = (max(2, matte.shape[1] // 2), max(2, matte.shape[0] // 2))
    weight = shrink(skin_matte(points_px, matte, rim_px), half)
    if (weight > 0.5).sum() < _LEAST_SKIN:
        return None
    # Lips and brows of two persons must not run into the skin around them.
    seen = matte * skin
    broad = _between(_BROAD, same) * width
    seen = seen * _skin_like(plate, seen, broad, same) * _skin_like(face, seen, broad, same)
    broad_plate = shrink(low_pass(plate, seen, broad), half)
    place = frame, region
    if same == 0:
        broad_face = shrink(low_pass(face, seen, broad), half)
        return match_colours(broad_plate, broad_face, frame.basis(region, half), weight, place)
    whole = shrink(inner_matte(matte, rim_px), half)
    softer, contrast = 0.0, np.ones(3, np.float32)
    small_plate, small_face, small_matte, small_seen = (shrink(image, half) for image in (plate, face, matte, seen))
    basis = frame.basis(region, half)
    middle = (weight[..., None] * broad_plate).sum((0, 1)) / weight.sum()
    broad_face = shrink(low_pass(face, seen, broad), half)
    match = match_colours(broad_plate, broad_face, basis, weight, place, same)
    for _ in range(_ROUNDS):
        gain = match.gain(basis, frame.from_grid(match.local, region, half))
        # What the plate would show if the face were in it: a plate that is soft has its surroundings in the face too.
        behind = middle + (small_plate - middle) / contrast
        placed = behind + small_matte[..., None] * (encode(decode_float(small_face) * gain) - behind)
        softer, contrast = compare_detail(small_plate, placed, whole, width / 2)
        certain = np.sign(contrast - 1) * np.maximum(np.abs(contrast - 1) - _SAME_CONTRAST, 0)
        contrast = (1 + same * certain).astype(np.float32)
        shown = low_pass(_softened(placed, same * softer * width / 2), small_seen, broad / 2)
        unlit = encode(decode_float(shown) / gain)
        match = match_colours(middle + (broad_plate - middle) / contrast, unlit, basis, weight, place, same)
    spread = match.spread + np.float32(same) * (np.diag(contrast) - match.spread)
    return replace(match, spread=spread, mean=middle, softer=same * softer)


def _skin_like(image: Floats, seen: Floats, broad_px: float, same: float) -> Floats:
    """(H, W) less than 1 where a picture differs much from what is around: a strand of hair must not darken the skin by
    its blur. One person's features are in both pictures and may stay.
    """
    around = low_pass(image, seen, 2 * broad_px)
    away = np.abs(np.log((image.mean(-1) + 0.02) / (around.mean(-1) + 0.02)))
    like: Floats = (same + (1 - same) * (_THING**2 / (_THING**2 + away**2)) ** 2).astype(np.float32)
    return like


def match_colours(
    plate: Floats,
    face: Floats,
    basis: Floats,
    weight: Floats,
    place: tuple[FaceFrame, Region] | None = None,
    same: float = 0.0,
) -> ColourMatch:
    """Measure a match on small, low-passed encoded pictures (H, W, 3) of plate and face, on skin (H, W).

    Local light is measured where ``place`` says what the pictures show.
    """
    plate_light, face_light = decode_float(plate), decode_float(face)
    log_gain = fit_light(plate_light, face_light, basis, weight)
    flat = ColourMatch(log_gain, np.zeros(3, np.float32), np.eye(3, dtype=np.float32), same=same)
    field = None
    if place is not None:
        frame, region = place
        left = log_ratio(plate_light, face_light) - np.tensordot(basis, log_gain, (0, 0))
        trust = weight * clear(plate_light, face_light).all(-1)
        sigma_px = _between(_LOCAL, same) * 2 * frame.radius_px * weight.shape[1] / region.width
        field = local_light(left.astype(np.float32), trust.astype(np.float32), sigma_px)
        flat = replace(flat, local=frame.to_grid(field, region))
    mean, spread = fit_spread(plate, encode(face_light * flat.gain(basis, field)), weight)
    return replace(flat, mean=mean, spread=spread)


def compare_detail(plate: Floats, face: Floats, weight: Floats, width_px: float) -> tuple[float, Floats]:
    """Face widths of blur after which the face is as soft as the plate, and the plate's contrast (3,) over the face's.

    Both encoded (H, W, 3), of one person, under one light and before one background. What is compared is finer than
    light, and the shapes tell blur from contrast.
    """
    share = weight[..., None]

    def band(image: Floats) -> Floats:
        return image - blur(image, _BAND * width_px)

    wanted = band(plate)
    # As much more evidence for a contrast of 1 as would be there without any feature.
    prior = share.sum() * _FLAT_DETAIL**2

    def compare(sigma: float) -> tuple[float, Floats]:
        detail = band(_softened(face, sigma * width_px))
        gain = ((share * wanted * detail).sum((0, 1)) + prior) / ((share * detail * detail).sum((0, 1)) + prior)
        gain = np.clip(gain, *_SPREAD_LIMITS)
        return float((share * (wanted - gain * detail) ** 2).sum()), gain.astype(np.float32)

    known = {sigma: compare(sigma) for sigma in _SOFTER}
    step = _SOFTER[1]
    while step > _SOFTNESS_STEP:
        best = min(known, key=lambda sigma: known[sigma][0])
        step /= 2
        for sigma in (best - step, best + step):
            if 0 <= sigma <= _SOFTER[-1] and sigma not in known:
                known[sigma] = compare(sigma)
    best = min(known, key=lambda sigma: known[sigma][0])
    return best, known[best][1]


def _softened(image: Floats, sigma_px: float) -> Floats:
    return blur(image, sigma_px) if sigma_px > _LEAST_BLUR_PX else image


def fit_spread(plate: Floats, face: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean (3,) and Monge-Kantorovich map (3, 3) of encoded face colours onto the plate's, bounded."""
    used = weight > 0
    share = weight[used] / weight[used].sum()
    mean = share @ plate[used]
    spreads = []
    for image in (plate, face):
        deviation = image[used].astype(float) - share @ image[used]
        spreads.append((deviation * share[:, None]).T @ deviation + _SPREAD_NOISE**2 * np.eye(3))
    root = _power(spreads[1], 0.5)
    inverse = _power(spreads[1], -0.5)
    values, vectors = np.linalg.eigh(inverse @ _power(root @ spreads[0] @ root, 0.5) @ inverse)
    spread = (vectors * np.clip(values, *_SPREAD_LIMITS)) @ vectors.T
    return mean.astype(np.float32), spread.astype(np.float32)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    power: NDArray[np.float64] = (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
    return power
