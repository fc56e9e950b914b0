"""HDR10's static metadata as FFmpeg decodes it."""

from __future__ import annotations

import struct
from typing import Any, cast

import av
from av.sidedata.sidedata import Type

from .colour_tags import Hdr10


def hdr10_of(frame: av.VideoFrame) -> Hdr10 | None:
    """What a decoded frame carries; None when it carries nothing."""
    # PyAV's stub takes this for a dictionary of names.
    carried: list[Any] = list(cast(Any, frame.side_data))
    found = {data.type: bytes(data) for data in carried}
    display, light = found.get(Type.MASTERING_DISPLAY_METADATA), found.get(Type.CONTENT_LIGHT_LEVEL)
    if display is None and light is None:
        return None
    chromaticities: tuple[float, ...] = ()
    darkest = brightest = 0.0
    if display is not None:
        # AVMasteringDisplayMetadata: ten rationals (red, green, blue, white, least and most light), two flags.
        numbers = struct.unpack_from("<22i", display)
        values = [top / (bottom or 1) for top, bottom in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
        if numbers[20] and numbers[21]:
            chromaticities, (darkest, brightest) = tuple(values[:8]), values[8:]
    # AVContentLightMetadata.
    most, mean = struct.unpack_from("<2I", light) if light is not None else (0, 0)
    return Hdr10(chromaticities, darkest, brightest, most, mean)
