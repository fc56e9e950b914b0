"""Adjustments change what they name and nothing else: strengths, limits, smoothing without delay, the actor's neutral."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from understudy.inference import arkit
from understudy.inference.errors import InputError
from understudy.inference.retarget import REGION_OF, REGIONS, adjustments
from understudy.inference.retarget.adjustments import Adjustments, Neutral, Region, adjust
from understudy.inference.retarget.calming import calmed
from understudy.inference.take import Take

LIDS = ["eyeBlinkLeft", "eyeBlinkRight"]
UNITS = st.floats(0, 1)
GAINS = st.floats(0, 3)


def column(name: str) -> int:
    return arkit.INDEX[name]


def make(coefficients: NDArray[np.float32], **fields: object) -> Take:
    frames = len(coefficients)
    take = Take(
        names=arkit.NAMES,
        coefficients=coefficients.astype(np.float32),
        confidence=np.ones(frames, np.float32),
        time_s=np.arange(frames) / 30,
        rotation=np.repeat(np.eye(3, dtype=np.float32)[None], frames, axis=0),
        translation_cm=np.zeros((frames, 3), np.float32),
        gaze=np.zeros((frames, 2, 2), np.float32),
        camera_matrix=np.eye(3),
        landmarks_px=np.zeros((frames, 478, 2), np.float32),
        identity=np.zeros(1, np.float32),
        neutral_cm=np.zeros((3, 3), np.float32),
        fps=Fraction(30),
        frame_size=(64, 36),
        frame_index=np.arange(frames),
        face_model="default",
        source_sha256="",
        tool_version="test",
    )
    return replace(take, **fields)  # type: ignore[arg-type]


def acting(frames: int = 20, seed: int = 3) -> Take:
    return make(np.random.default_rng(seed).random((frames, 52), np.float32))


def regions(**changed: Region) -> tuple[Region, ...]:
    named = {name.replace("_", " "): region for name, region in changed.items()}
    return tuple(named.get(name, Region()) for name in REGIONS)


def everywhere(region: Region) -> tuple[Region, ...]:
    return (region,) * len(REGIONS)


def turned(degrees: float, axis: int = 1) -> NDArray[np.float32]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix.astype(np.float32)


def test_nothing_changed_is_the_same_take() -> None:
    take = acting()
    assert adjust(take, adjustments.UNCHANGED) is take


@given(strength=st.floats(0, 2))
def test_strength_scales_the_expression_and_neither_blinks_nor_gaze(strength: float) -> None:
    take = acting()
    changed = adjust(take, Adjustments(strength=strength, regions=everywhere(Region(limit=2.0))))
    same = [i for i, name in enumerate(arkit.NAMES) if name in LIDS or REGION_OF[name] == "gaze"]
    assert changed.coefficients[:, same] == pytest.approx(take.coefficients[:, same])
    rest = [i for i in range(52) if i not in same]
    assert changed.coefficients[:, rest] == pytest.approx(take.coefficients[:, rest] * strength, abs=1e-6)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_changes_only_its_own(region: str) -> None:
    take = acting()
    chosen = tuple(Region(gain=0.5) if name == region else Region() for name in REGIONS)
    changed = adjust(take, Adjustments(regions=chosen))
    moved = {arkit.NAMES[i] for i in np.flatnonzero(np.any(changed.coefficients != take.coefficients, axis=0))}
    own = {name for name in arkit.NAMES if REGION_OF[name] == region} - {"mouthClose"}
    assert moved == own | ({"mouthClose"} if region == "jaw" else set())


@given(gain=GAINS, limit=st.floats(0, 2), values=st.lists(UNITS, min_size=2, max_size=30))
def test_limits_hold_and_order_is_kept(gain: float, limit: float, values: list[float]) -> None:
    track = np.zeros((len(values) + 2, 52), np.float32)
    track[1:-1, column("mouthSmileLeft")] = sorted(values)
    track[-1, column("mouthSmileLeft")] = 1
    changed = adjust(make(track), Adjustments(regions=regions(mouth=Region(gain, limit))))
    smile = changed.coefficients[:, column("mouthSmileLeft")]
    assert smile.min() >= 0
    assert smile.max() <= limit + 1e-6
    assert smile[-1] == pytest.approx(min(gain, limit), abs=1e-5), "a full smile ends at its gain or at the limit"
    assert np.all(np.diff(smile) >= -1e-6), "more of the actor is never less of the avatar"


@given(jaw_gain=GAINS, limit=st.floats(0.1, 1.5), strength=st.floats(0.2, 2), amount=UNITS)
def test_closed_lips_stay_closed_over_an_open_jaw(
    jaw_gain: float, limit: float, strength: float, amount: float
) -> None:
    track = np.zeros((1, 52), np.float32)
    track[0, [column("jawOpen"), column("mouthClose")]] = amount
    chosen = regions(jaw=Region(jaw_gain, limit), mouth=Region(0.3, 0.5))
    changed = adjust(make(track), Adjustments(strength=strength, regions=chosen)).coefficients[0]
    assert changed[column("mouthClose")] == changed[column("jawOpen")]


@given(seed=st.integers(0, 1000), width=st.floats(0.01, 0.6), frames=st.integers(1, 40))
@settings(max_examples=30)
def test_smoothing_stays_between_what_was_there_and_comes_neither_late_nor_early(
    seed: int, width: float, frames: int
) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random((frames, 3, 1), np.float32)
    time_s = np.cumsum(generator.uniform(0.01, 0.08, frames))
    seen = generator.random(frames) > 0.1
    calm = calmed(values, time_s, seen, width, 0.3)
    if seen.any():
        assert calm[seen].min() >= values[seen].min() - 1e-6
        assert calm[seen].max() <= values[seen].max() + 1e-6
    assert np.array_equal(calm[~seen], values[~seen])
    backward = calmed(values[::-1], -time_s[::-1], seen[::-1], width, 0.3)[::-1]
    assert calm == pytest.approx(backward, abs=1e-5)


def test_smoothing_takes_jitter_and_leaves_blinks_and_closing_lips() -> None:
    generator = np.random.default_rng(1)
    track = np.full((90, 52), 0.3, np.float32) + generator.normal(0, 0.02, (90, 52)).astype(np.float32)
    blink, lips = np.array([0.35, 0.8, 1.0, 0.7, 0.4, 0.3]), np.array([0.6, 0.95, 0.6])
    track[40:46, column("eyeBlinkLeft")] = blink
    track[20:23, column("mouthPressLeft")] = lips
    changed = adjust(make(track), Adjustments(regions=everywhere(Region(smoothing_s=0.2)))).coefficients
    quiet = np.r_[0:15, 50:90]
    assert changed[quiet].std(axis=0).mean() < 0.5 * track[quiet].std(axis=0).mean()
    assert changed[42, column("eyeBlinkLeft")] == pytest.approx(1.0)
    assert changed[:, column("eyeBlinkLeft")].argmax() == 42
    assert changed[21, column("mouthPressLeft")] > 0.85
    assert changed[:, column("mouthPressLeft")].argmax() == 21


def test_smoothing_weighs_by_seconds_not_by_frames() -> None:
    time_s = np.array([0.0, 0.02, 0.04, 5.0, 5.02])
    values = np.array([0, 0.02, 0, 0.1, 0.1], np.float32)[:, None, None]
    calm = calmed(values, time_s, np.ones(5, bool), 0.2, 1.0)[:, 0, 0]
    assert calm[3:] == pytest.approx([0.1, 0.1])
    assert calm[:3] == pytest.approx([0.00655] * 3, abs=1e-3)


def test_gaps_are_not_touched_and_tell_nothing() -> None:
    track = np.full((9, 52), 0.5, np.float32)
    track[4] = 0
    take = make(track, confidence=np.array([1, 1, 1, 1, 0, 1, 1, 1, 1], np.float32))
    chosen = Adjustments(regions=everywhere(Region(smoothing_s=0.5)), neutral=Neutral((0.1,) * 52, (0.1,) * 4))
    changed = adjust(take, chosen)
    assert not changed.coefficients[4].any()
    single = column("browInnerUp")
    assert np.delete(changed.coefficients[:, single], 4) == pytest.approx([0.4 / 0.9] * 8)
    assert np.delete(changed.gaze, 4, axis=0) == pytest.approx(np.full((8, 2, 2), -0.1))
    assert not changed.gaze[4].any()


@given(rest=st.floats(0, 0.8), values=st.lists(UNITS, min_size=1, max_size=20))
def test_the_neutral_face_becomes_nothing_and_all_stays_all(rest: float, values: list[float]) -> None:
    track = np.zeros((len(values) + 2, 52), np.float32)
    track[:, column("browInnerUp")] = [rest, *values, 1]
    base = np.zeros(52)
    base[column("browInnerUp")] = rest
    brow = adjust(make(track), Adjustments(neutral=Neutral(tuple(base)))).coefficients[:, column("browInnerUp")]
    assert brow[0] == pytest.approx(0, abs=1e-6)
    assert brow[-1] == pytest.approx(1)
    order = np.argsort(track[:, column("browInnerUp")], kind="stable")
    assert np.all(np.diff(brow[order]) >= 0)


def test_what_rests_to_one_side_moves_to_the_other() -> None:
    track = np.zeros((4, 52), np.float32)
    track[:, column("jawLeft")] = [0.2, 0, 1, 0]
    track[3, column("jawRight")] = 1
    base = np.zeros(52)
    base[column("jawLeft")] = 0.2
    changed = adjust(make(track), Adjustments(neutral=Neutral(tuple(base)))).coefficients
    assert changed[:, column("jawLeft")] == pytest.approx([0, 0, 1, 0])
    assert changed[:, column("jawRight")] == pytest.approx([0, 0.2 / 1.2, 0, 1])


def test_neutral_is_measured_where_a_face_was_seen() -> None:
    take = acting(9)
    rotation = np.stack([turned(10 * index) for index in range(9)])
    take = replace(take, confidence=np.array([1, 1, 0, 1, 1, 1, 1, 1, 1], np.float32), rotation=rotation)
    found = adjustments.measure_neutral(take, 1, 3, head=True)
    middle = np.clip(np.median(take.coefficients[[1, 3]], axis=0), 0, adjustments.MOST_NEUTRAL)
    assert found.coefficients == pytest.approx(middle, abs=1e-4)
    changed = adjust(take, Adjustments(neutral=found))
    assert changed.rotation[3] == pytest.approx(turned(10), abs=1e-5)
    assert changed.rotation[1] == pytest.approx(turned(-10), abs=1e-5)
    with pytest.raises(InputError, match="No face was seen there"):
        adjustments.measure_neutral(take, 2, 2)
    assert adjustments.measure_neutral(take, 0, 8).rotation is None


@given(degrees=st.floats(-80, 80), factor=st.floats(0, 1.5), axis=st.integers(0, 2))
def test_the_head_turns_by_a_share_of_its_angle(degrees: float, factor: float, axis: int) -> None:
    take = make(np.zeros((2, 52), np.float32), rotation=np.stack([turned(degrees, axis)] * 2))
    changed = adjust(take, Adjustments(head=factor))
    assert changed.rotation[0] == pytest.approx(turned(degrees * factor, axis), abs=1e-5)


def test_a_trembling_head_calms_down_and_still_nods() -> None:
    generator = np.random.default_rng(2)
    degrees = generator.normal(0, 0.4, 60)
    degrees[30:33] += [12, 20, 12]
    take = make(np.zeros((60, 52), np.float32), rotation=np.stack([turned(value, 0) for value in degrees]))
    calm = adjust(take, Adjustments(head_smoothing_s=0.25)).rotation
    assert calm @ np.swapaxes(calm, 1, 2) == pytest.approx(np.broadcast_to(np.eye(3), (60, 3, 3)), abs=1e-5)
    angles = np.degrees(np.arcsin(calm[:, 2, 1]))
    assert angles[:25].std() < 0.5 * degrees[:25].std()
    assert angles[31] > 17


def test_eyes_turn_with_the_gain_of_the_gaze_and_keep_their_jumps() -> None:
    gaze = np.zeros((40, 2, 2), np.float32)
    gaze[20:, :, 0] = 0.4
    gaze += np.random.default_rng(4).normal(0, 0.01, gaze.shape).astype(np.float32)
    chosen = regions(gaze=Region(gain=0.5, smoothing_s=0.2))
    changed = adjust(make(np.zeros((40, 52), np.float32), gaze=gaze), Adjustments(regions=chosen)).gaze
    assert changed[19, 0, 0] == pytest.approx(0, abs=0.01)
    assert changed[20, 0, 0] == pytest.approx(0.2, abs=0.01)
    assert changed[:20].std() < 0.5 * 0.5 * gaze[:20].std() * 1.2
