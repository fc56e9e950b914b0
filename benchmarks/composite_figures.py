"""Figures of any system's composites of a set, by the compositor's own meters, against the untouched clip."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from composite_changes import Image
from composite_sets import Clip
from understudy.inference.composite.meters.flicker import FlickerMeter, flicker_excess
from understudy.inference.composite.meters.landmarks import LandmarkMeter
from understudy.inference.composite.meters.likeness import psnr, ssim
from understudy.inference.composite.meters.seam import edge_step, seam_ratio
from understudy.inference.composite.meters.surface import grain, sharpness

FAR_PX = 12
"""Beyond this many pixels outside the face nothing may change, whatever matte a system has."""


def figures(clip: Clip, plates: Sequence[Image], pictures: Sequence[Image]) -> dict[str, float]:
    """Likeness, seam, flicker, grain, sharpness and alignment; lengths at a face of 512 pixels, light in 8-bit levels."""
    frames = list(zip(clip.pictures, plates, pictures, clip.masks, strict=True))
    found: dict[str, list[float]] = {}
    outside = 0
    for truth, plate, picture, mask in frames:
        inside = mask > 0
        far = cv2.dilate(mask, np.ones((2 * FAR_PX + 1, 2 * FAR_PX + 1), np.uint8)) == 0
        outside = max(outside, int(cv2.absdiff(plate, picture)[far].max(initial=0)))
        for name, value in {
            "psnr": psnr(picture, truth, inside),
            "ssim": ssim(picture, truth, inside),
            "seam_ratio": seam_ratio(picture, inside),
            "seam_ratio_truth": seam_ratio(truth, inside),
            "edge_delta_e": edge_step(picture, inside),
            "edge_delta_e_truth": edge_step(truth, inside),
            "grain_ratio": grain(picture, inside) / max(grain(truth, inside), 0.3),
            "sharpness_ratio": sharpness(picture, inside) / sharpness(truth, inside),
        }.items():
            found.setdefault(name, []).append(value)
    told = {name: float(np.median(values)) for name, values in found.items()}
    told |= {name: float(np.mean(found[name])) for name in ("psnr", "ssim")}
    told["seam_ratio_of_truth"] = told["seam_ratio"] / told["seam_ratio_truth"]
    told |= {"psnr_min": min(found["psnr"]), "outside_max": float(outside)}
    return told | flicker(clip, pictures) | alignment(clip, pictures)


def flicker(clip: Clip, pictures: Sequence[Image]) -> dict[str, float]:
    """Warping error over the untouched clip's own, along that clip's flow."""
    meter = FlickerMeter()
    changes = [
        meter.changes((truths[0], truths[1]), (shown[0], shown[1]), mask > 0)
        for truths, shown, mask in zip(pairwise(clip.pictures), pairwise(pictures), list(clip.masks)[1:], strict=True)
    ]
    errors = np.array([[a.error, b.error, a.pulse, b.pulse] for a, b in (pair for pair in changes if pair)])
    if not len(errors):
        return {}
    error, own, pulse, own_pulse = errors.T
    return {
        "flicker_excess": flicker_excess(float(error.mean()), float(own.mean())),
        "flicker_low": float(np.sqrt((pulse**2).mean())),
        "flicker_low_truth": float(np.sqrt((own_pulse**2).mean())),
    }


def alignment(clip: Clip, pictures: Sequence[Image]) -> dict[str, float]:
    """Landmarks found again on the composite, against those found on the untouched clip."""
    meter = LandmarkMeter("cpu")
    errors = [
        meter.errors(picture, truth, points)
        for picture, truth, points in zip(pictures, clip.pictures, clip.points_px, strict=True)
    ]
    seen = [each for each in errors if each is not None]
    if not seen:
        return {"alignment_lost": 1.0}
    return {
        "alignment_median": float(np.median(seen)),
        "alignment_p95": float(np.percentile(seen, 95)),
        "alignment_lost": 1 - len(seen) / len(errors),
    }
