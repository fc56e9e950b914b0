"""Oculus visemes (also VRChat, MPFB's "visemes 02"), Microsoft visemes (MPFB's "visemes 01"), Ready Player Me's own keys."""

from __future__ import annotations

from typing import Final

from ..recipes import Table, idle, key, mean, whole_mouth
from .mouth_shapes import AA, CH, EE, FF, IH, OH, OU, PP, TH


def _names(viseme: str, vrchat: str = "") -> tuple[str, ...]:
    """A viseme as Oculus and as VRChat write it."""
    other = vrchat or viseme.lower()
    return f"viseme_{viseme}", f"vrc.v_{other}", f"vrc_v_{other}"


OCULUS: Final[Table] = Table(
    "Oculus visemes",
    (
        whole_mouth(_names("aa"), AA),
        whole_mouth(_names("E"), EE),
        whole_mouth((*_names("I", "ih"), "viseme_ih"), IH),
        whole_mouth((*_names("O", "oh"), "viseme_oh"), OH),
        whole_mouth((*_names("U", "ou"), "viseme_ou"), OU),
        whole_mouth(_names("PP"), PP),
        whole_mouth(_names("FF"), FF),
        whole_mouth(_names("TH"), TH),
        whole_mouth(_names("CH"), CH),
        *idle(name for viseme in ("sil", "DD", "kk", "SS", "nn", "RR") for name in _names(viseme)),
        key("vrc.blink_left", "eyeBlinkLeft"),
        key("vrc.blink_right", "eyeBlinkRight"),
        *idle(("vrc.lowerlid_left", "vrc.lowerlid_right")),
    ),
)

READY_PLAYER_ME: Final[Table] = Table(
    "Ready Player Me",
    (
        key("mouthOpen", "jawOpen", rank=1),
        key("mouthSmile", mean("mouthSmile"), rank=1),
        key("eyesClosed", mean("eyeBlink"), rank=1),
        key("eyesLookUp", mean("eyeLookUp"), rank=1),
        key("eyesLookDown", mean("eyeLookDown"), rank=1),
    ),
)

MICROSOFT: Final[Table] = Table(
    "Microsoft visemes",
    (
        whole_mouth("aa_02", AA),
        whole_mouth("ey_eh_uh_04", EE),
        whole_mouth("y_iy_ih_ix_06", IH),
        whole_mouth("ow_08", OH),
        whole_mouth("w_uw_07", OU),
        whole_mouth("p_b_m_21", PP),
        whole_mouth("f_v_18", FF),
        whole_mouth("th_dh_17", TH),
        whole_mouth("sh_ch_jh_zh_16", CH),
        *idle(("sil_00", "aa_ah_ax_01", "ao_03", "er_05", "aw_09", "oy_10", "ay_11", "h_12", "r_13", "l_14", "s_z_15")),
        *idle(("d_t_n_19", "k_g_ng_20")),
    ),
    least=3,
)
