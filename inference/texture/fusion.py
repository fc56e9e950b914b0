"""Many looks at the same skin become one picture: robust, sharp, evenly lit, without holes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, silent

Single = NDArray[np.float32]

CHUNK = 16384
ROBUST = 2.0
LEAST_SPREAD = 0.01
SHARP_POWER = 5.0
"""Fine structure comes from the frames that show it best: weights to this power."""
FINE_SHARE = 1 / 90
"""Structure finer than this part of the picture counts as fine."""
EVEN_SHARE = 1 / 14
"""Brightness that differs between the sides on this scale is light."""
LEVELS = 9


def fused(
    looks: NDArray[np.float16], weights: NDArray[np.float16], progress: Progress = silent
) -> tuple[Single, Single, Single]:
    """(N, 3) robust average and (N, 3) sharp average of L looks (L, N, 3), and the (N,) sum of their weights (L, N)."""
    count = looks.shape[1]
    smooth, sharp = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        look, weight = looks[:, part].astype(np.float32), weights[:, part].astype(np.float32)
        middle = weighted_median(look, weight)
        off = np.abs(look - middle).mean(axis=2)
        spread = 1.4826 * weighted_median(off[..., None], weight)[:, 0] + LEAST_SPREAD
        trust = weight / (1 + (off / (ROBUST * spread)) ** 2) ** 2
        smooth[part] = _average(look, trust)
        best = weight.max(axis=0)
        progress("texture", min(start + CHUNK, count), count)
        sharp[part] = _average(look, trust * (weight / np.maximum(best, 1e-6)) ** SHARP_POWER)
    return smooth, sharp, weights.astype(np.float32).sum(axis=0)


def weighted_median(values: Single, weights: Single) -> Single:
    """(N, C) along the first axis of (L, N, C), weights (L, N)."""
    order = np.argsort(values, axis=0)
    sorted_values = np.take_along_axis(values, order, axis=0)
    running = np.cumsum(np.take_along_axis(np.broadcast_to(weights[..., None], values.shape), order, axis=0), axis=0)
    middle = (running < 0.5 * running[-1:]).sum(axis=0)[None]
    return np.asarray(np.take_along_axis(sorted_values, np.minimum(middle, len(values) - 1), axis=0)[0])


def _average(look: Single, weight: Single) -> Single:
    total = np.maximum(weight.sum(axis=0), 1e-6)
    return np.asarray((look * weight[..., None]).sum(axis=0) / total[:, None])


def detailed(smooth: Single, sharp: Single, known: Single) -> Single:
    """(S, S, 3) the coarse structure of one picture with the fine structure of another, where `known` (S, S) > 0."""
    sigma = FINE_SHARE * len(known)
    return np.asarray(blurred(smooth, known, sigma) + sharp - blurred(sharp, known, sigma), np.float32)


def blurred(picture: Single, known: Single, sigma: float) -> Single:
    """(S, S, C) Gaussian average of what is known."""
    mask = (known > 0).astype(np.float32)
    total = cv2.GaussianBlur(picture * mask[..., None], (0, 0), sigma).reshape(picture.shape)
    share = cv2.GaussianBlur(mask, (0, 0), sigma)
    return np.asarray(total / np.maximum(share, 1e-4)[..., None])


def evened(picture: Single, known: Single) -> Single:
    """The picture with the slow differences of brightness between left and right taken out, half from each side."""
    sigma = EVEN_SHARE * len(known)
    grey = np.log(np.maximum(picture.mean(axis=2, keepdims=True), 1e-3))
    both = known * known[:, ::-1]
    slow = blurred(grey, both, sigma) if (both > 0).any() else np.zeros_like(grey)
    share = cv2.GaussianBlur((both > 0).astype(np.float32), (0, 0), sigma)[..., None]
    return np.asarray(picture * np.exp(0.5 * share * (slow[:, ::-1] - slow)), np.float32)


def filled(picture: Single, known: Single) -> Single:
    """(S, S, 3) the picture where `known` (S, S) is 1, elsewhere smooth from what is known around (push and pull)."""
    levels = [(picture * known[..., None], known)]
    for _ in range(LEVELS):
        colour, share = levels[-1]
        if min(share.shape) < 2:
            break
        size = ((share.shape[1] + 1) // 2, (share.shape[0] + 1) // 2)
        colour, share = (
            cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32) for part in (colour, share)
        )
        levels.append((colour, share))
    colour, share = levels[-1]
    found = np.asarray(colour / np.maximum(share, 1e-6)[..., None])
    for colour, share in reversed(levels[:-1]):
        found = cv2.resize(found, share.shape[::-1], interpolation=cv2.INTER_LINEAR)
        cover = np.minimum(share, 1.0)[..., None]
        found = colour / np.maximum(share, 1e-6)[..., None] * cover + found * (1 - cover)
    return np.asarray(found, np.float32)
