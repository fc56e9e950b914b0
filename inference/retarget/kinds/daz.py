"""Daz: the FACS morphs of Genesis 8.1 and 9 (``facs_...``) and the pose controls of Genesis 3 and 8 (``eCTRL...``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ... import arkit
from ..recipes import BOTH_WAYS, Recipe, Table, idle, key, mean, sides, whole_mouth
from .mouth_shapes import AA, CH, EE, FF, IH, OH, OU, PP, TH


def _facs() -> Iterator[Recipe]:
    """One morph per ARKit name; its beginning tells what it moves: a blend shape, a joint, or others as a control."""
    for name in arkit.NAMES:
        stem = name[0].upper() + name[1:]
        yield key((f"facs_bs_{stem}_div2", f"facs_bs_{stem}", f"facs_{stem}", f"facs_jnt_{stem}"), name)
        yield key(f"facs_ctrl_{stem}", name, rank=2)


def _split(stem: str, coefficient: str, parts: tuple[str, ...]) -> Iterator[Recipe]:
    """The parts into which Genesis 9 splits a shape, moved alike."""
    for part in parts:
        yield key((f"facs_bs_{stem}{part}", f"facs_bs_{stem}{part}_div2"), coefficient, rank=1)


_HALVES: Final[tuple[str, ...]] = ("Left", "Right")
_QUARTERS: Final[tuple[str, ...]] = ("UpperLeft", "UpperRight", "LowerLeft", "LowerRight")

DAZ_FACS: Final[Table] = Table(
    "Daz Genesis 8.1 and 9",
    (
        *_facs(),
        *sides("facs_jnt_EyesWide{Left}", "eyeWide{Left}", rank=1),
        *sides("facs_bs_EyelidOpenUpper{Left}", "eyeWide{Left}", rank=1),
        *sides("facs_bs_EyelidOpenLower{Left}", "eyeWide{Left}", rank=1),
        *_split("BrowInnerUp", "browInnerUp", _HALVES),
        *_split("CheekPuff", "cheekPuff", _HALVES),
        *_split("MouthRollUpper", "mouthRollUpper", _HALVES),
        *_split("MouthRollLower", "mouthRollLower", _HALVES),
        *_split("MouthShrugUpper", "mouthShrugUpper", _HALVES),
        *_split("MouthShrugLower", "mouthShrugLower", _HALVES),
        *_split("MouthFunnel", "mouthFunnel", _QUARTERS),
        *_split("MouthPurse", "mouthPucker", _QUARTERS),
        *_split("MouthClose", "mouthClose", _QUARTERS),
        *sides("facs_bs_MouthPressUpper{Left}", "mouthPress{Left}", rank=1),
        *sides("facs_bs_MouthPressLower{Left}", "mouthPress{Left}", rank=1),
        *idle(
            f"facs_{name}{side}"
            for side in _HALVES
            for name in (
                "bs_BrowSqueeze", "bs_MouthSmileWiden", "bs_NasalFlare", "bs_NasalCreaseFlex", "bs_NoseSneerUpper",
                "bs_JawClench", "bs_MouthCornerMoveSide-Side", "bs_MouthCornerMoveUp-Down", "bs_MouthCornerTightnessLower",
                "bs_MouthForwardUpper", "bs_MouthForwardLower", "bs_MouthCompressUpper", "bs_MouthCompressLower",
                "cbs_EyeFullCompression", "ctrl_MouthStickyControl",
            )
        ),
        *idle(
            (
                "facs_bs_JawRecess", "facs_jnt_JawRecess", "facs_bs_JawChinCompression", "facs_bs_NasalFlare_div2",
                "facs_cbs_EyeBlinkLeft_div2", "facs_cbs_EyeBlinkRight_div2", "facs_bs_MouthUp-Down", "facs_ctrl_NasalFlare",
                "facs_ctrl_NasalCompress", "facs_bs_MouthLipsSide-SideLower", "facs_bs_MouthLipsSide-SideUpper",
            )
        ),
    ),
)  # fmt: skip

# Which end of an "Up-Down" or "In-Out" is 1 is not told by its name: brows and lips go up, upper lids go down. The ones of
# which no source shows it (jaw, tongue, lower lip, all that go sideways) stay at rest.
DAZ_POSE_CONTROLS: Final[Table] = Table(
    "Daz Genesis 3 and 8",
    (
        *sides("eCTRLEyesClosed{L}", "eyeBlink{Left}"),
        *sides("eCTRLEyesSquint{L}", "eyeSquint{Left}"),
        *sides(("eCTRLEyelidsUpperUp-Down{L}", "eCTRLEyelidsUpperDownUp{L}"), {"eyeWide{Left}": -1.0}, limits=BOTH_WAYS),
        *sides("eCTRLBrowInnerUp-Down{L}", {"browInnerUp": 1.0, "browDown{Left}": -0.5}, limits=BOTH_WAYS),
        *sides("eCTRLBrowOuterUp-Down{L}", {"browOuterUp{Left}": 1.0, "browDown{Left}": -0.5}, limits=BOTH_WAYS),
        *sides("eCTRLCheekEyeFlex{L}", "cheekSquint{Left}"),
        *sides("eCTRLMouthSmileSimple{L}", "mouthSmile{Left}"),
        *sides("eCTRLMouthCornerBack{L}", "mouthStretch{Left}"),
        *sides("eCTRLLipTopUp-Down{L}", "mouthUpperUp{Left}"),
        key("eCTRLMouthOpen", "jawOpen"),
        key("eCTRLMouthFrown", mean("mouthFrown")),
        key("eCTRLNoseWrinkle", mean("noseSneer")),
        key("eCTRLCheeksBalloon", "cheekPuff"),
        key(("eCTRLLipsPucker", "eCTRLLipsPucker-Pressed"), "mouthPucker"),
        key("eCTRLLipsPuckerWide", "mouthFunnel"),
        # Both sides in one key, for figures on which the halves were not exported.
        key("eCTRLEyesClosed", mean("eyeBlink"), rank=1),
        key("eCTRLEyesSquint", mean("eyeSquint"), rank=1),
        key(
            ("eCTRLEyelidsUpperUp-Down", "eCTRLEyelidsUpperDownUp"), mean("eyeWide", gain=-1.0), rank=1, limits=BOTH_WAYS
        ),
        key("eCTRLBrowInnerUp-Down", {"browInnerUp": 1.0} | mean("browDown", gain=-0.5), rank=1, limits=BOTH_WAYS),
        key("eCTRLBrowOuterUp-Down", mean("browOuterUp") | mean("browDown", gain=-0.5), rank=1, limits=BOTH_WAYS),
        key("eCTRLCheekEyeFlex", mean("cheekSquint"), rank=1),
        *sides("eCTRLCheekFlex{L}", "cheekSquint{Left}", rank=2),
        key("eCTRLMouthSmileSimple", mean("mouthSmile"), rank=1),
        key("eCTRLMouthSmile", mean("mouthSmile"), rank=2),
        key("eCTRLMouthCornerBack", mean("mouthStretch"), rank=1),
        key("eCTRLLipTopUp-Down", mean("mouthUpperUp"), rank=1),
        key("eCTRLMouthOpenWide", "jawOpen", rank=1),
        whole_mouth("eCTRLvAA", AA, rank=3),
        whole_mouth("eCTRLvIY", IH, rank=3),
        whole_mouth("eCTRLvEH", EE, rank=3),
        whole_mouth("eCTRLvOW", OH, rank=3),
        whole_mouth("eCTRLvUW", OU, rank=3),
        whole_mouth("eCTRLvM", PP, rank=3),
        whole_mouth("eCTRLvF", FF, rank=3),
        whole_mouth("eCTRLvTH", TH, rank=3),
        whole_mouth("eCTRLvSH", CH, rank=3),
        *idle(f"eCTRLv{name}" for name in ("EE", "ER", "IH", "K", "L", "S", "T", "W")),
        *idle(
            f"eCTRL{name}"
            for name in (
                "Angry", "BrowSqueeze", "BrowSqueezeL", "BrowSqueezeR", "BrowUp-Down", "BrowUp-DownL", "BrowUp-DownR",
                "CheekCrease", "CheekFlex", "CheeksBalloonPucker", "EyelidsLowerUpDown", "EyelidsLowerUpDownL",
                "EyelidsLowerUpDownR", "EyesCrossed", "JawOut-In", "LipBottomUp-Down", "LipBottomUp-DownL", "LipBottomUp-DownR",
                "EyesSideSide", "EyesUpDown", "Flirting", "Frown", "JawSide-Side", "LipBottomIn-Out", "LipBottomIn-OutL",
                "LipBottomIn-OutR", "LipTopIn-Out", "LipTopIn-OutL", "LipTopIn-OutR", "LipsPart", "LipsPartCenter",
                "MouthClosed", "MouthCornerUp-Down", "MouthCornerUp-DownL", "MouthCornerUp-DownR", "MouthNarrow",
                "MouthNarrowL", "MouthNarrowR", "MouthSide-Side", "MouthSide-SideL", "MouthSide-SideR", "MouthSmileOpen",
                "MouthWide-Narrow", "NoseScrunch", "NostrilsFlare", "Smile", "Surprised", "Tongue Curl", "TongueBendTip",
                "TongueIn-Out", "TongueNarrow-Wide", "TongueRaise-Lower", "TongueSide-Side", "TongueUp-Down",
            )
        ),
    ),
)  # fmt: skip
