"""Avatars of every kind, with the key lists that their makers write, act as the actor does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from understudy.inference import arkit, retarget
from understudy.inference.retarget import Mapping
from understudy.inference.retarget.kinds import TABLES
from understudy.inference.retarget.names import spelling

DOCS = Path(__file__).resolve().parents[2] / "docs" / "mappings.md"


def words(text: str) -> list[str]:
    """Key names, as a list is easiest to read."""
    return text.split()


ICT = words(
    """
    browDown_L browDown_R browInnerUp_L browInnerUp_R browOuterUp_L browOuterUp_R cheekPuff_L cheekPuff_R
    cheekRaiser_L cheekRaiser_R cheekSquint_L cheekSquint_R eyeBlink_L eyeBlink_R eyeLookDown_L eyeLookDown_R
    eyeLookIn_L eyeLookIn_R eyeLookOut_L eyeLookOut_R eyeLookUp_L eyeLookUp_R eyeSquint_L eyeSquint_R eyeWide_L
    eyeWide_R jawForward jawLeft jawOpen jawRight mouthClose mouthDimple_L mouthDimple_R mouthFrown_L mouthFrown_R
    mouthFunnel mouthLeft mouthLowerDown_L mouthLowerDown_R mouthPress_L mouthPress_R mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmile_L mouthSmile_R mouthStretch_L
    mouthStretch_R mouthUpperUp_L mouthUpperUp_R noseSneer_L noseSneer_R
    """
)
VISEMES = [f"viseme_{name}" for name in words("sil PP FF TH DD kk CH SS nn RR aa E I O U")]
READY_PLAYER_ME = [*arkit.NAMES, *VISEMES, "mouthOpen", "mouthSmile", "eyesClosed", "eyesLookUp", "eyesLookDown"]
VRCHAT = [
    *(f"vrc.v_{name}" for name in words("aa ch dd e ff ih kk nn oh ou pp rr sil ss th")),
    "vrc.blink_left", "vrc.blink_right", "vrc.lowerlid_left", "vrc.lowerlid_right",
]  # fmt: skip
VROID = [
    f"Fcl_{name}"
    for name in words(
        """
    ALL_Neutral ALL_Angry ALL_Fun ALL_Joy ALL_Sorrow ALL_Surprised BRW_Angry BRW_Fun BRW_Joy BRW_Sorrow
    BRW_Surprised EYE_Natural EYE_Angry EYE_Close EYE_Close_R EYE_Close_L EYE_Fun EYE_Joy EYE_Joy_R EYE_Joy_L
    EYE_Sorrow EYE_Surprised EYE_Spread EYE_Iris_Hide EYE_Highlight_Hide MTH_Close MTH_Up MTH_Down MTH_Angry
    MTH_Small MTH_Large MTH_Neutral MTH_Fun MTH_Joy MTH_Sorrow MTH_Surprised MTH_SkinFung MTH_SkinFung_R
    MTH_SkinFung_L MTH_A MTH_I MTH_U MTH_E MTH_O HA_Hide HA_Fung1 HA_Fung1_Low HA_Fung1_Up HA_Short HA_Short_Up
    HA_Short_Low
    """
    )
]
VRM0 = words(
    """
    Neutral A I U E O Blink Joy Angry Sorrow Fun LookUp LookDown LookLeft LookRight Blink_L Blink_R
    """
)
VRM1 = words(
    """
    happy angry sad relaxed surprised aa ih ou ee oh blink blinkLeft blinkRight lookUp lookDown lookLeft lookRight
    neutral
    """
)
MMD = words(
    """
    真面目 困る にこり 怒り 上 下 まばたき 笑い ウィンク ウィンク２ ウィンク右 ｳｨﾝｸ２右 はぅ なごみ びっくり
    じと目 瞳小 あ い う え お ▲ ω にやり 口角上げ 口角下げ 口横広げ ぺろっ 頬染め
    """
)
MMD_ENGLISH = [
    "Ah", "Ch", "U", "E", "Oh", "Grin", "Wa", "Mouth Horn Raise", "Mouth Horn Lower", "Mouth Side Widen", "Blink",
    "Blink Happy", "Wink 2", "Wink 2 Right", "Wink", "Wink Right", "Calm", "Stare", "Surprised", "Cheerful", "Upper", "Lower",
    "Serious", "Sadness", "Anger", "Blush",
]  # fmt: skip
METAHUMAN = [
    f"CTRL_expressions_{name}"
    for name in words(
        """
    browDownL browDownR browLateralL browLateralR browRaiseInL browRaiseInR browRaiseOuterL browRaiseOuterR earUpL
    earUpR eyeBlinkL eyeBlinkR eyeCheekRaiseL eyeCheekRaiseR eyeLookDownL eyeLookDownR eyeLookLeftL eyeLookLeftR
    eyeLookRightL eyeLookRightR eyeLookUpL eyeLookUpR eyeSquintInnerL eyeSquintInnerR eyeWidenL eyeWidenR jawBack
    jawChinRaiseDL jawChinRaiseDR jawChinRaiseUL jawChinRaiseUR jawFwd jawLeft jawOpen jawOpenExtreme jawRight
    mouthCheekBlowL mouthCheekBlowR mouthCornerDepressL mouthCornerDepressR mouthCornerPullL mouthCornerPullR
    mouthDimpleL mouthDimpleR mouthDown mouthFunnelDL mouthFunnelDR mouthFunnelUL mouthFunnelUR mouthLeft
    mouthLipsPressL mouthLipsPressR mouthLipsPurseDL mouthLipsPurseDR mouthLipsPurseUL mouthLipsPurseUR
    mouthLipsTogetherDL mouthLipsTogetherDR mouthLipsTogetherUL mouthLipsTogetherUR mouthLipsTowardsDL
    mouthLipsTowardsDR mouthLipsTowardsUL mouthLipsTowardsUR mouthLowerLipBiteL mouthLowerLipDepressL
    mouthLowerLipDepressR mouthLowerLipRollInL mouthLowerLipRollInR mouthPressDL mouthPressDR mouthPressUL
    mouthPressUR mouthRight mouthSharpCornerPullL mouthSharpCornerPullR mouthStretchL mouthStretchR mouthUp
    mouthUpperLipRaiseL mouthUpperLipRaiseR mouthUpperLipRollInL mouthUpperLipRollInR noseWrinkleL noseWrinkleR
    tongueOut tongueUp
    """
    )
]
CC_HD = words(
    """
    Brow_Down_L Brow_Down_R Brow_Raise_In_L Brow_Raise_In_R Brow_Raise_Outer_L Brow_Raise_Outer_R Eye_Blink_L
    Eye_Blink_R Eye_Widen_L Eye_Widen_R Eye_Squint_Inner_L Eye_Squint_Inner_R Eye_Cheek_Raise_L Eye_Cheek_Raise_R
    Eye_Look_Left_L Eye_Look_Right_L Eye_Look_Up_L Nose_Wrinkle_L Nose_Wrinkle_R Mouth_Corner_Pull_L
    Mouth_Corner_Pull_R Mouth_UpperLip_Raise_L Mouth_UpperLip_Raise_R Mouth_LowerLip_Depress_L
    Mouth_LowerLip_Depress_R Mouth_Funnel_UL Mouth_Funnel_UR Mouth_Funnel_DL Mouth_Funnel_DR Mouth_Lips_Purse_UL
    Mouth_Lips_Purse_UR Mouth_Lips_Purse_DL Mouth_Lips_Purse_DR Jaw_Open Jaw_Fwd Jaw_Left Jaw_Right
    """
)
CC_EXTENDED = words(
    """
    V_Open V_Explosive V_Dental_Lip V_Tight_O V_Tight V_Wide V_Affricate V_Lip_Open Brow_Raise_Inner_L
    Brow_Raise_Inner_R Brow_Raise_Outer_L Brow_Raise_Outer_R Brow_Drop_L Brow_Drop_R Brow_Compress_L Brow_Compress_R
    Eye_Blink_L Eye_Blink_R Eye_Squint_L Eye_Squint_R Eye_Wide_L Eye_Wide_R Eye_L_Look_L Eye_R_Look_L Eye_L_Look_R
    Eye_R_Look_R Eye_L_Look_Up Eye_R_Look_Up Eye_L_Look_Down Eye_R_Look_Down Ear_Up_L Nose_Sneer_L Nose_Sneer_R
    Nose_Crease_L Nose_Tip_Up Cheek_Raise_L Cheek_Raise_R Cheek_Suck_L Cheek_Puff_L Cheek_Puff_R Mouth_Smile_L
    Mouth_Smile_R Mouth_Smile_Sharp_L Mouth_Frown_L Mouth_Frown_R Mouth_Stretch_L Mouth_Stretch_R Mouth_Dimple_L
    Mouth_Dimple_R Mouth_Press_L Mouth_Press_R Mouth_Pucker_Up_L Mouth_Pucker_Up_R Mouth_Pucker_Down_L
    Mouth_Pucker_Down_R Mouth_Funnel_Up_L Mouth_Funnel_Up_R Mouth_Funnel_Down_L Mouth_Funnel_Down_R
    Mouth_Roll_In_Upper_L Mouth_Roll_In_Upper_R Mouth_Roll_In_Lower_L Mouth_Roll_In_Lower_R Mouth_Up Mouth_Down
    Mouth_L Mouth_R Mouth_Upper_L Mouth_Lower_L Mouth_Shrug_Upper Mouth_Shrug_Lower Mouth_Up_Upper_L
    Mouth_Up_Upper_R Mouth_Down_Lower_L Mouth_Down_Lower_R Mouth_Chin_Up Mouth_Close Mouth_Contract Tongue_Bulge_L
    Jaw_Open Jaw_Forward Jaw_Backward Jaw_L Jaw_R Jaw_Up Jaw_Down Neck_Swallow_Up Head_Turn_Up Head_L Head_R
    """
)
CC_EX_PLUS = [
    name for table in TABLES if table.title == "Character Creator" for recipe in table.recipes for name in recipe.names
    if name[0] == "A" and name[1:3].isdigit()
]  # fmt: skip
CC_STANDARD = words(
    """
    Brow_Raise_Inner_L Brow_Raise_Inner_R Brow_Raise_Outer_L Brow_Raise_Outer_R Brow_Drop_L Brow_Drop_R Brow_Raise_L
    Brow_Raise_R Eye_Blink Eye_Blink_L Eye_Blink_R Eye_Wide_L Eye_Wide_R Eye_Squint_L Eye_Squint_R Nose_Scrunch
    Nose_Nostrils_Flare Cheek_Raise_L Cheek_Raise_R Mouth_Frown Mouth_Blow Mouth_Pucker Mouth_Pucker_Open
    Mouth_Widen Mouth_Widen_Sides Mouth_Smile Mouth_Smile_L Mouth_Smile_R Mouth_Dimple_L Mouth_Dimple_R
    Mouth_Plosive Mouth_Lips_Open Mouth_Lips_Part Mouth_Bottom_Lip_Down Mouth_Top_Lip_Up Mouth_Bottom_Lip_Under
    Mouth_Top_Lip_Under Mouth_Snarl_Upper_L Mouth_Up Mouth_Down Mouth_Open Turn_Jaw
    """
)
GENESIS_8_1 = [
    f"Genesis8_1Female__facs_{name}"
    for name in words(
        """
    jnt_EyeWideLeft jnt_EyeWideRight jnt_EyeBlinkLeft jnt_EyeBlinkRight bs_EyeSquintLeft_div2 bs_EyeSquintRight_div2
    ctrl_EyeLookUpRight ctrl_EyeLookUpLeft ctrl_EyeLookOutRight ctrl_EyeLookOutLeft ctrl_EyeLookInRight
    ctrl_EyeLookInLeft ctrl_EyeLookDownRight ctrl_EyeLookDownLeft bs_NoseSneerRight_div2 bs_NoseSneerLeft_div2
    jnt_JawForward jnt_JawLeft jnt_JawRight jnt_JawOpen bs_MouthClose_div2 bs_MouthFunnel_div2 bs_MouthPucker_div2
    bs_MouthLeft_div2 bs_MouthRight_div2 bs_MouthSmileLeft_div2 bs_MouthSmileRight_div2 bs_MouthFrownLeft_div2
    bs_MouthFrownRight_div2 bs_MouthDimpleLeft_div2 bs_MouthDimpleRight_div2 bs_MouthStretchLeft_div2
    bs_MouthStretchRight_div2 bs_MouthRollLower_div2 bs_MouthRollUpper_div2 bs_MouthShrugLower_div2
    bs_MouthShrugUpper_div2 bs_MouthPressLeft_div2 bs_MouthPressRight_div2 bs_MouthLowerDownLeft_div2
    bs_MouthLowerDownRight_div2 bs_MouthUpperUpLeft_div2 bs_MouthUpperUpRight_div2 bs_BrowDownLeft_div2
    bs_BrowDownRight_div2 ctrl_BrowInnerUp bs_BrowOuterUpLeft_div2 bs_BrowOuterUpRight_div2 ctrl_CheekPuff
    bs_CheekSquintLeft_div2 bs_CheekSquintRight_div2 bs_TongueOut
    """
    )
]
_BOTH = ("Left", "Right")
_LIPS = [f"{lip}{side}" for lip in ("Upper", "Lower") for side in _BOTH]
GENESIS_9 = [
    *(f"facs_bs_{name}" for name in ("JawForward", "JawLeft", "JawOpen", "JawRecess", "JawRight", "MouthLeft", "MouthRight")),
    *(
        f"facs_bs_{name}{side}"
        for side in _BOTH
        for name in words(
    """
    BrowDown BrowInnerUp BrowOuterUp BrowSqueeze CheekPuff CheekSquint EyeBlink EyeLookDown EyeLookIn EyeLookOut
    EyeLookUp EyeSquint EyelidOpenUpper EyelidOpenLower MouthDimple MouthFrown MouthLowerDown MouthPressUpper
    MouthPressLower MouthRollLower MouthRollUpper MouthShrugLower MouthShrugUpper MouthSmile MouthSmileWiden
    MouthStretch MouthUpperUp NasalFlare NoseSneer
    """
)
    ),
    *(f"facs_bs_{name}{part}" for part in _LIPS for name in ("MouthClose", "MouthFunnel", "MouthPurse")),
]  # fmt: skip
GENESIS_8 = [
    f"head.eCTRL{name}"
    for name in words(
        """
    Surprised Smile Frown Angry vW vUW vTH vT vSH vS vOW vM vL vK vIY vIH vF vER vEH vEE vAA TongueIn-Out
    NostrilsFlare NoseWrinkle MouthSmileSimpleR MouthSmileSimpleL MouthSmileSimple MouthSmileOpen MouthSmile
    MouthSide-Side MouthOpenWide MouthOpen MouthFrown MouthCornerBackR MouthCornerBackL LipTopUp-DownR
    LipTopUp-DownL LipsPuckerWide LipsPucker LipBottomUp-DownR LipBottomUp-DownL JawSide-Side JawOut-In EyesSquintR
    EyesSquintL EyesSquint EyesClosedR EyesClosedL EyesClosed EyelidsUpperDownUpR EyelidsUpperDownUpL CheeksBalloon
    CheekFlexR CheekFlexL CheekEyeFlexR CheekEyeFlexL BrowUp-DownR BrowUp-DownL BrowSqueeze BrowOuterUp-DownR
    BrowOuterUp-DownL BrowInnerUp-DownR BrowInnerUp-DownL
    """
    )
]
MAKEHUMAN_UNITS = words(
    """
    eye-left-closure eye-left-opened-up eye-left-slit eye-right-closure eye-right-opened-up eye-right-slit
    eyebrows-left-down eyebrows-left-extern-up eyebrows-left-inner-up eyebrows-left-up eyebrows-right-down
    eyebrows-right-extern-up eyebrows-right-inner-up eyebrows-right-up mouth-compression mouth-corner-puller
    mouth-depression mouth-depression-retraction mouth-elevation mouth-eversion mouth-open mouth-parling
    mouth-part-later mouth-protusion mouth-pursing mouth-retraction mouth-upward-retraction neck-platysma
    nose-compression nose-left-dilatation nose-left-elevation nose-right-dilatation nose-right-elevation
    """
)
MICROSOFT = words(
    """
    aa_02 aa_ah_ax_01 ao_03 aw_09 ay_11 d_t_n_19 er_05 ey_eh_uh_04 f_v_18 h_12 k_g_ng_20 l_14 ow_08 oy_10 p_b_m_21
    r_13 sh_ch_jh_zh_16 sil_00 s_z_15 th_dh_17 w_uw_07 y_iy_ih_ix_06
    """
)

SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}
AH = {"jawOpen": 0.65}
OO = {"mouthPucker": 0.7, "jawOpen": 0.15}
OH = {"mouthFunnel": 0.5, "jawOpen": 0.4, "mouthPucker": 0.1}
EE = {
    "mouthStretchLeft": 0.45,
    "mouthStretchRight": 0.45,
    "mouthLowerDownLeft": 0.2,
    "mouthLowerDownRight": 0.2,
    "jawOpen": 0.12,
}
BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
LOST_WITHOUT_TONGUE = {"tongueOut"}


def weights_of(mapping: Mapping, coefficients: dict[str, float]) -> dict[str, float]:
    """Weights above 0.01 by key."""
    frame = np.zeros((1, 52), np.float32)
    for name, value in coefficients.items():
        frame[0, arkit.INDEX[name]] = value
    keys, weights = retarget.weights(mapping, frame)
    return {key: round(float(value), 3) for key, value in zip(keys, weights[0], strict=True) if abs(value) > 0.01}


@pytest.mark.parametrize(
    ("keys", "kinds", "missing"),
    [
        (arkit.NAMES, ("ARKit",), set()),
        (ICT, ("ARKit",), LOST_WITHOUT_TONGUE),
        ([name[0].upper() + name[1:] for name in arkit.NAMES], ("ARKit",), set()),
        (READY_PLAYER_ME, ("ARKit",), set()),
        ([*VROID, *arkit.NAMES], ("ARKit",), set()),
        ([*arkit.NAMES, *VRCHAT, *MMD], ("ARKit",), set()),
        (METAHUMAN, ("MetaHuman",), set()),
        (CC_EXTENDED, ("Character Creator",), LOST_WITHOUT_TONGUE),
        (CC_EX_PLUS, ("Character Creator",), set()),
        ([*CC_EXTENDED, *CC_EX_PLUS], ("Character Creator",), set()),
        (GENESIS_8_1, ("Daz Genesis 8.1 and 9",), set()),
        (GENESIS_9, ("Daz Genesis 8.1 and 9",), LOST_WITHOUT_TONGUE),
    ],
)  # fmt: skip
def test_rigs_with_all_shapes(keys: list[str], kinds: tuple[str, ...], missing: set[str]) -> None:
    found = retarget.match(keys)
    assert found.kinds == kinds
    assert set(found.mapping.missing) == missing
    assert [key for key in found.unknown_keys if key != "▲"] == []
    assert found.mapping.exclusive == ()


@pytest.mark.parametrize(
    ("keys", "kinds", "moved"),
    [
        (VROID, ("VRoid",), 22),
        (VRM0, ("VRM",), 24),
        (VRM1, ("VRM",), 28),
        (MMD, ("MMD",), 29),
        (MMD_ENGLISH, ("MMD",), 28),
        (VRCHAT, ("Oculus visemes",), 17),
        (VISEMES, ("Oculus visemes",), 15),
        (MICROSOFT, ("Microsoft visemes",), 15),
        (CC_HD, ("MetaHuman",), 29),
        (CC_STANDARD, ("Character Creator",), 29),
        (GENESIS_8, ("Daz Genesis 3 and 8",), 30),
        (MAKEHUMAN_UNITS, ("MakeHuman expression units",), 27),
        (["mouthOpen", "mouthSmile"], ("Ready Player Me",), 3),
    ],
)  # fmt: skip
def test_rigs_with_fewer_shapes(keys: list[str], kinds: tuple[str, ...], moved: int) -> None:
    found = retarget.match(keys)
    assert found.kinds == kinds
    assert len(found.mapping.driving) >= moved
    assert [key for key in found.unknown_keys if key != "▲"] == []


@pytest.mark.parametrize("keys", [VROID, VRM0, VRM1, MMD, MMD_ENGLISH, VRCHAT, VISEMES, MICROSOFT])
def test_vowels_are_told_apart(keys: list[str]) -> None:
    """Each vowel moves its own key most, by at least half, and no mouth gets more than one mouth's worth."""
    mapping = retarget.match_names(keys)
    group = mapping.exclusive[0]
    best = []
    for vowel in (AH, EE, OO, OH):
        weights = {key: value for key, value in weights_of(mapping, vowel).items() if key in group}
        assert sum(weights.values()) <= 1.001
        key = max(weights, key=lambda name: weights[name])
        assert weights[key] >= 0.5
        best.append(key)
    assert len(set(best)) == 4


