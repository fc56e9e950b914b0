"""Shape keys are recognised however they are spelled, and follow the right coefficient with the right weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import arkit, retarget
from understudy.inference.errors import InputError
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
    "key", ["Basis", "Fcl_MTH_A", "left", "mouth", "jaw", "", "smileWide", "eyeBlinkLeftCorrective"]
)
def test_unknown_names_are_reported_not_guessed(key: str) -> None:
    mapping = retarget.match_names([key])
    assert mapping.links == ()
    assert mapping.unmatched_keys == (key,)
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


def test_gain_and_offset() -> None:
    mapping = retarget.Mapping((retarget.Link("jawOpen", "Jaw", gain=1.5, offset=-0.1),))
    coefficients = np.zeros((3, 52), np.float32)
    coefficients[:, arkit.INDEX["jawOpen"]] = (0.0, 0.5, 1.0)
    _, weights = retarget.weights(mapping, coefficients)
    assert weights[:, 0] == pytest.approx([0.0, 0.65, 1.4])


def test_mappings_survive_a_round_trip(tmp_path: Path) -> None:
    mapping = retarget.match_names(["eyeBlink_L", "Jaw Open", "horn"])
    path = tmp_path / "avatar.json"
    retarget.save(mapping, path)
    assert retarget.load(path) == mapping
    assert [file.name for file in tmp_path.iterdir()] == ["avatar.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "links": [{"coefficient": "jawOpen"}], "unmatched_keys": []}',
     '{"schema":1,"links":[{"coefficient":"grin","key":"k","gain":1,"offset":0}],"unmatched_keys":[]}',
     '{"schema":1,"links":[{"coefficient":"jawOpen","key":"k","gain":NaN,"offset":0}],"unmatched_keys":[]}'],
)  # fmt: skip
def test_damaged_mappings_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "avatar.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"avatar\.json"):
        retarget.load(path)
