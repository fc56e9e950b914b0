"""What a person sees in the real clips: the notes are sound, the comparison counts right, and our takes agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from understudy.benchmarks import real_clips
from understudy.inference import arkit, face_model
from understudy.inference.capture.shot import CaptureOptions
from understudy.inference.jobs.tracking import track_video

NOTES = real_clips.observations()
NEVER = {"lids_low": [], "lips_closed": [], "lips_open": [], "gaze": [], "gaze_ahead": [], "smiles": [], "still": []}
BLINK = {"first": 9, "closed": [10, 12], "open": 15, "eyes": "both", "kind": "full", "sure": True}


def performance(frames: int = 30, **shapes: slice) -> real_clips.System:
    """A performer whose named shapes are 1 in the given frames."""
    coefficients = np.zeros((frames, len(arkit.NAMES)), np.float32)
    for name, where in shapes.items():
        coefficients[where, arkit.INDEX[name]] = 1
    return real_clips.System("test", coefficients, np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)), 0.7)


@cache
def figures(clip: Path) -> dict[str, object]:
    """The comparison of one clip, standard quality."""
    take = track_video(clip, CaptureOptions(device="cpu"), 0, "default")
    return real_clips.compare(real_clips.understudy(take), NOTES[clip.stem], face_model.load("default"))


@pytest.mark.parametrize("name", NOTES)
def test_notes_lie_inside_their_clip(name: str) -> None:
    seen = NOTES[name]
    lists = [seen[key] for key in ("lids_low", "lips_closed", "lips_open", "teeth", "still", "gaze_ahead")]
    spans = [span for spans in lists for span in spans]
    spans += [event["frames"] for event in seen["gaze"] + seen["smiles"]] + [
        blink["closed"] for blink in seen["blinks"]
    ]
    assert spans
    assert all(0 <= first <= last < seen["frames"] for first, last in spans)
    assert all(blink["first"] <= blink["closed"][0] <= blink["closed"][1] < blink["open"] for blink in seen["blinks"])
    closed, apart = (real_clips.frames_of(seen[key], seen["frames"]) for key in ("lips_closed", "lips_open"))
    assert not (closed & apart).any()


def test_a_blink_of_one_eye_is_missed_and_one_elsewhere_invented() -> None:
    eyes = {"eyeBlinkLeft": slice(10, 13), "eyeBlinkRight": slice(20, 22)}
    found = real_clips.blinks(performance(**eyes), {**NEVER, "blinks": [BLINK]})
    assert found["blinks_missed"] == [[10, 12, 0.0]]
    assert found["blinks_invented"] == [["right", 20, 21]]


def test_lids_that_stay_down_after_a_blink_are_told() -> None:
    eyes = {"eyeBlinkLeft": slice(10, 18), "eyeBlinkRight": slice(10, 18)}
    found = real_clips.blinks(performance(**eyes), {**NEVER, "blinks": [BLINK]})
    assert found["blink_recall"] == 1
    assert found["blinks_not_opened"] == [[15, 1.0]]


def test_lips_of_the_neutral_face_touch_and_a_dropped_jaw_parts_them() -> None:
    model = face_model.load("default")
    gap = real_clips.lip_gap(performance(2, jawOpen=slice(1, 2)).coefficients, model)
    assert gap[0] < 0.01
    assert gap[1] > 0.2


def test_looks_and_smiles_count_only_to_the_side_they_go() -> None:
    left = performance(eyeLookOutLeft=slice(5, 10), eyeLookInRight=slice(5, 10), mouthSmileLeft=slice(5, 10))
    looks = [{"frames": [5, 9], "to": side} for side in ("left", "right")]
    assert real_clips.gaze(left, {**NEVER, "gaze": looks})["gaze_missed"] == [["right", 5, 9, -1.0]]
    smiles = [{"frames": [5, 9], "side": side, "teeth": False} for side in ("left", "right", "both")]
    assert len(real_clips.smiles(left, {**NEVER, "smiles": smiles})["smiles_missed"]) == 2


@pytest.mark.parametrize("name", ["d0", "d18"])
def test_every_clear_blink_is_found_and_none_invented(shared: Path, name: str) -> None:
    found = figures(shared / "data" / "clips" / f"{name}.mp4")
    assert found["blinks"]
    assert found["blinks_missed"] == []
    assert found["blinks_not_opened"] == []
    assert found["blinks_invented"] == []


def test_brows_count_by_the_way_they_go() -> None:
    frown = performance(browDownLeft=slice(5, 10), browDownRight=slice(5, 10))
    found = real_clips.brows(frown, {**NEVER, "brows_up": [[5, 9]], "brows_down": [[5, 9]]})
    assert found["brows_missed"] == [["up", 5, 9, 0.0]]


def test_lips_that_meet_in_height_but_not_in_depth_are_apart() -> None:
    forward = performance(2, jawForward=slice(1, 2), cheekPuff=slice(1, 2))
    gap = real_clips.lip_gap(forward.coefficients, face_model.load("default"))
    assert gap[1] > real_clips.LIPS_APART


@pytest.mark.parametrize("name", ["d0", "d18"])
def test_lips_touch_where_a_person_sees_them_touch(shared: Path, name: str) -> None:
    found = figures(shared / "data" / "clips" / f"{name}.mp4")
    assert found["lips_closed_wrong"] == []
    assert found["lips_open_wrong"] == []


def test_looks_and_smiles_of_a_clip_are_those_a_person_sees(shared: Path) -> None:
    found = figures(shared / "data" / "clips" / "d0.mp4")
    assert found["gaze_missed"] == []
    assert found["smiles_missed"] == []
