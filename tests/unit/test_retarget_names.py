"""Shape keys are recognised however they are spelled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import arkit, retarget
from understudy.inference.retarget.names import spelling


def linked(key: str) -> tuple[str, ...]:
    """The coefficients that drive a key of this name."""
    return tuple(link.coefficient for link in retarget.match_names([key]).links)


@pytest.mark.parametrize(
    ("key", "coefficient"),
    [
        ("eyeBlinkLeft", "eyeBlinkLeft"),
        ("eyeBlink_L", "eyeBlinkLeft"),
        ("EyeBlinkRight", "eyeBlinkRight"),
        ("eye_blink_right", "eyeBlinkRight"),
        ("Eye Blink R", "eyeBlinkRight"),
        ("EYE-BLINK-LEFT", "eyeBlinkLeft"),
        ("eyeblinkleft", "eyeBlinkLeft"),
        ("L_eyeBlink", "eyeBlinkLeft"),
        ("eyeBlink.L", "eyeBlinkLeft"),
        ("blendShape1.jawOpen", "jawOpen"),
        ("Head|ARKit_jawOpen", "jawOpen"),
        ("mouthLeft", "mouthLeft"),
        ("jawRight", "jawRight"),
        ("Mouth_R", "mouthRight"),
        ("browInnerUp_L", "browInnerUp"),
        ("browInnerUpRight", "browInnerUp"),
        ("cheekPuff_R", "cheekPuff"),
        ("tongue_out", "tongueOut"),
    ],
)
def test_spellings(key: str, coefficient: str) -> None:
    assert linked(key) == (coefficient,)


@pytest.mark.parametrize(
    "key", ["Basis", "A", "blink", "left", "mouth", "jaw", "", "smileWide", "eyeBlinkLeftCorrective"]
)
def test_unknown_names_are_reported_not_guessed(key: str) -> None:
    mapping = retarget.match_names([key])
    assert mapping.links == ()
    assert mapping.unmatched_keys == (key,)
    assert retarget.match([key]).kinds == ()
    assert mapping.missing == arkit.NAMES


def test_a_key_for_both_sides_follows_the_mean() -> None:
    mapping = retarget.match_names(["eyeBlink"])
    coefficients = np.zeros((1, 52), np.float32)
    coefficients[0, arkit.INDEX["eyeBlinkLeft"]] = 1.0
    keys, weights = retarget.weights(mapping, coefficients)
    assert keys == ("eyeBlink",)
    assert weights[0, 0] == pytest.approx(0.5)


@given(st.sampled_from(arkit.NAMES), st.sampled_from(["{}", "bs_{}", "Face.{}", "{}_"]), st.booleans())
def test_every_arkit_name_survives_decoration(name: str, pattern: str, upper_first: bool) -> None:
    decorated = pattern.format(name[0].upper() + name[1:] if upper_first else name)
    assert linked(decorated) == (name,)


@given(st.text(max_size=40))
def test_any_text_is_a_name(name: str) -> None:
    base, side = spelling(name)
    assert side in ("", "left", "right")
    assert base == base.lower()


def test_no_two_coefficients_share_a_spelling() -> None:
    assert len({spelling(name) for name in arkit.NAMES}) == len(arkit.NAMES)


def test_one_spelling_of_a_key_is_enough() -> None:
    """A second key of the same meaning would move the face twice; it is told as idle."""
    found = retarget.match(["eyeBlink_L", "eyeBlinkLeft", "eyeBlink"])
    assert found.mapping.keys == ("eyeBlinkLeft",)
    assert found.idle_keys == ("eyeBlink_L", "eyeBlink")
    assert found.unknown_keys == ()


def test_parts_are_driven_side_by_side() -> None:
    keys = ("Face.eyeBlinkLeft", "Lashes.eyeBlinkLeft")
    assert retarget.match_names(keys).keys == keys


@pytest.mark.parametrize("beginning", ["Head_", "C_head_lod0_", "Face.M_F00_000_00_", "頭_", "avatar-head "])
def test_a_beginning_that_keys_share_is_read_over(beginning: str) -> None:
    mapping = retarget.match_names([beginning + name for name in arkit.NAMES])
    assert [(link.coefficient, link.key) for link in mapping.links] == [
        (name, beginning + name) for name in arkit.NAMES
    ]
    assert mapping.missing == ()


def test_a_beginning_of_one_or_two_keys_is_not_read_over() -> None:
    keys = ("fix_jawOpen", "fix_mouthPucker")
    assert retarget.match(keys).unknown_keys == keys


def test_combination_shapes_are_not_taken_for_single_ones() -> None:
    keys = tuple(f"jawOpen_{name}" for name in ("mouthSmileLeft", "mouthSmileRight", "mouthFunnel", "mouthPucker"))
    assert retarget.match((*arkit.NAMES, *keys)).unknown_keys == keys


@given(st.lists(st.text(max_size=12) | st.sampled_from(["A", "blink", "Fcl_EYE_Close", *arkit.NAMES]), max_size=30))
def test_every_key_is_driven_idle_or_unknown(keys: list[str]) -> None:
    found = retarget.match(keys)
    told = (*found.mapping.keys, *found.idle_keys, *found.unknown_keys)
    assert sorted(told) == sorted(set(keys))
    assert set(found.mapping.unmatched_keys) == {*found.idle_keys, *found.unknown_keys}
