"""Still pictures: PNG in RGB or RGBA, 8 or 16 bit, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_whole

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


def write_png(path: str | Path, image: Pixels) -> None:
    """Write (H, W, 3) RGB or (H, W, 4) RGBA (straight alpha), uint8 or uint16.

    Raises:
        InputError: the target cannot be written.
    """
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    encoded = cv2.imencode(".png", cv2.cvtColor(image, order))[1]
    # Not cv2.imwrite: it takes no name outside the system's code page on Windows.
    write_whole(Path(path), encoded.tobytes())


def read_png(path: str | Path) -> Pixels:
    """(H, W, 3) RGB or (H, W, 4) RGBA as stored, uint8 or uint16; grey becomes RGB.

    Raises:
        InputError: missing, unreadable or not a picture.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the name and your access to it.") from error
    image: Pixels | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None  # type: ignore[assignment]
    if image is None:
        raise InputError(f"{path} is not a picture, or it is damaged; write it again.")
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image[:, :, [2, 1, 0, 3][: image.shape[2]]])
