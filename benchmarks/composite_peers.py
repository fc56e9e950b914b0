"""What our composites are compared with: the feathered paste of FaceFusion, OpenCV's seamlessClone, Reinhard's colours, and
an oracle that knows the change exactly.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from composite_changes import GAMMA, Change, Floats, Image

FEATHER_PX: Final = 4.0


def feather(plate: Image, face: Image, mask: Image) -> Image:
    """Pasted with a blurred mask."""
    alpha = _soft(mask)
    return (plate * (1 - alpha) + face * alpha).astype(np.uint8)


def seamless_clone(plate: Image, face: Image, mask: Image) -> Image:
    """Poisson blending (Perez et al., 2003) by OpenCV, frame by frame."""
    x, y, width, height = cv2.boundingRect(mask)
    # OpenCV writes into the mask.
    return np.asarray(
        cv2.seamlessClone(face, plate, mask.copy(), (x + width // 2, y + height // 2), cv2.NORMAL_CLONE), np.uint8
    )


def reinhard(plate: Image, face: Image, mask: Image) -> Image:
    """Mean and spread of L, a and b inside the mask (Reinhard et al., 2001), then pasted with a blurred mask."""
    inside, alpha = mask > 0, _soft(mask)
    face_lab, plate_lab = (cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for image in (face, plate))
    matched = (face_lab - face_lab[inside].mean(0)) * (plate_lab[inside].std(0) / face_lab[inside].std(0))
    matched = (matched + plate_lab[inside].mean(0)).astype(np.float32)
    colours = np.clip(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB) * 255, 0, 255)
    return (plate * (1 - alpha) + colours * alpha).astype(np.uint8)


def oracle(plate: Image, face: Image, mask: Image, points_px: Floats, change: Change) -> Image:
    """Place and light of a known change taken back; blur and noise stay."""
    linear = change.light((face.astype(np.float32) / 255) ** GAMMA, points_px, back=True)
    encoded = (np.clip(linear, 0, 1) ** np.float32(1 / GAMMA) * 255).astype(np.float32)
    size = (plate.shape[1], plate.shape[0])
    back = cv2.warpAffine(encoded, change.affine(points_px.mean(0)), size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return np.where(mask[..., None] > 0, np.rint(np.clip(back, 0, 255)), plate).astype(np.uint8)


PEERS: Final = {"feathered paste": feather, "seamlessClone": seamless_clone, "Reinhard + feather": reinhard}


def _soft(mask: Image) -> Floats:
    alpha: Floats = cv2.GaussianBlur(mask, (0, 0), FEATHER_PX)[..., None].astype(np.float32) / 255
    return alpha
