"""A shot solved again around corrections: exact there, adapted nearby, and as it was elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from understudy.inference import arkit, face_model
from understudy.inference import take as takes
from understudy.inference.cli import main
from understudy.inference.errors import InputError
from understudy.inference.solve.corrections import SURE, Fixed, resolve
from understudy.inference.solve.geometry import Camera, Poses, project
from understudy.inference.solve.lips import CLOSE, JAW
from understudy.inference.take import Take

FRAMES, AT = 90, 45
SMILE, SMILE_RIGHT = arkit.INDEX["mouthSmileLeft"], arkit.INDEX["mouthSmileRight"]
BLINK, BROW = arkit.INDEX["eyeBlinkLeft"], arkit.INDEX["browInnerUp"]


@pytest.fixture(scope="module")
def model() -> face_model.types.FaceModel:
    return face_model.load()


@pytest.fixture(scope="module")
def take(model: face_model.types.FaceModel) -> Take:
    """Somebody who smiles and speaks before a camera that stands still, as a solver would hand it out."""
    time_s = np.arange(FRAMES) / 30
    coefficients = np.zeros((FRAMES, 52))
    coefficients[:, [SMILE, SMILE_RIGHT]] = (0.3 + 0.2 * np.sin(2 * time_s))[:, None]
    coefficients[:, JAW] = 0.25 * np.abs(np.sin(5 * time_s))
    camera = Camera(900.0, (320.0, 240.0))
    places = np.tile([0.0, 0.0, -60.0], (FRAMES, 1))
    points = model.landmark_mean_cm + np.tensordot(coefficients, model.landmark_expressions_cm, 1)
    rotation = np.tile(np.eye(3), (FRAMES, 1, 1))
    return Take(
        names=arkit.NAMES,
        coefficients=coefficients.astype(np.float32),
        confidence=np.ones(FRAMES, np.float32),
        time_s=time_s,
        rotation=rotation.astype(np.float32),
        translation_cm=places.astype(np.float32),
        gaze=np.zeros((FRAMES, 2, 2), np.float32),
        camera_matrix=camera.matrix(),
        landmarks_px=project(points, Poses(rotation, places), camera).astype(np.float32),
        identity=np.zeros(len(model.identity_modes_cm), np.float32),
        neutral_cm=model.mean_cm,
        fps=Fraction(30),
        frame_size=(640, 480),
        frame_index=np.arange(FRAMES) + 7,
        face_model="default",
        source_sha256="",
        tool_version="",
        sigma=np.full((FRAMES, 52), 0.2, np.float32),
    )


def fixed(*rows: tuple[int, int, float]) -> Fixed:
    position, column, value = zip(*rows, strict=True)
    return Fixed(np.array(position), np.array(column), np.array(value, np.float64))


def test_corrections_are_exact_and_ease_into_the_take(take: Take, model: face_model.types.FaceModel) -> None:
    result = resolve(take, model, fixed((AT, SMILE, 0.8), (AT + 4, SMILE, 0.75)))
    assert result.coefficients[AT, SMILE] == np.float32(0.8)
    assert result.coefficients[AT + 4, SMILE] == np.float32(0.75)
    change = result.coefficients - take.coefficients
    own = change[:, SMILE]
    assert np.all(own[AT : AT + 5] > 0.2)  # what lies between belongs to it
    assert np.all(np.diff(own[AT - 8 : AT + 1]) > -0.01)
    assert 0.05 < own[AT - 2] < own[AT]
    assert np.abs(change[: AT - 25]).max() < 0.01
    assert np.abs(change[AT + 34 :]).max() == 0.0
    assert np.abs(np.diff(own, n=2)).max() < 0.15


def test_other_coefficients_make_room_and_what_rests_stays_at_rest(
    take: Take, model: face_model.types.FaceModel
) -> None:
    change = resolve(take, model, fixed((AT, SMILE, 0.9))).coefficients - take.coefficients
    moving = np.flatnonzero(np.abs(change).max(0) > 0.002)
    assert SMILE in moving
    assert len(moving) > 1
    assert set(moving) <= {SMILE, SMILE_RIGHT, JAW, CLOSE}  # the only ones that the take moves, and lips
    assert np.abs(change[:, [BLINK, BROW]]).max() == 0.0


def test_everything_stays_a_take(take: Take, model: face_model.types.FaceModel) -> None:
    result = resolve(take, model, fixed((AT, JAW, 1.0), (AT, BLINK, 1.0), (0, SMILE, 0.0)))
    assert result.coefficients.dtype == np.float32
    assert result.coefficients.min() >= 0
    assert result.coefficients.max() <= 1
    assert np.all(result.coefficients[:, CLOSE] <= result.coefficients[:, JAW] + 1e-6)
    assert result.sigma is not None
    assert result.sigma[AT, JAW] == np.float32(SURE)
    assert result.sigma[AT + 1, JAW] == np.float32(0.2)
    for name in ("rotation", "landmarks_px", "time_s", "confidence"):
        assert np.array_equal(getattr(result, name), getattr(take, name))


def test_a_blink_stays_as_short_as_blinks_are(take: Take, model: face_model.types.FaceModel) -> None:
    change = resolve(take, model, fixed((AT, BLINK, 1.0))).coefficients[:, BLINK] - take.coefficients[:, BLINK]
    assert change[AT] == 1.0
    assert np.abs(change[[AT - 4, AT + 4]]).max() < 0.05


def test_a_mouth_that_is_opened_by_hand_opens(take: Take, model: face_model.types.FaceModel) -> None:
    """The evidence says that the lips are together there; the person says that it is wrong."""
    at = int(np.argmin(take.coefficients[30:60, JAW])) + 30
    change = resolve(take, model, fixed((at, JAW, 0.5))).coefficients - take.coefficients
    assert change[at, JAW] > 0.4
    assert np.abs(change[at, CLOSE]) < 0.05


def test_eyes_do_not_widen_against_a_blink(take: Take, model: face_model.types.FaceModel) -> None:
    wide = arkit.INDEX["eyeWideLeft"]
    staring = replace(take, coefficients=take.coefficients.copy())
    staring.coefficients[:, wide] = 0.2
    change = resolve(staring, model, fixed((AT, BLINK, 1.0))).coefficients - staring.coefficients
    assert change[AT - 2 : AT + 3, wide].max() <= 1e-6


def test_nothing_fixed_changes_nothing(take: Take, model: face_model.types.FaceModel) -> None:
    none = Fixed(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    assert np.array_equal(resolve(take, model, none).coefficients, take.coefficients)


def test_frames_without_a_face_are_set_alone(take: Take, model: face_model.types.FaceModel) -> None:
    confidence = take.confidence.copy()
    confidence[40:50] = 0
    landmarks = take.landmarks_px.copy()
    landmarks[40:50] = np.nan
    lost = replace(take, confidence=confidence, landmarks_px=landmarks)
    change = resolve(lost, model, fixed((AT, JAW, 0.9))).coefficients - take.coefficients
    assert np.flatnonzero(change.any(1)).tolist() == [AT]


def test_takes_without_spreads_or_of_another_model_are_solved_too(
    take: Take, model: face_model.types.FaceModel
) -> None:
    other = replace(take, sigma=None, neutral_cm=take.neutral_cm[:300])
    result = resolve(other, model, fixed((AT, SMILE, 0.8)))
    assert result.coefficients[AT, SMILE] == np.float32(0.8)
    assert result.sigma is None


@pytest.mark.parametrize("row", [(FRAMES, JAW, 0.5), (-1, JAW, 0.5), (3, 52, 0.5)])
def test_corrections_of_another_take_are_refused(
    take: Take, model: face_model.types.FaceModel, row: tuple[int, int, float]
) -> None:
    with pytest.raises(InputError, match="outside of the take"):
        resolve(take, model, fixed(row))


def test_the_command_line_reads_keys_by_source_frame(take: Take, tmp_path: Path, capsys: object) -> None:
    source, keys, output = tmp_path / "a.npz", tmp_path / "keys.json", tmp_path / "b.npz"
    takes.save(take, source)
    keys.write_text(json.dumps({"keys": [{"frame": AT + 7, "coefficient": "jawOpen", "value": 0.75}]}))
    words = ["correct", str(source), "--keys", str(keys), "-o", str(output)]
    assert main(words) == 0
    assert takes.load(output).coefficients[AT, JAW] == np.float32(0.75)
    assert main(words) == 2  # is there already
    keys.write_text('{"keys": [{"frame": 3, "coefficient": "jawOpen", "value": 0.75}]}')
    assert main([*words, "--overwrite"]) == 3
