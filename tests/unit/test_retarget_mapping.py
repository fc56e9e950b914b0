"""Weights follow gains, offsets and limits; edits change what they name and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import arkit, retarget
from understudy.inference.errors import UsageError
from understudy.inference.retarget import Link, Mapping


def acting(**coefficients: float) -> np.ndarray:
    """(1, 52) coefficients of one frame."""
    frame = np.zeros((1, 52), np.float32)
    for name, value in coefficients.items():
        frame[0, arkit.INDEX[name]] = value
    return frame


def weight_of(mapping: Mapping, key: str, **coefficients: float) -> float:
    keys, weights = retarget.weights(mapping, acting(**coefficients))
    return float(weights[0, keys.index(key)])


def test_gain_and_offset() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw", gain=1.5, offset=-0.1),))
    coefficients = np.concatenate([acting(jawOpen=value) for value in (0.0, 0.5, 1.0)])
    keys, weights = retarget.weights(mapping, coefficients)
    assert keys == ("Jaw",)
    assert weights.dtype == np.float32
    assert weights[:, 0] == pytest.approx([0.0, 0.65, 1.4])


def test_limits_hold_the_sum_of_a_key() -> None:
    mapping = Mapping(
        (
            Link("jawOpen", "A", gain=1.5, upper=0.8),
            Link("mouthFunnel", "A", gain=-1.0),
            Link("browDownLeft", "Brow", gain=-1.0, lower=-0.5),
        )
    )
    assert weight_of(mapping, "A", jawOpen=1.0) == pytest.approx(0.8)
    assert weight_of(mapping, "A", jawOpen=0.6, mouthFunnel=0.5) == pytest.approx(0.4)
    assert weight_of(mapping, "A", jawOpen=0.1, mouthFunnel=0.5) == 0
    assert weight_of(mapping, "Brow", browDownLeft=0.3) == pytest.approx(-0.3)
    assert weight_of(mapping, "Brow", browDownLeft=1.0) == pytest.approx(-0.5)


def test_whole_mouths_share_one_mouth() -> None:
    links = (Link("jawOpen", "A"), Link("mouthPucker", "U"), Link("eyeBlinkLeft", "Blink"))
    mapping = Mapping(links, exclusive=(("A", "U", "not on this avatar"),))
    keys, weights = retarget.weights(mapping, acting(jawOpen=0.9, mouthPucker=0.6, eyeBlinkLeft=1.0))
    assert dict(zip(keys, weights[0], strict=True)) == pytest.approx({"A": 0.6, "U": 0.4, "Blink": 1.0})
    assert weight_of(mapping, "A", jawOpen=0.3, mouthPucker=0.4) == pytest.approx(0.3)


def test_what_only_holds_back_moves_nothing() -> None:
    mapping = Mapping((Link("jawOpen", "A"), Link("mouthFunnel", "A", gain=-1.0)))
    assert mapping.driving == ("jawOpen",)
    assert "mouthFunnel" in mapping.missing


def test_keys_of_another_avatar_are_told() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw"), Link("mouthFunnel", "Oh")))
    assert retarget.absent_keys(mapping, ["Jaw", "horn"]) == ("Oh",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"coefficient": "grin"},
        {"gain": math.nan},
        {"offset": math.inf},
        {"upper": -math.inf},
        {"lower": 0.5, "upper": 0.4},
    ],
)
def test_impossible_links_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"limit|finite|ARKit"):
        Link(**{"coefficient": "jawOpen", "key": "Jaw", **wrong})


# ------------------------------------------------------------------------------------------------ edits
THREE = Mapping(
    (Link("jawOpen", "A"), Link("mouthFunnel", "A", gain=-1.0), Link("mouthPucker", "U", upper=1.0)),
    unmatched_keys=("horn",),
    exclusive=(("A", "U"),),
    kind="VRM",
)


def test_edits_change_one_link() -> None:
    edited = retarget.set_offset(retarget.set_gain(THREE, 1, -0.5), 2, 0.1)
    assert edited.links == (
        Link("jawOpen", "A"),
        Link("mouthFunnel", "A", gain=-0.5),
        Link("mouthPucker", "U", offset=0.1, upper=1.0),
    )
    assert (edited.unmatched_keys, edited.exclusive, edited.kind) == (("horn",), (("A", "U"),), "VRM")
    assert THREE.links[1].gain == -1.0


def test_limits_belong_to_the_key() -> None:
    edited = retarget.set_limits(THREE, "A", -0.2, 0.7)
    assert [(link.lower, link.upper) for link in edited.links] == [(-0.2, 0.7), (-0.2, 0.7), (0.0, 1.0)]
    assert weight_of(edited, "A", jawOpen=1.0) == pytest.approx(0.7)


def test_regions_scale_together() -> None:
    edited = retarget.scale_region(THREE, "mouth", 0.5)
    assert [link.gain for link in edited.links] == [1.0, -0.5, 0.5]


def test_every_coefficient_has_a_region() -> None:
    assert set(retarget.REGION_OF) == set(arkit.NAMES)
    assert set(retarget.REGION_OF.values()) == set(retarget.REGIONS)
    assert retarget.REGION_OF["eyeLookUpLeft"] == "gaze"
    assert retarget.REGION_OF["eyeBlinkLeft"] == "eyes"


def test_an_added_link_stays_within_the_limits_of_its_key() -> None:
    edited = retarget.add_link(THREE, "jawForward", "U", gain=0.3)
    assert edited.links[-1] == Link("jawForward", "U", gain=0.3, upper=1.0)
    found = retarget.add_link(THREE, "tongueOut", "horn")
    assert found.unmatched_keys == ()
    assert "horn" in found.keys


def test_a_key_without_links_is_told_again() -> None:
    once = retarget.remove_link(THREE, 0)
    assert (once.keys, once.unmatched_keys, once.exclusive) == (("A", "U"), ("horn",), (("A", "U"),))
    twice = retarget.remove_link(once, 0)
    assert (twice.keys, twice.unmatched_keys, twice.exclusive) == (("U",), ("horn", "A"), ())


@pytest.mark.parametrize(
    "edit",
    [
        lambda: retarget.set_gain(THREE, 3, 1.0),
        lambda: retarget.set_gain(THREE, -1, 1.0),
        lambda: retarget.set_gain(THREE, 0, math.nan),
        lambda: retarget.set_offset(THREE, 0, math.inf),
        lambda: retarget.set_limits(THREE, "A", 1.0, 0.0),
        lambda: retarget.set_limits(THREE, "horn", 0.0, 1.0),
        lambda: retarget.scale_region(THREE, "hair", 1.0),
        lambda: retarget.scale_region(THREE, "mouth", math.inf),
        lambda: retarget.add_link(THREE, "jawOpen", "A"),
        lambda: retarget.add_link(THREE, "grin", "A"),
        lambda: retarget.add_link(THREE, "grin", "horn"),
        lambda: retarget.remove_link(THREE, 3),
    ],
)
def test_impossible_edits_are_refused(edit) -> None:
    with pytest.raises(UsageError, match=r"[a-z][.]$"):
        edit()


@given(
    st.sampled_from(arkit.NAMES),
    st.floats(-5, 5, width=32),
    st.floats(-1, 1, width=32),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted),
    st.floats(0, 1, width=32),
)
def test_weights_stay_within_limits(name: str, gain: float, offset: float, limits: list[float], value: float) -> None:
    mapping = Mapping((Link(name, "key", gain, offset, *limits),))
    weight = weight_of(mapping, "key", **{name: value})
    assert weight == pytest.approx(min(max(gain * value + offset, limits[0]), limits[1]), abs=1e-5)


def test_a_link_that_is_switched_off_drives_nothing() -> None:
    mapping = Mapping((Link("jawOpen", "Jaw"), Link("mouthFunnel", "Oh", enabled=False), Link("mouthPucker", "Jaw")))
    off = replace(mapping, links=tuple(replace(link, enabled=False) for link in mapping.links))
    assert mapping.keys == ("Jaw",)
    assert "mouthFunnel" in mapping.missing
    assert weight_of(mapping, "Jaw", jawOpen=0.5, mouthFunnel=1.0) == pytest.approx(0.5)
    assert retarget.weights(off, acting(jawOpen=1.0))[1].shape == (1, 0)
    assert not retarget.set_gain(mapping, 1, 2.0).links[1].enabled


def test_one_side_is_given_to_the_other() -> None:
    keys = ["head.Smile_L", "head.Smile_R", "lashes.Blink_L", "joy", "Frown.L"]
    left = Link("mouthSmileLeft", "head.Smile_L", 1.5, 0.1, -0.2, 0.9, enabled=False)
    mapping = Mapping(
        (
            left,
            Link("mouthSmileRight", "head.Smile_R"),
            Link("mouthSmileLeft", "joy", 0.7),
            Link("mouthSmileRight", "joy", 0.5, offset=-0.1),
            Link("mouthFrownLeft", "Frown.L"),
            Link("jawLeft", "Jaw"),
        ),
        unmatched_keys=("head.Smile_R", "horn"),
    )
    mirrored = retarget.mirror(mapping, "Left", keys)
    assert mirrored.links[1] == replace(left, coefficient="mouthSmileRight", key="head.Smile_R")
    assert mirrored.links[3] == Link("mouthSmileRight", "joy", 0.7, offset=-0.1)
    assert len(mirrored.links) == 6, "no key for the right frown; the jaw's key says no side"
    assert mirrored.unmatched_keys == ("horn",)
    added = retarget.mirror(Mapping((left,)), "Left", keys).links
    assert added[1] == replace(left, coefficient="mouthSmileRight", key="head.Smile_R")
    assert retarget.mirror(Mapping(added), "Right", keys).links == added
