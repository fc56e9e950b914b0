"""Reallusion Character Creator 3 and 4: ExPlus (``A38_Mouth_Smile_Left``), extended and standard (``Mouth_Smile_L``), visemes.

An exported character may carry several of these sets at once; the ExPlus one, made after ARKit, goes first. HD characters
have MetaHuman's words: `table_metahuman.py`.
"""

from __future__ import annotations

from typing import Final

from ..recipes import Recipe, Table, idle, key, mean, sides, whole_mouth
from .mouth_shapes import AA, CH, FF, OH, OU, PP

_EX_PLUS: Final[tuple[str, ...]] = (
    "Brow_Inner_Up", "Brow_Down_Left", "Brow_Down_Right", "Brow_Outer_Up_Left", "Brow_Outer_Up_Right", "Eye_Look_Up_Left",
    "Eye_Look_Up_Right", "Eye_Look_Down_Left", "Eye_Look_Down_Right", "Eye_Look_Out_Left", "Eye_Look_In_Left",
    "Eye_Look_In_Right", "Eye_Look_Out_Right", "Eye_Blink_Left", "Eye_Blink_Right", "Eye_Squint_Left", "Eye_Squint_Right",
    "Eye_Wide_Left", "Eye_Wide_Right", "Cheek_Puff", "Cheek_Squint_Left", "Cheek_Squint_Right", "Nose_Sneer_Left",
    "Nose_Sneer_Right", "Jaw_Open", "Jaw_Forward", "Jaw_Left", "Jaw_Right", "Mouth_Funnel", "Mouth_Pucker", "Mouth_Left",
    "Mouth_Right", "Mouth_Roll_Upper", "Mouth_Roll_Lower", "Mouth_Shrug_Upper", "Mouth_Shrug_Lower", "Mouth_Close",
    "Mouth_Smile_Left", "Mouth_Smile_Right", "Mouth_Frown_Left", "Mouth_Frown_Right", "Mouth_Dimple_Left",
    "Mouth_Dimple_Right", "Mouth_Upper_Up_Left", "Mouth_Upper_Up_Right", "Mouth_Lower_Down_Left", "Mouth_Lower_Down_Right",
    "Mouth_Press_Left", "Mouth_Press_Right", "Mouth_Stretch_Left", "Mouth_Stretch_Right", "Tongue_Out",
)  # fmt: skip
"""In the order of their numbers, A01 to A52; each is the ARKit name with underscores."""


def _ex_plus() -> tuple[Recipe, ...]:
    names = [(f"A{number:02d}_{name}", name.replace("_", "")) for number, name in enumerate(_EX_PLUS, 1)]
    return tuple(key(name, arkit_name[0].lower() + arkit_name[1:]) for name, arkit_name in names)


