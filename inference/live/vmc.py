"""VMC, the protocol of avatar programs (OSC over UDP), both ways: coefficients as blend shapes, head and eyes as bones.

Bones are local rotations in Unity's axes, of an avatar that looks along z. Of the bones from the hips to the head, what is
not sent does not turn. Coefficients count from the packet that says ``/VMC/Ext/Blend/Apply``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import arkit
from ..errors import InputError
from .angles import Floats, gaze_of, matrix, mirrored, part_of, quaternion, turned
from .face_values import FaceValues, coefficients_of, index_of
from .osc import Argument, Message, decode, encode
from .sample import LiveSample

VALUE, APPLY = "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply"
BONE, ROOT, STATE, TIME = "/VMC/Ext/Bone/Pos", "/VMC/Ext/Root/Pos", "/VMC/Ext/OK", "/VMC/Ext/T"
CHAIN = ("Hips", "Spine", "Chest", "UpperChest", "Neck", "Head")
EYES = ("LeftEye", "RightEye")
NECK_SHARE = 0.4
"""So much of the head's turn is the neck's."""
_MOST_NAMES = 400


class Vmc:
    """Reads a performer's packets; a face may be spread over several."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._bones: dict[str, Floats] = {}
        self._last = FaceValues.nobody()
        self._seen = True

    def feed(self, packet: bytes) -> FaceValues | None:
        """The face, once a packet completes it; raises `InputError` for a packet of something else."""
        complete, known = False, False
        for message in decode(packet):
            known |= message.address.startswith("/VMC/")
            complete |= self._take(message)
        if not known:
            raise InputError("This is no packet of the VMC protocol; check what sends to this port.")
        if not complete:
            return None
        self._last = self._face() if self._seen else replace(self._last, confidence=0.0)
        return self._last

    def _take(self, message: Message) -> bool:
        """Remember what a message says; returns whether it ends a face. Strange ones are passed over."""
        name, numbers = _named(message.arguments)
        if message.address == VALUE and len(numbers) == 1 and len(self._values) < _MOST_NAMES:
            self._values[name] = numbers[0]
        elif message.address == BONE and len(numbers) == 7 and name in (*CHAIN, *EYES):
            try:
                self._bones[name] = matrix(mirrored(np.array(numbers[3:])))
            except ValueError:
                return False
        elif message.address == STATE and message.arguments and len(message.arguments) <= 4:
            self._seen = message.arguments[0] != 0 and (len(message.arguments) < 4 or message.arguments[3] != 0)
        return message.address == APPLY

    def _face(self) -> FaceValues:
        rotation = np.eye(3)
        for bone in CHAIN:
            rotation = rotation @ self._bones.get(bone, np.eye(3))
        gaze = [gaze_of(self._bones.get(eye, np.eye(3))) for eye in EYES]
        seen = any(index_of(name) is not None for name in self._values)
        shapes = coefficients_of(self._values) if seen else self._last.coefficients
        return FaceValues(
            1.0, shapes, rotation.astype(np.float32), self._last.translation_cm, np.array(gaze, np.float32)
        )


def _named(arguments: tuple[Argument, ...]) -> tuple[str, list[float]]:
    """A name and the finite numbers after it; no numbers where it is otherwise."""
    if not arguments or not isinstance(arguments[0], str):
        return "", []
    numbers = [float(one) for one in arguments[1:] if not isinstance(one, str)]
    fit = len(numbers) == len(arguments) - 1 and all(np.isfinite(numbers)) and max(map(abs, numbers), default=0) < 1e6
    return (arguments[0], numbers) if fit else ("", [])


def packets_of(sample: LiveSample) -> list[bytes]:
    """The packets of a sample, each small enough for a network's frame."""
    state = [Message(STATE, (1,)), Message(TIME, (float(sample.time_s),))]
    if sample.confidence <= 0:
        return [encode(state)]
    head = sample.rotation.astype(np.float64)
    neck = part_of(head, NECK_SHARE)
    bones = {"Neck": neck, "Head": neck.T @ head}
    for eye, (yaw, pitch) in zip(EYES, sample.gaze.astype(np.float64).tolist(), strict=True):
        bones[eye] = turned(yaw, pitch, 0.0)
    turns = [Message(BONE, (name, *_place(), *map(float, mirrored(quaternion(turn))))) for name, turn in bones.items()]
    root = Message(ROOT, ("root", *_place(), 0.0, 0.0, 0.0, 1.0))
    names = [name[0].upper() + name[1:] for name in arkit.NAMES]
    shapes = [Message(VALUE, (name, float(value))) for name, value in zip(names, sample.coefficients, strict=True)]
    half = len(shapes) // 2
    return [encode([*state, root, *turns]), encode(shapes[:half]), encode([*shapes[half:], Message(APPLY, ())])]


def _place() -> tuple[float, float, float]:
    """Bones stay where the avatar has them."""
    return (0.0, 0.0, 0.0)
