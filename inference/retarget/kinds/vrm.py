"""VRM 0 and 1: the names of the specification's presets, and the shape keys that VRoid Studio writes (``Fcl_``)."""

from __future__ import annotations

from typing import Final

from ..recipes import FULL, Table, idle, key, mean, sides, whole_mouth
from .mouth_shapes import AA, EE, IH, OH, OU

_SORROW: Final[dict[str, float]] = {"browInnerUp": 1.0} | mean("browOuterUp", gain=-0.7) | mean("browDown", gain=-0.5)
"""Inner ends up: what a surprised brow does as a whole, and an angry one undoes, is taken off."""

VRM: Final[Table] = Table(
    "VRM",
    (
        *sides(("blink{Left}", "Blink_{L}"), "eyeBlink{Left}"),
        key("blink", mean("eyeBlink"), rank=1, limits=FULL),
        whole_mouth(("aa", "A"), AA),
        whole_mouth(("ih", "I"), IH),
        whole_mouth(("ou", "U"), OU),
        whole_mouth(("ee", "E"), EE),
        whole_mouth(("oh", "O"), OH),
        key("lookUp", mean("eyeLookUp"), limits=FULL),
        key("lookDown", mean("eyeLookDown"), limits=FULL),
        key("lookLeft", {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, limits=FULL),
        key("lookRight", {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}, limits=FULL),
        key(("happy", "joy"), mean("mouthSmile"), rank=1, limits=FULL),
        key("angry", mean("browDown"), rank=1, limits=FULL),
        key(("sad", "sorrow"), _SORROW, rank=1, limits=FULL),
        key("surprised", mean("browOuterUp", "eyeWide", gain=0.5), rank=1, limits=FULL),
        *idle(("relaxed", "fun", "neutral")),
    ),
    least=3,
)

VROID: Final[Table] = Table(
    "VRoid",
    (
        *sides("Fcl_EYE_Close_{L}", "eyeBlink{Left}"),
        key("Fcl_EYE_Close", mean("eyeBlink"), rank=1, limits=FULL),
        key("Fcl_EYE_Spread", mean("eyeWide"), limits=FULL),
        key("Fcl_EYE_Surprised", mean("eyeWide"), rank=1, limits=FULL),
        key("Fcl_EYE_Look_Up", mean("eyeLookUp"), limits=FULL),
        key("Fcl_EYE_Look_Down", mean("eyeLookDown"), limits=FULL),
        key("Fcl_EYE_Look_Left", {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, limits=FULL),
        key("Fcl_EYE_Look_Right", {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}, limits=FULL),
        key("Fcl_BRW_Angry", mean("browDown"), limits=FULL),
        key("Fcl_BRW_Sorrow", _SORROW, limits=FULL),
        key("Fcl_BRW_Surprised", mean("browOuterUp"), limits=FULL),
        whole_mouth("Fcl_MTH_A", AA),
        whole_mouth("Fcl_MTH_I", IH),
        whole_mouth("Fcl_MTH_U", OU),
        whole_mouth("Fcl_MTH_E", EE),
        whole_mouth("Fcl_MTH_O", OH),
        key("Fcl_MTH_Fun", mean("mouthSmile"), limits=FULL),
        key("Fcl_MTH_Angry", mean("mouthFrown"), limits=FULL),
        key("Fcl_MTH_Tongue_Out", "tongueOut", limits=FULL),
        key("Fcl_MTH_Joy", mean("mouthSmile"), rank=1, limits=FULL),
        key("Fcl_MTH_Sorrow", mean("mouthFrown"), rank=1, limits=FULL),
        # Whole faces, for avatars on which the parts were removed.
        key("Fcl_ALL_Joy", mean("mouthSmile"), rank=2, limits=FULL),
        key("Fcl_ALL_Angry", mean("browDown"), rank=2, limits=FULL),
        key("Fcl_ALL_Sorrow", _SORROW, rank=2, limits=FULL),
        key("Fcl_ALL_Surprised", mean("browOuterUp", "eyeWide", gain=0.5), rank=2, limits=FULL),
        *idle(f"Fcl_ALL_{name}" for name in ("Neutral", "Fun")),
        *idle(f"Fcl_BRW_{name}" for name in ("Fun", "Joy")),
        *idle(
            f"Fcl_EYE_{name}"
            for name in ("Natural", "Angry", "Fun", "Joy", "Joy_L", "Joy_R", "Sorrow", "Iris_Hide", "Highlight_Hide", "Extra")
        ),
        *idle(
            f"Fcl_MTH_{name}"
            for name in ("Close", "Up", "Down", "Small", "Large", "Neutral", "Surprised", "SkinFung", "SkinFung_R", "SkinFung_L")
        ),
        *idle(
            f"Fcl_HA_{name}"
            for name in ("Hide", "Fung1", "Fung1_Low", "Fung1_Up", "Fung2", "Fung2_Low", "Fung2_Up", "Fung3", "Fung3_Low",
                         "Fung3_Up", "Short", "Short_Low", "Short_Up")
        ),
    ),
)  # fmt: skip