CHARACTER_CREATOR: Final[Table] = Table(
    "Character Creator",
    (
        *_ex_plus(),
        *sides(("Brow_Raise_Inner_{L}", "Brow_Raise_Inner_{Left}"), "browInnerUp", rank=1),
        *sides(("Brow_Raise_Outer_{L}", "Brow_Raise_Outer_{Left}"), "browOuterUp{Left}", rank=1),
        *sides(("Brow_Drop_{L}", "Brow_Drop_{Left}"), "browDown{Left}", rank=1),
        *sides("Eye_Blink_{L}", "eyeBlink{Left}", rank=1),
        *sides("Eye_Squint_{L}", "eyeSquint{Left}", rank=1),
        *sides("Eye_Wide_{L}", "eyeWide{Left}", rank=1),
        *sides("Eye_{L}_Look_Up", "eyeLookUp{Left}", rank=1),
        *sides("Eye_{L}_Look_Down", "eyeLookDown{Left}", rank=1),
        *sides("Eye_{L}_Look_{L}", "eyeLookOut{Left}", rank=1),
        *sides("Eye_{L}_Look_{R}", "eyeLookIn{Left}", rank=1),
        *sides(("Nose_Sneer_{L}", "Nose_Flank_Raise_{L}"), "noseSneer{Left}", rank=1),
        *sides("Cheek_Raise_{L}", "cheekSquint{Left}", rank=1),
        *sides(("Cheek_Puff_{L}", "Cheek_Blow_{L}"), "cheekPuff", rank=1),
        *sides("Mouth_Smile_{L}", "mouthSmile{Left}", rank=1),
        *sides("Mouth_Frown_{L}", "mouthFrown{Left}", rank=1),
        *sides("Mouth_Stretch_{L}", "mouthStretch{Left}", rank=1),
        *sides("Mouth_Dimple_{L}", "mouthDimple{Left}", rank=1),
        *sides("Mouth_Press_{L}", "mouthPress{Left}", rank=1),
        *(part for way in ("Up", "Down") for part in sides(f"Mouth_Pucker_{way}_{{L}}", "mouthPucker", rank=1)),
        *(part for way in ("Up", "Down") for part in sides(f"Mouth_Funnel_{way}_{{L}}", "mouthFunnel", rank=1)),
        *sides("Mouth_Roll_In_Upper_{L}", "mouthRollUpper", rank=1),
        *sides("Mouth_Roll_In_Lower_{L}", "mouthRollLower", rank=1),
        *sides("Mouth_Up_Upper_{L}", "mouthUpperUp{Left}", rank=1),
        *sides("Mouth_Down_Lower_{L}", "mouthLowerDown{Left}", rank=1),
        *sides("Mouth_{L}", "mouth{Left}", rank=1),
        key("Mouth_Shrug_Upper", "mouthShrugUpper", rank=1),
        key("Mouth_Shrug_Lower", "mouthShrugLower", rank=1),
        key("Mouth_Close", "mouthClose", rank=1),
        key("Jaw_Open", "jawOpen", rank=1),
        key("Jaw_Forward", "jawForward", rank=1),
        *sides("Jaw_{L}", "jaw{Left}", rank=1),
        key(("Tongue_Out", "V_Tongue_Out"), "tongueOut", rank=1),
        # The standard set has one key for what the others split.
        key(("Eye_Blink", "Eyes_Blink"), mean("eyeBlink"), rank=2),
        key("Mouth_Smile", mean("mouthSmile"), rank=2),
        key("Mouth_Frown", mean("mouthFrown"), rank=2),
        key("Mouth_Pucker", "mouthPucker", rank=2),
        key("Mouth_Pucker_Open", "mouthFunnel", rank=2),
        key("Mouth_Open", "jawOpen", rank=2),
        key("Mouth_Top_Lip_Under", "mouthRollUpper", rank=2),
        key("Mouth_Bottom_Lip_Under", "mouthRollLower", rank=2),
        key("Mouth_Top_Lip_Up", mean("mouthUpperUp"), rank=2),
        key("Mouth_Bottom_Lip_Down", mean("mouthLowerDown"), rank=2),
        key("Mouth_Widen_Sides", mean("mouthStretch"), rank=2),
        key("Nose_Scrunch", mean("noseSneer"), rank=2),
        whole_mouth(("V_Open", "Ah"), AA, rank=3),
        whole_mouth(("V_Tight_O", "Oh"), OH, rank=3),
        whole_mouth(("V_Tight", "W_OO"), OU, rank=3),
        whole_mouth(("V_Explosive", "B_M_P"), PP, rank=3),
        whole_mouth(("V_Dental_Lip", "F_V"), FF, rank=3),
        whole_mouth(("V_Affricate", "Ch_J"), CH, rank=3),
        *idle(
            (
                "V_None", "V_Wide", "V_Lip_Open", "V_Tongue_up", "V_Tongue_Raise", "V_Tongue_Narrow", "V_Tongue_Lower",
                "V_Tongue_Curl_U", "V_Tongue_Curl_D", "EE", "Er", "IH", "AE", "K_G_H_NG", "R", "S_Z", "TH", "T_L_D_N",
                "Brow_Raise_L", "Brow_Raise_R", "Mouth_Up", "Mouth_Down", "Mouth_Blow",
                "Mouth_Chin_Up", "Mouth_Contract", "Mouth_Drop_Upper", "Mouth_Drop_Lower", "Mouth_Lips_Open",
                "Mouth_Lips_Part", "Mouth_Lips_Tight", "Mouth_Lips_Tuck", "Mouth_Lips_Jaw_Adjust", "Mouth_Plosive",
                "Mouth_Skewer", "Mouth_Widen", "Mouth_Bottom_Lip_Bite", "Mouth_Bottom_Lip_Trans", "Jaw_Backward", "Jaw_Up",
                "Jaw_Down", "Cheeks_Suck", "Nose_Tip_Up", "Nose_Tip_Down", "Nose_Flanks_Raise", "Nose_Nostrils_Flare",
                "Turn_Jaw", "Neck_Swallow_Up", "Neck_Swallow_Down", "Head_Turn_Up", "Head_Turn_Down", "Head_Forward",
                "Head_Backward",
            )
        ),
        *idle(
            f"{name}_{side}"
            for side in "LR"
            for name in (
                "Brow_Compress", "Eyelash_Upper_Up", "Eyelash_Upper_Down", "Eyelash_Lower_Up", "Eyelash_Lower_Down", "Ear_Up",
                "Ear_Down", "Ear_Out", "Nose_Nostril_Raise", "Nose_Nostril_Dilate", "Nose_Crease", "Nose_Nostril_Down",
                "Nose_Nostril_In", "Nose_Tip", "Cheek_Suck", "Mouth_Smile_Sharp", "Mouth_Tighten", "Mouth_Blow",
                "Mouth_Roll_Out_Upper", "Mouth_Roll_Out_Lower", "Mouth_Push_Upper", "Mouth_Push_Lower", "Mouth_Pull_Upper",
                "Mouth_Pull_Lower", "Mouth_Upper", "Mouth_Lower", "Mouth_Snarl_Upper", "Mouth_Snarl_Lower", "Tongue_Bulge",
                "Neck_Tighten", "Head_Turn", "Head_Tilt", "Head",
            )
        ),
        *idle(
            (
                "T01_Tongue_Up", "T02_Tongue_Down", "T03_Tongue_Left", "T04_Tongue_Right", "T05_Tongue_Roll",
                "T06_Tongue_Tip_Up", "T07_Tongue_Tip_Down", "T08_Tongue_Width", "T09_Tongue_Thickness",
                "T10_Tongue_Bulge_Left", "T11_Tongue_Bulge_Right",
            )
        ),
    ),
)  # fmt: skip
