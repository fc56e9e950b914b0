"""The text packets of the iFacialMocap app, both separators (``name-12`` and ``name&12.5``).

``name-VALUE|...|=head#X,Y,Z,x,y,z|rightEye#X,Y,Z|leftEye#X,Y,Z|``: values 0 to 100, degrees about ARKit's axes of the face
(x down, y to the actor's left, z counter-clockwise as the actor's viewer sees it), metres in front of the phone.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from ..errors import InputError
from .angles import turned
from .face_values import FaceValues, coefficients_of, index_of

HELLO = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
"""What the app waits for, on its port, before it sends."""
_CM = 100.0
_FARTHEST = 1e4
_VALUE = re.compile(r"(\w+)(?:&|-)(-?[\d.]+(?:[eE]-?\d+)?)")


class IFacialMocap:
    """Reads the app's packets."""

    def __init__(self) -> None:
        self._last = FaceValues.nobody()

    def feed(self, packet: bytes) -> FaceValues:
        """The face of a packet; raises `InputError` for any other."""
        try:
            values, turns = _parsed(packet.decode("ascii"))
        except ValueError as error:
            raise InputError("This is no packet of iFacialMocap; check what sends to this port.") from error
        if values.get("trackingStatus", 1.0) == 0:
            return replace(self._last, confidence=0.0)
        rotation, place = self._last.rotation, self._last.translation_cm
        if (head := turns.get("head")) is not None:
            x, y, z = np.radians(head[:3])
            rotation = turned(y, -x, -z).astype(np.float32)
            if len(head) >= 6:
                place = (_CM * np.array(head[3:6])).astype(np.float32)
        gaze = self._last.gaze.copy()
        for eye, name in enumerate(("leftEye", "rightEye")):
            if (angles := turns.get(name)) is not None:
                gaze[eye] = np.radians([angles[1], -angles[0]])
        shapes = coefficients_of({name: value / 100.0 for name, value in values.items()})
        self._last = FaceValues(1.0, shapes, rotation, place, gaze)
        return self._last


def _parsed(text: str) -> tuple[dict[str, float], dict[str, list[float]]]:
    values: dict[str, float] = {}
    turns: dict[str, list[float]] = {}
    for part in text.replace("=", "|").split("|"):
        name, hash_, numbers = part.partition("#")
        if hash_ and name in ("head", "rightEye", "leftEye"):
            turns[name] = [float(number) for number in numbers.split(",")]
            if len(turns[name]) < 3 or not all(abs(number) < _FARTHEST for number in turns[name]):
                raise ValueError("no angles")
        elif (found := _VALUE.fullmatch(part)) is not None and math.isfinite(value := float(found[2])):
            values[found[1]] = value
    if not any(index_of(name) is not None for name in values):
        raise ValueError("no coefficients")
    return values, turns