@pytest.mark.parametrize("keys", [VROID, VRM0, VRM1, MMD, MMD_ENGLISH])
def test_a_closed_mouth_with_an_open_jaw_shows_no_vowel(keys: list[str]) -> None:
    mapping = retarget.match_names(keys)
    weights = weights_of(mapping, {"jawOpen": 0.4, "mouthClose": 0.4})
    assert sum(weights.get(key, 0) for key in mapping.exclusive[0]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "keys", [arkit.NAMES, ICT, READY_PLAYER_ME, VROID, VRM0, VRM1, MMD, MMD_ENGLISH, METAHUMAN, CC_EXTENDED, CC_EX_PLUS,
             CC_STANDARD, [*CC_EXTENDED, *CC_EX_PLUS, *CC_STANDARD], GENESIS_8_1, GENESIS_9, GENESIS_8, MAKEHUMAN_UNITS],
)  # fmt: skip
def test_nobody_blinks_twice(keys: list[str]) -> None:
    """A blink closes each eye once: by a key per eye, or by one key for both."""
    weights = weights_of(retarget.match_names(keys), BLINK)
    assert sorted(weights.values()) in ([1.0], [1.0, 1.0])
    left = weights_of(retarget.match_names(keys), {"eyeBlinkLeft": 1.0})
    if len(weights) == 2:
        assert list(left.values()) == [1.0]
        assert set(left) < set(weights)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (ICT, {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8}),
        (READY_PLAYER_ME, {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}),
        (["mouthOpen", "mouthSmile"], {"mouthSmile": 0.8}),
        (VROID, {"Fcl_MTH_Fun": 0.8}),
        (VRM0, {"Joy": 0.8}),
        (VRM1, {"happy": 0.8}),
        (MMD, {"口角上げ": 0.8}),
        (METAHUMAN, {"CTRL_expressions_mouthCornerPullL": 0.8, "CTRL_expressions_mouthCornerPullR": 0.8}),
        (CC_EXTENDED, {"Mouth_Smile_L": 0.8, "Mouth_Smile_R": 0.8}),
        ([*CC_EXTENDED, *CC_EX_PLUS], {"A38_Mouth_Smile_Left": 0.8, "A39_Mouth_Smile_Right": 0.8}),
        (CC_STANDARD, {"Mouth_Smile_L": 0.8, "Mouth_Smile_R": 0.8}),
        (GENESIS_9, {"facs_bs_MouthSmileLeft": 0.8, "facs_bs_MouthSmileRight": 0.8}),
        (GENESIS_8, {"head.eCTRLMouthSmileSimpleL": 0.8, "head.eCTRLMouthSmileSimpleR": 0.8}),
        (MAKEHUMAN_UNITS, {"mouth-corner-puller": 0.8}),
    ],
)  # fmt: skip
def test_a_smile_is_shown_once(keys: list[str], expected: dict[str, float]) -> None:
    assert weights_of(retarget.match_names(keys), SMILE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("keys", "coefficient", "key"),
    [
        (METAHUMAN, "eyeLookOutLeft", "CTRL_expressions_eyeLookLeftL"),
        (METAHUMAN, "eyeLookInRight", "CTRL_expressions_eyeLookLeftR"),
        (METAHUMAN, "eyeLookInLeft", "CTRL_expressions_eyeLookRightL"),
        (CC_EXTENDED, "eyeLookOutLeft", "Eye_L_Look_L"),
        (CC_EXTENDED, "eyeLookInRight", "Eye_R_Look_L"),
        (CC_EXTENDED, "eyeLookInLeft", "Eye_L_Look_R"),
        (CC_EXTENDED, "mouthLeft", "Mouth_L"),
        (CC_EXTENDED, "jawRight", "Jaw_R"),
        (CC_EX_PLUS, "eyeLookInRight", "A12_Eye_Look_In_Right"),
        (MMD, "eyeBlinkLeft", "ウィンク２"),
        (MMD, "eyeBlinkRight", "ｳｨﾝｸ２右"),
        (VRM1, "eyeBlinkRight", "blinkRight"),
        (GENESIS_8_1, "eyeBlinkLeft", "Genesis8_1Female__facs_jnt_EyeBlinkLeft"),
    ],
)
def test_sides_are_the_actors(keys: list[str], coefficient: str, key: str) -> None:
    assert weights_of(retarget.match_names(keys), {coefficient: 1.0}) == {key: 1.0}


