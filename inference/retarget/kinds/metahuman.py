"""MetaHuman: the curves of the face control board, ``CTRL_expressions_...``, and Character Creator's HD keys.

Both say the same words (``CTRL_expressions_mouthCornerPullL``, ``Mouth_Corner_Pull_L``). Keys named after ARKit poses
(``EyeBlinkLeft``) are those of `table_arkit.py`.
"""

from __future__ import annotations

from typing import Final

from ..recipes import Recipe, Table, idle, key, sides

_QUARTERS: Final[tuple[str, ...]] = ("UL", "UR", "DL", "DR")


def _quarters(stem: str, coefficient: str, gain: float = 1.0) -> tuple[Recipe, ...]:
    """The four quarters of the lips, moved alike."""
    return tuple(key(stem + quarter, {coefficient: gain}) for quarter in _QUARTERS)


METAHUMAN: Final[Table] = Table(
    "MetaHuman",
    (
        *sides("browDown{L}", "browDown{Left}"),
        *sides("browRaiseIn{L}", "browInnerUp"),
        *sides("browRaiseOuter{L}", "browOuterUp{Left}"),
        *sides("eyeBlink{L}", "eyeBlink{Left}"),
        *sides("eyeWiden{L}", "eyeWide{Left}"),
        *sides("eyeSquintInner{L}", "eyeSquint{Left}"),
        *sides("eyeCheekRaise{L}", "cheekSquint{Left}"),
        *sides("eyeLookUp{L}", "eyeLookUp{Left}"),
        *sides("eyeLookDown{L}", "eyeLookDown{Left}"),
        *sides("eyeLook{Left}{L}", "eyeLookOut{Left}"),
        *sides("eyeLook{Right}{L}", "eyeLookIn{Left}"),
        *sides("noseWrinkle{L}", "noseSneer{Left}"),
        *sides("mouthCheekBlow{L}", "cheekPuff"),
        key("mouthLeft", "mouthLeft"),
        key("mouthRight", "mouthRight"),
        *sides("mouthUpperLipRaise{L}", "mouthUpperUp{Left}"),
        *sides("mouthLowerLipDepress{L}", "mouthLowerDown{Left}"),
        *sides("mouthCornerPull{L}", "mouthSmile{Left}"),
        *sides("mouthCornerDepress{L}", "mouthFrown{Left}"),
        *sides("mouthStretch{L}", "mouthStretch{Left}"),
        *sides("mouthDimple{L}", "mouthDimple{Left}"),
        *_quarters("mouthFunnel", "mouthFunnel"),
        *_quarters("mouthLipsPurse", "mouthPucker"),
        *_quarters("mouthLipsTowards", "mouthPucker"),
        *_quarters("mouthLipsTogether", "mouthClose"),
        *sides("mouthUpperLipRollIn{L}", "mouthRollUpper"),
        *sides("mouthLowerLipRollIn{L}", "mouthRollLower"),
        *sides(("mouthPressU{L}", "mouthMouthPressU{L}"), "mouthPress{Left}"),
        *sides(("mouthPressD{L}", "mouthMouthPressD{L}"), "mouthPress{Left}"),
        *sides("mouthLipsPress{L}", "mouthPress{Left}", rank=1),
        *sides("mouthUpperLipBite{L}", "mouthRollUpper", rank=1),
        *sides("mouthLowerLipBite{L}", "mouthRollLower", rank=1),
        *sides("jawChinRaiseU{L}", "mouthShrugUpper"),
        *sides("jawChinRaiseD{L}", "mouthShrugLower"),
        key("jawOpen", "jawOpen"),
        key("jawFwd", "jawForward"),
        key("jawLeft", "jawLeft"),
        key("jawRight", "jawRight"),
        key("tongueOut", "tongueOut"),
        *idle(
            f"{name}{side}"
            for side in "LR"
            for name in (
                "browLateral", "earUp", "eyeFaceScrunch", "eyeLidPress", "eyeLowerLidDown", "eyeLowerLidUp", "eyePupilNarrow",
                "eyePupilWide", "eyeRelax", "eyeUpperLidUp", "eyelashesDownIN", "eyelashesDownOUT", "eyelashesUpIN",
                "eyelashesUpOUT", "jawChinCompress", "jawClench", "mouthCheekSuck", "mouthCornerDown", "mouthCornerNarrow",
                "mouthCornerUp", "mouthCornerWide", "mouthLipsBlow", "mouthSharpCornerPull", "mouthLowerLipRollOut",
                "mouthUpperLipRollOut", "mouthLowerLipTowardsTeeth", "mouthUpperLipTowardsTeeth", "mouthStretchLipsClose",
                "mouthStickyDIN", "mouthStickyDOUT", "mouthStickyUIN", "mouthStickyUOUT", "neckMastoidContract",
                "neckStretch", "noseNasolabialDeepen", "noseNostrilCompress", "noseNostrilDepress", "noseNostrilDilate",
                "noseWrinkleUpper",
            )
        ),
        *idle(
            f"{name}{quarter}"
            for quarter in _QUARTERS
            for name in (
                "mouthCornerRounder", "mouthCornerSharpen", "mouthLipsPull", "mouthLipsPush", "mouthLipsThick", "mouthLipsThin",
                "mouthLipsThickInward", "mouthLipsThinInward", "mouthLipsTighten",
            )
        ),
        *idle(f"mouth{lip}LipShift{side}" for lip in ("Lower", "Upper") for side in ("Left", "Right")),
        *idle(f"mouthLipsSticky{side}Ph{phase}" for side in "LR" for phase in "123"),
        *idle(f"teeth{way}{jaw}" for jaw in "UD" for way in ("Up", "Down", "Left", "Right", "Fwd", "Back")),
        *idle(f"neckSwallowPh{phase}" for phase in "1234"),
        *idle(f"neck{part}" for part in ("DigastricDown", "DigastricUp")),
        *idle(f"neckThroat{way}" for way in ("Down", "Up", "Exhale", "Inhale")),
        *idle(
            f"tongue{way}"
            for way in ("BendDown", "BendUp", "Down", "In", "Left", "Narrow", "Press", "Right", "Roll", "RollDown", "RollLeft",
                        "RollRight", "RollUp", "Thick", "Thin", "TipDown", "TipLeft", "TipRight", "TipUp", "TwistLeft",
                        "TwistRight", "Up", "Wide")
        ),
        *idle(("eyeParallelLookDirection", "jawBack", "jawOpenExtreme", "mouthDown", "mouthUp")),
        *idle(("mouthStickyDC", "mouthStickyUC")),
    ),
)  # fmt: skip
