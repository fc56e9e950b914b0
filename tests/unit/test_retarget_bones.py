"""Bones of head, eyes and jaw by their names, and Rigify's table."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import arkit
from understudy.inference.retarget.bones import find_bones
from understudy.inference.retarget.kinds import rigify

RIGS = {
    "ours, MPFB": (("neck", "head", "eye.L", "eye.R", "jaw"), "head", ("eye.L", "eye.R"), "jaw"),
    "Mixamo": (
        ("mixamorig:Neck", "mixamorig:HeadTop_End", "mixamorig:Head", "mixamorig:LeftEye", "mixamorig:RightEye"),
        "mixamorig:Head", ("mixamorig:LeftEye", "mixamorig:RightEye"), None,
    ),
    "Unity, Ready Player Me": (("Head", "HeadTop_End", "LeftEye", "RightEye"), "Head", ("LeftEye", "RightEye"), None),
    "VRoid": (
        ("J_Bip_C_Head", "J_Adj_L_FaceEye", "J_Adj_R_FaceEye", "J_Sec_Hair1_01"),
        "J_Bip_C_Head", ("J_Adj_L_FaceEye", "J_Adj_R_FaceEye"), None,
    ),
    "Character Creator": (
        ("CC_Base_Head", "CC_Base_FacialBone", "CC_Base_JawRoot", "CC_Base_UpperJaw", "CC_Base_L_Eye", "CC_Base_R_Eye"),
        "CC_Base_Head", ("CC_Base_L_Eye", "CC_Base_R_Eye"), "CC_Base_JawRoot",
    ),
    "Daz Genesis 8": (("head", "upperFaceRig", "lowerJaw", "lEye", "rEye", "lEar"), "head", ("lEye", "rEye"), "lowerJaw"),
    "Daz Genesis 9": (("head", "lowerjaw", "l_eye", "r_eye", "l_ear"), "head", ("l_eye", "r_eye"), "lowerjaw"),
    "MetaHuman": (
        ("head", "FACIAL_C_FacialRoot", "FACIAL_C_Jaw", "FACIAL_L_Eye", "FACIAL_L_EyelidUpperA", "FACIAL_R_Eye"),
        "head", ("FACIAL_L_Eye", "FACIAL_R_Eye"), "FACIAL_C_Jaw",
    ),
    "Auto-Rig Pro": (
        ("head.x", "c_head.x", "c_eye.l", "c_eye.r", "c_eye_target.x", "c_jawbone.x", "jawbone.x"),
        "c_head.x", ("c_eye.l", "c_eye.r"), "c_jawbone.x",
    ),
    "Rigify, generated": (
        ("root", "head", "DEF-eye.L", "DEF-eye.R", "eye.L", "eye.R", "eye_common", "jaw_master", "jaw", "DEF-jaw"),
        "head", ("DEF-eye.L", "DEF-eye.R"), "jaw_master",
    ),
    "Rigify, metarig": (
        ("spine", "spine.005", "spine.006", "face", "eye.L", "eye.R", "jaw"), "spine.006", ("eye.L", "eye.R"), "jaw",
    ),
    "Biped": (("Bip001 Head", "Bip001 HeadNub", "Bip001 Neck"), "Bip001 Head", (None, None), None),
    "MMD": (("頭", "首", "左目", "右目", "両目"), "頭", ("左目", "右目"), None),
    "a studio's own": (
        ("headband_01", "chr_head_jnt", "chr_l_eye_jnt", "chr_r_eye_jnt", "chr_eyelid_l_jnt", "chr_jaw_jnt"),
        "chr_head_jnt", ("chr_l_eye_jnt", "chr_r_eye_jnt"), "chr_jaw_jnt",
    ),
    "no head": (("Bone", "Bone.001", "forehead", "eyelid.L"), None, (None, None), None),
}  # fmt: skip


@pytest.mark.parametrize("kind", RIGS)
def test_head_eyes_and_jaw_are_found(kind: str) -> None:
    names, head, eyes, jaw = RIGS[kind]
    for order in (names, names[::-1]):
        found = find_bones(order)
        assert (found.head, found.eyes, found.jaw) == (head, eyes, jaw)


def test_rigifys_table_is_symmetric_and_shows_what_a_face_without_a_tongue_can() -> None:
    assert {"tongueOut"} <= set(arkit.NAMES) - set(rigify.SHOWN)
    assert len(rigify.SHOWN) == 47
    left, right = rigify.moves("mouthSmileLeft"), rigify.moves("mouthSmileRight")
    assert np.allclose(right["corner.R"], np.multiply(left["corner.L"], (-1, 1, 1)))
    assert left["corner.L"][0] > 0.3
    turned = rigify.moves("jawRight")["turn jaw_master"]
    assert np.allclose(turned, np.multiply(rigify.moves("jawLeft")["turn jaw_master"], (1, -1, -1)))
    for name in ("jawOpen", "mouthPucker", "browInnerUp"):
        moves = rigify.moves(name)
        for control, way in moves.items():
            other = control.replace(".L", ".#").replace(".R", ".L").replace(".#", ".R")
            assert np.allclose(
                moves[other], np.multiply(way, (1, -1, -1) if "turn" in control else (-1, 1, 1)), atol=0.02
            )