def test_one_shape_moves_all_its_quarters() -> None:
    weights = weights_of(retarget.match_names(GENESIS_9), {"mouthFunnel": 0.6})
    assert weights == {f"facs_bs_MouthFunnel{part}": 0.6 for part in _LIPS}


def test_controls_that_go_both_ways() -> None:
    mapping = retarget.match_names(GENESIS_8)
    frown = weights_of(mapping, {"browDownLeft": 1.0})
    assert frown == {"head.eCTRLBrowInnerUp-DownL": -0.5, "head.eCTRLBrowOuterUp-DownL": -0.5}
    assert weights_of(mapping, {"eyeWideRight": 0.7}) == {"head.eCTRLEyelidsUpperDownUpR": -0.7}


def test_a_blink_does_not_take_the_smile_away() -> None:
    weights = weights_of(retarget.match_names(VRM1), SMILE | BLINK)
    assert weights == {"happy": 0.8, "blinkLeft": 1.0, "blinkRight": 1.0}


def test_eyes_that_smile_open_for_the_blink() -> None:
    """Two keys that close the same lids must not close them twice."""
    mapping = retarget.match_names(MMD)
    assert weights_of(mapping, {"cheekSquintLeft": 1.0, "cheekSquintRight": 1.0}) == {"笑い": 0.5}
    assert "笑い" not in weights_of(mapping, {"cheekSquintLeft": 0.8, "cheekSquintRight": 0.8} | BLINK)


def test_visemes_fill_what_an_avatar_has_no_shapes_for() -> None:
    found = retarget.match(["eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "browInnerUp", *VISEMES])
    assert set(found.kinds) == {"ARKit", "Oculus visemes"}
    assert "viseme_U" in found.mapping.keys
    assert found.mapping.missing.count("mouthPucker") == 0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_tables_hold_together(table) -> None:
    names = [name for recipe in table.recipes for name in recipe.names]
    assert len(set(names)) == len(names)
    assert table.least >= 1
    for recipe in table.recipes:
        assert recipe.names
        assert {name for name, _ in recipe.terms} <= set(arkit.NAMES)
        assert recipe.lower <= recipe.upper
        assert not recipe.terms or recipe.followed, f"{recipe.names[0]} only holds back"
    assert table.title in DOCS.read_text("utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_no_two_keys_of_a_table_share_a_spelling(table) -> None:
    """Else one would hide the other; ARKit's own central names and their sides are told apart by the side."""
    spellings: dict[tuple[str, str], object] = {}
    for recipe in table.recipes:
        for name in recipe.names:
            assert spellings.setdefault(spelling(name), recipe) is recipe, name


def test_titles_are_told_apart() -> None:
    assert len({table.title for table in TABLES}) == len(TABLES)
